//! What works as a role without being a session of it is named before the role loses LOGIN, or goes.

use jiff::SignedDuration;

use crate::stage::Stage;
use crate::support::{Cluster, Options, each_major};

const SECRET: &str = "secret: { name: app, payload: url, host: db }";
const ALTERNATE: &str = "rotate: { strategy: alternate, grace: 1h }";

fn stage(major: u32) -> Stage {
    Stage::with(Cluster::with(
        major,
        Options::default()
            .database("shop")
            .setting("max_prepared_transactions", "5"),
    ))
}

/// What is to be used as `role`; up to 15 a subscription is given to superusers only.
async fn used(stage: &Stage, role: &str) {
    let superuser = stage.cluster.connect_superuser("shop").await;
    let made = format!(
        "CREATE SUBSCRIPTION inbox CONNECTION 'host=127.0.0.1 dbname=none' PUBLICATION p WITH (connect = false, slot_name = NONE);
         ALTER ROLE {role} SUPERUSER; ALTER SUBSCRIPTION inbox OWNER TO {role}; ALTER ROLE {role} NOSUPERUSER;
         CREATE FOREIGN DATA WRAPPER far; CREATE SERVER depot FOREIGN DATA WRAPPER far;
         CREATE USER MAPPING FOR {role} SERVER depot; CREATE USER MAPPING FOR PUBLIC SERVER depot"
    );
    for statement in made.split(';') {
        superuser
            .batch_execute(statement)
            .await
            .expect("it is made");
    }
    superuser
        .batch_execute(&format!("SET SESSION AUTHORIZATION {role}; BEGIN"))
        .await
        .expect("it begins");
    let prepare = "SELECT pg_advisory_xact_lock(7); PREPARE TRANSACTION 'it''s left'";
    superuser
        .batch_execute(prepare)
        .await
        .expect("it is prepared");
}

const NAMED: [&str; 3] = [
    "subscription inbox in database shop",
    "prepared transaction 'it''s left' in database shop",
    "user mapping for server depot in database shop",
];

/// The warnings of `role` about something that works as it: message and object.
fn warnings(stage: &Stage, role: &str) -> Vec<(String, String)> {
    let verdict = stage.run("check", &["--format", "json"]).json();
    let findings = verdict["findings"].as_array().expect("findings").clone();
    let text =
        |one: &serde_json::Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let about = findings
        .iter()
        .filter(|one| one["severity"] == "warning" && one["role"] == role);
    let uses = about.map(|one| (text(one, "message"), text(one, "object")));
    uses.filter(|(message, _)| message.contains("LOGIN") || message.contains("absent, and"))
        .collect()
}

#[track_caller]
fn names(stage: &Stage, role: &str, what: &str, more: &[&str]) {
    let found = warnings(stage, role);
    for object in NAMED.iter().chain(more) {
        let named = found
            .iter()
            .any(|(message, one)| one == object && message.contains(what));
        assert!(named, "no `{object}` of {role} that {what} in {found:?}");
    }
    assert_eq!(found.len(), NAMED.len() + more.len(), "{found:?}");
    let plan = stage.run("plan", &[]).stdout;
    assert!(
        NAMED.iter().chain(more).all(|object| plan.contains(object)),
        "{plan}"
    );
}

each_major! {
    async fn what_works_as_a_role_is_named_before_it_loses_login_or_goes(major: u32) {
        let stage = stage(major);
        stage.roles(&format!("  app: {{ access: dml, {SECRET} }}\n"));
        stage.apply(&[]).assert_status(0);
        used(&stage, "app").await;
        assert!(warnings(&stage, "app").is_empty(), "it keeps its LOGIN");
        stage.roles("  app: { access: dml }\n");
        names(&stage, "app", "is to lose LOGIN", &[]);
        // As the scheduler shows itself: a session of the first superuser. Another one can call itself so.
        let scheduler = stage.cluster.connect_superuser("postgres").await;
        scheduler.batch_execute("SET application_name = 'pg_cron scheduler'").await.expect("a name");
        let admin = stage.cluster.connect_admin("shop").await;
        admin.batch_execute("SET application_name = 'pg_cron scheduler'").await.expect("a name");
        let jobs = "jobs of pg_cron in database postgres";
        names(&stage, "app", "is to lose LOGIN", &[jobs]);
        stage.roles(&format!("  app: {{ access: dml, {SECRET}, {ALTERNATE} }}\n"));
        names(&stage, "app", "is to lose LOGIN", &[jobs]);
        stage.roles("  app: { state: absent }\n");
        names(&stage, "app", "is declared absent", &[jobs]);
    }

    async fn a_rotation_names_what_works_as_the_login_that_it_closes(major: u32) {
        let stage = stage(major);
        stage.roles(&format!("  app: {{ access: dml, {SECRET}, {ALTERNATE} }}\n"));
        stage.apply(&[]).assert_status(0);
        used(&stage, "app_a").await;
        names(&stage, "app_a", "loses LOGIN in turn", &[]);
        stage.run("rotate", &["--now"]).assert_status(0);
        stage.run("rotate", &[]).assert_status(0);
        stage.later("app", SignedDuration::from_hours(2)).await;
        let closed = stage.run("rotate", &[]).assert_status(0).stdout;
        let at = |words: &str| closed.find(words).unwrap_or_else(|| panic!("no `{words}` in {closed}"));
        let end = at("`app_a` cannot log in any more");
        // User mappings are of the databases that `check` reads.
        assert!(at(NAMED[0]) < end && at(NAMED[1]) < end, "{closed}");
    }
}
