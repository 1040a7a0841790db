//! Killed at any request to Google, the next run ends in a working state; an answer that gets lost changes nothing.

use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio_postgres::Config;

use crate::fake_gcp::Moment;
use crate::stage::{INSTANCE, READER, Stage};
use crate::support::newest;

/// A database, a role and a secret of its own on the same stage.
struct Scene<'a> {
    stage: &'a Stage,
    number: usize,
}

impl<'a> Scene<'a> {
    async fn new(stage: &'a Stage, number: usize, strategy: &str) -> Self {
        stage.cluster.batch("postgres", &format!("CREATE DATABASE shop{number} OWNER cloudsqlsuperuser")).await;
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

    /// Starts `apply` and kills it at `moment`. Returns whether it came that far.
    fn kill_at(&self, moment: Moment) -> bool {
        let stage = self.stage;
        stage.fake.hold(moment);
        let mut apply = stage.rolewright.command(["apply", "--yes", stage.file().to_str().expect("UTF-8")]);
        let mut apply = apply.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let started = Instant::now();
        while !stage.fake.is_holding() {
            if apply.try_wait().expect("it is ours").is_some() {
                return false;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "neither ended nor held");
            sleep(Duration::from_millis(2));
        }
        apply.kill().expect("it is running");
        apply.wait().expect("it is ours");
        while stage.fake.is_holding() {
            assert!(started.elapsed() < Duration::from_secs(60), "the request is still held");
            sleep(Duration::from_millis(2));
        }
        true
    }

    /// What may be true even before the next run: whatever is published logs in.
    async fn assert_nothing_dead_is_published(&self) {
        let secret = self.secret();
        let published = self.stage.has_secret(&secret).await
            && self.stage.secret(&secret).await["versionAliases"]["current"].is_string();
        if published {
            self.assert_logs_in().await;
        }
    }

    async fn assert_logs_in(&self) {
        let stored: Config = self.stage.payload(&self.secret(), "current").await.parse().expect("a URL");
        let user = stored.get_user().expect("a user");
        let password = std::str::from_utf8(stored.get_password().expect("a password")).expect("text");
        let session = self.stage.cluster.connect_as(&self.database(), user, password).await;
        session.unwrap_or_else(|error| panic!("{user} does not log in: {error:?}"));
    }

    /// The next run mends everything and leaves nothing behind. Returns how many versions there are.
    async fn assert_mended(&self) -> usize {
        self.stage.apply(&[]).assert_status(0);
        self.stage.run("check", &[]).assert_status(0);
        self.assert_logs_in().await;
        let secret = self.stage.secret(&self.secret()).await;
        assert!(secret["annotations"]["rolewright.pending"].is_null(), "{secret}");
        self.stage.versions(&self.secret()).await.len()
    }
}

/// Kills at every request from the first write on: before it, and after it where it changes something.
async fn kill_everywhere(major: u32, strategy: &str) {
    let stage = Stage::new(major);
    Scene::new(&stage, 0, strategy).await;
    stage.apply(&[]).assert_status(0);
    let requests: Vec<_> = stage.fake.requests();
    let first = requests.iter().position(|seen| seen.method != "GET").expect("a write") + 1;
    let moments = requests.iter().enumerate().skip(first - 1).flat_map(|(index, seen)| {
        let after = (seen.method != "GET").then_some(Moment::After(index + 1));
        std::iter::once(Moment::Before(index + 1)).chain(after)
    });
    let (mut kills, mut extra) = (0, 0);
    for (index, moment) in moments.collect::<Vec<_>>().into_iter().enumerate() {
        let scene = Scene::new(&stage, index + 1, strategy).await;
        assert!(scene.kill_at(moment), "{moment:?} never came");
        scene.assert_nothing_dead_is_published().await;
        let versions = scene.assert_mended().await;
        assert!(versions <= 2, "{moment:?}: {versions} versions");
        kills += 1;
        extra += versions - 1;
    }
    println!(
        "{strategy}: {kills} kills at {} requests, {extra} extra versions, each mended by the next run",
        requests.len()
    );
    assert!(kills >= 10, "{kills}");
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
        assert_eq!(stage.versions(&scene.secret()).await, ["1 ENABLED"], "answer {lost}");
    }
    println!("{requests} answers lost one by one, each run ended in sync with one version");
}

fn on_a_runtime(case: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().expect("a runtime").block_on(case);
}

#[test]
fn a_killed_run_of_a_single_login_is_mended() {
    newest(|major| on_a_runtime(kill_everywhere(major, "single")));
}

#[test]
fn a_killed_run_of_an_alternate_pair_is_mended() {
    newest(|major| on_a_runtime(kill_everywhere(major, "alternate")));
}

#[test]
fn a_lost_answer_is_looked_for() {
    newest(|major| on_a_runtime(lose_every_answer(major)));
}
