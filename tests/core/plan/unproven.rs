//! Roles that existed before and that others may act as: named once, given nothing, deprived of nothing.

use insta::assert_snapshot;
use rolewright::model::State;
use rolewright::plan::{Change, Direction, Options, Plan, diff};

use super::shown;
use super::world::{policy, role, world};

const POLICY: &str = "version: 1
project: p
databases: { shop: { schemas: [app] } }
roles:
  mig: { access: ddl }
  app: { access: dml, secret: { name: s } }
";

/// What is there when nothing is granted to the app yet.
const BARE: &str = "
    role mig
    member cloudsqlsuperuser in mig by cloudsqladmin admin noinherit noset
    member cloudsqlsuperuser in app by cloudsqladmin admin noinherit noset
    schema app of cloudsqlsuperuser { mig=UC/cloudsqlsuperuser }
    table app.t of mig
    defaults mig for routines { }
";

fn state(major: u32, more: &str) -> State {
    let mut state = world(major, &format!("{BARE}{more}"));
    let database = "database shop of cloudsqlsuperuser { mig=cT/cloudsqlsuperuser }";
    state.shared = world(major, database).shared.split_off(1);
    if major < 16 {
        state
            .memberships
            .retain(|edge| edge.member != role("cloudsqlsuperuser"));
    }
    state
}

fn planned(declared: &str, state: &State, options: &Options) -> Plan {
    diff(&policy(declared), state, options)
}

/// Whether a plan gives `who` anything.
fn favors(plan: &Plan, who: &str) -> bool {
    plan.steps.iter().any(|step| match &step.change {
        Change::Grant { grantee, .. } => grantee.role() == Some(&role(who)),
        Change::GrantDefault { default, .. } => default.grantee.role() == Some(&role(who)),
        Change::GrantMembership { edge } => edge.member == role(who),
        Change::ChangeOwner { to, .. } => *to == role(who),
        _ => false,
    })
}

/// What is said of what waits: summary, reason and advice.
fn waiting(plan: &Plan) -> Vec<String> {
    let waiting = plan.withheld.iter().filter_map(|one| {
        Some(format!(
            "{}: {}: {}",
            one.summary.as_ref()?,
            one.reason,
            one.advice
        ))
    });
    waiting.collect()
}

#[test]
fn a_login_with_an_unknown_password_gets_nothing_and_is_named_once() {
    for major in [15, 17] {
        for phase in [Direction::Both, Direction::Expand] {
            let state = state(major, "role app login");
            let plan = planned(
                POLICY,
                &state,
                &Options {
                    phase,
                    ..Options::default()
                },
            );
            assert!(!favors(&plan, "app"), "{}", shown(&plan));
            let [waiting] = &waiting(&plan)[..] else {
                panic!("{}", shown(&plan))
            };
            assert!(
                waiting.starts_with(
                    "6 changes for app: login `app` exists with a password that nobody stored"
                ),
                "{waiting}"
            );
            assert!(waiting.contains("--reset-passwords"), "{waiting}");
            let findings = plan.findings(&state);
            let missing = || {
                findings
                    .iter()
                    .filter(|one| one.rule.id() == "grant.missing" && one.is_drift())
            };
            assert_eq!(missing().count(), 6, "`check` shows each: {}", shown(&plan));
            for one in missing() {
                assert_eq!(one.fix, None, "it would do what is withheld");
                assert!(
                    one.message.contains("--reset-passwords"),
                    "what is to be decided first: {}",
                    one.message
                );
            }
        }
    }
}

