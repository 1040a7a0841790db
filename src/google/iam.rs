//! Who may access a secret: its IAM policy, read, changed and written back whole.
//! <https://cloud.google.com/iam/docs/allow-policies#etag>

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::future::join_all;
use google_cloud_iam_v1::model as iam;
use serde_json::json;

use super::request::{Body, Request};
use super::secret::secret_call;
use super::{Google, GoogleError, Operation};
use crate::model::{Binding, PayloadAccess, SecretName};

/// What a reader of a secret holds.
const ACCESSOR: &str = "roles/secretmanager.secretAccessor";

/// Without it IAM hides conditions on reading and drops them on writing.
/// <https://cloud.google.com/iam/docs/allow-policies#specifying-version-get>
const VERSION: i32 = 3;

impl Google {
    /// Lets the members of `add` access the secret unconditionally, and removes that access from those of `remove`;
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
        let mut pauses = self.patience.pauses();
        loop {
            // A lost race, a lost answer, a secret that does not show yet and a policy that others wrote over are all
            // mended by beginning with the read again.
            let error = match self.write_members(name, add, remove).await {
                Ok(None) => return Ok(()),
                Ok(Some(before)) => match self.confirm_members(name, add, remove, &before).await {
                    Err(error @ GoogleError::Unconfirmed { .. }) => error,
                    confirmed => return confirmed,
                },
                Err(error) if error.is_stale() || error.is_ambiguous() || error.is_not_found() => {
                    error
                }
                Err(error) => return Err(error),
            };
            tokio::time::sleep(pauses.next().ok_or(error)?).await;
        }
    }

    /// The bindings of the secret's own policy.
    pub(super) async fn bindings(&self, name: &SecretName) -> Result<Vec<Binding>, GoogleError> {
        let bindings = self.policy(name).await?.bindings;
        let roles: BTreeSet<_> = bindings
            .iter()
            .map(|binding| binding.role.clone())
            .collect();
        let access = roles
            .into_iter()
            .map(async |role| (self.payload_access(&role).await, role));
        let access: BTreeMap<_, _> = join_all(access)
            .await
            .into_iter()
            .map(|(access, role)| (role, access))
            .collect();
        Ok(bindings
            .into_iter()
            .map(|one| binding(one, &access))
            .collect())
    }

    /// The bindings of the secret's own policy; `None` where they may not be read.
    ///
    /// # Errors
    /// Refused or unreachable.
    pub async fn bindings_if_readable(
        &self,
        name: &SecretName,
    ) -> Result<Option<Vec<Binding>>, GoogleError> {
        match self.bindings(name).await {
            Err(error) if error.is_permission_denied() => Ok(None),
            bindings => bindings.map(Some),
        }
    }

    /// The policy with everything in it, known to the client or not: it is written back whole.
    async fn policy(&self, name: &SecretName) -> Result<iam::Policy, GoogleError> {
        let call = secret_call(Operation::GetPolicy, name);
        let get = Request::secret(call.clone()).verb("getIamPolicy");
        let get = get.parameter("options.requestedPolicyVersion", VERSION.to_string());
        let policy: iam::Policy = self.http.json(&get).await?;
        // A policy written without its etag overwrites whatever is there.
        if policy.etag.is_empty() {
            return Err(GoogleError::Malformed {
                call,
                reason: "the policy has no etag",
            });
        }
        Ok(policy)
    }

    /// Writes the policy, if there is anything to change, and returns the etag that it had before.
    async fn write_members(
        &self,
        name: &SecretName,
        add: &BTreeSet<String>,
        remove: &BTreeSet<String>,
    ) -> Result<Option<Bytes>, GoogleError> {
        let mut policy = self.policy(name).await?;
        if !change(&mut policy, add, remove) {
            return Ok(None);
        }
        let before = policy.etag.clone();
        let set = Request::secret(secret_call(Operation::SetPolicy, name)).verb("setIamPolicy");
        let set = set.body(Body::Post(json!({ "policy": policy })));
        let _: iam::Policy = self.http.json(&set).await?;
        Ok(Some(before))
    }

    /// Waits until the policy reads as it was written. One that for all that time reads as it was `before` lags behind,
    /// which takes nothing from an answer that said it was written.
    async fn confirm_members(
        &self,
        name: &SecretName,
        add: &BTreeSet<String>,
        remove: &BTreeSet<String>,
        before: &Bytes,
    ) -> Result<(), GoogleError> {
        for pause in self.patience.pauses() {
            let mut policy = self.policy(name).await?;
            let lags = policy.etag == *before;
            match change(&mut policy, add, remove) {
                false => return Ok(()),
                true if lags => tokio::time::sleep(pause).await,
                true => {
                    return Err(GoogleError::Unconfirmed {
                        call: secret_call(Operation::SetPolicy, name),
                    });
                }
            }
        }
        tracing::warn!(secret = %name, "the IAM policy was written and does not show yet");
        Ok(())
    }
}

/// Changes the unconditional accessors, and returns whether that changed anything. A member of both sets stays.
pub(super) fn change(
    policy: &mut iam::Policy,
    add: &BTreeSet<String>,
    remove: &BTreeSet<String>,
) -> bool {
    let before = policy.bindings.clone();
    let kept = |member: &String| !holds(remove, member) || holds(add, member);
    for binding in policy
        .bindings
        .iter_mut()
        .filter(|binding| is_ours(binding))
    {
        binding.members.retain(kept);
    }
    // IAM refuses a binding without members.
    policy
        .bindings
        .retain(|binding| !is_ours(binding) || !binding.members.is_empty());
    let missing: Vec<_> = add
        .iter()
        .filter(|member| !has(policy, member))
        .cloned()
        .collect();
    if !missing.is_empty() {
        accessors(policy).extend(missing);
    }
    policy.version = VERSION;
    policy.bindings != before
}

