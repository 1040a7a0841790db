//! The program as its users run it.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::Cluster;

/// How to run the built `rolewright` as the admin of a cluster, against a Google endpoint.
#[derive(Clone, Debug)]
pub struct Rolewright {
    environment: Vec<(String, String)>,
}

impl Rolewright {
    /// `google_endpoint` is the base URL of a `fake-gcp`.
    pub fn new(cluster: &Cluster, google_endpoint: &str) -> Self {
        Self {
            environment: Vec::new(),
        }
        .env("ROLEWRIGHT_ADMIN_URL", cluster.admin_url())
        .env("ROLEWRIGHT_GOOGLE_ENDPOINT", google_endpoint)
    }

    /// Sets an environment variable; the later of two of one name counts.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The command, for tests that kill it or talk to it. It inherits nothing from the environment, and has no standard input.
    pub fn command<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rolewright"));
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        command
    }

    /// Runs it to its end.
    pub fn run<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Outcome {
        let output = self.command(arguments).output().expect("rolewright runs");
        Outcome {
            status: output.status.code().expect("rolewright was not killed"),
            stdout: String::from_utf8(output.stdout).expect("rolewright prints UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("rolewright prints UTF-8"),
        }
    }
}

/// How a run ended and what it printed.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// Panics with everything that was printed if the exit code is another one.
    #[track_caller]
    pub fn assert_status(self, expected: i32) -> Self {
        let Self {
            status,
            stdout,
            stderr,
        } = &self;
        assert_eq!(
            *status, expected,
            "exit code\n--- stdout\n{stdout}--- stderr\n{stderr}"
        );
        self
    }

    /// Standard error without its first line, which names the endpoint that stands for Google.
    #[track_caller]
    pub fn complaints(&self) -> &str {
        let (first, rest) = self.stderr.split_once('\n').unwrap_or_default();
        assert!(
            first.starts_with("note: calls to Google go to http://127.0.0.1:"),
            "{}",
            self.stderr
        );
        rest
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let Self { stdout, stderr, .. } = self;
        serde_json::from_str(stdout)
            .unwrap_or_else(|error| panic!("{error}\n--- stdout\n{stdout}--- stderr\n{stderr}"))
    }
}
