//! Worlds, and what is planned for them.

mod advice;
mod converging;
mod fence;
mod foreign;
mod interpret;
mod logins;
mod losses;
mod unproven;
mod withheld;
mod world;

use std::fmt::Write as _;

use insta::assert_snapshot;
use rolewright::plan::{Options, Plan, diff};

use world::{policy, world};

const POLICY: &str = "version: 1
databases: { shop: { schemas: [app] } }
roles:
  mig: { access: ddl }
  app: { access: dml }
";

/// What is there when nothing is left to do.
const IN_SYNC: &str = "
    role mig
    role app
    member cloudsqlsuperuser in mig by cloudsqladmin admin noinherit noset
    member cloudsqlsuperuser in app by cloudsqladmin admin noinherit noset
    schema app of cloudsqlsuperuser { mig=UC/cloudsqlsuperuser app=U/cloudsqlsuperuser }
    table app.t of mig { app=arwd/mig }
    sequence app.s of mig { app=U/mig }
    function app.f of mig { app=X/mig }
    defaults mig for routines { }
    defaults mig in app for tables { app=arwd/mig }
    defaults mig in app for sequences { app=U/mig }
    defaults mig in app for routines { app=X/mig }
";

/// [`IN_SYNC`] with the database's own entry, and with further lines.
fn tampered(more: &str) -> Plan {
    planned(more, &Options::default())
}

fn planned(more: &str, options: &Options) -> Plan {
    let mut state = world(17, &format!("{IN_SYNC}{more}"));
    let database =
        "database shop of cloudsqlsuperuser { mig=cT/cloudsqlsuperuser app=c/cloudsqlsuperuser }";
    state.shared = world(17, database).shared.split_off(1);
    diff(&policy(POLICY), &state, options)
}

fn shown(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        writeln!(text, "{} [{}]", step.change, step.rule).unwrap();
    }
    for withheld in &plan.withheld {
        for finding in &withheld.findings {
            writeln!(text, "withheld: {} [{}]", finding.message, finding.rule).unwrap();
        }
        writeln!(text, "  {}: {}", withheld.reason, withheld.advice).unwrap();
    }
    text
}

