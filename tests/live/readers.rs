//! Clients that read their secret again whenever they connect, through one rotation after another: none of them is ever
//! refused, and none tries anything twice. What they read lags behind, as Google's answers may.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_postgres::Config;

use crate::fake_gcp::RunKind;
use crate::stage::{PROJECT, READER, Stage, secret_path};
use crate::support::{each_major, tell};

/// Each client connects at least so often between the publication of a credential and the end of the one before.
const LOGINS: usize = 20;

/// How far answers lag behind that may: aliases, `latest`, lists.
const LAG: &str = "0.3s";

/// Between two connections of a client: the rotations are what is to be at work.
const PAUSE: Duration = Duration::from_millis(10);

/// Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// Rotated by the same runs, each with a job that is pinned to a version of its secret.
const PAIRS: [&str; 5] = ["app", "web", "work", "mail", "bill"];

/// How a client names the version that it wants.
#[derive(Clone, Copy, Debug)]
enum Name {
    Current,
    Latest,
    /// By the number that a Cloud Run job names, which `--roll` moves.
    Pinned,
}

/// What a client has come to.
#[derive(Clone, Debug, Default)]
struct Tally {
    logins: usize,
    /// The login that it used last.
    user: String,
    refused: Vec<String>,
}

struct Reader {
    pair: &'static str,
    name: Name,
    tally: Arc<Mutex<Tally>>,
    ended: Arc<AtomicBool>,
    work: JoinHandle<()>,
}

impl Reader {
    fn start(stage: &Arc<Stage>, pair: &'static str, name: Name) -> Self {
        let (tally, ended) = (Arc::<Mutex<Tally>>::default(), Arc::<AtomicBool>::default());
        let work = tokio::spawn(connect_again_and_again(
            stage.clone(),
            pair,
            name,
            tally.clone(),
            ended.clone(),
        ));
        Self {
            pair,
            name,
            tally,
            ended,
            work,
        }
    }

    fn tally(&self) -> Tally {
        self.tally
            .lock()
            .expect("nobody panics while it is held")
            .clone()
    }

