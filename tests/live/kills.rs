//! A reset of a live login that is killed at any request to Google locks nobody out; an answer that gets lost changes
//! nothing. What is killed elsewhere is in `killed.rs`.

use tokio_postgres::Config;

use crate::fake_gcp::{Moment, RequestSeen};
use crate::stage::{INSTANCE, READER, Stage};
use crate::support::{newest, on_a_runtime, tell};

/// The password of a login that is live before the first run.
const IN_USE: &str = "in-use";

const RESET: &[&str] = &["--reset-passwords"];

/// A database, a role and a secret of its own on the same stage.
struct Scene<'a> {
    stage: &'a Stage,
    number: usize,
}

impl<'a> Scene<'a> {
    async fn new(stage: &'a Stage, number: usize, strategy: &str) -> Self {
        stage
            .cluster
            .batch(
                "postgres",
                &format!("CREATE DATABASE shop{number} OWNER cloudsqlsuperuser"),
            )
            .await;
        let scene = Self { stage, number };
        stage.policy(&format!(
            "version: 1
instance: {INSTANCE}
databases: {{ shop{number}: {{ schemas: [app] }} }}
roles:
  app{number}:
    access: dml
    secret: {{ name: app{number}, payload: url, readers: [\"{READER}\"] }}
    rotate: {{ strategy: {strategy} }}\n"
        ));
        scene
    }

    fn database(&self) -> String {
        format!("shop{}", self.number)
    }

    fn secret(&self) -> String {
        format!("app{}", self.number)
    }

    async fn assert_logs_in(&self) {
        let stored: Config = self
            .stage
            .payload(&self.secret(), "current")
            .await
            .parse()
            .expect("a URL");
        let user = stored.get_user().expect("a user");
        let password =
            std::str::from_utf8(stored.get_password().expect("a password")).expect("text");
        let session = self
            .stage
            .cluster
            .connect_as(&self.database(), user, password)
            .await;
        session.unwrap_or_else(|error| panic!("{user} does not log in: {error:?}"));
    }

    /// Somebody uses the login already, with a password that is in no secret.
    async fn make_live(&self) {
        let create = format!(
            "SET ROLE csadmin; CREATE ROLE app{} LOGIN PASSWORD '{IN_USE}'",
            self.number
        );
        self.stage.cluster.batch("postgres", &create).await;
    }

    /// The one in use, or one that any version of the secret holds.
    async fn password_that_works(&self) -> Option<String> {
        let of_ours = format!("/secrets/{}/versions/", self.secret());
        let stored = self
            .stage
            .fake
            .payloads()
            .into_iter()
            .filter(|stored| stored.name.contains(&of_ours));
        let stored = stored.map(|stored| {
            let url: Config = std::str::from_utf8(&stored.data)
                .expect("text")
                .parse()
                .expect("a URL");
            String::from_utf8(url.get_password().expect("a password").to_vec()).expect("text")
        });
        for password in std::iter::once(IN_USE.to_owned()).chain(stored) {
            // Any database will do: only the password is asked about.
            if self
                .stage
                .cluster
                .connect_as("postgres", &self.secret(), &password)
                .await
                .is_ok()
            {
                return Some(password);
            }
        }
        None
    }

    /// The next run mends everything and leaves nothing behind. Returns how many versions there are.
    async fn assert_mended(&self) -> usize {
        self.stage.apply(&[]).assert_status(0);
        self.stage.run("check", &[]).assert_status(0);
        self.assert_logs_in().await;
        let secret = self.stage.secret(&self.secret()).await;
        assert!(
            secret["annotations"]["rolewright.pending"].is_null(),
            "{secret}"
        );
        self.stage.versions(&self.secret()).await.len()
    }
}

/// Every request from the first write on: before it, and after it where it changes something.
pub fn moments(requests: &[RequestSeen]) -> Vec<Moment> {
    let first = requests
        .iter()
        .position(|seen| seen.method != "GET")
        .expect("a write");
    let of = |(index, seen): (usize, &RequestSeen)| {
        let after = (seen.method != "GET").then_some(Moment::After(index + 1));
        std::iter::once(Moment::Before(index + 1)).chain(after)
    };
    requests
        .iter()
        .enumerate()
        .skip(first)
        .flat_map(of)
        .collect()
}

/// Kills runs that replace the password of a live login, which nobody stored: at no moment is the one that works
/// unknown, and a run that is not told to replace it does not.
async fn kill_every_reset(major: u32) {
    let stage = Stage::new(major);
    Scene::new(&stage, 0, "single").await.make_live().await;
    stage.apply(RESET).assert_status(0);
    let requests = stage.fake.requests();
    let (mut kills, mut kept) = (0, 0);
    for moment in moments(&requests) {
        let scene = Scene::new(&stage, kills + 1, "single").await;
        scene.make_live().await;
        assert!(stage.kill_at(moment, RESET), "{moment:?} never came");
        let works = scene
            .password_that_works()
            .await
            .unwrap_or_else(|| panic!("{moment:?}: locked out"));
        let next = stage.apply(&[]);
        assert!(
            matches!(next.status, 0 | 3),
            "{moment:?}: {}{}",
            next.stdout,
            next.stderr
        );
        if next.status == 3 {
            assert_eq!(works, IN_USE, "{moment:?}");
            assert_eq!(
                scene.password_that_works().await.as_deref(),
                Some(IN_USE),
                "{moment:?}"
            );
            kept += 1;
        }
        stage.apply(RESET).assert_status(0);
        scene.assert_mended().await;
        kills += 1;
    }
    tell!("reset: {kills} kills, {kept} of them before anything was stored; nobody was locked out");
    assert!(kept > 0 && kept < kills);
}

/// Loses the answer to every request in turn: what was carried out is found again, and done once.
async fn lose_every_answer(major: u32) {
    let stage = Stage::new(major);
    Scene::new(&stage, 0, "single").await;
    stage.apply(&[]).assert_status(0);
    let requests = stage.fake.requests().len();
    for lost in 1..=requests {
        let scene = Scene::new(&stage, lost, "single").await;
        stage.fake.hold(Moment::Lost(lost));
        stage.apply(&[]).assert_status(0);
        stage.fake.release();
        stage.run("check", &[]).assert_status(0);
        scene.assert_logs_in().await;
        assert_eq!(
            stage.versions(&scene.secret()).await,
            ["1 ENABLED"],
            "answer {lost}"
        );
    }
    tell!("{requests} answers lost one by one, each run ended in sync with one version");
}

#[test]
fn a_killed_reset_locks_nobody_out() {
    newest(|major| on_a_runtime(kill_every_reset(major)));
}

#[test]
fn a_lost_answer_is_looked_for() {
    newest(|major| on_a_runtime(lose_every_answer(major)));
}
