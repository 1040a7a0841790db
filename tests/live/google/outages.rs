//! What the Google edge makes of outages, lost answers and reads that lag behind.

use std::time::{Duration, Instant};

use rolewright::google::Google;
use rolewright::model::{Payload, Replication, SecretName, VersionState};
use serde_json::{Value, json};

use super::{API, PAYLOAD, World, current, map, name, payload, set};

/// Rules that hold for as long as they are there.
fn always(mut rule: Value) -> Value {
    rule["times"] = json!("always");
    rule
}

/// A world without the hop: what is to go wrong does so in the fake.
async fn world() -> World {
    let mut world = World::start().await;
    world.google = Google::connect(Some(&world.fake.base_url().parse().unwrap()))
        .await
        .unwrap();
    world
}

async fn with_secret() -> (World, SecretName) {
    let world = world().await;
    world.create(&name()).await.unwrap();
    (world, name())
}

#[tokio::test]
async fn a_hanging_call_is_replaced() {
    let (world, name) = with_secret().await;
    world
        .fake
        .fault("read", json!({"method": "secrets.get", "effect": "hang"}));
    world.fake.fault(
        "add",
        json!({"method": "addVersion", "when": "after", "effect": "hang"}),
    );
    let payload = payload();
    let (read, stored) = tokio::join!(
        world.google.secret(&name),
        world.google.store(&name, &payload, 0)
    );
    assert!(read.unwrap().is_some());
    assert_eq!(stored.unwrap(), 1);
    assert_eq!(
        (world.count("POST", ":addVersion"), world.fake.met("read")),
        (1, 1)
    );
}

#[tokio::test]
async fn google_is_given_the_time_it_asks_for() {
    let (world, name) = with_secret().await;
    let busy = |seconds: u32| json!({"method": "secrets.get", "effect": {"answer": {"status": 429, "retryAfter": seconds}}});
    world.fake.fault("quota", busy(1));
    let begun = Instant::now();
    assert!(world.google.secret(&name).await.unwrap().is_some());
    assert!(begun.elapsed() >= Duration::from_secs(1));

    world.fake.fault("quota", always(busy(3600)));
    let error = world.google.secret(&name).await.unwrap_err();
    assert_eq!(
        error.status().unwrap().retry_after,
        Some(Duration::from_secs(3600))
    );
    assert_eq!(world.fake.met("quota"), 1, "nobody waits for an hour");
}

#[tokio::test]
async fn a_lost_version_is_found_by_its_number_while_the_list_lags() {
    let (world, name) = with_secret().await;
    world
        .google
        .add_version(&name, &Payload::new(b"other".to_vec()))
        .await
        .unwrap();
    world.fake.fault(
        "frozen",
        always(json!({"method": "versions.list", "effect": "frozen"})),
    );
    world.fake.fault(
        "lost",
        json!({"method": "addVersion", "when": "after", "effect": "drop"}),
    );
    assert_eq!(world.google.store(&name, &payload(), 0).await.unwrap(), 2);
    assert_eq!(world.count("POST", ":addVersion"), 2);

    world.fake.fault(
        "lost",
        json!({"method": "addVersion", "effect": {"answer": {"status": 503, "body": "html"}}, "times": 2}),
    );
    assert_eq!(
        world
            .google
            .store(&name, &Payload::new(b"third".to_vec()), 1)
            .await
            .unwrap(),
        3
    );
    assert_eq!(
        world.google.access(&name, 2).await.unwrap().expose(),
        PAYLOAD.as_bytes()
    );
}

#[tokio::test]
async fn what_an_alias_names_is_there_whatever_the_list_says() {
    let (world, name) = with_secret().await;
    world.fake.fault(
        "frozen",
        always(json!({"method": "versions.list", "effect": "frozen"})),
    );
    let etag = world.read(&name).await.etag;
    world.google.add_version(&name, &payload()).await.unwrap();
    world
        .google
        .update_secret(&name, &etag, &current(1))
        .await
        .unwrap();
    let read = world.read(&name).await;
    assert_eq!(read.current().map(|version| version.number), Some(1));
}

#[tokio::test]
async fn a_creation_is_made_good_whatever_became_of_it() {
    for rule in [
        json!({"effect": {"answer": {"status": 503}}, "times": 2}),
        json!({"effect": "drop"}),
        json!({"effect": "drop", "when": "after"}),
        json!({"effect": {"answer": {"status": 500}}, "when": "after"}),
    ] {
        let world = world().await;
        let mut rule = rule;
        rule["method"] = json!("secrets.create");
        world.fake.fault("create", rule);
        // The first two reads do not show it.
        world.fake.fault(
            "frozen",
            json!({"method": "secrets.get", "effect": "frozen", "times": 2}),
        );
        world.create(&name()).await.unwrap();
        assert!(world.create(&name()).await.unwrap_err().is_already_exists());
    }
}

