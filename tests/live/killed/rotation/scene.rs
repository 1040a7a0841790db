//! A credential that is rotated, rolled back, drained and tidied up, again and again.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::{Client, Config};

use super::super::point::PROGRAM;
use super::readers::Before;
use crate::fake_gcp::RunKind;
use crate::lane::{Lane, Running};
use crate::stage::{PROJECT, READER, secret_path};

const HOUR: i64 = 3600;
const REGION: &str = "europe-west1";

/// How long what the run that was killed has written does not show yet.
const LAG: Duration = Duration::from_millis(150);

/// Annotations that name versions, which are others in each turn, or codes of them.
const OF_VERSIONS: [&str; 3] = [
    "rolewright.version",
    "rolewright.previous-version",
    "rolewright.seal",
];

/// Annotations that a run writes and that hold a time.
const TIMES: [&str; 4] = [
    "rolewright.published",
    "rolewright.retired",
    "rolewright.unseen",
    "rolewright.due",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    Alternate,
    Single,
}

/// One command of the cycle. Where it is over, the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// The credential is due.
    Rotate,
    /// Back to the one before.
    Back,
    /// The first run after it, within `grace`.
    Look,
    /// `grace` is over.
    Drain,
    /// What was disabled was so for as long as `grace`.
    Destroy,
}

/// The cycle, at the end of which everything is as it was before.
pub const CYCLE: [Stretch; 5] = [
    Stretch::Rotate,
    Stretch::Back,
    Stretch::Look,
    Stretch::Drain,
    Stretch::Destroy,
];

impl Stretch {
    /// Hours that pass before.
    fn hours(self) -> i64 {
        match self {
            Self::Rotate => 31 * 24,
            Self::Back | Self::Look => 0,
            Self::Drain | Self::Destroy => 2,
        }
    }

    /// Versions that it adds.
    pub fn adds(self) -> i64 {
        i64::from(matches!(self, Self::Rotate | Self::Back))
    }
}

pub struct Scene<'a> {
    pub lane: &'a Lane,
    pub strategy: Strategy,
}

impl<'a> Scene<'a> {
    /// The credential is published, and is not due.
    pub async fn set(lane: &'a Lane, strategy: Strategy) -> Self {
        let rotate = match strategy {
            Strategy::Alternate => "strategy: alternate, every: 30d, grace: 1h, deadline: 7d",
            Strategy::Single => "strategy: single, every: 30d, grace: 1h",
        };
        read_by(lane);
        let setup = "SET ROLE csadmin; CREATE SCHEMA app; CREATE TABLE app.t (id int)";
        lane.stage.cluster.batch("shop", setup).await;
        lane.stage.roles(&format!(
            "  app: {{ access: dml, settings: {{ statement_timeout: 5s }}, connection_limit: 50, \
             secret: {{ name: app, payload: url, keep: 1, readers: [\"{READER}\", \
             {{ cloud_run_job: {REGION}/job }}, {{ cloud_run_service: {REGION}/web }}] }}, rotate: {{ {rotate} }} }}\n"
        ));
        lane.stage.apply(&[]).assert_status(0);
        Self { lane, strategy }
    }

