//! Roles that log in, and roles that should not.

use insta::assert_snapshot;
use rolewright::model::State;
use rolewright::plan::{Direction, Options, Plan, diff};

use super::shown;
use super::world::{policy, role, world};

/// A role of its own in a database without schemas: nothing but the role is judged.
fn planned(declared: &str, actual: &str, options: &Options) -> Plan {
    diff(&declaring(declared), &state(actual), options)
}

fn declaring(declared: &str) -> rolewright::model::Policy {
    policy(&format!(
        "version: 1\nproject: p\ndatabases: {{ shop: {{ public: keep }} }}\nroles: {{ app: {{ {declared} }} }}\n"
    ))
}

fn state(actual: &str) -> State {
    let administered = "member cloudsqlsuperuser in app by cloudsqladmin admin noinherit noset";
    let mut state = world(
        17,
        &if actual.is_empty() {
            String::new()
        } else {
            format!("{actual}\n{administered}")
        },
    );
    state
        .databases
        .values_mut()
        .for_each(|database| database.groups.clear());
    state
}

fn pruning() -> Options {
    Options {
        prune: true,
        ..Options::default()
    }
}

#[test]
fn a_login_that_nothing_declares_is_drift_and_taken_away_only_when_pruning() {
    assert_snapshot!(shown(&planned("", "role app login", &Options::default())), @"
    withheld: app has LOGIN [role.attribute]
      the policy declares no login for `app`, and applications may depend on it: declare `login: external` or a `secret`, or use --prune to make it NOLOGIN
    ");
    assert_snapshot!(shown(&planned("", "role app login", &pruning())), @"make role app NOLOGIN [role.attribute]");
    assert_snapshot!(shown(&planned("", "role app", &pruning())), @"");
}

#[test]
fn what_declares_a_login_is_enough_for_it() {
    for declared in [
        "login: external",
        "iam: [user:ana@example.com]",
        "secret: { name: s }",
    ] {
        let plan = planned(
            declared,
            "role app login\nrole ana@example.com login",
            &pruning(),
        );
        assert!(
            !shown(&plan).contains("LOGIN"),
            "{declared}: {}",
            shown(&plan)
        );
    }
}

/// Cloud SQL makes a user for each member of an IAM group that logs in, and makes it a member of the group's role.
#[test]
fn users_that_are_made_for_an_iam_group_belong_to_it() {
    const GROUPS: &str = "role dbas@example.com\n role cloudsqliamgroup\n role cloudsqliamgroupuser\n role cloudsqliamuser
        member dbas@example.com in cloudsqliamgroup by cloudsqladmin\n member dbas@example.com in app by cloudsqlsuperuser
        role app\n role ana@example.com login\n member ana@example.com in dbas@example.com by cloudsqladmin";
    let made = format!(
        "{GROUPS}\n member ana@example.com in cloudsqliamgroupuser by cloudsqladmin
        member ana@example.com in cloudsqliamuser by cloudsqladmin"
    );
    for declared in [
        "iam: ['group:dbas@example.com']",
        "iam: ['group:DBAs@example.com'], access: {}",
    ] {
        let plan = planned(declared, &made, &pruning());
        assert_eq!(shown(&plan), "", "{:#?}", plan.withheld);
    }
    // A member that somebody made by hand, or of a group that nobody declares, is no such user.
    for (declared, actual) in [
        ("iam: ['group:dbas@example.com']", GROUPS),
        ("iam: ['user:dbas@example.com']", made.as_str()),
    ] {
        assert!(
            shown(&planned(declared, actual, &pruning())).contains("ana@example.com"),
            "{declared}"
        );
    }
    let mut admin = made.clone();
    admin.push_str("\n member ana@example.com in cloudsqlsuperuser by cloudsqladmin");
    let plan = planned("iam: ['group:dbas@example.com']", &admin, &pruning());
    assert!(
        shown(&plan).contains("ana@example.com is a member of cloudsqlsuperuser"),
        "{}",
        shown(&plan)
    );
}

#[test]
fn a_login_kept_elsewhere_is_made_and_opened_and_never_given_a_password() {
    let made = planned(
        "login: external, connection_limit: 5",
        "",
        &Options::default(),
    );
    assert_snapshot!(shown(&made), @"create role app LOGIN without a password CONNECTION LIMIT 5 [role.missing]");
    assert_eq!(
        made.notes
            .iter()
            .filter(|note| note.message.contains("without a password"))
            .count(),
        1
    );
    assert_snapshot!(shown(&planned("login: external", "role app", &Options::default())), @"make role app LOGIN [role.attribute]");
    assert_snapshot!(shown(&planned("login: external", "role app", &Options { phase: Direction::Contract, ..Options::default() })), @"");
    assert_snapshot!(shown(&planned("login: external", "role app login createdb bypassrls", &Options::default())), @"
    make role app NOCREATEDB [role.attribute]
    withheld: app has BYPASSRLS [role.attribute]
      PostgreSQL lets nobody but a superuser change it: if it needs that (replication does), accept it with `allow` or put the role under `ignore`; otherwise declare another role and retire this one
    ");
}

#[test]
fn the_end_of_a_password_kept_elsewhere_is_left_alone() {
    let mut state = state("role app login");
    state.roles.get_mut(&role("app")).unwrap().valid_until = Some("2020-01-01".into());
    assert_snapshot!(shown(&diff(&declaring("login: external"), &state, &Options::default())), @"");
}

#[test]
fn open_sessions_are_counted_beside_the_login_and_leave_the_digest_alone() {
    let plan_with = |sessions: u64, options: &Options| {
        let mut state = state("role app login");
        state.sessions.insert(role("app"), sessions);
        diff(&declaring(""), &state, options)
    };
    let (one, three) = (
        plan_with(1, &Options::default()),
        plan_with(3, &Options::default()),
    );
    assert!(
        one.withheld[0].advice.ends_with("(1 open session)"),
        "{}",
        one.withheld[0].advice
    );
    assert!(
        three.withheld[0].advice.ends_with("(3 open sessions)"),
        "{}",
        three.withheld[0].advice
    );
    assert_eq!(
        rolewright::plan::digest([&one]),
        rolewright::plan::digest([&three])
    );
    assert_eq!(
        plan_with(3, &pruning()).steps[0].path,
        ["app", "attribute LOGIN", "3 open sessions"]
    );
}

#[test]
fn a_database_user_that_is_missing_is_made_with_its_kind() {
    let principals = [
        "user:Ana@Example.com",
        "group:DBAs@example.com",
        "serviceAccount:sa@demo.iam.gserviceaccount.com",
        "serviceAccount:123456-compute@developer.gserviceaccount.com",
        "serviceAccount:demo-project@appspot.gserviceaccount.com",
        "user:o'hara@example.com",
    ];
    let advice = |instance: &str| -> Vec<String> {
        let declared = format!("roles: {{ app: {{ iam: {principals:?} }} }}");
        let policy = policy(&format!(
            "version: 1\n{instance}\ndatabases: {{ shop: {{ public: keep }} }}\n{declared}\n"
        ));
        let plan = diff(&policy, &state("role app"), &Options::default());
        shown(&plan)
            .lines()
            .filter_map(|line| line.split_once("gcloud "))
            .map(|(_, line)| line.to_owned())
            .collect()
    };
    assert_snapshot!(advice("instance: demo-project:us-central1:db1").join("\n"), @r"
    sql users create ana@example.com --instance=db1 --project=demo-project --type=cloud_iam_user
    sql users create dbas@example.com --instance=db1 --project=demo-project --type=cloud_iam_group
    sql users create sa@demo.iam --instance=db1 --project=demo-project --type=cloud_iam_service_account
    sql users create 123456-compute@developer --instance=db1 --project=demo-project --type=cloud_iam_service_account
    sql users create demo-project@appspot --instance=db1 --project=demo-project --type=cloud_iam_service_account
    sql users create 'o'\''hara@example.com' --instance=db1 --project=demo-project --type=cloud_iam_user
    ");
    let domain = "sql users create ana@example.com --instance=db1 --project=example.com:demo --type=cloud_iam_user";
    assert_eq!(
        advice("instance: example.com:demo:us-central1:db1")[0],
        domain
    );
    let unknown = "sql users create ana@example.com --instance=INSTANCE --project=PROJECT --type=cloud_iam_user";
    assert_eq!(advice("project: p")[0], unknown);
}

#[test]
fn a_database_user_with_a_cut_name_is_the_one_of_its_account() {
    let email = format!("{}@example.com", "a".repeat(60));
    let actual = format!("role app\nrole {} login", &email[..63]);
    let plan = planned(
        &format!("iam: [\"user:{email}\"]"),
        &actual,
        &Options::default(),
    );
    assert!(!shown(&plan).contains("does not exist"), "{}", shown(&plan));
}
