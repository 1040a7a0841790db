//! Who is found on the other side of the fence, and by which path.

use rolewright::plan::{Finding, Options, Rule, diff};

use super::world::{policy, world};
use super::{IN_SYNC, POLICY};

/// `object: path`, of everybody who reaches managed objects without an entry of their own.
fn found(policy_more: &str, world_more: &str, major: u32) -> Vec<String> {
    let state = world(major, &format!("{IN_SYNC}{world_more}"));
    let plan = diff(
        &policy(&format!("{POLICY}{policy_more}")),
        &state,
        &Options::default(),
    );
    let findings = plan.withheld.iter().flat_map(|withheld| &withheld.findings);
    let beyond =
        |one: &&Finding| matches!(one.rule, Rule::RoleUndeclared | Rule::PrivilegeEffective);
    findings
        .filter(beyond)
        .map(|one| format!("{}: {}", one.rule, one.path.join(" → ")))
        .collect()
}

const IGNORE: &str = "ignore: { roles: [stream_*] }\n";

#[test]
fn an_ignored_role_hides_itself_and_nobody_behind_it() {
    let world = "role stream_x\n role bob login\n member stream_x in app by cloudsqladmin\n member bob in stream_x by cloudsqladmin noinherit";
    assert_eq!(
        found(IGNORE, world, 17),
        ["role.undeclared: bob → member of stream_x, by SET ROLE → member of app, by SET ROLE"]
    );
}

#[test]
fn what_an_ignored_role_holds_is_reached_through_it() {
    let world = "role stream_x\n role bob login\n member bob in stream_x by cloudsqladmin\n table app.u of mig { app=arwd/mig stream_x=r/mig }";
    assert_eq!(
        found(IGNORE, world, 17),
        ["role.undeclared: bob → member of stream_x → SELECT on table app.u granted by mig"]
    );
}

#[test]
fn a_group_that_is_named_itself_does_not_name_its_members() {
    let world = "role analysts\n role bob login\n member bob in analysts by cloudsqladmin\n table app.u of mig { app=arwd/mig analysts=r/mig }";
    assert_eq!(
        found("", world, 17),
        ["role.undeclared: analysts → SELECT on table app.u granted by mig"]
    );
}

#[test]
fn one_cause_is_one_finding_whatever_it_opens() {
    let world = "role bob login\n member bob in cloudsqlsuperuser by cloudsqladmin admin\n table app.u of mig { app=arwd/mig cloudsqlsuperuser=r/mig }";
    let because =
        "cloudsqlsuperuser administers the instance: it owns databases and schemas and makes roles";
    assert_eq!(
        found("", world, 17),
        [format!(
            "role.undeclared: bob → member of cloudsqlsuperuser → {because}"
        )]
    );
}

#[test]
fn what_create_role_leaves_behind_is_no_way_and_an_admin_option_elsewhere_is() {
    let world = "role bob login\n role pg_read_all_data\n member bob in csadmin by cloudsqladmin admin noinherit noset";
    assert_eq!(found("", world, 17), [""; 0]);
    let world =
        format!("{world}\n member bob in pg_read_all_data by cloudsqladmin admin noinherit noset");
    assert_eq!(
        found("", &world, 17),
        [
            "role.undeclared: bob → may grant itself pg_read_all_data, by ADMIN OPTION → pg_read_all_data reads every table, view and sequence"
        ]
    );
}

#[test]
fn makers_of_roles_were_their_masters_up_to_15() {
    let world = "role bob login createrole";
    assert_eq!(
        found("", world, 15),
        ["role.undeclared: bob → CREATEROLE: makes itself a member of any role but superusers"]
    );
    assert_eq!(found("", world, 16), [""; 0]);
}

#[test]
fn iam_users_come_in_through_the_groups_of_cloud_sql() {
    let iam = "  web: { access: read, iam: [\"user:bob@example.com\"] }\n";
    let world =
        "role cloudsqliamuser\n role bob@example.com login\n member bob@example.com in cloudsqliamuser by cloudsqladmin
        table app.u of mig { app=arwd/mig cloudsqliamuser=r/mig }";
    let effective: Vec<_> = found(iam, world, 17)
        .into_iter()
        .filter(|one| one.starts_with("privilege.effective"))
        .collect();
    assert_eq!(
        effective,
        [
            "privilege.effective: bob@example.com → member of cloudsqliamuser → SELECT on table app.u granted by mig"
        ]
    );
}
