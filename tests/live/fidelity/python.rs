//! Google's Python client as a child process, `client.py`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::LazyLock;

use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The interpreter that has the client, set up once for all tests, or why there is none.
static INTERPRETER: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let setup = Command::new(format!("{ROOT}/scripts/lib/python-client"))
        .current_dir(ROOT)
        .output();
    let setup = setup.map_err(|error| format!("scripts/lib/python-client: {error}"))?;
    match setup.status.success() {
        true => Ok(PathBuf::from(String::from_utf8_lossy(&setup.stdout).trim())),
        false => Err(String::from_utf8_lossy(&setup.stderr).into_owned()),
    }
});

/// The client, connected to one fake.
pub struct Python {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// Nothing where Python or its packages cannot be had, which is said, or fatal under `ROLEWRIGHT_REQUIRE_PYTHON=1`.
    pub fn new(base_url: &str) -> Option<Self> {
        let interpreter = match &*INTERPRETER {
            Ok(interpreter) => interpreter,
            Err(why) => {
                let what = format!("Google's Python client cannot be had: {why}");
                return super::skip(&what, "ROLEWRIGHT_REQUIRE_PYTHON");
            }
        };
        let mut child = Command::new(interpreter)
            .args([&format!("{ROOT}/tests/live/fidelity/client.py"), base_url])
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Some(Self {
            child,
            requests,
            answers,
        })
    }

    /// A method of the client: its response, or the exception it raised as `{type, code, message}`.
    pub fn ask(&mut self, method: &str, request: &Value) -> Result<Value, Value> {
        let requests = self.requests.as_mut().expect("stdin is piped");
        writeln!(requests, "{}", json!([method, request])).expect("Python reads");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("Python answers");
        let mut answer: Value =
            serde_json::from_str(&line).unwrap_or_else(|e| panic!("`{method}`: {e} in `{line}`"));
        match answer.get("ok") {
            Some(_) => Ok(answer["ok"].take()),
            None => Err(answer["error"].take()),
        }
    }

    /// The response of a method that has to succeed.
    pub fn must(&mut self, method: &str, request: &Value) -> Value {
        self.ask(method, request)
            .unwrap_or_else(|error| panic!("`{method}` {request}: {error}"))
    }

    /// The exception of a method that has to fail: its type, which over REST is that of the HTTP status, and message.
    pub fn refused(&mut self, method: &str, request: &Value) -> (String, String) {
        let error = self.ask(method, request).expect_err(method);
        let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
        (text("type"), text("message"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // The end of its input ends the client.
        drop(self.requests.take());
        let _ = self.child.wait();
    }
}
