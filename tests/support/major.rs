//! Which PostgreSQL majors there are here, and which must be.

use std::collections::BTreeMap;
use std::env;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Condvar, Mutex, OnceLock};

/// Live tests at a time, whatever the number of test threads: each has a server of its own.
const AT_ONCE: usize = 4;

/// Runs `case` with `major` if that server is installed.
///
/// A missing one is skipped, saying so on standard error, unless `ROLEWRIGHT_REQUIRE_MAJORS` (`14,15,…`) demands it.
pub fn run(major: u32, case: fn(u32)) {
    if installed().contains_key(&major) {
        let _turn = Turn::wait();
        return case(major);
    }
    assert!(
        !required(major),
        "PostgreSQL {major} is demanded but not installed: run `scripts/postgres majors`"
    );
    // Not `eprintln!`, which the test runner captures.
    writeln!(
        std::io::stderr(),
        "skipped: PostgreSQL {major} is not installed"
    )
    .expect("standard error is open");
}

/// Runs `case` once, with the newest major there is: for what does not depend on the server.
pub fn newest(case: impl FnOnce(u32)) {
    let major = *installed()
        .keys()
        .next_back()
        .expect("a PostgreSQL server: run `scripts/postgres majors`");
    let _turn = Turn::wait();
    case(major);
}

/// Each installed major's directory of programs, from `ROLEWRIGHT_TEST_PG` (`14=/bin/dir:15=…`) or the system.
pub fn installed() -> &'static BTreeMap<u32, PathBuf> {
    static INSTALLED: OnceLock<BTreeMap<u32, PathBuf>> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let listed = variable("ROLEWRIGHT_TEST_PG").unwrap_or_else(ask_script);
        listed
            .split([':', '\n'])
            .filter(|entry| !entry.is_empty())
            .map(parse_entry)
            .collect()
    })
}

fn parse_entry(entry: &str) -> (u32, PathBuf) {
    let (major, bin) = entry
        .split_once('=')
        .unwrap_or_else(|| panic!("`{entry}` is not MAJOR=BINDIR"));
    (
        major
            .parse()
            .unwrap_or_else(|_| panic!("`{major}` is not a major version")),
        bin.into(),
    )
}

fn ask_script() -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/postgres");
    let output = Command::new(script)
        .args(["majors", "--installed-only"])
        .output()
        .expect("scripts/postgres runs");
    String::from_utf8(output.stdout).expect("paths are UTF-8")
}

fn required(major: u32) -> bool {
    let majors = variable("ROLEWRIGHT_REQUIRE_MAJORS").unwrap_or_default();
    majors
        .split(',')
        .any(|required| required.trim() == major.to_string())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's environment says which servers there are"
)]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

struct Turn;

impl Turn {
    fn wait() -> Self {
        let running = RUNNING.lock().expect("no panic while it is held");
        *ENDED
            .wait_while(running, |running| *running >= AT_ONCE)
            .expect("no panic while it is held") += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().expect("no panic while it is held") -= 1;
        ENDED.notify_one();
    }
}