fn has(policy: &iam::Policy, member: &str) -> bool {
    let mut ours = policy.bindings.iter().filter(|binding| is_ours(binding));
    ours.any(|binding| binding.members.iter().any(|held| same_member(held, member)))
}

fn accessors(policy: &mut iam::Policy) -> &mut Vec<String> {
    let at = policy.bindings.iter().position(is_ours).unwrap_or_else(|| {
        policy.bindings.push(iam::Binding::new().set_role(ACCESSOR));
        policy.bindings.len() - 1
    });
    &mut policy.bindings[at].members
}

fn is_ours(binding: &iam::Binding) -> bool {
    binding.role == ACCESSOR && binding.condition.is_none()
}

pub(super) fn binding(binding: iam::Binding, access: &BTreeMap<String, PayloadAccess>) -> Binding {
    let condition = binding.condition.map(|condition| condition.title);
    let access = access
        .get(&binding.role)
        .copied()
        .unwrap_or(PayloadAccess::Unknown);
    Binding {
        role: binding.role,
        members: binding.members,
        condition,
        access,
    }
}

fn holds(set: &BTreeSet<String>, member: &str) -> bool {
    set.contains(member) || set.iter().any(|other| same_member(other, member))
}

/// E-mail addresses are kept in lower case by IAM, however they were written; pool subjects keep their case.
/// <https://cloud.google.com/iam/docs/principal-identifiers>
fn same_member(a: &str, b: &str) -> bool {
    let by_mail = ["serviceAccount:", "user:", "group:", "domain:"]
        .iter()
        .any(|kind| a.starts_with(kind));
    if by_mail {
        a.eq_ignore_ascii_case(b)
    } else {
        a == b
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_set, vec};
    use proptest::option;
    use proptest::prelude::*;
    use serde_json::{Value, json};

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

    fn binding() -> impl Strategy<Value = Value> {
        let role = prop::sample::select(vec![
            ACCESSOR,
            "roles/secretmanager.admin",
            "projects/p/roles/own",
        ]);
        let condition = option::of(Just(
            json!({"title": "until", "expression": "request.time < x", "new": 1}),
        ));
        (role, vec(member(), 1..4), condition).prop_map(|(role, members, condition)| {
            let mut binding = json!({"role": role, "members": members, "bindingId": "b"});
            if let Some(condition) = condition {
                binding["condition"] = condition;
            }
            binding
        })
    }

    /// Policies with fields in them that the client does not know.
    fn policy() -> impl Strategy<Value = Value> {
        vec(binding(), 1..5).prop_map(move |bindings| {
            let audit = json!([{"service": "allServices"}]);
            json!({"etag": "BwY=", "version": 1, "bindings": bindings, "auditConfigs": audit, "rules": [1]})
        })
    }

    fn read(policy: Value) -> iam::Policy {
        serde_json::from_value(policy).unwrap()
    }

    fn accessors(policy: &iam::Policy) -> BTreeSet<String> {
        policy
            .bindings
            .iter()
            .filter(|binding| is_ours(binding))
            .flat_map(|binding| binding.members.clone())
            .collect()
    }

    fn others(policy: &iam::Policy) -> Vec<iam::Binding> {
        policy
            .bindings
            .iter()
            .filter(|binding| !is_ours(binding))
            .cloned()
            .collect()
    }

    fn without_bindings(policy: iam::Policy) -> iam::Policy {
        policy
            .set_bindings(Vec::<iam::Binding>::new())
            .set_version(VERSION)
    }

    proptest! {
        #[test]
        fn nothing_is_lost_but_what_is_to_be_removed(
            before in policy(),
            add in btree_set(member(), 0..3),
            remove in btree_set(member(), 0..3),
        ) {
            let before = read(before);
            let mut after = before.clone();
            let changed = change(&mut after, &add, &remove);

            prop_assert_eq!(others(&after), others(&before));
            let expected: BTreeSet<_> = &(&accessors(&before) - &remove) | &add;
            prop_assert_eq!(accessors(&after), expected);
            prop_assert_eq!(changed, accessors(&after) != accessors(&before));
            prop_assert!(after.bindings.iter().all(|binding| !binding.members.is_empty()));
            prop_assert_eq!(after.version, VERSION);
            prop_assert!(!change(&mut after, &add, &remove));
            prop_assert_eq!(without_bindings(after), without_bindings(before));
        }

        #[test]
        fn what_is_read_is_what_is_written(policy in policy()) {
            prop_assert_eq!(serde_json::to_value(read(policy.clone())).unwrap(), policy);
        }
    }

    #[test]
    fn a_policy_nobody_ever_wrote_has_an_etag_only() {
        let mut policy = read(json!({"etag": "ACAB"}));
        assert!(change(
            &mut policy,
            &BTreeSet::from(["serviceAccount:a@p".into()]),
            &BTreeSet::new()
        ));
        let expected = json!({
            "etag": "ACAB", "version": 3,
            "bindings": [{"role": ACCESSOR, "members": ["serviceAccount:a@p"]}],
        });
        assert_eq!(serde_json::to_value(policy).unwrap(), expected);
    }

    #[test]
    fn mail_addresses_are_the_same_in_any_case_and_subjects_are_not() {
        assert!(same_member("serviceAccount:A@p", "serviceAccount:a@p"));
        assert!(!same_member("serviceAccount:a@p", "user:a@p"));
        assert!(!same_member(
            "principal://x/subject/A",
            "principal://x/subject/a"
        ));
    }
}
