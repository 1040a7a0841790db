//! What one client wrote, the others read.

use serde_json::json;

use super::gcloud::Gcloud;
use super::{gcloud_access, gcloud_policy, python_access, python_policy};
use crate::fake_gcp::FakeGcp;

#[test]
fn gcloud_and_python_read_the_same() {
    let fake = FakeGcp::start().expect("the fake starts");
    let base = fake.base_url();
    let Some(gcloud) = Gcloud::new(&base, "shop-prod") else {
        return;
    };
    let bytes = b"\xfb\xff p\xc3\xa4ss\x00";
    let payload = format!("--data-file={}", gcloud.file("payload", bytes));
    gcloud.must(&[
        "secrets",
        "create",
        "s",
        "--replication-policy=automatic",
        &payload,
    ]);
    let member = "serviceAccount:api@shop-prod.iam.gserviceaccount.com";
    let member_flag = format!("--member={member}");
    let role = "--role=roles/secretmanager.secretAccessor";
    gcloud.must(&["secrets", "add-iam-policy-binding", "s", &member_flag, role]);

    assert_eq!(
        gcloud_access(&base, "shop-prod", "s", "latest").as_deref(),
        Some(&bytes[..])
    );
    let policy = gcloud_policy(&base, "shop-prod", "s").expect("gcloud was here a moment ago");
    assert_eq!(policy["bindings"][0]["members"], json!([member]));
    if let Some(read) = python_access(&base, "shop-prod", "s", "1") {
        assert_eq!(read, bytes);
        assert_eq!(python_policy(&base, "shop-prod", "s"), Some(policy));
    }
}
