//! Who may access a secret: its IAM policy, read, changed and written back whole.
//! <https://cloud.google.com/iam/docs/allow-policies#etag>

use std::collections::BTreeSet;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::http::{Request, Service};
use super::secret::{secret_call, secret_path};
use super::{Google, GoogleError, Operation};
use crate::model::{Binding, SecretName};

/// What a reader of a secret holds.
const ACCESSOR: &str = "roles/secretmanager.secretAccessor";

/// Without it IAM hides conditions on reading and drops them on writing.
/// <https://cloud.google.com/iam/docs/allow-policies#specifying-version-get>
const VERSION: i32 = 3;

/// A policy with everything in it, known here or not: it is written back whole.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
struct Policy {
    // A policy written without its etag overwrites whatever is there.
    etag: String,
    #[serde(default)]
    version: i32,
    #[serde(default)]
    bindings: Vec<PolicyBinding>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
struct PolicyBinding {
    role: String,
    #[serde(default)]
    members: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Google {
    /// Lets the members of `add` access the secret, whenever and whoever asks, and takes that from those of `remove`;
    /// conditional bindings and other roles stay. Returns when the policy reads so.
    ///
    /// # Errors
    /// Refused, for a member that does not exist too; [`GoogleError::is_stale`] where others keep changing the policy;
    /// [`GoogleError::Unconfirmed`] where the change does not show.
    pub async fn bind(
        &self,
        name: &SecretName,
        add: &BTreeSet<String>,
        remove: &BTreeSet<String>,
    ) -> Result<(), GoogleError> {
        // A lost race and a lost answer are both mended by beginning with the read again.
        (|| self.write_members(name, add, remove))
            .retry(backoff())
            .when(|error| error.is_stale() || error.is_ambiguous())
            .await?;
        (|| self.confirm_members(name, add, remove))
            .retry(backoff())
            .when(|error| matches!(error, GoogleError::Unconfirmed { .. }))
            .await
    }

    /// The bindings of the secret's own policy.
    pub(super) async fn bindings(&self, name: &SecretName) -> Result<Vec<Binding>, GoogleError> {
        let bindings = self.policy(name).await?.bindings;
        Ok(bindings.into_iter().map(PolicyBinding::binding).collect())
    }

    async fn policy(&self, name: &SecretName) -> Result<Policy, GoogleError> {
        let call = secret_call(Operation::GetPolicy, name);
        let mut request = Request::get(call, Service::SecretManager, secret_path(name, ":getIamPolicy"));
        request.query.push(("options.requestedPolicyVersion", VERSION.to_string()));
        self.http.json(&request).await
    }

    async fn write_members(
        &self,
        name: &SecretName,
        add: &BTreeSet<String>,
        remove: &BTreeSet<String>,
    ) -> Result<(), GoogleError> {
        let mut policy = self.policy(name).await?;
        if !policy.change(add, remove) {
            return Ok(());
        }
        let body = json!({ "policy": policy }).to_string();
        let call = secret_call(Operation::SetPolicy, name);
        let request = Request::post(call, Service::SecretManager, secret_path(name, ":setIamPolicy"), body);
        self.http.bytes(&request).await.map(drop)
    }

    async fn confirm_members(
        &self,
        name: &SecretName,
        add: &BTreeSet<String>,
        remove: &BTreeSet<String>,
    ) -> Result<(), GoogleError> {
        if self.policy(name).await?.change(add, remove) {
            return Err(GoogleError::Unconfirmed { call: secret_call(Operation::SetPolicy, name) });
        }
        Ok(())
    }
}

fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(6)
}

impl Policy {
    /// Changes the unconditional accessors, and says whether there was anything to change. Who is in both sets stays.
    fn change(&mut self, add: &BTreeSet<String>, remove: &BTreeSet<String>) -> bool {
        let before = self.bindings.clone();
        let kept = |member: &String| !holds(remove, member) || holds(add, member);
        for binding in self.bindings.iter_mut().filter(|binding| binding.is_ours()) {
            binding.members.retain(kept);
        }
        // IAM refuses a binding without members.
        self.bindings.retain(|binding| !binding.is_ours() || !binding.members.is_empty());
        let missing: Vec<_> = add.iter().filter(|member| !self.has(member)).cloned().collect();
        if !missing.is_empty() {
            self.accessors().extend(missing);
        }
        self.version = VERSION;
        self.bindings != before
    }

    fn has(&self, member: &str) -> bool {
        let mut ours = self.bindings.iter().filter(|binding| binding.is_ours());
        ours.any(|binding| binding.members.iter().any(|held| same_member(held, member)))
    }

