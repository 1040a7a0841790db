//! What others wrote into a secret, and the plan: no change is of a role that is not the secret's own.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rolewright::model::{Annotations, Logins, Secret, State};
use rolewright::plan::{Change, Options, Rule, diff, script};
use rolewright::rotation::read;

use super::world::{policy, role, world};
use crate::rotation::foreign::{OWN, now, written};

const POLICY: &str = "version: 1
instance: p:r:i
databases: { shop: { schemas: [app] } }
roles:
  migration_user: { access: ddl }
  app: { access: dml, secret: { name: s, payload: url }, rotate: { strategy: STRATEGY } }
";

/// Everyone whom an annotation names, and one of the pair in use.
const ROLES: &str = "
    role migration_user login
    role app
    role app_a login
    role app_b
    role App login
    role app_c login
    role postgres login createrole createdb
";

fn instance(secret: Secret) -> State {
    let mut state = world(17, ROLES);
    state.server.now = Some(now());
    state.secrets = BTreeMap::from([(secret.name.clone(), secret)]);
    state
}

/// The secret as a first `apply` leaves it.
fn untouched(secret: &Secret) -> Secret {
    let annotations = [
        (Annotations::ROLE, "app"),
        (Annotations::INSTANCE, "p:r:i"),
        (Annotations::LOGIN, "app_a"),
        (Annotations::PUBLISHED, "2026-01-01T00:00:00Z"),
    ];
    let annotations = annotations
        .map(|(key, text)| (key.to_owned(), text.to_owned()))
        .into();
    Secret {
        annotations,
        aliases: [("current".to_owned(), 5)].into(),
        ..secret.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_change_is_of_a_role_that_is_not_the_secrets_own(
        written in written(), owned in any::<bool>(), alternate in any::<bool>(),
    ) {
        let policy = policy(&POLICY.replace("STRATEGY", if alternate { "alternate" } else { "single" }));
        let mut secret = written.secret;
        if owned {
            secret.annotations.extend(untouched(&secret).annotations.into_iter().filter(|(key, _)| {
                [Annotations::ROLE, Annotations::INSTANCE].contains(&key.as_str())
            }));
        }
        let options = Options { reset_passwords: true, prune: true, ..Options::default() };
        let usual = diff(&policy, &instance(untouched(&secret)), &options);
        let state = instance(secret.clone());
        let plan = diff(&policy, &state, &options);
        let logins = Logins::of(&policy, &role("app"), &state.roles);
        let is_trusted = read(&secret, &logins, state.server.now).problems.is_empty();
        for step in plan.steps.iter().filter(|step| !usual.steps.iter().any(|one| one.change == step.change)) {
            prop_assert!(is_trusted, "{:?}", step.change);
            let named = match &step.change {
                Change::Credential { login, .. } => login.name(),
                Change::AlterRole { role, .. } => role,
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            prop_assert!(OWN.contains(&named.as_str()), "{:?}", step.change);
        }
        if !is_trusted {
            let foreign = |rule: Rule| rule == Rule::SecretForeign;
            prop_assert!(plan.withheld.iter().any(|one| one.findings.iter().any(|found| foreign(found.rule))));
        }
        // What is said to the server is said in the usual plan, too, or of the role's own logins.
        let usual: Vec<_> = script(&usual, &state).into_iter().flat_map(|one| one.statements).collect();
        for statement in script(&plan, &state).into_iter().flat_map(|one| one.statements) {
            let own = OWN.iter().any(|login| statement.starts_with(&format!("ALTER ROLE \"{login}\" ")));
            prop_assert!(own || usual.contains(&statement), "{statement}");
        }
    }
}