#[test]
fn from_nothing() {
    let plan = diff(&policy(POLICY), &world(17, ""), &Options::default());
    assert_snapshot!(shown(&plan), @r#"
    create role app [role.missing]
    create role mig [role.missing]
    create schema app in database shop [schema.missing]
    grant CONNECT on database shop to app [grant.missing]
    grant CONNECT, TEMPORARY on database shop to mig [grant.missing]
    grant USAGE on schema app to app [grant.missing]
    grant USAGE, CREATE on schema app to mig [grant.missing]
    revoke EXECUTE on future routines of mig from PUBLIC [default.unexpected]
    grant SELECT, INSERT, UPDATE, DELETE on future tables of mig in schema app to app [default.missing]
    grant USAGE on future sequences of mig in schema app to app [default.missing]
    grant EXECUTE on future routines of mig in schema app to app [default.missing]
    revoke CONNECT, TEMPORARY on database shop from PUBLIC, granted by cloudsqlsuperuser [public.unexpected]
    "#);
}

#[test]
fn nothing_is_left_to_do() {
    assert_snapshot!(shown(&tampered("")), @"");
}

#[test]
fn a_delegate_that_nobody_can_act_as_is_cleared_by_who_gave_it_the_option() {
    let plan = tampered(
        "role leaker login
         member leaker in app by cloudsqladmin
         table app.u of mig { app=arwdD/mig leaker=r*/mig app=r/leaker =r/leaker }
         schema other of leaker",
    );
    assert_snapshot!(shown(&plan), @r#"
    revoke SELECT on table app.u from PUBLIC, granted by leaker, and from app, who had it from there [public.unexpected]
    revoke TRUNCATE on table app.u from app, granted by mig [grant.unexpected]
    withheld: leaker is a member of app, granted by cloudsqladmin [role.undeclared]
      it was granted by `cloudsqladmin`, and only its grantor takes it back: gcloud sql users assign-roles leaker --instance=INSTANCE --project=PROJECT --type=BUILT_IN --revoke-existing-roles (it ends every membership of `leaker`; apply grants the declared ones again)
    withheld: leaker holds SELECT on table app.u [role.undeclared]
      `leaker` is not declared: declare it, put it under `ignore` or `admins`, or use --prune
    "#);
}

#[test]
fn what_a_delegate_granted_on_to_somebody_undeclared_keeps_the_delegates_option() {
    let tampering = "role leaker login\n table app.u of mig { app=ar*wd/mig leaker=r/app }";
    assert_snapshot!(shown(&tampered(tampering)), @r#"
    withheld: leaker holds SELECT on table app.u [role.undeclared]
      `leaker` is not declared: declare it, put it under `ignore` or `admins`, or use --prune
    withheld: app holds SELECT on table app.u WITH GRANT OPTION [grant.grantable]
      `leaker` would lose what was granted on to it: grant it to them as the owner first, or use --prune
    "#);
    assert_snapshot!(shown(&planned(tampering, &Options { prune: true, ..Options::default() })), @r#"
    revoke SELECT on table app.u from leaker, granted by app [role.undeclared]
    revoke the grant option for SELECT on table app.u from app, granted by mig [grant.grantable]
    "#);
}

#[test]
fn a_table_of_the_apps_is_taken_over_with_its_columns() {
    let plan = tampered(
        "table app.u of app { mig=r/app }\n column app.u.c of app { mig=w/app =r/app }\n view app.v of app",
    );
    assert_snapshot!(shown(&plan), @r#"
    change the owner of table app.u from app to mig [owner.unexpected]
    revoke SELECT on column app.u(c) from PUBLIC, granted by mig [public.unexpected]
    grant SELECT, INSERT, UPDATE, DELETE on table app.u to app [grant.missing]
    withheld: view app.v belongs to app [owner.unexpected]
      it would run with the rights of its new owner: read its definition, then use --take-over=views
    "#);
}

#[test]
fn an_entry_of_a_role_that_is_gone_cannot_be_revoked() {
    let plan = planned(
        "table app.u of mig { app=arwd/mig 16999=r/mig }",
        &Options {
            prune: true,
            ..Options::default()
        },
    );
    assert_snapshot!(shown(&plan), @r#"
    withheld: 16999 holds SELECT on table app.u [role.undeclared]
      no role has the name `16999`: the entry is left over from a role that is gone: make the object anew as its owner; until then accept it with `allow`
    "#);
}

#[test]
fn memberships_end_with_the_admin_option_they_hang_on() {
    let tampering = "role leaker login
        member leaker in app by cloudsqlsuperuser admin
        member mig in app by leaker";
    assert_snapshot!(shown(&tampered(tampering)), @r#"
    withheld: leaker is a member of app, granted by cloudsqlsuperuser [role.undeclared]
      `leaker` is not declared: declare it, put it under `ignore` or `admins`, or use --prune
    withheld: mig is a member of app, granted by leaker [membership.unexpected]
      `leaker` is not declared: declare it, put it under `ignore` or `admins`, or use --prune
    "#);
    assert_snapshot!(shown(&planned(tampering, &Options { prune: true, ..Options::default() })), @"end the membership of leaker in app, granted by cloudsqlsuperuser, and from mig, who had it from there [role.undeclared]");
}

#[test]
fn somebody_elses_schema_keeps_its_owner_from_being_helped() {
    let plan =
        tampered("role boss login superuser\n schema hr of boss\n table hr.x of mig { app=r/mig }");
    assert_snapshot!(shown(&plan), @r#"
    withheld: mig owns table hr.x, outside the schemas of the policy [privilege.effective]
      the policy does not speak of this schema: declare the schema, give it to somebody else, or let the role make schemas (`create_schemas: true`); there is no statement for that here, since the new owner would run code that it brings along: read its definition, and make it anew as an admin rather than giving it to one
    withheld: app holds SELECT on table hr.x [grant.unexpected]
      `mig` has no USAGE on schema `hr`: `boss` runs: GRANT USAGE ON SCHEMA "hr" TO "mig"
    withheld: boss can reach managed objects: it has SUPERUSER: does everything [role.undeclared]
      `boss` is not declared: declare it, put it under `ignore` or `admins`, or take from it what the finding names
    "#);
}
