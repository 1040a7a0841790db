//! Log lines on standard error.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::cli::LogFormat;

/// Starts logging; once a process. `RUST_LOG` is not looked at: only our own targets become more verbose.
pub fn start(verbose: u8, format: LogFormat) {
    let lines = fmt::layer().with_writer(anstream::stderr).with_ansi(false);
    let lines = match format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    // A second start in one process keeps the first.
    let _ = tracing_subscriber::registry().with(lines.with_filter(targets(verbose))).try_init();
}

/// The driver logs whole statements, and HTTP clients log bodies: whatever the level, of them only warnings are heard.
fn targets(verbose: u8) -> Targets {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    Targets::new().with_default(LevelFilter::WARN).with_target("rolewright", level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

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