#[test]
fn what_tells_whose_the_password_is() {
    let reset = Options {
        reset_passwords: true,
        ..Options::default()
    };
    let prune = Options {
        prune: true,
        ..Options::default()
    };
    let none = Options::default();
    let external = POLICY.replace("secret: { name: s }", "login: external");
    let nothing = POLICY.replace(", secret: { name: s }", "");
    let iam = POLICY.replace("secret: { name: s }", "iam: [user:ana@example.com]");
    let accepted =
        format!("{nothing}allow: [{{ rule: role.attribute, role: app, reason: known }}]\n");
    for (declared, app, options, gets) in [
        (POLICY, "role app login", &none, false),
        (POLICY, "role app login", &reset, true),
        (POLICY, "role app login", &prune, false),
        (POLICY, "role app", &none, true),
        (POLICY, "", &none, true),
        (&external, "role app login", &none, true),
        (
            &iam,
            "role app login\nrole ana@example.com login",
            &none,
            true,
        ),
        (&accepted, "role app login", &none, true),
        (&nothing, "role app login", &none, false),
        (&nothing, "role app login", &prune, true),
        (
            &nothing,
            "role app login",
            &Options {
                phase: Direction::Expand,
                ..prune.clone()
            },
            false,
        ),
        (&nothing, "role app", &none, true),
    ] {
        for major in [15, 17] {
            let plan = planned(declared, &state(major, app), options);
            assert_eq!(
                favors(&plan, "app"),
                gets,
                "{major} {declared} {app} {options:?}\n{}",
                shown(&plan)
            );
        }
    }
}

#[test]
fn whoever_is_a_member_keeps_the_role_waiting() {
    let nothing = POLICY.replace(", secret: { name: s }", "");
    let prune = Options {
        prune: true,
        ..Options::default()
    };
    for (members, options, gets) in [
        (
            "member eve in app by cloudsqlsuperuser",
            &Options::default(),
            false,
        ),
        (
            "member eve in app by cloudsqlsuperuser admin",
            &Options::default(),
            false,
        ),
        (
            "member eve in app by cloudsqlsuperuser noinherit",
            &Options::default(),
            false,
        ),
        (
            "member eve in app by cloudsqlsuperuser noset",
            &Options::default(),
            false,
        ),
        (
            "member eve in app by cloudsqlsuperuser admin noinherit noset",
            &Options::default(),
            false,
        ),
        (
            "role team\nmember team in app by cloudsqlsuperuser\nmember eve in team by cloudsqladmin",
            &Options::default(),
            false,
        ),
        ("member eve in app by cloudsqlsuperuser", &prune, true),
        (
            "member eve in app by cloudsqlsuperuser",
            &Options {
                phase: Direction::Expand,
                ..prune.clone()
            },
            false,
        ),
        (
            "member csadmin in app by cloudsqlsuperuser",
            &Options::default(),
            true,
        ),
    ] {
        for major in [15, 17] {
            let plan = planned(
                &nothing,
                &state(major, &format!("role app\nrole eve login\n{members}")),
                options,
            );
            assert_eq!(
                favors(&plan, "app"),
                gets,
                "{major} {members} {options:?}\n{}",
                shown(&plan)
            );
        }
    }
    let by_create_role =
        "role app\nrole eve login\nmember eve in app by cloudsqladmin admin noinherit noset";
    assert!(favors(
        &planned(&nothing, &state(17, by_create_role), &Options::default()),
        "app"
    ));
    let plan = planned(
        &nothing,
        &state(
            17,
            "role app\nrole eve login\nmember eve in app by cloudsqlsuperuser",
        ),
        &Options::default(),
    );
    assert_eq!(
        waiting(&plan),
        [
            "6 changes for app: undeclared `eve` is a member of `app`: REVOKE app FROM eve, or use --prune, or declare `eve`"
        ]
    );
    let accepted =
        format!("{nothing}allow: [{{ rule: role.undeclared, role: eve, reason: known }}]\n");
    let state = state(
        17,
        "role app\nrole eve login\nmember eve in app by cloudsqlsuperuser",
    );
    assert!(favors(
        &planned(&accepted, &state, &Options::default()),
        "app"
    ));
}

#[test]
fn a_pair_waits_with_its_role_and_a_group_with_its_members() {
    let pair = POLICY.replace(
        "{ name: s }",
        "{ name: s, payload: url, host: db }, rotate: { strategy: alternate }",
    );
    let plan = planned(&pair, &state(17, "role app_b login"), &Options::default());
    assert!(
        ["app", "app_a", "app_b"]
            .iter()
            .all(|who| !favors(&plan, who)),
        "{}",
        shown(&plan)
    );
    let plan = planned(
        &pair,
        &state(
            17,
            "role app\nrole app_b\nrole eve\nmember eve in app_b by cloudsqlsuperuser",
        ),
        &Options::default(),
    );
    assert!(
        ["app", "app_a", "app_b"]
            .iter()
            .all(|who| !favors(&plan, who)),
        "{}",
        shown(&plan)
    );

    let group = format!("{POLICY}  readers: {{ access: read }}\n")
        .replace("secret:", "member_of: [readers], secret:");
    let member = "role app login\nrole readers\nmember cloudsqlsuperuser in readers by cloudsqladmin admin noinherit noset\n";
    let plan = planned(&group, &state(17, member), &Options::default());
    assert!(
        !favors(&plan, "app") && favors(&plan, "readers"),
        "{}",
        shown(&plan)
    );
    let plan = planned(
        &group,
        &state(
            17,
            &format!("{member}member app in readers by cloudsqlsuperuser"),
        ),
        &Options::default(),
    );
    assert!(
        !favors(&plan, "app") && !favors(&plan, "readers"),
        "{}",
        shown(&plan)
    );
}

