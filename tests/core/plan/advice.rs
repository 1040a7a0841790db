//! What cannot be done here says who could, in words that can be followed on Cloud SQL, where nobody logs in as a superuser.

use rolewright::model::{DatabaseName, ReadOnlySetting, State};
use rolewright::plan::{Finding, Grounds, Options, Plan, TakeOver, diff};

use super::world::{policy, role, world};

const POLICY: &str = "version: 1
instance: acme:us-central1:main
databases: { shop: { schemas: [app] } }
roles:
  mig: { access: ddl }
  app: { access: dml }
";

const ROLES: &str = "
    role mig
    role app
    member cloudsqlsuperuser in mig by cloudsqladmin admin noinherit noset
    member cloudsqlsuperuser in app by cloudsqladmin admin noinherit noset
    schema app of cloudsqlsuperuser { mig=UC/cloudsqlsuperuser app=U/cloudsqlsuperuser }
";

/// Whose table it is, on which major, and what is advised.
const OWNERS: [(u32, &str, &str, &str); 11] = [
    (
        17,
        "cloudsqladmin",
        "",
        "on Cloud SQL no login can change that",
    ),
    (
        17,
        "vendor",
        "role vendor login createrole createdb\n member vendor in cloudsqlsuperuser by cloudsqladmin",
        "run this command as `vendor`, which is a member of `cloudsqlsuperuser`",
    ),
    (
        17,
        "legacy",
        "role legacy login",
        "gcloud sql users assign-roles csadmin --instance=main --project=acme --type=BUILT_IN --database-roles=legacy",
    ),
    (
        17,
        "legacy",
        "role legacy login\n role maker login\n member maker in legacy by cloudsqladmin admin noinherit noset",
        "`maker` runs: GRANT \"legacy\" TO \"csadmin\" WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
    ),
    (
        17,
        "legacy",
        "role legacy\n role makers\n member makers in legacy by cloudsqladmin admin noinherit noset",
        "a member of `makers` runs: GRANT \"legacy\" TO \"csadmin\"",
    ),
    // Whoever is a member of an IAM user is let in by password no more.
    (
        17,
        "sa@acme.iam",
        "role cloudsqliamserviceaccount\n role sa@acme.iam login\n role maker login
         member sa@acme.iam in cloudsqliamserviceaccount by cloudsqladmin
         member maker in sa@acme.iam by cloudsqladmin admin noinherit noset",
        "run this command as `sa@acme.iam`, once it is an admin: gcloud sql users assign-roles sa@acme.iam \
         --instance=main --project=acme --type=CLOUD_IAM_SERVICE_ACCOUNT",
    ),
    (
        17,
        "sa-without-suffix",
        "role cloudsqliamserviceaccount\n role sa-without-suffix login
         member sa-without-suffix in cloudsqliamserviceaccount by cloudsqladmin",
        "once it is an admin: gcloud sql users assign-roles sa-without-suffix --instance=main --project=acme \
         --type=CLOUD_IAM_SERVICE_ACCOUNT",
    ),
    (
        17,
        "x@acme.iam",
        "role x@acme.iam login",
        "gcloud sql users assign-roles csadmin --instance=main --project=acme --type=BUILT_IN --database-roles=x@acme.iam",
    ),
    (
        17,
        "-legacy",
        "role -legacy login",
        "gcloud sql users assign-roles csadmin --instance=main --project=acme --type=BUILT_IN --database-roles=-legacy",
    ),
    (
        17,
        "group",
        "role group",
        "gcloud sql users assign-roles csadmin --instance=main --project=acme --type=BUILT_IN --database-roles=group",
    ),
    (
        15,
        "cloudsqladmin",
        "",
        "on Cloud SQL no login can change that",
    ),
];

fn planned(major: u32, lines: &str) -> (State, Plan) {
    let state = world(major, &format!("{ROLES}{lines}"));
    let plan = diff(
        &policy(POLICY),
        &state,
        &Options {
            take_over: TakeOver::ALL.into(),
            ..Options::default()
        },
    );
    (state, plan)
}

fn about<'f>(findings: &'f [Finding], object: &str) -> &'f Finding {
    findings
        .iter()
        .find(|one| one.object.as_deref() == Some(object))
        .unwrap_or_else(|| panic!("{findings:#?}"))
}

#[test]
fn what_this_admin_cannot_take_over_says_who_could() {
    for (major, owner, lines, advice) in OWNERS {
        let (state, plan) = planned(major, &format!("{lines}\n table app.t of {owner}"));
        let withheld = plan
            .withheld
            .iter()
            .find(|one| one.findings.iter().any(|one| one.message.contains("app.t")));
        let withheld = withheld.unwrap_or_else(|| panic!("{owner}: {plan:#?}"));
        assert_eq!(withheld.grounds, Grounds::Rights, "{owner}");
        assert!(
            withheld.advice.contains(advice),
            "{owner}: {}",
            withheld.advice
        );
        let findings = plan.findings(&state);
        let finding = about(&findings, "table app.t");
        assert_eq!(finding.fix, None, "{owner}");
        assert!(
            finding
                .message
                .ends_with(&format!("{}; {}", withheld.reason, withheld.advice)),
            "{}",
            finding.message
        );
    }
}

