//! What the server is sent.

use std::path::Path;

#[test]
fn every_statement_that_reads_is_ascii() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/postgres/sql");
    let mut read = 0;
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let line = text.lines().enumerate().find(|(_, line)| !line.is_ascii());
        assert_eq!(
            line,
            None,
            "{} would be refused by a database of another encoding",
            path.display()
        );
        read += 1;
    }
    assert!(read > 15, "{read} statements in {}", folder.display());
}

#[test]
fn every_statement_that_writes_is_ascii_but_for_names() {
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plan");
    let proof = plan
        .join("proof")
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for path in proof.chain(["statement.rs", "script.rs", "shelter.rs"].map(|name| plan.join(name)))
    {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with("//"));
        let line = code.into_iter().find(|(_, line)| !line.is_ascii());
        assert_eq!(
            line,
            None,
            "{} would be refused by a database of another encoding",
            path.display()
        );
    }
}
