//! Google's answers: the first line says to what, a refusal with its status and `Retry-After`; the rest is the body.
#![no_main]

use std::collections::BTreeSet;
use std::error::Error as _;

use libfuzzer_sys::fuzz_target;
use rolewright::google::fuzzing::{Policy, cloud_run, payload, refusal, secret, sent, versions};
use rolewright::google::{Call, Operation};
use rolewright::model::{CloudRunKind, Payload, ProjectId, SecretId, SecretName};
use serde_json::Value;

const READER: &str = "serviceAccount:reader@p.iam.gserviceaccount.com";
const FORMER: &str = "serviceAccount:former@p.iam.gserviceaccount.com";

fuzz_target!(|text: &str| {
    let (kind, body) = text.split_once('\n').unwrap_or((text, ""));
    let body = body.as_bytes();
    match kind.split(' ').collect::<Vec<_>>().as_slice() {
        ["secret"] => is_the_secret(body),
        ["versions"] => is_a_list(body),
        ["payload"] => is_carried(body),
        ["job"] => names_a_version(CloudRunKind::Job, body),
        ["service"] => names_a_version(CloudRunKind::Service, body),
        ["policy"] => is_written_back(body),
        ["refused", status, after @ ..] => is_told(status, &after.join(" "), body),
        _ => {}
    }
});

fn name() -> SecretName {
    SecretName {
        project: ProjectId::new("p").expect("a project"),
        id: SecretId::new("s").expect("an id"),
    }
}

fn is_the_secret(body: &[u8]) {
    if let Some(found) = secret(&name(), body) {
        assert_eq!(found.name, name());
        assert!(!found.etag.is_empty(), "an update would not be guarded");
    }
}

fn is_a_list(body: &[u8]) {
    let _ = versions(body);
}

/// A payload that came in goes out as it came; one that did not match its checksum did not come in.
fn is_carried(body: &[u8]) {
    if let Some((number, arrived)) = payload(body) {
        let sent = sent(&arrived).expect("JSON");
        let answer =
            format!(r#"{{"name":"projects/1/secrets/s/versions/{number}","payload":{sent}}}"#);
        let (again, back) = payload(answer.as_bytes()).expect("our own");
        assert!(again == number && back.expose() == arrived.expose());
    }
    let sent = sent(&Payload::new(body.to_vec())).expect("JSON");
    let answer = format!(r#"{{"name":"projects/1/secrets/s/versions/1","payload":{sent}}}"#);
    assert!(payload(answer.as_bytes()).is_some_and(|(_, back)| back.expose() == body));
}

fn names_a_version(kind: CloudRunKind, body: &[u8]) {
    if let Some(found) = cloud_run(kind, body) {
        assert!(found.secrets.iter().all(|(_, version)| !version.is_empty()));
    }
}

/// A policy is written back whole: readers come and go, everything else stays, known to the client or not.
fn is_written_back(body: &[u8]) {
    let Some(before) = Policy::read(body) else {
        return;
    };
    let text = before.written().expect("JSON");
    assert_eq!(
        Policy::read(text.as_bytes()).as_ref(),
        Some(&before),
        "{text}"
    );
    let (add, remove) = (
        BTreeSet::from([READER.to_owned()]),
        BTreeSet::from([FORMER.to_owned()]),
    );
    let mut after = before.clone();
    after.change(&add, &remove);
    let settled = after.clone();
    assert!(
        !after.change(&add, &remove),
        "a second time there is something to do: {settled:?}"
    );
    let others = |policy: &Policy| {
        let text = policy.written().expect("JSON");
        let mut policy: Value = serde_json::from_str(&text).expect("JSON");
        let fields = policy.as_object_mut().expect("an object");
        let bindings = fields.remove("bindings").unwrap_or_default();
        fields.remove("version");
        let ours = |binding: &Value| {
            binding["role"] == "roles/secretmanager.secretAccessor"
                && binding.get("condition").is_none_or(Value::is_null)
        };
        let bindings: Vec<_> = bindings
            .as_array()
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .filter(|binding| !ours(binding))
            .collect();
        (policy, bindings)
    };
    assert_eq!(others(&before), others(&after));
    let accessors = after.bindings().into_iter().filter(|binding| {
        binding.role == "roles/secretmanager.secretAccessor" && binding.condition.is_none()
    });
    // An address in capitals is the same one.
    assert!(
        accessors
            .flat_map(|binding| binding.members)
            .any(|member| member.eq_ignore_ascii_case(READER))
    );
}

fn is_told(status: &str, retry_after: &str, body: &[u8]) {
    let Ok(status) = status.parse() else { return };
    for operation in [
        Operation::GetSecret,
        Operation::AddVersion,
        Operation::UpdateSecret,
        Operation::SetPolicy,
    ] {
        let call = Call {
            operation,
            project: "p".into(),
            object: name().to_string(),
        };
        let Some(error) = refusal(&call, status, retry_after, body) else {
            return;
        };
        assert!(
            error
                .source()
                .is_some_and(|source| !source.to_string().is_empty())
        );
        assert!(
            error
                .hint()
                .is_none_or(|hint| !hint.is_empty() && !hint.contains('\n')),
            "{:?}",
            error.hint()
        );
        assert!(error.status().is_some());
        let _ = (error.is_stale(), error.is_ambiguous(), error.is_not_found());
    }
}