    fn accessors(&mut self) -> &mut Vec<String> {
        let at = self.bindings.iter().position(PolicyBinding::is_ours).unwrap_or_else(|| {
            let role = ACCESSOR.to_owned();
            self.bindings.push(PolicyBinding { role, members: Vec::new(), condition: None, rest: Map::new() });
            self.bindings.len() - 1
        });
        &mut self.bindings[at].members
    }
}

impl PolicyBinding {
    fn is_ours(&self) -> bool {
        self.role == ACCESSOR && self.condition.is_none()
    }

    fn binding(self) -> Binding {
        let title = |condition: Value| condition["title"].as_str().unwrap_or_default().to_owned();
        Binding { role: self.role, members: self.members, condition: self.condition.map(title) }
    }
}

fn holds(set: &BTreeSet<String>, member: &str) -> bool {
    set.contains(member) || set.iter().any(|other| same_member(other, member))
}

/// E-mail addresses are kept in lower case by IAM, however they were written; pool subjects keep their case.
/// <https://cloud.google.com/iam/docs/principal-identifiers>
fn same_member(a: &str, b: &str) -> bool {
    let by_mail = ["serviceAccount:", "user:", "group:", "domain:"].iter().any(|kind| a.starts_with(kind));
    if by_mail { a.eq_ignore_ascii_case(b) } else { a == b }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_set, vec};
    use proptest::option;
    use proptest::prelude::*;

    fn member() -> impl Strategy<Value = String> {
        prop::sample::select(vec![
            "serviceAccount:a@p.iam.gserviceaccount.com",
            "serviceAccount:b@p.iam.gserviceaccount.com",
            "deleted:serviceAccount:a@p.iam.gserviceaccount.com?uid=1",
            "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/w/subject/S",
            "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/w/subject/s",
        ])
        .prop_map(String::from)
    }

    fn binding() -> impl Strategy<Value = PolicyBinding> {
        let role = prop::sample::select(vec![ACCESSOR, "roles/secretmanager.admin", "projects/p/roles/own"]);
        let condition = option::of(Just(json!({"title": "until", "expression": "request.time < x", "new": 1})));
        (role, vec(member(), 1..4), condition).prop_map(|(role, members, condition)| {
            let rest = Map::from_iter([("bindingId".into(), json!("b"))]);
            PolicyBinding { role: role.into(), members, condition, rest }
        })
    }

    fn policy() -> impl Strategy<Value = Policy> {
        let rest = Map::from_iter([("auditConfigs".into(), json!([{"service": "allServices"}]))]);
        vec(binding(), 0..5).prop_map(move |bindings| Policy {
            etag: "BwY".into(),
            version: 1,
            bindings,
            rest: rest.clone(),
        })
    }

    fn accessors(policy: &Policy) -> BTreeSet<String> {
        policy.bindings.iter().filter(|binding| binding.is_ours()).flat_map(|binding| binding.members.clone()).collect()
    }

    fn others(policy: &Policy) -> Vec<PolicyBinding> {
        policy.bindings.iter().filter(|binding| !binding.is_ours()).cloned().collect()
    }

    proptest! {
        #[test]
        fn nothing_is_lost_but_what_is_to_be_removed(
            before in policy(),
            add in btree_set(member(), 0..3),
            remove in btree_set(member(), 0..3),
        ) {
            let mut after = before.clone();
            let changed = after.change(&add, &remove);

            prop_assert_eq!(others(&after), others(&before));
            let expected: BTreeSet<_> = &(&accessors(&before) - &remove) | &add;
            prop_assert_eq!(accessors(&after), expected);
            prop_assert_eq!(changed, accessors(&after) != accessors(&before));
            prop_assert!(after.bindings.iter().all(|binding| !binding.members.is_empty()));
            prop_assert_eq!((&after.etag, &after.rest, after.version), (&before.etag, &before.rest, VERSION));
            prop_assert!(!after.change(&add, &remove));
        }

        #[test]
        fn what_is_read_is_what_is_written(policy in policy()) {
            let text = serde_json::to_string(&policy).unwrap();
            prop_assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
        }
    }

    #[test]
    fn a_policy_nobody_ever_wrote_has_an_etag_only() {
        let mut policy: Policy = serde_json::from_str(r#"{"etag":"ACAB"}"#).unwrap();
        assert!(policy.change(&BTreeSet::from(["serviceAccount:a@p".into()]), &BTreeSet::new()));
        let expected = json!({
            "etag": "ACAB", "version": 3,
            "bindings": [{"role": ACCESSOR, "members": ["serviceAccount:a@p"]}],
        });
        assert_eq!(serde_json::to_value(policy).unwrap(), expected);
        assert!(serde_json::from_str::<Policy>("{}").is_err(), "a write without etag would overwrite");
    }

    #[test]
    fn mail_addresses_are_the_same_in_any_case_and_subjects_are_not() {
        assert!(same_member("serviceAccount:A@p", "serviceAccount:a@p"));
        assert!(!same_member("serviceAccount:a@p", "user:a@p"));
        assert!(!same_member("principal://x/subject/A", "principal://x/subject/a"));
    }
}
