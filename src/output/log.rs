//! Log lines on standard error.

use std::borrow::Cow;
use std::io;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use super::json;
use super::style::plain;
use crate::cli::LogFormat;

/// Starts logging; once a process. `RUST_LOG` is not looked at: only our own targets become more verbose.
pub fn start(verbose: u8, format: LogFormat) {
    let lines = fmt::layer()
        .with_writer(move || Lines(format))
        .with_ansi(false);
    let lines = match format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    // A second start in one process keeps the first.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(targets(verbose)))
        .try_init();
}

/// Writes each event as one line of standard error, whatever stands in it.
struct Lines(LogFormat);

impl io::Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        writeln!(io::stderr(), "{}", line(&text, self.0)).map(|()| event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn line(event: &str, format: LogFormat) -> Cow<'_, str> {
    let event = event.trim_end_matches('\n');
    match format {
        LogFormat::Text => plain(event),
        LogFormat::Json => json::visible(event),
    }
}

/// The driver logs whole statements, and HTTP clients log bodies: whatever the level, of them only warnings are heard.
fn targets(verbose: u8) -> Targets {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("rolewright", level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn an_event_is_one_line() {
        let event = "INFO a\n::error::b\u{1b} ##[c\n";
        assert_eq!(
            line(event, LogFormat::Text),
            "INFO a\\n::error::b\\u{1b} ##\\u{5b}c"
        );
        assert_eq!(
            line("{\"a\":\"\u{7f}##[\"}\n", LogFormat::Json),
            "{\"a\":\"\\u007f##\\u005b\"}"
        );
    }

    #[test]
    fn no_level_lets_the_libraries_talk() {
        let loudest = targets(u8::MAX);
        assert!(loudest.would_enable("rolewright::postgres", &Level::TRACE));
        for foreign in [
            "tokio_postgres::query",
            "google_cloud_secretmanager_v1::tracing",
            "google_cloud_auth",
            "experimental.transport.request",
            "opentelemetry",
            "hyper_util::client",
            "reqwest",
            "rustls",
        ] {
            assert!(!loudest.would_enable(foreign, &Level::INFO), "{foreign}");
        }
    }
}
