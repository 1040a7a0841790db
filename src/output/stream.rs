//! Where results and errors go.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use super::{Diagnostic, style, text};
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
pub fn result(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes a line that is no result to standard error, where nobody may be listening.
pub fn say(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "{text}");
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
        lines.push(format!("{} {}", style::paint(style::INFO, "hint:"), style::plain(hint)));
    }
    lines.join("\n")
}

/// Writes a result to a file, whole or not at all: written beside it, then renamed over it. What is no regular file (a
/// pipe, `/dev/stderr`) is written to as it is.
///
/// # Errors
/// The file cannot be written.
pub fn file(path: &Path, text: &str) -> io::Result<()> {
    let text = anstream::adapter::strip_str(text).to_string();
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if target.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return std::fs::OpenOptions::new().write(true).open(&target)?.write_all(text.as_bytes());
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().ok_or(io::ErrorKind::InvalidFilename)?);
    name.push(format!(".{}", std::process::id()));
    let beside = target.with_file_name(name);
    let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &target));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_without_styles_and_nothing_stays_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.txt");
        file(&path, "first, and longer").unwrap();
        file(&path, &style::paint(style::ERROR, "second")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (real, link) = (directory.path().join("real"), directory.path().join("link"));
        std::fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        file(&link, "new").unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "new");
    }

    #[test]
    fn an_error_is_a_line_for_each_cause_and_one_for_the_hint() {
        let failure = Failure { causes: vec!["a".into(), "b\u{7}".into()], hint: Some("c".into()) };
        let text = anstream::adapter::strip_str(&failure_text(&failure)).to_string();
        assert_eq!(text, "error: a\n  caused by: b\\u{7}\nhint: c");
    }
}