#[test]
fn nothing_comes_to_belong_to_it() {
    let declared = POLICY.replace(
        "mig: { access: ddl }",
        "mig: { access: ddl, secret: { name: m } }",
    );
    let state = state(17, "role app\ntable app.u of csadmin");
    assert!(favors(
        &planned(&declared, &state, &Options::default()),
        "mig"
    ));
    let mut known = state.clone();
    known.roles.get_mut(&role("mig")).unwrap().login = true;
    let plan = planned(&declared, &known, &Options::default());
    assert!(!favors(&plan, "mig"), "{}", shown(&plan));
    assert!(
        waiting(&plan)[0].starts_with("1 change for mig"),
        "{}",
        shown(&plan)
    );
}

#[test]
fn it_keeps_what_others_lose() {
    let lines = "role app login\ntable app.u of mig { =r/mig }\ntable app.v of mig { app=r/mig }\ntable app.w of app";
    let plan = planned(POLICY, &state(17, lines), &Options::default());
    assert_snapshot!(shown(&plan), @"
    change the owner of table app.w from app to mig [owner.unexpected]
    revoke SELECT on table app.u from PUBLIC, granted by mig [public.unexpected]
    grant SELECT on table app.u to app [grant.missing]
    grant SELECT, INSERT, UPDATE, DELETE on table app.w to app [grant.missing]
    withheld: projects/p/secrets/s does not exist [secret.missing]
      login `app` exists with a password that nobody stored, and somebody may be using it: rolewright apply FILE --reset-passwords # replaces it; to keep it, store it in the secret and run rolewright apply FILE, which adopts it: from the secret OLD, where `name` was changed, gcloud secrets versions access current --secret=OLD --project=p | gcloud secrets versions add s --project=p --data-file=- (after `gcloud secrets create s --project=p`, where it does not exist)
    withheld: app lacks CONNECT on database shop [grant.missing]
    withheld: app lacks USAGE on schema app [grant.missing]
    withheld: app lacks SELECT on table app.t [grant.missing]
    withheld: app lacks INSERT on table app.t [grant.missing]
    withheld: app lacks UPDATE on table app.t [grant.missing]
    withheld: app lacks DELETE on table app.t [grant.missing]
    withheld: app lacks INSERT on table app.u [grant.missing]
    withheld: app lacks UPDATE on table app.u [grant.missing]
    withheld: app lacks DELETE on table app.u [grant.missing]
    withheld: app lacks INSERT on table app.v [grant.missing]
    withheld: app lacks UPDATE on table app.v [grant.missing]
    withheld: app lacks DELETE on table app.v [grant.missing]
    withheld: app will lack SELECT on future tables of mig in schema app [default.missing]
    withheld: app will lack INSERT on future tables of mig in schema app [default.missing]
    withheld: app will lack UPDATE on future tables of mig in schema app [default.missing]
    withheld: app will lack DELETE on future tables of mig in schema app [default.missing]
    withheld: app will lack USAGE on future sequences of mig in schema app [default.missing]
    withheld: app will lack EXECUTE on future routines of mig in schema app [default.missing]
      login `app` exists with a password that nobody stored, and somebody may be using it: rolewright apply FILE --reset-passwords # replaces it; to keep it, store it in the secret and run rolewright apply FILE, which adopts it: from the secret OLD, where `name` was changed, gcloud secrets versions access current --secret=OLD --project=p | gcloud secrets versions add s --project=p --data-file=- (after `gcloud secrets create s --project=p`, where it does not exist)
    ");
}