    /// What a scheduler, or for the way back somebody, runs.
    pub fn command(&self, stretch: Stretch) -> (&'static str, &'static [&'static str]) {
        match (stretch, self.strategy) {
            (Stretch::Back, _) => ("rollback", &["--role", "app", "--roll"]),
            (_, Strategy::Alternate) => ("rotate", &["--roll"]),
            // Its readers are there all the time.
            (_, Strategy::Single) => ("rotate", &["--roll", "--accept-outage"]),
        }
    }

    pub fn start(&self, stretch: Stretch) -> Running {
        let (command, options) = self.command(stretch);
        self.lane.start_command(command, options)
    }

    pub fn run(&self, stretch: Stretch) {
        let (command, options) = self.command(stretch);
        self.lane.stage.run(command, options).assert_status(0);
    }

    /// Nothing that is written from here on shows to the program, but for what has been added and is read by its number.
    pub fn lag(&self) {
        let rule = json!({"caller": PROGRAM, "times": "always", "effect": "frozen"});
        self.lane.stage.fake.fault("lag", rule);
    }

    /// What was killed is run again while what it wrote does not show yet, and then does. Who sees a credential that is due,
    /// and not yet that it was replaced, finds somebody in the way: a session of the new one.
    pub fn run_again(&self, stretch: Stretch) {
        let fake = &self.lane.stage.fake;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(LAG);
                fake.mend("lag");
            });
            let (command, options) = self.command(stretch);
            let run = self.lane.stage.run(command, options);
            assert!(
                matches!(run.status, 0 | 3),
                "{command}: {}{}",
                run.stdout,
                run.stderr
            );
        });
    }

    pub async fn before(&self) -> Before {
        let path = secret_path("app", "/versions/current:access");
        let payload = decoded(
            &self
                .lane
                .stage
                .undisturbed(Method::GET, &path, Value::Null)
                .await,
        );
        let (login, _) = credential(&payload);
        let superuser = self.lane.stage.cluster.connect_superuser("postgres").await;
        let verifier = verifier(&superuser, &login).await;
        Before {
            version: self.current().await,
            verifier,
            payload,
        }
    }

    async fn current(&self) -> i64 {
        let secret = self
            .lane
            .stage
            .undisturbed(Method::GET, &secret_path("app", ""), Value::Null)
            .await;
        number(&secret["versionAliases"]["current"])
    }

    /// Everything that was there before `stretch` is so much older, and nobody is connected: what the secret and the server
    /// remember is moved back. (A clock that is moved on would do the same, and the program has none but the machine's.)
    pub async fn let_time_pass(&self, stretch: Stretch) {
        let stage = &self.lane.stage;
        let superuser = stage.cluster.connect_superuser("postgres").await;
        let connected = "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'app%'";
        while superuser
            .query_one(connected, &[])
            .await
            .expect("it answers")
            .get::<_, i64>(0)
            > 0
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let seconds = stretch.hours() * HOUR;
        if seconds == 0 {
            return;
        }
        let mut annotations = stage.secret("app").await["annotations"].take();
        for key in TIMES {
            if let Some(text) = annotations[key].as_str() {
                annotations[key] = json!(earlier(text, seconds));
            }
        }
        stage
            .must(
                Method::PATCH,
                &secret_path("app", "?updateMask=annotations"),
                json!({ "annotations": annotations }),
            )
            .await;
        let until = superuser
            .query(
                "SELECT rolname, (rolvaliduntil - $1 * interval '1 second')::text FROM pg_roles
                    WHERE isfinite(rolvaliduntil)",
                &[&(seconds as f64)],
            )
            .await
            .expect("it answers");
        for row in until {
            let (role, until): (String, String) = (row.get(0), row.get(1));
            let set = format!("ALTER ROLE {role} VALID UNTIL '{until}'");
            superuser
                .batch_execute(&set)
                .await
                .expect("the deadline is moved");
        }
    }

    /// Everything that a rotation changes, as it would be in any turn of the cycle: the server, and the secret with its
    /// versions as far as they are not destroyed.
    pub async fn state(&self) -> String {
        let stage = &self.lane.stage;
        let superuser = stage.cluster.connect_superuser("shop").await;
        let roles: Vec<String> = ["app", "app_a", "app_b"].map(String::from).into();
        let row = superuser
            .query_one(include_str!("../state.sql"), &[&roles])
            .await
            .expect("the catalogs are read");
        let mut state: String = row.get(0);
        let secret = stage.secret("app").await;
        for (key, value) in secret["annotations"].as_object().expect("annotations") {
            let of_a_turn = TIMES.contains(&key.as_str()) || OF_VERSIONS.contains(&key.as_str());
            let value = if of_a_turn {
                "…"
            } else {
                value.as_str().unwrap_or_default()
            };
            // How often a run has looked depends on how often one was killed.
            if !["rolewright.abandoned", "rolewright.unseen"].contains(&key.as_str()) {
                let _ = write!(state, "\n{key}: {value}");
            }
        }
        for version in stage.versions("app").await {
            let (version, is) = version.split_once(' ').expect("a number and a state");
            if is != "DESTROYED" {
                let names = self.names(&secret, version);
                let _ = write!(state, "\n{is} {names:?} {}", self.login_in(version));
            }
        }
        state
    }

    fn names(&self, secret: &Value, version: &str) -> Vec<String> {
        let aliases = secret["versionAliases"].as_object().into_iter().flatten();
        aliases
            .filter(|(_, of)| number(of).to_string() == version)
            .map(|(alias, _)| alias.clone())
            .collect()
    }

    /// Whose password a version has, whatever its state.
    fn login_in(&self, version: &str) -> String {
        let payloads = self.lane.stage.fake.payloads();
        let is = |name: &str| name.ends_with(&format!("/secrets/app/versions/{version}"));
        let stored = payloads
            .iter()
            .find(|stored| is(&stored.name))
            .expect("it was stored");
        credential(std::str::from_utf8(&stored.data).expect("text")).0
    }

    /// The number of the newest version.
    pub async fn newest(&self) -> i64 {
        let versions = self.lane.stage.versions("app").await;
        let newest = versions
            .last()
            .and_then(|version| version.split_once(' '))
            .expect("a version");
        newest.0.parse().expect("a number")
    }

    /// Nothing is left to do, and a plan finds nothing.
    pub fn assert_in_sync(&self) {
        self.lane.stage.run("check", &[]).assert_status(0);
    }
}

