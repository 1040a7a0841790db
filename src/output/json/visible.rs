//! JSON in which every character can be seen: what a terminal obeys or hides is an escape, and reads back as the same.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::ser::{Formatter, PrettyFormatter};

use crate::model::{is_visible, marked};

/// A piece of JSON, written anew: hidden characters stand in strings only, where an escape means the same.
pub(in crate::output) fn visible(json: &str) -> Cow<'_, str> {
    if is_visible(json) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 8);
    for (c, hidden) in marked(json) {
        if hidden {
            let _ = c
                .encode_utf16(&mut [0; 2])
                .iter()
                .try_for_each(|unit| write!(out, "\\u{unit:04x}"));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// As `serde_json` indents, with [`visible`] strings.
#[derive(Default)]
pub(super) struct Indented(PrettyFormatter<'static>);

impl Formatter for Indented {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        to: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        to.write_all(visible(fragment).as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.begin_array(to)
    }

    fn end_array<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.end_array(to)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(to, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.end_array_value(to)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.begin_object(to)
    }

    fn end_object<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.end_object(to)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(to, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.begin_object_value(to)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.0.end_object_value(to)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::output::json::document;

    #[test]
    fn hidden_characters_are_escapes() {
        let text = document(&json!(["a\u{7f}\u{9b}\u{202e}##[\u{e0041}"]));
        assert_eq!(
            text,
            "[\n  \"a\\u007f\\u009b\\u202e##\\u005b\\udb40\\udc41\"\n]\n"
        );
    }

    #[test]
    fn values_are_indented_as_ever() {
        let value = json!({"a": [1, {"b": {}}], "c": []});
        assert_eq!(
            document(&value),
            serde_json::to_string_pretty(&value).unwrap() + "\n"
        );
    }

    proptest! {
        #[test]
        fn no_character_is_lost(text in any::<String>()) {
            let printed = document(&Value::String(text.clone()));
            prop_assert!(is_visible(printed.trim_end()));
            prop_assert_eq!(serde_json::from_str::<String>(&printed).unwrap(), text);
        }
    }
}
