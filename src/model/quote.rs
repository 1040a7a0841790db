//! How names and values stand in SQL, for statements and for messages.
//!
//! A name may hold any character but NUL. Characters that a terminal obeys or does not show are written as Unicode escapes:
//! what is seen is what is run, and what is pasted stays one word.
//! <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS-UESCAPE>

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{number_of, shown_name};

/// Words that PostgreSQL quotes as identifiers: every keyword of 14 to 18 that is not unreserved.
/// <https://www.postgresql.org/docs/current/sql-keywords-appendix.html>
const KEYWORDS: &str = "all analyse analyze and any array as asc asymmetric authorization between bigint binary bit \
    boolean both case cast char character check coalesce collate collation column concurrently constraint create cross \
    current_catalog current_date current_role current_schema current_time current_timestamp current_user dec decimal \
    default deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full \
    grant greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull \
    join json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize \
    json_table json_value lateral leading least left like limit localtime localtimestamp merge_action national natural \
    nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay placing \
    position precision primary real references returning right row select session_user setof similar smallint some \
    substring symmetric system_user table tablesample then time timestamp to trailing treat trim true union unique user \
    using values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest \
    xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable";

/// Whether a character is obeyed by terminals, moves or hides others, or is no character at all: controls, format
/// characters (`Cf`), line and paragraph separators, fillers that show nothing, noncharacters.
/// <https://www.unicode.org/reports/tr44/#General_Category_Values>
pub fn is_hidden(c: char) -> bool {
    let invisible = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' | '\u{fdd0}'..='\u{fdef}');
    c.is_control() || invisible || u32::from(c) & 0xfffe == 0xfffe
}

/// Each character, and whether it must not stand as it is: a hidden one, or the bracket of `##[`, which begins a command of
/// GitHub's runner wherever it is in a line.
/// <https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs>
pub fn marked(text: &str) -> impl Iterator<Item = (char, bool)> + '_ {
    let mut hashes = 0;
    text.chars().map(move |c| {
        let command = c == '[' && hashes >= 2;
        hashes = if c == '#' { hashes + 1 } else { 0 };
        (c, command || is_hidden(c))
    })
}

/// Whether every character of `text` may stand as it is.
pub fn is_visible(text: &str) -> bool {
    // Most names are short words of ASCII, and there are many of them.
    let harmless = |byte: u8| (b' '..0x7f).contains(&byte) && byte != b'[';
    text.bytes().all(harmless) || marked(text).all(|(_, hidden)| !hidden)
}

/// An identifier as it reads in SQL: bare where it stays what it is, quoted otherwise. A number in the place of a name that
/// cannot be spelt is shown as words, which are no identifier.
pub fn quote_identifier(name: &str) -> String {
    if number_of(name).is_some() {
        return shown_name(name).to_owned();
    }
    if is_visible(name) {
        server_identifier(name)
    } else {
        delimited_identifier(name)
    }
}

/// An identifier in quotes, whatever it is.
pub fn delimited_identifier(name: &str) -> String {
    if is_visible(name) {
        in_quotes(name)
    } else {
        escaped_identifier(name)
    }
}

/// An identifier as the server's `quote_ident` writes it, to compare with what the server prints.
pub fn server_identifier(name: &str) -> String {
    let bare = name.chars().enumerate().all(|(i, c)| match c {
        'a'..='z' | '_' => true,
        '0'..='9' => i > 0,
        _ => false,
    });
    let keyword = || KEYWORDS.split(' ').any(|word| word == name);
    if bare && !name.is_empty() && !keyword() {
        name.to_owned()
    } else {
        in_quotes(name)
    }
}