/// A job and a service that name the secret by its alias.
fn read_by(lane: &Lane) {
    let reference = json!({"secret": "app", "version": "current"});
    let workload = json!({
        "serviceAccount": "web@shop-prod.iam.gserviceaccount.com",
        "containers": [{"image": "x", "env": [{"name": "URL", "valueSource": {"secretKeyRef": reference}}]}],
    });
    let fake = &lane.stage.fake;
    fake.seed(
        RunKind::Job,
        [PROJECT, REGION, "job"],
        json!({"template": {"template": workload}}),
    );
    fake.seed(
        RunKind::Service,
        [PROJECT, REGION, "web"],
        json!({ "template": workload }),
    );
}

/// A number, which Google writes as a text.
fn number(value: &Value) -> i64 {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// The first word is a time; what follows it stays.
fn earlier(text: &str, seconds: i64) -> String {
    let (time, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
    let time: Timestamp = time.parse().expect("a time");
    format!("{}{rest}", time - SignedDuration::from_secs(seconds))
}

/// What the server keeps of a password.
pub async fn verifier(superuser: &Client, login: &str) -> String {
    let asked = "SELECT coalesce(rolpassword, '') FROM pg_authid WHERE rolname = $1";
    superuser
        .query_one(asked, &[&login])
        .await
        .expect("the login is there")
        .get(0)
}

/// User and password in a stored URL.
pub fn credential(url: &str) -> (String, String) {
    let url: Config = url.parse().expect("a URL");
    let password = std::str::from_utf8(url.get_password().expect("a password"))
        .expect("text")
        .to_owned();
    (url.get_user().expect("a user").to_owned(), password)
}

/// The payload in an answer of `access`.
pub fn decoded(answer: &Value) -> String {
    let data = answer["payload"]["data"]
        .as_str()
        .unwrap_or_else(|| panic!("no payload in {answer}"));
    let data = base64::engine::general_purpose::STANDARD
        .decode(data)
        .expect("base64");
    String::from_utf8(data).expect("text")
}