#[tokio::test]
async fn somebody_elses_secret_is_not_taken_for_ours() {
    let world = world().await;
    let by_hand = map(&[("made.by", "hand")]);
    world
        .google
        .create_secret(&name(), &Replication::Automatic, &map(&[]), &by_hand)
        .await
        .unwrap();
    world.fake.fault(
        "create",
        json!({"method": "secrets.create", "effect": "drop"}),
    );
    let error = world.create(&name()).await.unwrap_err();
    assert!(
        error.is_ambiguous() || error.is_already_exists(),
        "{error:?}"
    );
    assert_eq!(world.read(&name()).await.annotations, by_hand);
}

#[tokio::test]
async fn an_update_is_made_once_whatever_became_of_it() {
    for rule in [
        json!({"effect": {"answer": {"status": 503}}, "times": 2}),
        json!({"effect": "drop", "when": "after"}),
        json!({"effect": "cut"}),
    ] {
        let (world, name) = with_secret().await;
        world.google.add_version(&name, &payload()).await.unwrap();
        let etag = world.read(&name).await.etag;
        let mut rule = rule;
        rule["method"] = json!("secrets.patch");
        world.fake.fault("patch", rule);
        // The first two reads show it as it was.
        world.fake.fault(
            "frozen",
            json!({"method": "secrets.get", "effect": "frozen", "times": 2}),
        );
        let new = world
            .google
            .update_secret(&name, &etag, &current(1))
            .await
            .unwrap();
        let read = world.read(&name).await;
        assert_eq!((read.etag, read.aliases.get("current")), (new, Some(&1)));
        assert!(
            world
                .google
                .update_secret(&name, &etag, &current(1))
                .await
                .unwrap_err()
                .is_stale()
        );
    }
}

#[tokio::test]
async fn a_policy_that_lags_behind_is_waited_for_and_not_for_ever() {
    let (world, name) = with_secret().await;
    world.fake.fault(
        "frozen",
        json!({"method": "getIamPolicy", "effect": "frozen", "times": 3}),
    );
    world.fake.fault(
        "lost",
        json!({"method": "setIamPolicy", "when": "after", "effect": "drop"}),
    );
    world
        .google
        .bind(&name, &set(&[API]), &set(&[]))
        .await
        .unwrap();
    assert_eq!(world.read(&name).await.bindings.unwrap()[0].members, [API]);

    world.fake.fault(
        "frozen",
        always(json!({"method": "getIamPolicy", "effect": "frozen"})),
    );
    world
        .google
        .bind(&name, &set(&[]), &set(&[API]))
        .await
        .unwrap();
    world.fake.mend_all();
    assert_eq!(world.read(&name).await.bindings, Some(Vec::new()));
}

#[tokio::test]
async fn a_state_is_reached_whatever_became_of_the_answer() {
    let (world, name) = with_secret().await;
    let reach = async |google: &Google, state| {
        let seen = google.version(&name, 1).await.unwrap();
        google.set_version_state(&name, &seen, state).await.unwrap()
    };
    world.google.add_version(&name, &payload()).await.unwrap();
    for (state, rule) in [
        (
            VersionState::Disabled,
            json!({"method": "disable", "effect": {"answer": {"status": 503}}}),
        ),
        (
            VersionState::Enabled,
            json!({"method": "enable", "effect": "drop", "when": "after"}),
        ),
        (
            VersionState::Destroyed,
            json!({"method": "destroy", "effect": "drop", "when": "after"}),
        ),
    ] {
        let mut rule = rule;
        rule["resource"] = json!("projects/*/secrets/*/versions/1");
        world.fake.fault("state", rule);
        reach(&world.google, state).await;
        assert_eq!(world.read(&name).await.versions[0].state, state);
        assert_eq!(world.fake.met("state"), 1);
    }
    // Where a list lags behind, the end is ordered a second time.
    for state in [VersionState::Disabled, VersionState::Destroyed] {
        reach(&world.google, state).await;
    }
    let seen = world.google.version(&name, 1).await.unwrap();
    assert!(
        world
            .google
            .set_version_state(&name, &seen, VersionState::Enabled)
            .await
            .is_err()
    );
}
