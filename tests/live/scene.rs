//! One credential in a database of its own, on a server behind a proxy: what rotations are disturbed on.

use serde_json::Value;
use tokio_postgres::Config;

use crate::lane::{Lane, Running};
use crate::stage::{INSTANCE, READER};
use crate::support::Outcome;

/// How the credential is replaced.
pub const PAIR: &str = "strategy: alternate, grace: 1h";
pub const SINGLE: &str = "strategy: single, grace: 1h";

/// A published credential.
pub struct Scene<'a> {
    pub lane: &'a Lane,
    /// Of the role and of the secret.
    pub name: String,
    database: String,
}

/// User and password.
pub type Credential = (String, String);

impl<'a> Scene<'a> {
    pub async fn new(lane: &'a Lane, rotate: &str) -> Self {
        let scene = Self::unpublished(lane, rotate).await;
        lane.stage.apply(&[]).assert_status(0);
        scene
    }

    /// Before the first `apply`.
    pub async fn unpublished(lane: &'a Lane, rotate: &str) -> Self {
        let number = lane.next_number();
        let (name, database) = (format!("app{number}"), format!("shop{number}"));
        lane.stage
            .cluster
            .batch(
                "postgres",
                &format!("CREATE DATABASE {database} OWNER cloudsqlsuperuser"),
            )
            .await;
        let scene = Self {
            lane,
            name,
            database,
        };
        scene.policy(rotate);
        scene
    }

    /// The policy, with these words on its rotation.
    pub fn policy(&self, rotate: &str) {
        let Self { name, database, .. } = self;
        self.lane.stage.policy(&format!(
            "version: 1\ninstance: {INSTANCE}\ndatabases: {{ {database}: {{ schemas: [app] }} }}\nroles:\n  {name}: \
             {{ access: dml, secret: {{ name: {name}, payload: url, readers: [\"{READER}\"] }}, rotate: {{ {rotate} }} }}\n"
        ));
    }

    /// Waits for nobody.
    pub fn rotate(&self, options: &[&str]) -> Outcome {
        self.lane
            .stage
            .run("rotate", &[&["--now", "--wait", "0s"], options].concat())
    }

    pub fn start(&self, options: &[&str]) -> Running {
        self.lane
            .start_command("rotate", &[&["--now"], options].concat())
    }

    pub async fn annotations(&self) -> Value {
        self.lane.stage.secret(&self.name).await["annotations"].clone()
    }

    pub async fn versions(&self) -> Vec<String> {
        self.lane.stage.versions(&self.name).await
    }

    /// What a version holds, by number, alias or `latest`.
    pub async fn credential(&self, version: &str) -> Credential {
        let url: Config = self
            .lane
            .stage
            .payload(&self.name, version)
            .await
            .parse()
            .expect("a URL");
        let password = std::str::from_utf8(url.get_password().expect("a password"))
            .expect("text")
            .to_owned();
        (url.get_user().expect("a user").to_owned(), password)
    }

    pub async fn works(&self, (user, password): &Credential) -> bool {
        self.lane
            .stage
            .cluster
            .connect_as(&self.database, user, password)
            .await
            .is_ok()
    }

    /// The server ends the sessions of runs that match.
    pub async fn end_sessions(&self, which: &str) {
        let end = format!(
            "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity a
              WHERE application_name LIKE 'rolewright/%' AND {which}"
        );
        self.lane.stage.cluster.batch("postgres", &end).await;
    }

    /// What is published works, `latest` is the same, nothing is under way, and `check` agrees.
    pub async fn assert_clean(&self, at: &str) {
        let published = self.credential("current").await;
        assert!(
            self.works(&published).await,
            "{at}: what is published is refused"
        );
        assert_eq!(
            self.credential("latest").await,
            published,
            "{at}: `latest` is another one"
        );
        let annotations = self.annotations().await;
        for left in [
            "rolewright.pending",
            "rolewright.lease",
            "rolewright.ending",
        ] {
            assert!(annotations[left].is_null(), "{at}: {annotations}");
        }
        let check = self.lane.stage.run("check", &["--probe"]);
        assert_eq!(check.status, 0, "{at}: {}{}", check.stdout, check.stderr);
    }
}