#[test]
fn what_this_admin_can_do_has_a_statement_that_takes_what_it_needs() {
    let (state, plan) = planned(17, "table app.t of mig { app=arwdD/mig }");
    let fix = about(&plan.findings(&state), "table app.t")
        .fix
        .clone()
        .unwrap();
    assert_eq!(
        fix,
        "BEGIN; SET LOCAL ROLE \"cloudsqlsuperuser\"; GRANT \"mig\" TO \"csadmin\" WITH ADMIN FALSE, INHERIT TRUE, SET TRUE; \
         SET LOCAL ROLE \"mig\"; REVOKE TRUNCATE ON TABLE \"app\".\"t\" FROM \"app\"; SET LOCAL ROLE \
         \"cloudsqlsuperuser\"; REVOKE \"mig\" FROM \"csadmin\"; COMMIT"
    );
}

#[test]
fn a_membership_of_the_admin_apis_ends_there() {
    let (_, plan) = planned(
        17,
        "role app login\n member app in cloudsqlsuperuser by cloudsqladmin",
    );
    let withheld = plan
        .withheld
        .iter()
        .find(|one| one.reason.contains("granted by `cloudsqladmin`"))
        .unwrap();
    assert_eq!(
        withheld.advice,
        "gcloud sql users assign-roles app --instance=main --project=acme --type=BUILT_IN --revoke-existing-roles (it \
         ends every membership of `app`; apply grants the declared ones again)"
    );
}

#[test]
fn an_admin_is_not_told_to_become_itself() {
    let lines =
        "role app login createrole createdb\n member app in cloudsqlsuperuser by cloudsqladmin";
    let ours = "member cloudsqlsuperuser in app by cloudsqladmin admin noinherit noset";
    let mut state = world(17, &format!("{}{lines}", ROLES.replace(ours, "")));
    state.server.admin = Some(role("app"));
    let plan = diff(&policy(POLICY), &state, &Options::default());
    let attributes = plan
        .withheld
        .iter()
        .find(|one| one.findings[0].message.contains("CREATEROLE"))
        .unwrap();
    assert_eq!(attributes.reason, "`app` may not change its own role");
    assert!(
        !attributes.advice.contains("GRANT app TO app"),
        "{}",
        attributes.advice
    );
}

#[test]
fn nobody_is_asked_for_a_superuser() {
    for (major, owner, lines, _) in OWNERS {
        let things = format!(
            "{lines}\n table app.t of {owner} {{ app=arwdD/{owner} }}\n schema hr of {owner} {{ app=U/{owner} }}\n \
             function app.f of {owner}\n member app in pg_read_all_data by cloudsqladmin\n role pg_read_all_data"
        );
        let (state, plan) = planned(major, &things);
        let findings = plan.findings(&state);
        let said = findings
            .iter()
            .flat_map(|one| one.fix.iter().chain([&one.message]));
        for text in said.chain(plan.withheld.iter().map(|one| &one.advice)) {
            assert!(
                !text.contains("a superuser runs") && !text.contains("or a superuser"),
                "{owner}: {text}"
            );
        }
    }
}

#[test]
fn a_read_only_database_names_the_setting_and_what_ends_it() {
    let shop = || Some(DatabaseName::new("shop").unwrap());
    let on = |database, of_admin| ReadOnlySetting {
        database,
        of_admin,
        on: true,
    };
    let off = ReadOnlySetting {
        database: None,
        of_admin: true,
        on: false,
    };
    for (settings, place, statement) in [
        (
            vec![on(shop(), false)],
            "the database",
            "ALTER DATABASE \"shop\" RESET",
        ),
        (
            vec![on(None, true)],
            "role `csadmin`",
            "ALTER ROLE \"csadmin\" RESET",
        ),
        (
            vec![on(shop(), true), off.clone()],
            "role `csadmin` in that database",
            "ALTER ROLE \"csadmin\" IN DATABASE \"shop\" RESET",
        ),
        (vec![on(shop(), false), off], "", ""),
    ] {
        let mut state = world(17, ROLES);
        state.server.read_only_settings = settings;
        let plan = diff(&policy(POLICY), &state, &Options::default());
        let refused = plan.refusals.first();
        assert_eq!(refused.is_some(), !place.is_empty(), "{place}");
        if let Some(refused) = refused {
            let message = format!(
                "database `shop` is read-only: default_transaction_read_only is on for {place}"
            );
            assert_eq!(refused.message, message);
            assert!(refused.hint.contains(statement), "{}", refused.hint);
        }
    }
}

#[test]
fn a_path_tells_a_preset_from_a_declared_grant() {
    let text = format!(
        "{POLICY}    grants: [{{ privileges: [REFERENCES], object: table app.t }}]\n    create_schemas: true\n"
    );
    let state = world(17, &format!("{ROLES}\n table app.t of mig"));
    let findings = diff(
        &policy(&text.replace("app: { access: dml }\n", "app:\n    access: dml\n")),
        &state,
        &Options::default(),
    )
    .findings(&state);
    let path = |object: &str, privilege: &str| {
        let of = |one: &&Finding| {
            one.role.as_deref() == Some("app")
                && one.object.as_deref() == Some(object)
                && one.privilege.as_deref() == Some(privilege)
        };
        findings
            .iter()
            .find(of)
            .unwrap_or_else(|| panic!("{object} {privilege}: {findings:#?}"))
            .path[1]
            .clone()
    };
    assert_eq!(path("table app.t", "SELECT"), "dml in schema app");
    assert_eq!(
        path("table app.t", "REFERENCES"),
        "declared grant in schema app"
    );
    assert_eq!(path("database shop", "CONNECT"), "dml in database shop");
    assert_eq!(
        path("database shop", "CREATE"),
        "declared create_schemas in database shop"
    );
}
