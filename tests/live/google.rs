//! The Google edge against `fake-gcp`.

mod alone;
mod hop;
mod hostile;
mod outages;
mod policy;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rolewright::google::{Endpoint, Google, GoogleError, SecretUpdate};
use rolewright::model::{
    CloudRunKind, Payload, ProjectId, Replication, Secret, SecretId, SecretName, VersionState,
};
use serde_json::json;

use super::fake_gcp::{FakeGcp, RunKind};
use hop::{Fault, Hop};

const API: &str = "serviceAccount:api@shop.iam.gserviceaccount.com";
const PAYLOAD: &str = "postgresql://app_user_a:pa~ss-w.rd@/payments";

/// A fake with a hop before it, and a client that takes that route.
struct World {
    fake: FakeGcp,
    hop: Hop,
    google: Google,
}

impl World {
    async fn start() -> Self {
        let fake = FakeGcp::start().unwrap();
        let hop = Hop::before(fake.base_url()).await;
        let endpoint: Endpoint = hop.url().parse().unwrap();
        let google = Google::connect(Some(&endpoint)).await.unwrap();
        Self { fake, hop, google }
    }

    /// A world with one empty secret in it.
    async fn with_secret() -> (Self, SecretName) {
        let world = Self::start().await;
        world.create(&name()).await.unwrap();
        (world, name())
    }

    async fn create(&self, name: &SecretName) -> Result<Secret, GoogleError> {
        self.google
            .create_secret(
                name,
                &Replication::Automatic,
                &map(&[]),
                &map(&[("rolewright.role", "app")]),
            )
            .await
    }

    async fn read(&self, name: &SecretName) -> Secret {
        self.google.secret(name).await.unwrap().unwrap()
    }

    /// How many requests of this kind reached the fake.
    fn count(&self, method: &str, part: &str) -> usize {
        self.fake
            .requests()
            .iter()
            .filter(|seen| seen.method == method && seen.path.contains(part))
            .count()
    }
}

fn name() -> SecretName {
    SecretName {
        project: ProjectId::new("shop").unwrap(),
        id: SecretId::new("db-app-url").unwrap(),
    }
}

