//! Whatever stands in a file: a policy or problems, never a panic, and every problem at a place of the file.

use proptest::prelude::*;
use rolewright::policy::{Source, Variables, json_schema, load};

use super::{examples, given};

/// What an editor, a merge or a template engine leaves behind.
const PIECES: [&str; 30] = [
    "\t",
    "\n",
    " ",
    ":",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "&a ",
    "*a",
    "<<: ",
    "!t ",
    "|",
    ">",
    "#",
    "%",
    "@",
    "`",
    "~",
    "${",
    "${PROJECT}",
    "}",
    "1.5",
    "no",
    "\u{0}",
    "é",
    "\u{feff}",
];

#[derive(Debug, Clone)]
enum Edit {
    Insert(usize, usize),
    Remove(usize, usize),
    Repeat(usize, usize),
    Swap(usize, usize),
}

impl Edit {
    fn apply(&self, text: &mut Vec<char>) {
        let length = text.len().max(1);
        match *self {
            Self::Insert(at, piece) => {
                let at = at % length;
                text.splice(at..at, PIECES[piece % PIECES.len()].chars());
            }
            Self::Remove(at, count) => {
                let at = at % length;
                text.drain(at..(at + count).min(text.len()));
            }
            Self::Repeat(at, count) => {
                let at = at % length;
                let copy = text[at..(at + count).min(text.len())].to_vec();
                text.splice(at..at, copy);
            }
            Self::Swap(a, b) if !text.is_empty() => text.swap(a % length, b % length),
            Self::Swap(..) => {}
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = 0usize..10_000;
    prop_oneof![
        (at.clone(), at.clone()).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        (at.clone(), 1usize..60).prop_map(|(at, count)| Edit::Remove(at, count)),
        (at.clone(), 1usize..200).prop_map(|(at, count)| Edit::Repeat(at, count)),
        (at.clone(), at).prop_map(|(a, b)| Edit::Swap(a, b)),
    ]
}

fn judge(text: &str) -> Result<(), TestCaseError> {
    let lines = text.lines().count();
    let source = Source {
        name: "p.yaml".into(),
        text: text.into(),
    };
    let Err(problems) = load(&[source], &given()) else {
        return Ok(());
    };
    prop_assert!(!problems.0.is_empty());
    for problem in &problems.0 {
        let origin = &problem.origin;
        prop_assert_eq!(&origin.file, "p.yaml");
        prop_assert!((1..=lines + 1).contains(&origin.line), "{problem}");
        prop_assert!(origin.column >= 1, "{problem}");
        prop_assert!(!problem.message.is_empty());
    }
    prop_assert!(problems.0.is_sorted());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edited_example_is_read_or_refused(which in 0usize..4, edits in prop::collection::vec(edit(), 1..6)) {
        let mut text: Vec<char> = examples::all()[which].text.chars().collect();
        edits.iter().for_each(|edit| edit.apply(&mut text));
        judge(&text.into_iter().collect::<String>())?;
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        judge(&text)?;
        judge(&format!("version: 1\ndatabases: {{ a: {{}} }}\nroles:\n  r:\n    grants: [{{ privileges: [SELECT], object: {text:?} }}]\n"))?;
        let mut variables = Variables::default();
        let _ = variables.assign(&text);
        let _ = variables.read_file(&Source { name: "v.yaml".into(), text });
    }

    /// What the reader takes, the schema takes too.
    #[test]
    fn the_schema_is_no_stricter_than_the_reader(which in 0usize..4, edits in prop::collection::vec(edit(), 1..3)) {
        let mut text: Vec<char> = examples::all()[which].text.chars().collect();
        edits.iter().for_each(|edit| edit.apply(&mut text));
        let text: String = text.into_iter().collect();
        let read = load(&[Source { name: "p.yaml".into(), text: text.clone() }], &given()).is_ok();
        let options = serde_saphyr::options! { strict_booleans: true };
        let document = serde_saphyr::from_str_with_options::<serde_json::Value>(&text, options);
        if let (true, Ok(document)) = (read, document) {
            prop_assert!(jsonschema::is_valid(&json_schema(), &document), "{text}");
        }
    }
}
