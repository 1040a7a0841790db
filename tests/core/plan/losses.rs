//! Everyone who can do less afterwards is named, with what.

use rolewright::plan::{Loss, Options, TakeOver, diff};

use super::POLICY;
use super::world::{policy, world};

const ROLES: &str = "
    role mig
    role app
    role reporting
    role analyst login
    role intern login
    role colleague login
    member cloudsqlsuperuser in mig by cloudsqladmin admin noinherit noset
    member cloudsqlsuperuser in app by cloudsqladmin admin noinherit noset
    member cloudsqlsuperuser in reporting by cloudsqladmin admin noinherit noset
    member analyst in reporting by cloudsqlsuperuser
    member intern in analyst by analyst
    member colleague in reporting by cloudsqlsuperuser noinherit
    schema app of cloudsqlsuperuser { mig=UC/cloudsqlsuperuser app=U/cloudsqlsuperuser reporting=UC/cloudsqlsuperuser }
";

fn losses(lines: &str) -> Vec<String> {
    let state = world(17, &format!("{ROLES}{lines}"));
    let options = Options {
        prune: true,
        take_over: TakeOver::ALL.into(),
        ..Options::default()
    };
    let plan = diff(&policy(POLICY), &state, &options);
    let told = plan.steps.iter().flat_map(|step| plan.losses(step));
    told.map(|Loss { who, what }| format!("{who}: {what}"))
        .collect()
}

#[test]
fn members_of_a_former_owner_lose_what_it_loses() {
    let told = losses("table app.t of reporting");
    for expected in [
        "reporting: ownership of table app.t",
        "analyst: ownership of table app.t, as a member of reporting",
        "intern: ownership of table app.t, as a member of reporting",
    ] {
        assert!(told.contains(&expected.to_owned()), "{expected}: {told:#?}");
    }
    assert!(
        !told.iter().any(|line| line.starts_with("colleague")),
        "{told:#?}"
    );
}

#[test]
fn admins_lose_what_their_group_loses() {
    let told = losses("table app.t of cloudsqlsuperuser");
    let admin = "csadmin: ownership of table app.t, as a member of cloudsqlsuperuser";
    assert!(told.contains(&admin.to_owned()), "{told:#?}");
}

#[test]
fn members_lose_what_is_revoked_from_a_role() {
    let told = losses("table app.t of mig { mig=arwdDxt/mig app=arwd/mig reporting=r/mig }");
    let member = "intern: SELECT on table app.t, as a member of reporting";
    assert!(told.contains(&member.to_owned()), "{told:#?}");
}
