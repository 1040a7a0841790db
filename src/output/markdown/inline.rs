//! Foreign text within a line of Markdown.
//!
//! A word that could be anything but a word is a code span, in which GitHub sees no markup, link, mention or reference:
//! nothing has to be escaped, and what is read is the text itself. <https://github.github.com/gfm/#code-spans>

use crate::output::style::plain;

/// Foreign text: what stands between backticks is code.
pub(super) fn text(raw: &str) -> String {
    let shown = plain(raw);
    let pieces: Vec<_> = shown.split('`').collect();
    if is_block(&shown) {
        code(&shown)
    } else if delimits(&pieces) {
        let piece = |(index, piece): (usize, &&str)| {
            if index % 2 == 0 {
                words(piece)
            } else {
                code(piece)
            }
        };
        pieces.iter().enumerate().map(piece).collect()
    } else {
        words(&shown)
    }
}

/// Whether the backticks between `pieces` come in pairs with words in between, and nothing at their outer sides that would be
/// code itself: two spans that touch would be one. Otherwise they belong to the text.
fn delimits(pieces: &[&str]) -> bool {
    let inside = |piece: &str| !piece.is_empty() && piece.trim() == piece;
    let last = pieces.len() - 1;
    let fits = |(index, piece): (usize, &&str)| match index % 2 {
        1 => inside(piece),
        _ if piece.is_empty() => index == 0 || index == last,
        _ => (index == last || may_precede(piece)) && (index == 0 || may_follow(piece)),
    };
    pieces.len() % 2 == 1 && pieces.iter().enumerate().all(fits)
}

fn may_precede(piece: &str) -> bool {
    let glued = piece.rsplit(' ').next().unwrap_or_default();
    glued.is_empty() || (glued.ends_with(['(', '=']) && word(glued) == glued)
}

fn may_follow(piece: &str) -> bool {
    let glued = piece.split(' ').next().unwrap_or_default();
    glued.is_empty() || (glued.starts_with(CLOSING) && word(glued) == glued)
}