fn in_quotes(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// With `U&"…"` the meaning does not depend on `standard_conforming_strings`, as it does with `U&'…'`.
fn escaped_identifier(name: &str) -> String {
    let mut out = String::from("U&\"");
    for (c, hidden) in marked(name) {
        match c {
            '"' => out.push_str("\"\""),
            '\\' => out.push_str("\\\\"),
            c if hidden => push_escape(&mut out, ["\\", "\\+"], [4, 6], c),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A value as a string constant. Backslashes and escapes go into `E'…'`, which means the same under every setting.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS-ESCAPE>
pub fn quote_literal(text: &str) -> String {
    if !text.contains('\\') && is_visible(text) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut out = String::from("E'");
    for (c, hidden) in marked(text) {
        match c {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            c if hidden => push_escape(&mut out, ["\\u", "\\U"], [4, 8], c),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// The short form up to U+FFFF, the long one above.
fn push_escape(out: &mut String, prefixes: [&str; 2], digits: [usize; 2], c: char) {
    let code = u32::from(c);
    let form = usize::from(code > 0xffff);
    let _ = write!(
        out,
        "{}{code:0width$X}",
        prefixes[form],
        width = digits[form]
    );
}

/// SQL that the server printed, such as a list of argument types: names in it that hold hidden characters are written as
/// [`quote_identifier`] writes them.
pub fn visible_sql(text: &str) -> Cow<'_, str> {
    if is_visible(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        out.push_str(&rest[..start]);
        let (name, length) = quoted_name(&rest[start..]);
        out.push_str(&delimited_identifier(&name));
        rest = &rest[start + length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The name in quotes at the beginning of `text`, and how many bytes it takes there.
fn quoted_name(text: &str) -> (String, usize) {
    let mut name = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c != '"' {
            name.push(c);
        } else if characters.next_if(|(_, next)| *next == '"').is_some() {
            name.push('"');
        } else {
            return (name, at + 1);
        }
    }
    (name, text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn identifiers_read_bare_where_they_stay_what_they_are() {
        for (name, quoted) in [
            ("orders_2", "orders_2"),
            ("Orders", "\"Orders\""),
            ("2x", "\"2x\""),
            ("a$", "\"a$\""),
            ("a\"b", "\"a\"\"b\""),
            ("user", "\"user\""),
            ("order", "\"order\""),
            ("between", "\"between\""),
            ("name", "name"),
            ("größe", "\"größe\""),
            ("a\\b", "\"a\\b\""),
            ("##[error]", "U&\"##\\005Berror]\""),
            ("a\u{1b}[2J\\\"", "U&\"a\\001B[2J\\\\\"\"\""),
            ("\u{202e}\u{e0041}\n", "U&\"\\202E\\+0E0041\\000A\""),
        ] {
            assert_eq!(quote_identifier(name), quoted);
        }
        assert_eq!(delimited_identifier("orders"), "\"orders\"");
        assert_eq!(server_identifier("a\u{1b}"), "\"a\u{1b}\"");
    }

    #[test]
    fn literals_mean_the_same_under_every_setting() {
        for (text, quoted) in [
            ("a", "'a'"),
            ("it's", "'it''s'"),
            ("a\\b'", "E'a\\\\b'''"),
            ("a\n\u{9b}", "E'a\\u000A\\u009B'"),
            ("\u{e0041}", "E'\\U000E0041'"),
            ("##[x", "E'##\\u005Bx'"),
        ] {
            assert_eq!(quote_literal(text), quoted);
        }
    }

    #[test]
    fn names_inside_of_sql_are_shown() {
        assert_eq!(
            visible_sql("integer, public.\"A b\""),
            "integer, public.\"A b\""
        );
        assert_eq!(
            visible_sql("s.\"a\u{1b}\"\"\"[], s.\"B\""),
            "s.U&\"a\\001B\"\"\"[], s.\"B\""
        );
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(name in any::<String>()) {
            prop_assert!(is_visible(&quote_identifier(&name)));
            prop_assert!(is_visible(&delimited_identifier(&name)));
            prop_assert!(is_visible(&quote_literal(&name)));
            prop_assert_eq!(visible_sql(&in_quotes(&name)).into_owned(), delimited_identifier(&name));
        }
    }
}