    /// Until it has connected often enough, and has come to use the login that ends so.
    async fn until(&self, end: &str, logins: usize) {
        let user = format!("{}{end}", self.pair);
        let started = Instant::now();
        loop {
            let tally = self.tally();
            assert!(tally.refused.is_empty(), "{:?}: {tally:?}", self.name);
            if tally.logins >= logins && tally.user == user {
                return;
            }
            assert!(
                started.elapsed() < PATIENCE && !self.work.is_finished(),
                "{:?}: {tally:?}",
                self.name
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn end(self) -> Tally {
        self.ended.store(true, Ordering::Relaxed);
        self.work.await.expect("a client ends");
        Arc::into_inner(self.tally)
            .expect("the client is gone")
            .into_inner()
            .expect("nobody panicked")
    }
}

async fn connect_again_and_again(
    stage: Arc<Stage>,
    pair: &'static str,
    name: Name,
    tally: Arc<Mutex<Tally>>,
    ended: Arc<AtomicBool>,
) {
    while !ended.load(Ordering::Relaxed) {
        tokio::time::sleep(PAUSE).await;
        let version = match name {
            Name::Current => "current".to_owned(),
            Name::Latest => "latest".to_owned(),
            Name::Pinned => pin(&stage, pair).await,
        };
        let url: Config = stage.payload(pair, &version).await.parse().expect("a URL");
        let user = url.get_user().expect("a user").to_owned();
        let password = std::str::from_utf8(url.get_password().expect("a password")).expect("text");
        let session = stage.log_in(&user, password).await;
        let mut tally = tally.lock().expect("nobody panics while it is held");
        match session {
            Ok(_) => tally.logins += 1,
            Err(error) => tally
                .refused
                .push(format!("{user} in version {version}: {error:?}")),
        }
        tally.user = user;
    }
}

/// The number of the version that the job names.
async fn pin(stage: &Stage, pair: &str) -> String {
    let path = format!("/v2/projects/{PROJECT}/locations/europe-west1/jobs/{pair}");
    let job = stage.must(Method::GET, &path, Value::Null).await;
    let reference =
        &job["template"]["template"]["containers"][0]["env"][0]["valueSource"]["secretKeyRef"];
    reference["version"].as_str().expect("a version").to_owned()
}

/// The pairs, each with a client of each kind.
async fn play(major: u32, pairs: &'static [&'static str]) -> (Arc<Stage>, Vec<Reader>) {
    let stage = Stage::new(major);
    let declared = pairs.iter().map(|pair| {
        format!(
            "  {pair}: {{ access: dml, secret: {{ name: {pair}, payload: url, readers: [\"{READER}\", \
             {{ cloud_run_job: europe-west1/{pair} }}] }}, rotate: {{ strategy: alternate, grace: 24h }} }}\n"
        )
    });
    stage.roles(&declared.collect::<String>());
    for pair in pairs {
        let variable = json!({"name": "URL", "valueSource": {"secretKeyRef": {"secret": pair, "version": "1"}}});
        let account = format!("{pair}@{PROJECT}.iam.gserviceaccount.com");
        let task =
            json!({"serviceAccount": account, "containers": [{"image": "x", "env": [variable]}]});
        stage.fake.seed(
            RunKind::Job,
            [PROJECT, "europe-west1", pair],
            json!({"template": {"template": task}}),
        );
    }
    stage.apply(&[]).assert_status(0);
    stage.fake.fault(
        "behind",
        json!({"effect": {"stale": LAG}, "times": "always", "caller": "anonymous"}),
    );
    for pair in pairs {
        // So long ago there was no secret yet.
        while stage
            .ask(
                Method::GET,
                &secret_path(pair, "/versions/current"),
                Value::Null,
            )
            .await
            .0
            != StatusCode::OK
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let stage = Arc::new(stage);
    let of = |pair| {
        [Name::Current, Name::Latest, Name::Pinned].map(|name| Reader::start(&stage, pair, name))
    };
    let readers = pairs.iter().flat_map(|pair| of(pair)).collect();
    (stage, readers)
}

/// Other credentials are published, and every client comes to them, connecting often.
async fn publish(readers: &[Reader], end: &str, runs: impl Fn()) {
    let before: Vec<_> = readers.iter().map(|reader| reader.tally().logins).collect();
    runs();
    for (reader, before) in readers.iter().zip(before) {
        reader.until(end, before + LOGINS).await;
    }
}

/// The clock goes on, and the credentials before end.
async fn contract(stage: &Stage, pairs: &[&str]) {
    let started = Instant::now();
    // Answers lag behind, and the last session of an old login may be about to end; two looks have to see none.
    while are_two_open(stage, pairs).await {
        for pair in pairs {
            stage.later(pair, SignedDuration::from_hours(25)).await;
        }
        let status = stage.run("rotate", &[]).status;
        assert!(
            [0, 3].contains(&status) && started.elapsed() < PATIENCE,
            "exit code {status}"
        );
    }
}

async fn are_two_open(stage: &Stage, pairs: &[&str]) -> bool {
    for pair in pairs {
        let secret = stage
            .undisturbed(Method::GET, &secret_path(pair, ""), Value::Null)
            .await;
        if secret["versionAliases"]["previous"].is_string() {
            return true;
        }
    }
    false
}

each_major! {
    async fn no_client_that_reads_its_secret_again_is_refused(major: u32) {
        let (rounds, pairs) = if major == 17 { (10, &PAIRS[..]) } else { (1, &PAIRS[..2]) };
        let (stage, readers) = play(major, pairs).await;
        let rotate = || drop(stage.run("rotate", &["--now", "--roll"]).assert_status(0));
        let mut ends = ["_b", "_a"].into_iter().cycle();
        for _ in 0..rounds {
            publish(&readers, ends.next().expect("endless"), rotate).await;
            contract(&stage, pairs).await;
        }
        publish(&readers, ends.next().expect("endless"), rotate).await;
        let back = |pair: &&str| drop(stage.run("rollback", &["--role", *pair, "--roll"]).assert_status(0));
        publish(&readers, ends.next().expect("endless"), || pairs.iter().for_each(back)).await;
        contract(&stage, pairs).await;

        let mut logins = 0;
        for reader in readers {
            let what = format!("{} by {:?}", reader.pair, reader.name);
            let tally = reader.end().await;
            logins += tally.logins;
            assert!(tally.refused.is_empty() && tally.logins >= (rounds + 2) * LOGINS, "{what}: {tally:?}");
        }
        let (rotations, rollbacks, behind) = ((rounds + 1) * pairs.len(), pairs.len(), stage.fake.met("behind"));
        tell!(
            "PostgreSQL {major}: {rotations} rotations and {rollbacks} rollbacks, {logins} logins of readers, none refused; \
             {behind} answers were {LAG} behind"
        );
        stage.fake.mend_all();
        stage.run("rotate", &[]).assert_status(0);
        stage.assert_in_sync();
    }
}
