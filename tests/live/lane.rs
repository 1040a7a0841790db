//! A stage whose server is reached through a proxy, and on it one small world after another.

use std::cell::Cell;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::stage::{INSTANCE, READER, Stage};
use crate::support::{Cluster, Fault, Options, Outcome, Proxy, Seen, Turn};

/// Generous: the machine may be busy. Nothing waits that long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(180);

pub struct Lane {
    pub stage: Stage,
    pub proxy: Proxy,
    worlds: Cell<usize>,
}

impl Lane {
    pub fn new(major: u32) -> Self {
        Self::on(Stage::new(major))
    }

    /// On a server that has lost no committed transaction when it comes back from a crash.
    pub fn durable(major: u32) -> Self {
        let options = Options::default()
            .database("shop")
            .setting("synchronous_commit", "on");
        Self::on(Stage::with(Cluster::with(major, options)))
    }

    pub fn on(mut stage: Stage) -> Self {
        let proxy = Proxy::to(stage.cluster.port());
        stage.rolewright = stage.rolewright.env(
            "ROLEWRIGHT_ADMIN_URL",
            &proxy.url(stage.cluster.admin_url()),
        );
        Self {
            stage,
            proxy,
            worlds: Cell::default(),
        }
    }

    /// A number that nothing on this lane has.
    pub fn next_number(&self) -> usize {
        self.worlds.replace(self.worlds.get() + 1)
    }

    /// The number of a world of its own: a database with a table of the admin's, two roles, a secret.
    pub async fn world(&self) -> usize {
        let number = self.next_number();
        let cluster = &self.stage.cluster;
        cluster
            .batch(
                "postgres",
                &format!("CREATE DATABASE shop{number} OWNER cloudsqlsuperuser"),
            )
            .await;
        let shop = format!("shop{number}");
        cluster
            .batch(
                &shop,
                "SET ROLE csadmin; CREATE SCHEMA app; CREATE TABLE app.t (id int)",
            )
            .await;
        self.stage.policy(&format!(
            "version: 1
instance: {INSTANCE}
databases: {{ {shop}: {{ schemas: [app] }} }}
roles:
  mig{number}: {{ access: ddl }}
  app{number}:
    access: dml
    secret: {{ name: app{number}, payload: url, readers: [\"{READER}\"] }}\n"
        ));
        number
    }

    /// What an undisturbed first run asks of the server, and how many changes it makes.
    pub async fn undisturbed(&self) -> (Vec<Seen>, usize) {
        self.world().await;
        self.proxy.forget();
        let run = self.apply(&["--format", "json"]).assert_status(0).json();
        (
            self.proxy.seen(),
            run["instances"][0]["changes"]
                .as_array()
                .expect("changes")
                .len(),
        )
    }

    /// An `apply` that waits for nobody, and for a server five seconds.
    pub fn apply(&self, options: &[&str]) -> Outcome {
        self.stage
            .run("apply", &[&["--yes", "--wait", "5s"], options].concat())
    }

    /// An `apply` in the background that is held at `turn`.
    pub fn held_at(&self, turn: Turn, options: &[&str]) -> Running {
        self.proxy.set(turn, Fault::Hold);
        let running = self.start(options);
        self.until("it is held", || self.proxy.is_holding());
        running
    }

    /// A `check` in the background that is held at `turn`.
    pub fn held_check(&self, turn: Turn) -> Running {
        self.proxy.forget();
        self.proxy.set(turn, Fault::Hold);
        let running = self.start_command("check", &[]);
        self.until("it is held", || self.proxy.is_holding());
        running
    }

    /// An `apply` in the background.
    pub fn start(&self, options: &[&str]) -> Running {
        self.start_command("apply", &[&["--yes"], options].concat())
    }

    /// A command on the policy, in the background.
    pub fn start_command(&self, command: &str, options: &[&str]) -> Running {
        let file = self.stage.file();
        let mut command = self
            .stage
            .rolewright
            .command([command, file.to_str().expect("UTF-8")]);
        let command = command
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Running(Some(command.spawn().expect("rolewright starts")))
    }

    pub fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < PATIENCE, "{what}: never");
            sleep(Duration::from_millis(5));
        }
    }

    /// The last world is as its policy says.
    pub fn assert_in_sync(&self) {
        self.proxy.forget();
        self.stage.run("check", &[]).assert_status(0);
    }
}

/// A run in the background, killed with the test.
pub struct Running(Option<Child>);

impl Running {
    pub fn signal(&self, signal: &str) {
        let id = self.0.as_ref().expect("it runs").id();
        let sent = std::process::Command::new("kill")
            .args(["-s", signal, &id.to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    pub fn has_ended(&mut self) -> bool {
        self.0
            .as_mut()
            .expect("it runs")
            .try_wait()
            .expect("it is ours")
            .is_some()
    }

    /// With SIGKILL.
    pub fn kill(self) {
        drop(self);
    }

    pub fn end(mut self) -> Outcome {
        let output = self
            .0
            .take()
            .expect("it runs")
            .wait_with_output()
            .expect("it is ours");
        Outcome {
            status: output.status.code().expect("it was not killed"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The numbers, from 1, of what matches.
pub fn numbers(seen: &[Seen], matches: impl Fn(&str) -> bool) -> Vec<usize> {
    let is = |one: &Seen| matches!(one, Seen::Statement(text) if matches(text));
    (1..)
        .zip(seen)
        .filter(|(_, one)| is(one))
        .map(|(number, _)| number)
        .collect()
}

/// The numbers of every COMMIT.
pub fn commits(seen: &[Seen]) -> Vec<usize> {
    numbers(seen, |text| text == "COMMIT")
}
