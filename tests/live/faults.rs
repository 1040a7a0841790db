//! Whatever goes wrong at any request to Google, the run ends in sync: one version a secret, whatever is published logs
//! in, and no binding is lost.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use tokio_postgres::Config;

use crate::fake_gcp::RequestSeen;
use crate::stage::{INSTANCE, PROJECT, READER, Stage};
use crate::support::{newest, tell};

const ACCESSOR: &str = "roles/secretmanager.secretAccessor";

/// Each happens to one secret of the same run.
const FAULTS: [(&str, &str); 10] = [
    (
        "quota",
        r#"{"effect": {"answer": {"status": 429, "retryAfter": 1}}}"#,
    ),
    (
        "unavailable",
        r#"{"effect": {"answer": {"status": 503}}, "times": 2}"#,
    ),
    (
        "page",
        r#"{"effect": {"answer": {"status": 503, "body": "html"}}}"#,
    ),
    ("internal", r#"{"effect": {"answer": {"status": 500}}}"#),
    (
        "internal-after",
        r#"{"effect": {"answer": {"status": 500}}, "when": "after"}"#,
    ),
    (
        "page-after",
        r#"{"effect": {"answer": {"status": 502, "body": "html"}}, "when": "after"}"#,
    ),
    ("dropped", r#"{"effect": "drop"}"#),
    ("dropped-after", r#"{"effect": "drop", "when": "after"}"#),
    ("cut", r#"{"effect": "cut"}"#),
    ("slow", r#"{"effect": {"delay": "0.2s"}}"#),
];

/// A database with a role for each fault, each with a secret and a Cloud Run job of its own.
struct Scene<'a> {
    stage: &'a Stage,
    number: usize,
    faults: &'static [(&'static str, &'static str)],
}

impl<'a> Scene<'a> {
    async fn new(stage: &'a Stage, number: usize, strategy: &str) -> Self {
        Self::with(stage, number, strategy, &FAULTS).await
    }

    async fn with(
        stage: &'a Stage,
        number: usize,
        strategy: &str,
        faults: &'static [(&'static str, &'static str)],
    ) -> Self {
        stage
            .cluster
            .batch(
                "postgres",
                &format!("CREATE DATABASE shop{number} OWNER cloudsqlsuperuser"),
            )
            .await;
        let mut policy = format!(
            "version: 1\ninstance: {INSTANCE}\ndatabases: {{ shop{number}: {{ schemas: [app] }} }}\nroles:\n"
        );
        for (fault, _) in faults {
            let name = secret(number, fault);
            stage
                .fake
                .seed_job(PROJECT, "europe-west1", &name, Some(&account(&name)));
            let readers = format!("\"{READER}\", {{cloud_run_job: europe-west1/{name}}}");
            let _ = writeln!(
                policy,
                "  {}:\n    access: dml\n    secret: {{ name: {name}, payload: url, readers: [{readers}] }}\n    \
                 rotate: {{ strategy: {strategy} }}",
                role(number, fault)
            );
        }
        stage.policy(&policy);
        stage.fake.forget_requests();
        Self {
            stage,
            number,
            faults,
        }
    }

    /// Lets each fault happen to its secret, or to its job, at this request.
    fn misbehave(&self, at: &Point) {
        for (fault, rule) in self.faults {
            let mut rule: Value = serde_json::from_str(rule).expect("a rule");
            rule["method"] = json!(at.call);
            rule["nth"] = json!(at.nth);
            rule["resource"] = json!(format!(
                "projects/*/{}/{}",
                at.collection,
                secret(self.number, fault)
            ));
            self.stage.fake.fault(fault, rule);
        }
    }

    async fn assert_in_sync(&self, at: &str) {
        self.stage.fake.mend_all();
        self.stage.run("check", &[]).assert_status(0);
        for (fault, _) in self.faults {
            let name = secret(self.number, fault);
            assert_eq!(
                self.stage.versions(&name).await,
                ["1 ENABLED"],
                "{fault} at {at}"
            );
            self.assert_logs_in(&name).await;
            self.assert_bound(&name, &format!("{fault} at {at}")).await;
        }
    }

    /// The declared readers are, and nobody else is.
    async fn assert_bound(&self, name: &str, at: &str) {
        let bindings = self.stage.bindings(name).await;
        let bindings = bindings.as_array().cloned().unwrap_or_default();
        let ours: Vec<_> = bindings
            .iter()
            .filter(|one| one["role"] == ACCESSOR && one["condition"].is_null())
            .collect();
        let job = format!("serviceAccount:{}", account(name));
        assert_eq!(ours.len(), 1, "{at}: {bindings:?}");
        let members = &ours[0]["members"];
        assert!(
            *members == json!([READER, job]) || *members == json!([job, READER]),
            "{at}: {members}"
        );
    }

    async fn assert_logs_in(&self, name: &str) {
        let stored: Config = self
            .stage
            .payload(name, "current")
            .await
            .parse()
            .expect("a URL");
        let user = stored.get_user().expect("a user");
        let password =
            std::str::from_utf8(stored.get_password().expect("a password")).expect("text");
        let session = self
            .stage
            .cluster
            .connect_as(&format!("shop{}", self.number), user, password)
            .await;
        session.unwrap_or_else(|error| panic!("{user} does not log in: {error:?}"));
    }
}

/// One of the requests that a run makes for each secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    call: &'static str,
    /// The first, second … of this call for the same secret.
    nth: usize,
    collection: &'static str,
}

/// The requests that an undisturbed run made for one of the secrets.
fn points(requests: &[RequestSeen], name: &str) -> Vec<Point> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let of = |request: &RequestSeen| {
        let nth = seen.entry(request.call).or_default();
        *nth += 1;
        let collection = if request.path.contains("/jobs/") {
            "locations/*/jobs"
        } else {
            "secrets"
        };
        Point {
            call: request.call,
            nth: *nth,
            collection,
        }
    };
    let named = |request: &&RequestSeen| {
        request.query.contains(&format!("secretId={name}"))
            || request.path.split(['/', ':']).any(|part| part == name)
    };
    requests.iter().filter(named).map(of).collect()
}

fn role(number: usize, fault: &str) -> String {
    format!("app{number}_{}", fault.replace('-', "_"))
}

fn secret(number: usize, fault: &str) -> String {
    format!("app{number}-{fault}")
}

fn account(name: &str) -> String {
    format!("{name}@shop-prod.iam.gserviceaccount.com")
}

/// Lets everything happen once at each of the requests that are `worth` it.
async fn everything_goes_wrong_once(major: u32, strategy: &str, worth: fn(&Point) -> bool) {
    let stage = Stage::new(major);
    Scene::new(&stage, 0, strategy).await;
    stage.apply(&[]).assert_status(0);
    let mut points = points(&stage.fake.requests(), &secret(0, FAULTS[0].0));
    points.retain(worth);
    let mut happened = 0;
    for (number, point) in points.iter().enumerate() {
        let scene = Scene::new(&stage, number + 1, strategy).await;
        happened += run_through(&scene, point);
        scene.assert_in_sync(&format!("{point:?}")).await;
    }
    tell!(
        "{strategy}: {} requests x {} faults = {happened} points; each run ended in sync, with one version a secret",
        points.len(),
        FAULTS.len()
    );
    assert!(points.len() >= 5, "{points:?}");
}

/// Every fault happens, and the run ends as it should. Returns how many there were.
fn run_through(scene: &Scene<'_>, point: &Point) -> usize {
    scene.misbehave(point);
    let outcome = scene.stage.apply(&[]);
    assert_eq!(
        outcome.status, 0,
        "{point:?}\n{}{}",
        outcome.stdout, outcome.stderr
    );
    let happened = FAULTS
        .iter()
        .filter(|(fault, _)| scene.stage.fake.met(fault) > 0)
        .count();
    assert_eq!(happened, FAULTS.len(), "{point:?}");
    happened
}

/// The policies of a running system, where readers are missing and others have bindings of their own.
async fn policies_go_wrong(major: u32) {
    let stage = Stage::new(major);
    let scene = Scene::new(&stage, 0, "single").await;
    stage.apply(&[]).assert_status(0);
    let viewer =
        json!({"role": "roles/secretmanager.viewer", "members": ["group:dba@example.com"]});
    let condition =
        json!({"title": "until", "expression": "request.time < timestamp('2999-01-01T00:00:00Z')"});
    let conditional = json!({"role": ACCESSOR, "members": [READER], "condition": condition});
    let mut happened = 0;
    for (call, nth) in [
        ("secrets.getIamPolicy", 1),
        ("secrets.getIamPolicy", 2),
        ("secrets.getIamPolicy", 3),
        ("secrets.setIamPolicy", 1),
        ("secrets.setIamPolicy", 2),
    ] {
        for (fault, _) in FAULTS {
            stage
                .set_bindings(&secret(0, fault), json!([viewer, conditional]))
                .await;
        }
        let point = Point {
            call,
            nth,
            collection: "secrets",
        };
        happened += run_through(&scene, &point);
        scene.assert_in_sync(&format!("{point:?}")).await;
        for (fault, _) in FAULTS {
            let kept = stage.bindings(&secret(0, fault)).await;
            let kept = kept.as_array().expect("bindings");
            assert!(
                kept.contains(&viewer) && kept.contains(&conditional),
                "{fault} at {point:?}: {kept:?}"
            );
        }
    }
    tell!("{happened} faults at policies that others share: no binding was lost");
}

/// Everything that may lag behind does, by so long.
async fn reads_lag_behind(major: u32, strategy: &str) {
    let stage = Stage::new(major);
    for (number, lag) in ["0.2s", "1s"].into_iter().enumerate() {
        let scene = Scene::with(&stage, number, strategy, &FAULTS[..2]).await;
        stage.fake.fault(
            "behind",
            json!({"effect": {"stale": lag}, "times": "always"}),
        );
        let outcome = stage.apply(&[]);
        assert_eq!(
            outcome.status, 0,
            "{lag}\n{}{}",
            outcome.stdout, outcome.stderr
        );
        let met = stage.fake.met("behind");
        scene.assert_in_sync(lag).await;
        tell!("{strategy}: {met} requests, reads {lag} behind, one run, one version a secret");
    }
}

fn on_a_runtime(case: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(case);
}

#[test]
fn a_run_survives_every_fault_at_every_request() {
    newest(|major| on_a_runtime(everything_goes_wrong_once(major, "single", |_| true)));
}

/// What is read is the same as for a single login.
#[test]
fn a_run_survives_every_fault_where_a_pair_is_written() {
    newest(|major| {
        on_a_runtime(everything_goes_wrong_once(major, "alternate", |point| {
            matches!(
                point.call,
                "secrets.create" | "secrets.patch" | "secrets.addVersion" | "versions.access"
            )
        }));
    });
}

#[test]
fn no_fault_loses_a_binding() {
    newest(|major| on_a_runtime(policies_go_wrong(major)));
}

#[test]
fn reads_that_lag_behind_mislead_nobody() {
    newest(|major| on_a_runtime(reads_lag_behind(major, "single")));
    newest(|major| on_a_runtime(reads_lag_behind(major, "alternate")));
}
