//! Each line of the security model is shown by a test that is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The names of all functions below `folder`.
fn functions(folder: PathBuf) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                names.extend(defined(&std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    names
}

fn defined(code: &str) -> Vec<String> {
    let words = |line: &str| {
        line.split("fn ")
            .nth(1)
            .and_then(|rest| rest.split('(').next())
            .map(str::to_owned)
    };
    code.lines().filter_map(words).collect()
}

/// The last column of each table row whose head says `test`.
fn shown_by(page: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut is_shown = false;
    for line in page.lines() {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        match cells[..] {
            [_, _, "test"] => is_shown = true,
            [_, _, test] if is_shown && line.starts_with('|') => {
                rows.push(
                    test.split(", ")
                        .map(|name| name.trim_matches('`').to_owned())
                        .collect(),
                );
            }
            _ if !line.starts_with('|') => is_shown = false,
            _ => {}
        }
    }
    rows
}

#[test]
fn each_line_of_the_security_model_names_a_test() {
    let mut known = functions(root("tests"));
    known.extend(functions(root("src")));
    let page = std::fs::read_to_string(root("docs/security.md")).unwrap();
    let rows = shown_by(&page);
    assert!(rows.len() > 30, "{} rows", rows.len());
    for test in rows.into_iter().flatten() {
        let name = test.rsplit("::").next().unwrap_or_default();
        assert!(known.contains(name), "`{test}` is no test");
    }
}
