//! What is typed and what is answered, word for word.

/// `TRYCMD=overwrite cargo test --test cli` writes the answers anew.
#[test]
fn the_command_line_answers_as_written_down() {
    trycmd::TestCases::new()
        .case("tests/cli/transcripts/*.md")
        .env("NO_COLOR", "1")
        .insert_var("[VERSION]", env!("CARGO_PKG_VERSION"))
        .unwrap();
}