fn payload() -> Payload {
    Payload::new(PAYLOAD.into())
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn set(members: &[&str]) -> BTreeSet<String> {
    members.iter().map(|member| (*member).to_owned()).collect()
}

fn current(number: i64) -> SecretUpdate {
    SecretUpdate {
        aliases: Some(BTreeMap::from([("current".into(), number)])),
        ..SecretUpdate::default()
    }
}

#[tokio::test]
async fn a_secret_lives() {
    let world = World::start().await;
    let (google, name) = (&world.google, name());
    assert_eq!(google.secret(&name).await.unwrap(), None);

    let regions = Replication::Regions(vec!["europe-west1".into(), "europe-west4".into()]);
    let labels = map(&[("team", "payments")]);
    let created = google
        .create_secret(
            &name,
            &regions,
            &labels,
            &map(&[("rolewright.role", "app")]),
        )
        .await
        .unwrap();
    assert_eq!(google.add_version(&name, &payload()).await.unwrap(), 1);
    assert_eq!(
        google.access(&name, 1).await.unwrap().expose(),
        PAYLOAD.as_bytes()
    );

    let annotations = map(&[
        ("rolewright.role", "app"),
        ("rolewright.login", "app_user_a"),
    ]);
    let update = SecretUpdate {
        annotations: Some(annotations.clone()),
        ..current(1)
    };
    let etag = google
        .update_secret(&name, &created.etag, &update)
        .await
        .unwrap();

    let read = world.read(&name).await;
    assert_eq!((&read.name, &read.etag), (&name, &etag));
    assert_eq!((read.labels, read.annotations), (labels, annotations));
    assert_eq!(read.aliases, BTreeMap::from([("current".into(), 1)]));
    assert_eq!(
        (read.versions.len(), read.versions[0].state),
        (1, VersionState::Enabled)
    );
    assert!(read.versions[0].created.is_some());
    assert_eq!(
        (read.bindings, read.managed_rotation),
        (Some(Vec::new()), false)
    );
}

#[tokio::test]
async fn versions_are_listed_newest_first_over_several_pages_and_change_state() {
    let (world, name) = World::with_secret().await;
    for expected in 1..=5 {
        assert_eq!(
            world.google.add_version(&name, &payload()).await.unwrap(),
            expected
        );
    }
    let (on, off, gone) = (
        VersionState::Enabled,
        VersionState::Disabled,
        VersionState::Destroyed,
    );
    for (number, state) in [(2, off), (3, off), (3, on), (1, gone)] {
        let seen = world.google.version(&name, number).await.unwrap();
        let set = world
            .google
            .set_version_state(&name, &seen, state)
            .await
            .unwrap();
        assert_eq!((set.number, set.state), (number, state));
        assert_ne!(set.etag, seen.etag);
    }

    let versions = world.read(&name).await.versions;
    let states: Vec<_> = versions
        .iter()
        .map(|version| (version.number, version.state))
        .collect();
    assert_eq!(states, [(5, on), (4, on), (3, on), (2, off), (1, gone)]);

    // Who has seen it before somebody else changed it does not change it, unless it is as wanted.
    let seen = world.google.version(&name, 4).await.unwrap();
    for state in [off, on] {
        let now = world.google.version(&name, 4).await.unwrap();
        world
            .google
            .set_version_state(&name, &now, state)
            .await
            .unwrap();
    }
    let stale = world
        .google
        .set_version_state(&name, &seen, off)
        .await
        .unwrap_err();
    assert!(stale.is_stale(), "{stale:?}");
    assert_eq!(world.google.version(&name, 4).await.unwrap().state, on);
    world
        .google
        .set_version_state(&name, &seen, on)
        .await
        .unwrap();

    let refused = world.google.access(&name, 1).await.unwrap_err();
    assert_eq!(refused.status().unwrap().code, "FAILED_PRECONDITION");
    assert_eq!(
        refused.to_string(),
        "cannot access secret version `projects/shop/secrets/db-app-url/versions/1`"
    );
    assert!(
        world
            .google
            .access(&name, 6)
            .await
            .unwrap_err()
            .is_not_found()
    );
}

#[tokio::test]
async fn what_exists_is_not_made_again() {
    let (world, name) = World::with_secret().await;
    let error = world.create(&name).await.unwrap_err();
    assert!(
        error.is_already_exists() && !error.is_ambiguous(),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "cannot create secret `projects/shop/secrets/db-app-url`"
    );
}

#[tokio::test]
async fn a_stale_etag_changes_nothing() {
    let (world, name) = World::with_secret().await;
    world.google.add_version(&name, &payload()).await.unwrap();
    let seen = world.read(&name).await;
    let update = SecretUpdate {
        annotations: Some(map(&[("other", "tool")])),
        ..SecretUpdate::default()
    };
    world
        .google
        .update_secret(&name, &seen.etag, &update)
        .await
        .unwrap();

    let error = world
        .google
        .update_secret(&name, &seen.etag, &current(1))
        .await
        .unwrap_err();
    assert!(error.is_stale() && !error.is_ambiguous(), "{error:?}");
    let read = world.read(&name).await;
    assert_eq!(
        (read.annotations, read.aliases),
        (map(&[("other", "tool")]), BTreeMap::new())
    );
}

#[tokio::test]
async fn a_lost_answer_to_an_addition_is_ambiguous_and_not_repeated() {
    let (world, name) = World::with_secret().await;
    world.hop.next(":addVersion", Fault::LoseAnswer);
    let error = world
        .google
        .add_version(&name, &payload())
        .await
        .unwrap_err();
    assert!(error.is_ambiguous(), "{error:?}");
    assert_eq!(world.count("POST", ":addVersion"), 1);
    assert_eq!(
        world.google.access(&name, 1).await.unwrap().expose(),
        PAYLOAD.as_bytes()
    );

    world.hop.next(
        ":addVersion",
        Fault::Answer(StatusCode::BAD_GATEWAY, json!("<html>")),
    );
    let error = world
        .google
        .add_version(&name, &payload())
        .await
        .unwrap_err();
    assert!(error.is_ambiguous(), "{error:?}");
    assert_eq!(
        error.source().unwrap().to_string(),
        "Bad Gateway (HTTP 502)"
    );
}

#[tokio::test]
async fn a_lost_answer_to_a_creation_or_an_update_is_looked_up() {
    let world = World::start().await;
    world
        .hop
        .next("POST /v1/projects/shop/secrets?", Fault::LoseAnswer);
    let created = world.create(&name()).await.unwrap();
    world.google.add_version(&name(), &payload()).await.unwrap();

    world.hop.next("PATCH", Fault::LoseAnswer);
    let etag = world
        .google
        .update_secret(&name(), &created.etag, &current(1))
        .await
        .unwrap();
    assert_eq!(world.count("PATCH", ""), 1);

    let unavailable =
        json!({"error": {"code": 503, "status": "UNAVAILABLE", "message": "Try later."}});
    world.hop.next(
        "PATCH",
        Fault::Answer(StatusCode::SERVICE_UNAVAILABLE, unavailable),
    );
    let update = SecretUpdate {
        labels: Some(map(&[("team", "payments")])),
        ..SecretUpdate::default()
    };
    world
        .google
        .update_secret(&name(), &etag, &update)
        .await
        .unwrap();
    assert!(world.hop.is_done());
    assert_eq!(
        world.read(&name()).await.labels,
        map(&[("team", "payments")])
    );
}

#[tokio::test]
async fn what_was_turned_away_is_sent_again() {
    let (world, name) = World::with_secret().await;
    let limited = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded."}});
    world.hop.next(
        ":addVersion",
        Fault::Answer(StatusCode::TOO_MANY_REQUESTS, limited),
    );
    assert_eq!(
        world.google.add_version(&name, &payload()).await.unwrap(),
        1
    );

    world.hop.next(":access", Fault::LoseAnswer);
    world.hop.next(
        ":access",
        Fault::Answer(StatusCode::SERVICE_UNAVAILABLE, json!({})),
    );
    assert_eq!(
        world.google.access(&name, 1).await.unwrap().expose(),
        PAYLOAD.as_bytes()
    );
    assert!(world.hop.is_done());
}

#[tokio::test]
async fn a_damaged_or_mistaken_payload_is_refused() {
    let (world, name) = World::with_secret().await;
    world.google.add_version(&name, &payload()).await.unwrap();
    let tampered: [fn(String) -> String; 4] = [
        |answer| answer.replace(&STANDARD.encode(PAYLOAD), &STANDARD.encode("x")),
        |answer| answer.replace("dataCrc32c", "checksum"),
        |answer| answer.replace("versions/1", "versions/2"),
        |answer| answer[..answer.len() / 2].to_owned(),
    ];
    for tamper in tampered {
        world.hop.next(":access", Fault::Tamper(tamper));
        let error = world.google.access(&name, 1).await.unwrap_err();
        assert!(matches!(error, GoogleError::Malformed { .. }), "{error:?}");
        assert!(world.hop.is_done());
    }
    world.hop.next(
        ":addVersion",
        Fault::Tamper(|answer| answer.replace("clientSpecifiedPayloadChecksum", "x")),
    );
    let error = world
        .google
        .add_version(&name, &payload())
        .await
        .unwrap_err();
    assert!(
        error.is_ambiguous() && error.to_string().ends_with("not confirmed"),
        "{error}"
    );
}

#[tokio::test]
async fn cloud_run_says_whom_a_job_or_service_runs_as() {
    let world = World::start().await;
    let project = ProjectId::new("shop").unwrap();
    let number = world.fake.project_number("shop").unwrap();
    let reference = async |kind, name: &str| {
        world
            .google
            .cloud_run(kind, &project, "us-central1", name)
            .await
            .unwrap()
    };

    world.fake.seed_job(
        "shop",
        "us-central1",
        "migrate",
        Some("migrate@shop.iam.gserviceaccount.com"),
    );
    let job = reference(CloudRunKind::Job, "migrate").await.unwrap();
    assert_eq!(job.service_account, "migrate@shop.iam.gserviceaccount.com");
    world.fake.seed_service("shop", "us-central1", "api", None);
    world.hop.next(
        "/services/api",
        Fault::Tamper(|answer| answer.replace("serviceAccount", "other")),
    );
    let service = reference(CloudRunKind::Service, "api").await.unwrap();
    assert_eq!(
        service.service_account,
        format!("{number}-compute@developer.gserviceaccount.com")
    );
    assert_eq!(reference(CloudRunKind::Job, "api").await, None);

    world.create(&name()).await.unwrap();
    world.google.add_version(&name(), &payload()).await.unwrap();
    let env = json!([{"name": "URL", "valueSource": {"secretKeyRef": {"secret": "db-app-url", "version": "latest"}}}]);
    let account = "api@shop.iam.gserviceaccount.com";
    world
        .google
        .bind(&name(), &set(&[API]), &set(&[]))
        .await
        .unwrap();
    let task = json!({"serviceAccount": account, "containers": [{"image": "i", "env": env}]});
    world.fake.seed(
        RunKind::Job,
        ["shop", "us-central1", "import"],
        json!({"template": {"template": task}}),
    );
    let job = reference(CloudRunKind::Job, "import").await.unwrap();
    assert_eq!(
        job.secrets,
        [("db-app-url".to_owned(), "latest".to_owned())]
    );
}

#[tokio::test]
async fn a_project_has_a_number() {
    let world = World::start().await;
    let number = world.fake.project_number("shop").unwrap().to_string();
    assert_eq!(
        world
            .google
            .project_number(&ProjectId::new("shop").unwrap())
            .await
            .unwrap(),
        number
    );
    assert_eq!(
        world
            .google
            .project_number(&ProjectId::new(&number).unwrap())
            .await
            .unwrap(),
        number
    );
    assert_eq!(world.count("GET", "/v3/projects/"), 1);
}
