//! What the scripts take from package registries is pinned by version and hash, and runs nothing before its hash is known.

use std::fs;
use std::path::{Path, PathBuf};

fn scripts() -> Vec<(PathBuf, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((
                    path.clone(),
                    fs::read_to_string(path).unwrap().replace("\\\n", " "),
                ));
            }
        }
    }
    found
}

/// The lines of scripts in which a program is told to install something, without what people are told.
fn commands<'a>(text: &'a str, program: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter(move |line| line.contains(program) && !line.trim_start().starts_with('#'))
}

#[test]
fn nothing_is_installed_that_is_not_pinned() {
    let (mut pip, mut npm, mut cargo) = (0, 0, 0);
    for (path, text) in scripts() {
        for line in commands(&text, "-m pip ") {
            assert!(line.contains("--require-hashes"), "{path:?}: {line}");
            assert!(
                line.contains("--only-binary"),
                "a source distribution runs its own code: {line}"
            );
            pip += 1;
        }
        for line in commands(&text, "npm ci ").chain(commands(&text, "npm pack ")) {
            assert!(line.contains("--ignore-scripts"), "{path:?}: {line}");
            npm += 1;
        }
        for line in commands(&text, "cargo install ") {
            assert!(
                line.contains("--locked") && line.contains("--version"),
                "{path:?}: {line}"
            );
            cargo += 1;
        }
        for other in [
            "npm install ",
            "npm i ",
            "npx ",
            "@latest",
            "scripts/hydrate",
            "| sh",
            "| bash",
        ] {
            assert_eq!(commands(&text, other).next(), None, "{path:?}");
        }
    }
    assert_eq!(
        (pip, npm, cargo),
        (3, 2, 1),
        "what this test looks for is there"
    );
}

fn locked(name: &str) -> String {
    fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("scripts/lib/locked")
            .join(name),
    )
    .unwrap()
}

#[test]
fn every_pinned_package_has_its_hash() {
    for name in [
        "migration-tools/requirements.txt",
        "python-client.txt",
        "dump-clients.txt",
    ] {
        let text = locked(name).replace("\\\n", " ");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(
                line.contains("==") && line.contains("--hash=sha256:"),
                "{name}: {line}"
            );
        }
    }
    let lock: serde_json::Value =
        serde_json::from_str(&locked("migration-tools/package-lock.json")).unwrap();
    for (name, package) in lock["packages"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| !name.is_empty())
    {
        assert!(
            package["integrity"]
                .as_str()
                .is_some_and(|hash| hash.starts_with("sha512-")),
            "{name}"
        );
    }
}

#[test]
fn every_postgres_build_has_its_hash() {
    let table = locked("postgres");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(' ').collect())
        .collect();
    for row in &rows {
        let [platform, major, version, integrity] = row[..] else {
            panic!("{row:?}")
        };
        assert!(
            platform.starts_with("linux-") || platform.starts_with("darwin-"),
            "{row:?}"
        );
        assert!(version.starts_with(&format!("{major}.")), "{row:?}");
        assert!(
            integrity.len() == 95 && integrity.starts_with("sha512-") && integrity.ends_with("=="),
            "{row:?}"
        );
    }
    for major in ["14", "15", "16", "17", "18"] {
        assert!(
            rows.iter().any(|row| row[..2] == ["linux-x64", major]),
            "{major}"
        );
    }
}

#[test]
fn continuous_integration_leaves_out_no_check_of_dependencies() {
    let run = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/run")).unwrap();
    assert!(run.contains("ROLEWRIGHT_REQUIRE_DENY=1"));
}
