//! A database, its roles and secrets: one for each kill.

use std::ops::Range;

use tokio_postgres::{Client, Config};

use crate::lane::Lane;
use crate::stage::{INSTANCE, READER};

const OTHER_READER: &str = "serviceAccount:worker@shop-prod.iam.gserviceaccount.com";

/// What is there before the first `apply`.
const FOUND: &str = "SET ROLE csadmin; CREATE SCHEMA app;
CREATE TABLE app.t (id int, note text);
CREATE FUNCTION app.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'";

/// What somebody did by hand since the last `apply`; `#` is the number of the scene.
const BY_HAND: &str = "SET ROLE csadmin; CREATE TABLE app.late (id serial, note text); GRANT SELECT ON app.late TO PUBLIC;
SET ROLE mig#; GRANT TRIGGER ON app.t TO app#; REVOKE DELETE ON app.t FROM app#; GRANT DELETE ON app.t TO app# WITH GRANT OPTION;
RESET ROLE; GRANT CREATE ON SCHEMA app TO PUBLIC; GRANT CONNECT ON DATABASE shop# TO PUBLIC";

const DATABASES: &str = "  shop#: { schemas: [app] }\n";

/// A login of its own and a pair.
const ROLES: &str = "  mig#:
    access: { ddl: [shop#.app] }
    secret: { name: mig#, payload: password, database: shop#, readers: [\"READER\"] }
  app#:
    access: { dml: [shop#.app] }
    settings: { statement_timeout: 30s }
    secret: { name: app#, payload: url, database: shop#, readers: [\"READER\"] }
    rotate: { strategy: alternate }
";

/// The policy that a running system is changed to.
const CHANGED_ROLES: &str = "  mig#:
    access: { ddl: [shop#.app] }
    settings: { lock_timeout: 5s }
    secret: { name: mig#, payload: password, database: shop#, readers: [\"READER\"] }
  app#:
    access: { dml: [shop#.app] }
    settings: { statement_timeout: 40s }
    secret: { name: app#, payload: url, database: shop#, readers: [\"OTHER\"] }
    rotate: { strategy: alternate }
  audit#:
    access: { read: [shop#.app] }
    grants: [ { privileges: [UPDATE], object: column app.t(note), database: shop# } ]
    secret: { name: audit#, payload: json, database: shop#, readers: [\"OTHER\"] }
";

/// Which `apply` is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// The first one.
    First,
    /// One that changes a system that runs.
    Running,
}

impl Case {
    /// Options of that `apply`.
    pub fn options(self) -> &'static [&'static str] {
        match self {
            Self::First => &[],
            // Takes a reader away that the policy no longer names.
            Self::Running => &["--prune"],
        }
    }
}

pub struct Scene<'a> {
    pub lane: &'a Lane,
    pub number: usize,
    pub case: Case,
}

impl<'a> Scene<'a> {
    /// Scenes with these numbers, in which everything is ready for the `apply` that is to be killed.
    pub async fn several(lane: &'a Lane, case: Case, numbers: Range<usize>) -> Vec<Self> {
        let scenes: Vec<_> = numbers.map(|number| Self { lane, number, case }).collect();
        let cluster = &lane.stage.cluster;
        let superuser = cluster.connect_superuser("postgres").await;
        for scene in &scenes {
            let create = format!(
                "CREATE DATABASE {} OWNER cloudsqlsuperuser",
                scene.name("shop")
            );
            superuser
                .batch_execute(&create)
                .await
                .expect("a database is made");
            cluster.batch(&scene.name("shop"), FOUND).await;
        }
        if case == Case::Running {
            // Each database is planned anew with all others: a few at a time are faster.
            for some in scenes.chunks(6) {
                lane.stage.policy(&policy(some, ROLES));
                lane.apply(&[]).assert_status(0);
            }
            for scene in &scenes {
                cluster
                    .batch(&scene.name("shop"), &scene.numbered(BY_HAND))
                    .await;
            }
        }
        scenes
    }

    pub fn name(&self, kind: &str) -> String {
        format!("{kind}{}", self.number)
    }

    fn numbered(&self, text: &str) -> String {
        text.replace('#', &self.number.to_string())
            .replace("READER", READER)
            .replace("OTHER", OTHER_READER)
    }

    /// `text` without the number.
    fn alike(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for kind in ["shop", "mig", "app", "audit"] {
            text = text.replace(&self.name(kind), kind);
        }
        text
    }

    /// Puts the policy of this scene in place.
    pub fn set(&self) {
        Self::set_all(std::slice::from_ref(self));
    }

    /// Puts the policies of all these in place, as one.
    pub fn set_all(scenes: &[Self]) {
        let roles = if scenes[0].case == Case::First {
            ROLES
        } else {
            CHANGED_ROLES
        };
        scenes[0].lane.stage.policy(&policy(scenes, roles));
    }

    fn secrets(&self) -> &'static [&'static str] {
        if self.case == Case::First {
            &["mig", "app"]
        } else {
            &["mig", "app", "audit"]
        }
    }

    /// Everything that an `apply` changes on the server, as it would be in any scene.
    pub async fn state(&self) -> String {
        let superuser = self
            .lane
            .stage
            .cluster
            .connect_superuser(&self.name("shop"))
            .await;
        let roles: Vec<_> = ["mig", "app", "audit"].map(|kind| self.name(kind)).into();
        let roles: Vec<_> = roles
            .iter()
            .flat_map(|role| ["", "_a", "_b"].map(|end| format!("{role}{end}")))
            .collect();
        let row = superuser
            .query_one(include_str!("state.sql"), &[&roles])
            .await
            .expect("the catalogs are read");
        self.alike(row.get(0))
    }

    /// Every credential that consumers are given logs in, with the stored bytes. Returns how many there are.
    pub async fn log_in_with_all(&self) -> usize {
        let mut published = 0;
        for kind in self.secrets() {
            let id = self.name(kind);
            let stage = &self.lane.stage;
            if stage.has_secret(&id).await
                && stage.secret(&id).await["versionAliases"]["current"].is_string()
            {
                self.log_in(kind).await;
                published += 1;
            }
        }
        published
    }

    /// A session with the published credential of this kind.
    pub async fn log_in(&self, kind: &str) -> Client {
        let (user, password) = self.credential(kind).await;
        let session = self
            .lane
            .stage
            .cluster
            .connect_as(&self.name("shop"), &user, &password)
            .await;
        session.unwrap_or_else(|error| panic!("{user} does not log in: {error:?}"))
    }

    async fn credential(&self, kind: &str) -> (String, String) {
        let id = self.name(kind);
        let payload = self.lane.stage.payload(&id, "current").await;
        match kind {
            "mig" => (id, payload),
            "app" => {
                let url: Config = payload.parse().expect("a URL");
                let password = String::from_utf8(url.get_password().expect("a password").to_vec())
                    .expect("text");
                (url.get_user().expect("a user").to_owned(), password)
            }
            _ => {
                let document: serde_json::Value = serde_json::from_str(&payload).expect("JSON");
                let text = |key: &str| document[key].as_str().expect("a text").to_owned();
                (text("username"), text("password"))
            }
        }
    }

    /// The next run mends everything and leaves nothing behind. Returns how many versions there are beyond one a secret.
    pub async fn mend(&self) -> usize {
        let stage = &self.lane.stage;
        self.lane.proxy.forget();
        stage.apply(self.case.options()).assert_status(0);
        assert_eq!(self.log_in_with_all().await, self.secrets().len());
        let mut extra = 0;
        for kind in self.secrets() {
            let id = self.name(kind);
            let versions = stage.versions(&id).await;
            assert!(versions.len() <= 2, "{versions:?}");
            extra += versions.len() - 1;
            let secret = stage.secret(&id).await;
            assert!(
                secret["annotations"]["rolewright.pending"].is_null(),
                "{secret}"
            );
        }
        extra
    }
}

fn policy(scenes: &[Scene<'_>], roles: &str) -> String {
    let of_each = |text: &str| {
        scenes
            .iter()
            .map(|scene| scene.numbered(text))
            .collect::<String>()
    };
    format!(
        "version: 1\ninstance: {INSTANCE}\ndatabases:\n{}roles:\n{}",
        of_each(DATABASES),
        of_each(roles)
    )
}
