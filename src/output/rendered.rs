//! A result rendered in one format.

use std::borrow::Cow;
use std::fmt::Write as _;

use anstream::adapter::strip_str;

/// A result in one format. Only text for people carries styles, and only there escape sequences are taken away where they
/// do not belong: taken out of a script, they would take quotes along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendered {
    /// For people: styled, shown as the terminal can show it.
    Text(String),
    /// For programs and pages: byte by byte.
    Exact(String),
}

impl Rendered {
    pub(super) fn text(styled: &str) -> Self {
        Self::Text(without_commands(styled).into_owned())
    }

    /// As it reads where there is no terminal.
    pub fn unstyled(&self) -> Cow<'_, str> {
        match self {
            Self::Text(styled) => Cow::Owned(strip_str(styled).to_string()),
            Self::Exact(text) => Cow::Borrowed(text),
        }
    }
}

/// Styled text in which no line is a command to the runner of GitHub, which skips blanks before `::` and looks for `##[`
/// anywhere.
/// <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>
pub(super) fn without_commands(styled: &str) -> Cow<'_, str> {
    if !styled.contains("::") && !styled.contains("##[") {
        return Cow::Borrowed(styled);
    }
    let mut out = String::with_capacity(styled.len() + 8);
    for line in styled.split_inclusive('\n') {
        let line = line.replace("##[", "##\\u{5b}");
        let shown = strip_str(&line).to_string();
        match line
            .find(':')
            .filter(|_| shown.trim_start().starts_with("::"))
        {
            // No escape sequence of a style holds a colon: the first one is that of the command.
            Some(at) => {
                let _ = write!(out, "{}\\u{{3a}}{}", &line[..at], &line[at + 1..]);
            }
            None => out.push_str(&line),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_text_is_a_command() {
        for (styled, shown) in [
            ("plain\n", "plain\n"),
            ("a ::error::b", "a ::error::b"),
            ("a\n \t::error::b\nc", "a\n \t\\u{3a}:error::b\nc"),
            ("\u{1b}[1m::error::b\u{1b}[0m", "\\u{3a}:error::b"),
            ("\u{1b}[1m:\u{1b}[0m:error::b", "\\u{3a}:error::b"),
            ("a ##[error]b", "a ##\\u{5b}error]b"),
        ] {
            assert_eq!(Rendered::text(styled).unstyled(), shown);
        }
    }

    #[test]
    fn only_text_is_stripped() {
        let sequence = "\"a\u{1b}[\" OWNER";
        assert_eq!(Rendered::Exact(sequence.into()).unstyled(), sequence);
    }
}
