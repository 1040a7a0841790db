//! Where results and errors go.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use rand::Rng;

use super::rendered::without_commands;
use super::{Diagnostic, Rendered, style, text};
use crate::cli::Color;
use crate::plan::Failure;

/// Decides about colour for everything that follows; `NO_COLOR` and pipes are seen to where it is left open.
pub fn choose_color(color: Color) {
    let choice = match color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Writes a result to standard output. A reader that went away (`| head`) has seen enough.
///
/// # Errors
/// Standard output cannot be written to.
pub fn result(result: &Rendered) -> io::Result<()> {
    let written = match result {
        Rendered::Text(styled) => write_whole(anstream::stdout().lock(), styled),
        Rendered::Exact(text) => write_whole(io::stdout().lock(), text),
    };
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn write_whole(mut to: impl io::Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes()).and_then(|()| to.flush())
}

/// Writes a line that is no result to standard error, which may be closed.
pub fn say(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "{}", without_commands(text));
}

/// Writes a result where people read what is no result, before they are asked about it.
pub fn show(result: &Rendered) {
    match result {
        Rendered::Text(text) | Rendered::Exact(text) => say(text.trim_end()),
    }
}

/// Asks on the terminal; `None` where there is none to ask on. Anything but `yes` is a no.
///
/// # Errors
/// The terminal cannot be read.
pub fn confirm(question: &str) -> io::Result<Option<bool>> {
    let stdin = io::stdin();
    if !stdin.is_terminal() || !io::stderr().is_terminal() {
        return Ok(None);
    }
    let mut stderr = anstream::stderr();
    write!(stderr, "{question} Only `yes` is accepted: ").and_then(|()| stderr.flush())?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(Some(answer.trim() == "yes"))
}

/// Writes an error to standard error: what failed, each cause on a line of its own, and the hint.
pub fn failure(failure: &Failure) {
    say(&failure_text(failure));
}

/// Writes what is wrong with a policy to standard error.
pub fn problem(diagnostic: &Diagnostic) {
    say(text::problem(diagnostic).trim_end());
}

fn failure_text(failure: &Failure) -> String {
    let mut lines = Vec::new();
    for (depth, cause) in failure.causes.iter().enumerate() {
        let cause = style::plain(cause);
        lines.push(match depth {
            0 => format!("{} {cause}", style::paint(style::ERROR, "error:")),
            _ => format!("  caused by: {cause}"),
        });
    }
    if let Some(hint) = &failure.hint {
        lines.push(format!(
            "{} {}",
            style::paint(style::INFO, "hint:"),
            style::plain(hint)
        ));
    }
    lines.join("\n")
}

/// Writes a result to a file, without styles, whole or not at all. A regular file is made anew, with mode 0600, and takes the
/// place of the one before. What is no regular file (a pipe, `/dev/stderr`) is written to as it is.
///
/// # Errors
/// The file cannot be written.
pub fn file(path: &Path, result: &Rendered, random: &mut impl Rng) -> io::Result<()> {
    super::file::write(path, result.unstyled().as_bytes(), random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_line_for_each_cause_and_one_for_the_hint() {
        let failure = Failure {
            causes: vec!["a".into(), "b\u{7}".into()],
            hint: Some("c".into()),
        };
        let text = anstream::adapter::strip_str(&failure_text(&failure)).to_string();
        assert_eq!(text, "error: a\n  caused by: b\\u{7}\nhint: c");
    }
}
