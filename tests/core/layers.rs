//! Who may import whom. Read from the sources, so that a wrong arrow fails here and not in a review.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each top-level module with what it may import. `main` may import everything, and nothing imports `commands`.
const MAY_IMPORT: [(&str, &[&str]); 12] = [
    ("model", &[]),
    ("policy", &["model", "plan"]),
    ("access", &["model"]),
    ("rotation", &["model"]),
    ("plan", &["model", "access", "rotation"]),
    ("postgres", &["model"]),
    ("google", &["model"]),
    (
        "apply",
        &["model", "rotation", "plan", "postgres", "google"],
    ),
    (
        "verify",
        &["model", "rotation", "plan", "postgres", "google", "apply"],
    ),
    ("cli", &["model", "google"]),
    ("output", &["model", "access", "rotation", "plan", "cli"]),
    (
        "commands",
        &[
            "model", "access", "policy", "rotation", "plan", "postgres", "google", "apply",
            "verify", "cli", "output",
        ],
    ),
];

/// Crates that belong to certain modules only.
const CRATES: [(&str, &[&str]); 8] = [
    ("clap", &["cli", "main", "commands"]),
    ("anyhow", &["main", "commands"]),
    ("tokio_postgres", &["postgres"]),
    ("reqwest", &["google"]),
    ("google_cloud_secretmanager_v1", &["google"]),
    ("google_cloud_auth", &["google"]),
    ("serde_saphyr", &["policy"]),
    (
        "tokio",
        &["main", "postgres", "google", "apply", "commands"],
    ),
];

fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&root).unwrap();
                let module = below
                    .components()
                    .next()
                    .unwrap()
                    .as_os_str()
                    .to_string_lossy();
                let module = module.trim_end_matches(".rs").to_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((module, path, code_of(&text)));
            }
        }
    }
    found
}

/// The code without comments and without the tests at its end.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    code.lines()
        .map(|line| line.split("//").next().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The first path segment behind each occurrence of `prefix`.
fn segments<'a>(code: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let word = |rest: &'a str| {
        rest.split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .unwrap()
    };
    code.split(prefix)
        .skip(1)
        .map(word)
        .filter(|word| !word.is_empty())
        .collect()
}

#[test]
fn every_module_imports_only_what_lies_below_it() {
    let mut wrong = Vec::new();
    for (module, path, code) in sources() {
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|row| row.0 == module) else {
            continue;
        };
        for imported in segments(&code, "crate::") {
            let known = MAY_IMPORT.iter().any(|row| row.0 == imported);
            if known && imported != module && !allowed.contains(&imported) {
                wrong.push(format!("{} imports {imported}", path.display()));
            }
        }
        assert!(
            !code.contains("use crate::{"),
            "{}: one `use crate::module` a line, so that this can be read",
            path.display()
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_crate_stays_where_it_belongs() {
    let mut wrong = Vec::new();
    for (module, path, code) in sources() {
        for (name, allowed) in CRATES {
            let word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
            let prefix = format!("{name}::");
            let used = code
                .match_indices(&prefix)
                .any(|(at, _)| !code[..at].ends_with(word));
            if used && !allowed.contains(&module.as_str()) {
                wrong.push(format!("{} uses {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn secrets_are_exposed_by_their_own_types_only() {
    let exposing: Vec<_> = sources()
        .into_iter()
        .filter(|(_, _, code)| code.contains("expose_secret"))
        .map(|(_, path, _)| path)
        .collect();
    assert_eq!(exposing.len(), 1, "{exposing:#?}");
    assert!(exposing[0].ends_with("model/password.rs"));
}

#[test]
fn nothing_prints_but_output_and_main() {
    for (module, path, code) in sources() {
        let prints = ["println!", "eprintln!", "print!(", "dbg!"]
            .iter()
            .any(|word| code.contains(word));
        assert!(
            !prints || module == "output" || module == "main",
            "{}",
            path.display()
        );
    }
}
