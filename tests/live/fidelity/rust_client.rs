//! Google's Rust client against the fake: enums as numbers, etags as bytes, percent-encoded parameters.

use google_cloud_auth::credentials::anonymous;
use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::paginator::ItemPaginator as _;
use google_cloud_iam_v1::model::{Binding, GetPolicyOptions, Policy};
use google_cloud_secretmanager_v1::client::SecretManagerService;
use google_cloud_secretmanager_v1::model::secret_version::State;
use google_cloud_secretmanager_v1::model::{Replication, Secret, SecretPayload, replication};
use google_cloud_wkt::FieldMask;

use crate::fake_gcp::FakeGcp;

const PARENT: &str = "projects/shop-prod";
const SECRET: &str = "projects/shop-prod/secrets/s";

async fn client(fake: &FakeGcp) -> SecretManagerService {
    super::install_crypto_provider();
    let credentials = anonymous::Builder::new().build();
    let builder = SecretManagerService::builder().with_endpoint(fake.base_url());
    builder
        .with_credentials(credentials)
        .build()
        .await
        .expect("the client is built")
}

async fn client_with_secret(fake: &FakeGcp) -> SecretManagerService {
    let client = client(fake).await;
    let automatic = Replication::new().set_automatic(replication::Automatic::new());
    let secret = Secret::new()
        .set_replication(automatic)
        .set_labels([("team", "db")]);
    let created = client
        .create_secret()
        .set_parent(PARENT)
        .set_secret_id("s")
        .set_secret(secret);
    created.send().await.expect("the secret is created");
    client
}

async fn add(client: &SecretManagerService, data: &'static [u8]) -> String {
    let checksum = i64::from(crc32c::crc32c(data));
    let payload = SecretPayload::new()
        .set_data(data)
        .set_data_crc32c(checksum);
    let added = client
        .add_secret_version()
        .set_parent(SECRET)
        .set_payload(payload)
        .send()
        .await;
    let added = added.expect("the version is added");
    assert!(added.client_specified_payload_checksum);
    assert_eq!(added.state, State::Enabled);
    added.name
}

fn version(number: &str) -> String {
    format!("{SECRET}/versions/{number}")
}

#[tokio::test]
async fn rust_leads_versions_through_their_states() {
    let fake = FakeGcp::start().expect("the fake starts");
    let client = client_with_secret(&fake).await;
    add(&client, b"first").await;
    let second = add(&client, b"\xfb\xff\x00").await;

    let read = client
        .access_secret_version()
        .set_name(version("latest"))
        .send()
        .await
        .expect("it is read");
    let payload = read.payload.expect("a payload");
    assert_eq!(
        (read.name, &payload.data[..]),
        (second.clone(), &b"\xfb\xff\x00"[..])
    );
    assert_eq!(
        payload.data_crc32c,
        Some(i64::from(crc32c::crc32c(b"\xfb\xff\x00")))
    );

    let found = client
        .get_secret_version()
        .set_name(version("2"))
        .send()
        .await
        .expect("it is there");
    let disable = client
        .disable_secret_version()
        .set_name(version("2"))
        .set_etag(&found.etag);
    assert_eq!(
        disable.clone().send().await.expect("it is disabled").state,
        State::Disabled
    );
    let stale = disable.send().await.expect_err("the etag is stale");
    assert_eq!(
        stale.status().map(|status| status.code),
        Some(Code::FailedPrecondition)
    );

    let mut versions = client
        .list_secret_versions()
        .set_parent(SECRET)
        .set_page_size(1)
        .by_item();
    let mut states = Vec::new();
    while let Some(version) = versions.next().await {
        states.push(version.expect("a version").state);
    }
    assert_eq!(states, [State::Disabled, State::Enabled]);
    let destroyed = client
        .destroy_secret_version()
        .set_name(version("2"))
        .send()
        .await
        .expect("it is destroyed");
    assert_eq!(destroyed.state, State::Destroyed);
    let gone = client
        .access_secret_version()
        .set_name(version("latest"))
        .send()
        .await
        .expect_err("it is destroyed");
    let status = gone.status().expect("a status");
    assert_eq!(status.code, Code::FailedPrecondition);
    assert_eq!(
        status.message,
        format!("Secret Version [{second}] is in DESTROYED state.")
    );
}

#[tokio::test]
async fn rust_updates_only_what_the_mask_names() {
    let fake = FakeGcp::start().expect("the fake starts");
    let client = client_with_secret(&fake).await;
    add(&client, b"first").await;
    let secret = client
        .get_secret()
        .set_name(SECRET)
        .send()
        .await
        .expect("the secret");
    let etag = secret.etag.clone();
    let changed = Secret::new()
        .set_name(SECRET)
        .set_etag(&etag)
        .set_version_aliases([("current", 1_i64)]);
    let mask = FieldMask::default().set_paths(["version_aliases", "annotations"]);
    let update = client
        .update_secret()
        .set_secret(changed.set_annotations([("rot.id", "7")]))
        .set_update_mask(mask);
    let updated = update.clone().send().await.expect("the update");
    assert_eq!(
        (
            updated.version_aliases["current"],
            &updated.labels["team"][..]
        ),
        (1, "db")
    );
    assert_ne!(updated.etag, etag);
    let stale = update.send().await.expect_err("the etag is stale");
    assert_eq!(
        stale.status().map(|status| status.code),
        Some(Code::FailedPrecondition)
    );
    let read = client
        .access_secret_version()
        .set_name(version("current"))
        .send()
        .await
        .expect("by alias");
    assert_eq!(&read.payload.expect("a payload").data[..], b"first");
}

#[tokio::test]
async fn rust_is_told_of_concurrent_policy_changes() {
    let fake = FakeGcp::start().expect("the fake starts");
    let client = client_with_secret(&fake).await;
    let options = GetPolicyOptions::new().set_requested_policy_version(3);
    let read = client
        .get_iam_policy()
        .set_resource(SECRET)
        .set_options(options);
    let empty = read.clone().send().await.expect("the policy");
    let binding = Binding::new()
        .set_role("roles/secretmanager.secretAccessor")
        .set_members(["serviceAccount:api@shop-prod.iam.gserviceaccount.com"]);
    let policy = Policy::new()
        .set_version(3)
        .set_etag(empty.etag)
        .set_bindings([binding]);
    let write = client
        .set_iam_policy()
        .set_resource(SECRET)
        .set_policy(policy);
    let written = write.clone().send().await.expect("the policy is written");
    assert_eq!(written.version, 1);
    assert_eq!(read.send().await.expect("the policy"), written);
    let stale = write.send().await.expect_err("the etag is stale");
    assert_eq!(stale.http_status_code(), Some(409));
    assert_eq!(
        stale.status().map(|status| status.code),
        Some(Code::Aborted)
    );
    let permissions = ["secretmanager.secrets.get"];
    let test = client
        .test_iam_permissions()
        .set_resource(SECRET)
        .set_permissions(permissions);
    assert_eq!(
        test.send().await.expect("the permissions").permissions,
        permissions
    );
}