/// Words, of which the harmless ones are left as they are.
fn words(raw: &str) -> String {
    raw.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Whether a line could begin with it and be no paragraph: lists, rules, code by indentation.
fn is_block(raw: &str) -> bool {
    let item = raw.trim_start_matches(|c: char| c.is_ascii_digit());
    raw.starts_with(['-', '+', '=', ' '])
        || (item.len() < raw.len() && item.starts_with(['.', ')']))
}

/// What ends a word and is no part of it.
const CLOSING: [char; 7] = [',', '.', ';', ':', '?', ')', '\''];

fn word(raw: &str) -> String {
    let core = raw.trim_start_matches('(');
    // A parenthesis that begins in the word ends there as well.
    let trimmed =
        core.trim_end_matches(|c| CLOSING.contains(&c) && (c != ')' || !core.contains('(')));
    let (opening, closing) = (&raw[..raw.len() - core.len()], &core[trimmed.len()..]);
    if is_word(trimmed) {
        raw.to_owned()
    } else {
        format!("{opening}{}{closing}", code(trimmed))
    }
}

/// Whether nothing in it means anything: no punctuation of Markdown, HTML, mathematics or emoji, no mention, reference,
/// address or commit. <https://docs.github.com/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls>
fn is_word(core: &str) -> bool {
    let harmless = |c: char| c.is_alphanumeric() || ",.;()'\"/-=→…×".contains(c);
    let hex = core.len() >= 7 && core.bytes().all(|byte| byte.is_ascii_hexdigit());
    let www = core.to_ascii_lowercase().contains("www.");
    core.chars().all(harmless) && !hex && !www && !is_reference(core)
}

/// `GH-12`, or what a repository makes a link of in this way.
fn is_reference(core: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    core.rsplit_once('-')
        .is_some_and(|(prefix, digits)| !prefix.is_empty() && number(digits))
}

/// Foreign text as a code span.
pub(super) fn code(raw: &str) -> String {
    let shown = plain(raw);
    if shown.is_empty() {
        return String::new();
    }
    let fence = fence(&shown, 1);
    // One space on each side is not shown, and keeps a backtick of the text from the fence's.
    let ends = |c: char| shown.starts_with(c) || shown.ends_with(c);
    let pad = if ends('`') || (ends(' ') && !shown.trim().is_empty()) {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{shown}{pad}{fence}")
}

/// A line as a cell of a table: bars end cells, in code spans too. What two backslashes before one mean, readers of Markdown
/// do not agree on. <https://github.github.com/gfm/#tables-extension->
pub(super) fn cell(line: &str) -> String {
    line.replace("\\|", "\\\\u{7c}").replace('|', "\\|")
}

/// More backticks than stand together anywhere in `text`.
pub(super) fn fence(text: &str, least: usize) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(least.max(longest + 1))
}

#[cfg(test)]
mod tests {
    use comrak::nodes::{AstNode, NodeValue};
    use comrak::{Arena, Options, parse_document};
    use proptest::prelude::*;

    use super::*;

    /// Markdown as GitHub reads it.
    fn options() -> Options<'static> {
        let mut options = Options::default();
        let extension = &mut options.extension;
        extension.strikethrough = true;
        extension.table = true;
        extension.autolink = true;
        extension.tasklist = true;
        extension.footnotes = true;
        extension.alerts = true;
        extension.math_dollars = true;
        extension.math_code = true;
        options
    }

    /// The text that is read, where `markdown` is nothing but paragraphs, quotes and cells of words and code.
    fn read(markdown: &str) -> Result<String, String> {
        let arena = Arena::new();
        let mut out = String::new();
        collect(parse_document(&arena, markdown, &options()), &mut out)?;
        Ok(out)
    }

    fn collect<'a>(node: &'a AstNode<'a>, out: &mut String) -> Result<(), String> {
        match &node.data.borrow().value {
            NodeValue::Text(text) => {
                if text.contains('@')
                    || text.contains("##[")
                    || text.contains('#')
                    || text.contains('$')
                {
                    return Err(format!("text that means something: {text}"));
                }
                out.push_str(text);
            }
            NodeValue::Code(code) => out.push_str(&code.literal),
            NodeValue::Document | NodeValue::Paragraph | NodeValue::BlockQuote => {}
            NodeValue::Table(_) | NodeValue::TableRow(_) | NodeValue::TableCell => {}
            other => return Err(format!("{other:?}")),
        }
        node.children().try_for_each(|child| collect(child, out))
    }

    fn hostile() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "a",
            "b c",
            "`",
            "``",
            "```",
            "\n",
            "\u{1b}[m",
            "|",
            "\\",
            "\\|",
            "[x](http://e.vil)",
            "![i](//x)",
            "<img src=x>",
            "<!--",
            "</details>",
            "&lt;",
            "&#64;",
            "@octocat",
            "#12",
            "GH-12",
            "a/b#1",
            "deadbeef12",
            "www.evil.com",
            "http://evil.com",
            "ftp://x.y",
            "a@b.co",
            "mailto:a@b.co",
            ":smile:",
            "$x$",
            "$`x`$",
            "**b**",
            "_i_",
            "~~s~~",
            "-",
            "- ",
            "+ x",
            "1. x",
            "2)",
            "# h",
            "> q",
            "    code",
            "---",
            "===",
            "\t",
            " ",
            "  ",
            "^1",
            "[^1]",
            "[ ]",
            "{0}",
            "::error::x",
            "##[error]x",
            "\u{202e}",
            "é",
            "日本",
            "'",
            "\"",
        ]);
        prop::collection::vec(pieces, 0..8).prop_map(|all| all.concat())
    }

    fn without_backticks(text: &str) -> String {
        text.replace('`', "")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn code_reads_as_it_is(name in prop_oneof![hostile(), any::<String>()]) {
            let line = format!("x {} y", code(&name));
            prop_assert_eq!(read(&line), Ok(format!("x {} y", plain(&name))), "{}", line);
        }

        #[test]
        fn text_reads_as_it_is(name in prop_oneof![hostile(), any::<String>()]) {
            let shown = without_backticks(&plain(&name));
            for line in [format!("{}\n", text(&name)), format!("> {}\n", text(&name))] {
                let found = read(&line).map(|found| without_backticks(&found));
                prop_assert_eq!(found.as_deref().map(str::trim), Ok(shown.trim()), "{}", line);
            }
        }

        #[test]
        fn cells_read_as_they_are(name in prop_oneof![hostile(), any::<String>()]) {
            let table = format!("| h |\n| --- |\n| {} |\n", cell(&text(&format!("role {name} holds"))));
            let found = read(&table).map(|found| without_backticks(&found));
            let shown = plain(&name).replace("\\|", "\\\\u{7c}");
            prop_assert_eq!(found, Ok(without_backticks(&format!("hrole {shown} holds"))), "{}", table);
            let table = format!("| h |\n| --- |\n| {} |\n", cell(&code(&name)));
            prop_assert_eq!(read(&table), Ok(format!("h{shown}")), "{}", table);
        }
    }

    #[test]
    fn words_stay_words_and_the_rest_is_code() {
        for (raw, shown) in [
            (
                "role app_user lacks SELECT on table public.orders",
                "role `app_user` lacks SELECT on table public.orders",
            ),
            ("a|b <img>", "`a|b` `<img>`"),
            ("unknown `SE*CT` on <b>", "unknown `SE*CT` on `<b>`"),
            ("odd ` *c*", "odd `` ` `` `*c*`"),
            ("see (https://x.y), GH-12.", "see (`https://x.y`), `GH-12`."),
            ("`a`b` holds", "`` `a`b` `` holds"),
            ("did you mean `SELECT`?", "did you mean `SELECT`?"),
            ("`a`'s, (`b`): c", "`a`'s, (`b`): c"),
            (
                "function public.balance_of(uuid)",
                "function `public.balance_of(uuid)`",
            ),
            ("`a`[b](c)", "`` `a`[b](c) ``"),
            ("- a", "`- a`"),
        ] {
            assert_eq!(text(raw), shown);
        }
        assert_eq!(code("`; rm"), "`` `; rm ``");
        assert_eq!(fence("```", 3), "````");
        assert_eq!(cell("`a|b`"), "`a\\|b`");
    }
}
