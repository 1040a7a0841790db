//! Who may access a secret, and whom the policy keeps whatever happens.

use rolewright::google::GoogleError;
use rolewright::model::Secret;
use serde_json::{Value, json};

use super::hop::Fault;
use super::{API, World, payload, set};

const ACCESSOR: &str = "roles/secretmanager.secretAccessor";
const JOB: &str = "serviceAccount:job@shop.iam.gserviceaccount.com";

fn members(secret: &Secret) -> Vec<&str> {
    let bindings = secret.bindings.as_ref().unwrap().iter();
    let ours = bindings.filter(|binding| binding.role == ACCESSOR && binding.condition.is_none());
    ours.flat_map(|binding| &binding.members)
        .map(String::as_str)
        .collect()
}

fn conditional(member: &str) -> Value {
    json!({
        "role": ACCESSOR,
        "members": [member],
        "condition": {"title": "until spring", "expression": "request.time < timestamp('2027-03-21T00:00:00Z')"},
    })
}

#[tokio::test]
async fn readers_are_bound_and_unbound() {
    let (world, name) = World::with_secret().await;
    world
        .google
        .bind(&name, &set(&[API, JOB]), &set(&[]))
        .await
        .unwrap();
    let mut bound = world.read(&name).await;
    assert_eq!(members(&bound), [API, JOB]);

    world
        .google
        .bind(&name, &set(&[API]), &set(&[JOB]))
        .await
        .unwrap();
    bound = world.read(&name).await;
    assert_eq!(members(&bound), [API]);
    world
        .google
        .bind(&name, &set(&[&API.replace("api@", "API@")]), &set(&[JOB]))
        .await
        .unwrap();
    assert_eq!(
        world.count("POST", ":setIamPolicy"),
        2,
        "nothing to change, nothing written"
    );

    world
        .google
        .bind(&name, &set(&[]), &set(&[API]))
        .await
        .unwrap();
    assert_eq!(world.read(&name).await.bindings, Some(Vec::new()));
}

#[tokio::test]
async fn a_lost_race_for_the_policy_loses_nothing() {
    let (world, name) = World::with_secret().await;
    world
        .google
        .bind(&name, &set(&[JOB]), &set(&[]))
        .await
        .unwrap();
    world.hop.next(
        ":setIamPolicy",
        Fault::Overtake(conditional("user:auditor@example.com")),
    );
    let admins =
        json!({"role": "roles/secretmanager.admin", "members": ["group:platform@example.com"]});
    world.hop.next(":setIamPolicy", Fault::Overtake(admins));
    world.hop.next(":setIamPolicy", Fault::LoseAnswer);
    world
        .google
        .bind(&name, &set(&[API]), &set(&[JOB]))
        .await
        .unwrap();
    assert!(world.hop.is_done());

    let secret = world.read(&name).await;
    assert_eq!(members(&secret), [API]);
    let others: Vec<_> = secret
        .bindings
        .unwrap()
        .into_iter()
        .filter(|binding| binding.members != [API])
        .collect();
    assert_eq!(others.len(), 2);
    assert!(
        others
            .iter()
            .any(|binding| binding.condition.as_deref() == Some("until spring"))
    );
    assert!(
        others
            .iter()
            .any(|binding| binding.members == ["group:platform@example.com"])
    );
}

#[tokio::test]
async fn a_conditional_binding_is_no_substitute_and_stays() {
    let (world, name) = World::with_secret().await;
    world
        .hop
        .next(":setIamPolicy", Fault::Overtake(conditional(API)));
    world
        .google
        .bind(&name, &set(&[API]), &set(&[]))
        .await
        .unwrap();
    world
        .google
        .bind(&name, &set(&[]), &set(&[API]))
        .await
        .unwrap();
    let bindings = world.read(&name).await.bindings.unwrap();
    assert_eq!(bindings.len(), 1);
    assert_eq!(
        (bindings[0].condition.as_deref(), &bindings[0].members[..]),
        (Some("until spring"), &[API.to_owned()][..])
    );
}

#[tokio::test]
async fn a_policy_that_may_not_be_read_is_unknown_not_empty() {
    let (world, name) = World::with_secret().await;
    world.fake.restrict(
        "anonymous",
        &["secretmanager.secrets.get", "secretmanager.versions.list"],
    );
    assert_eq!(world.read(&name).await.bindings, None);

    let error = world
        .google
        .add_version(&name, &payload())
        .await
        .unwrap_err();
    assert!(error.is_permission_denied());
    assert_eq!(
        error.hint().unwrap(),
        "grant `secretmanager.versions.add`: `gcloud projects add-iam-policy-binding shop --member=MEMBER \
         --role=roles/secretmanager.secretVersionAdder`"
    );
}

#[tokio::test]
async fn a_policy_without_an_etag_is_not_written() {
    let (world, name) = World::with_secret().await;
    world.hop.next(
        ":getIamPolicy",
        Fault::Tamper(|answer| answer.replace("etag", "tag")),
    );
    let error = world
        .google
        .bind(&name, &set(&[API]), &set(&[]))
        .await
        .unwrap_err();
    assert!(matches!(error, GoogleError::Malformed { .. }), "{error:?}");
    assert_eq!(world.count("POST", ":setIamPolicy"), 0);
}
