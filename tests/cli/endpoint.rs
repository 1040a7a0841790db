//! A run whose calls go elsewhere than to Google says so before anything else.

use std::process::{Command, Output};

const COMMANDS: [&[&str]; 8] = [
    &["plan"],
    &["apply", "--yes"],
    &["check"],
    &["verify"],
    &["rotate"],
    &["rollback", "--role", "app"],
    &["status"],
    &["explain"],
];

fn run(command: &[&str], more: &[&str], environment: &[(&str, &str)]) -> Output {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/cli/transcripts/connection.in"
    );
    let mut run = Command::new(env!("CARGO_BIN_EXE_rolewright"));
    run.current_dir(folder)
        .arg(command[0])
        .arg("broken.yaml")
        .args(&command[1..]);
    if command[0] == "explain" {
        run.arg("app");
    }
    run.args(more)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn first_line(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn every_command_that_contacts_google_names_another_endpoint_first() {
    let expected = "note: calls to Google go to http://127.0.0.1:9/ (--google-endpoint or ROLEWRIGHT_GOOGLE_ENDPOINT)";
    let url = "http://127.0.0.1:9";
    for command in COMMANDS {
        for format in [&[][..], &["--format", "json"]] {
            let by_flag = run(
                command,
                &[format, &["--google-endpoint", url]].concat(),
                &[],
            );
            let by_variable = run(command, format, &[("ROLEWRIGHT_GOOGLE_ENDPOINT", url)]);
            for output in [by_flag, by_variable] {
                assert_eq!(first_line(&output), expected, "{command:?}");
            }
        }
        let silent = run(command, &[], &[]);
        assert!(!first_line(&silent).starts_with("note:"), "{command:?}");
    }
}

#[test]
fn another_metadata_server_is_named() {
    let elsewhere = ("GCE_METADATA_HOST", "127.0.0.1:9\u{1b}[2J");
    let expected = "note: the metadata server is \"127.0.0.1:9\\u{1b}[2J\" (GCE_METADATA_HOST)";
    assert_eq!(first_line(&run(&["check"], &[], &[elsewhere])), expected);
    // Without credentials it is not asked.
    let output = run(
        &["check"],
        &["--google-endpoint", "http://127.0.0.1:9"],
        &[elsewhere],
    );
    assert!(!String::from_utf8_lossy(&output.stderr).contains("metadata server"));
}
