//! Row security: what we say that a role reaches is what the server lets it reach.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::stage::Stage;
use crate::support::each_major;

/// One table a line, made by the migration user: name, its policies and more, and the words that read and write it.
const CASES: [(&str, &str); 22] = [
    ("open", ""),
    ("closed", "ENABLE"),
    ("forced", "ENABLE; FORCE"),
    (
        "public_all",
        "ENABLE; POLICY p ON app.public_all USING (true)",
    ),
    (
        "to_app",
        "ENABLE; POLICY p ON app.to_app TO app_user USING (true)",
    ),
    (
        "to_group",
        "ENABLE; POLICY p ON app.to_group TO team USING (true)",
    ),
    (
        "to_other",
        "ENABLE; POLICY p ON app.to_other TO auditor USING (true)",
    ),
    (
        "for_select",
        "ENABLE; POLICY p ON app.for_select FOR SELECT USING (true)",
    ),
    (
        "for_insert",
        "ENABLE; POLICY p ON app.for_insert FOR INSERT WITH CHECK (true)",
    ),
    (
        "for_update",
        "ENABLE; POLICY p ON app.for_update FOR UPDATE USING (true)",
    ),
    (
        "for_delete",
        "ENABLE; POLICY p ON app.for_delete FOR DELETE USING (true)",
    ),
    (
        "select_update",
        "ENABLE; POLICY p ON app.select_update FOR SELECT USING (true); POLICY q ON app.select_update FOR UPDATE USING (true)",
    ),
    (
        "select_delete",
        "ENABLE; POLICY p ON app.select_delete FOR SELECT USING (true); POLICY q ON app.select_delete FOR DELETE USING (true)",
    ),
    (
        "restrictive",
        "ENABLE; POLICY p ON app.restrictive AS RESTRICTIVE USING (true)",
    ),
    (
        "both",
        "ENABLE; POLICY p ON app.both AS RESTRICTIVE USING (true); POLICY q ON app.both USING (true)",
    ),
    ("never", "ENABLE; POLICY p ON app.never USING (false)"),
    (
        "restricted_never",
        "ENABLE; POLICY p ON app.restricted_never AS RESTRICTIVE USING (false); POLICY q ON app.restricted_never USING (true)",
    ),
    (
        "check_never",
        "ENABLE; POLICY p ON app.check_never USING (true) WITH CHECK (false)",
    ),
    ("asleep", "POLICY p ON app.asleep USING (false)"),
    (
        "halves",
        "ENABLE; POLICY p ON app.halves FOR UPDATE USING (true) WITH CHECK (false); POLICY q ON app.halves FOR UPDATE USING (false) WITH CHECK (true); POLICY s ON app.halves FOR SELECT USING (true)",
    ),
    ("unforced_view", "ENABLE"),
    ("forced_view", "ENABLE; FORCE"),
];

const ROLES: &str = "  migration_user: { access: ddl }
  team: { access: { read: [app] } }
  app_user: { access: dml, member_of: [team] }
  auditor: { access: { read: [app] } }\n";

async fn stage(major: u32) -> Stage {
    let stage = Stage::new(major);
    stage.roles(ROLES);
    stage.apply(&[]).assert_status(0);
    let mut sql = String::from("SET ROLE migration_user;");
    for (name, words) in CASES {
        sql += &format!("CREATE TABLE app.{name} (id int, n int);");
        for word in words.split("; ").filter(|word| !word.is_empty()) {
            sql += &match word {
                "ENABLE" | "FORCE" => format!("ALTER TABLE app.{name} {word} ROW LEVEL SECURITY;"),
                policy => format!("CREATE {policy};"),
            };
        }
    }
    sql += "CREATE VIEW app.v_unforced AS SELECT * FROM app.unforced_view; CREATE VIEW app.v_forced AS SELECT * FROM app.forced_view;
            CREATE VIEW app.v_nested AS SELECT * FROM app.v_forced;";
    if major >= 15 {
        sql += "CREATE VIEW app.v_invoker WITH (security_invoker = on) AS SELECT * FROM app.unforced_view;
                CREATE VIEW app.v_within AS SELECT * FROM app.v_invoker;";
    }
    stage.cluster.batch("shop", &sql).await;
    let rows: String = CASES
        .iter()
        .map(|(name, _)| format!("INSERT INTO app.{name} VALUES (1, 1);"))
        .collect();
    stage.cluster.batch("shop", &rows).await;
    stage
}

/// What the server lets the session do, as a statement that reads columns does it.
async fn reaches(session: &Client, relation: &str, privilege: &str) -> bool {
    let statement = match privilege {
        "SELECT" => format!("SELECT FROM app.{relation}"),
        "INSERT" => format!("INSERT INTO app.{relation} VALUES (2, 2)"),
        "UPDATE" => format!("UPDATE app.{relation} SET n = n + 1 WHERE id = 1"),
        _ => format!("DELETE FROM app.{relation} WHERE id = 1"),
    };
    session.batch_execute("BEGIN").await.expect("it begins");
    let done = session.execute(&statement, &[]).await;
    session.batch_execute("ROLLBACK").await.expect("it ends");
    done.is_ok_and(|rows| rows > 0)
}

fn explained(stage: &Stage, role: &str, privilege: &str, object: &str) -> Value {
    let file = stage.file();
    let arguments = [
        "explain",
        file.to_str().expect("a UTF-8 path"),
        role,
        privilege,
        object,
        "--format",
        "json",
    ];
    stage.rolewright.run(arguments).assert_status(0).json()
}

each_major! {
    async fn what_we_say_of_rows_is_what_the_server_does(major: u32) {
        let stage = stage(major).await;
        let session = stage.cluster.connect_superuser("shop").await;
        let checked = stage.run("check", &["--format", "json"]).assert_status(0).json();
        let warned: Vec<(String, String, String)> = checked["findings"].as_array().into_iter().flatten()
            .filter(|one| one["rule"] == "row.security").map(|one| {
                assert_eq!(one["severity"], "warning");
                let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
                (text("role"), text("object"), text("privilege"))
            }).collect();
        let mut relations: Vec<_> = CASES.iter().map(|(name, _)| ("table", *name)).collect();
        relations.extend([("view", "v_unforced"), ("view", "v_forced"), ("view", "v_nested")]);
        if major >= 15 {
            relations.extend([("view", "v_invoker"), ("view", "v_within")]);
        }
        let mut wrong = Vec::new();
        for role in ["migration_user", "app_user", "auditor"] {
            session.batch_execute(&format!("SET ROLE {role}")).await.expect("a superuser");
            for (kind, name) in &relations {
                for privilege in ["SELECT", "INSERT", "UPDATE", "DELETE"] {
                    if role == "auditor" && privilege != "SELECT" {
                        continue;
                    }
                    let does = reaches(&session, name, privilege).await;
                    let object = format!("{kind} app.{name}");
                    let told = warned.iter().any(|(who, what, privileges)| who == role && *what == object && privileges.contains(privilege));
                    // The owner of everything is granted nothing: explain alone speaks of it.
                    if (does == told && role != "migration_user") || (role == "app_user" && explained(&stage, role, privilege, &object)["allowed"] != json!(does)) {
                        wrong.push(format!("{role} {privilege} {object}: the server {does}, warned {told}"));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    async fn verify_and_explain_tell_of_row_security(major: u32) {
        let stage = Stage::new(major);
        stage.roles("  migration_user: { access: ddl }\n  app_user: { access: dml, secret: { name: app, payload: url } }\n");
        stage.apply(&[]).assert_status(0);
        stage.cluster.batch("shop", "SET ROLE migration_user; CREATE TABLE app.plain (id int)").await;
        let works = |verified: &Value| verified["proofs"][0]["works"].as_u64().expect("a number");
        let before = stage.run("verify", &["--format", "json"]).assert_status(0).json();
        stage.cluster.batch("shop", "SET ROLE migration_user; CREATE TABLE app.jobs (id int); INSERT INTO app.jobs VALUES (1);
            ALTER TABLE app.jobs ENABLE ROW LEVEL SECURITY; CREATE TABLE app.mine (owner text);
            CREATE POLICY mine ON app.mine USING (owner = current_user); ALTER TABLE app.mine ENABLE ROW LEVEL SECURITY").await;
        let verified = stage.run("verify", &["--format", "json"]).assert_status(0).json();
        assert_eq!(verified["proofs"][0]["without_rows"], json!(4), "{verified:#}");
        // Four privileges of app.mine, each shown twice.
        assert_eq!(works(&verified), works(&before) + 8, "{verified:#}");
        let text = stage.run("verify", &[]).assert_status(0).stdout;
        assert!(text.contains("4 privileges granted and without rows: row security"), "{text}");

        for privilege in ["SELECT", "INSERT", "UPDATE", "DELETE"] {
            let answer = explained(&stage, "app_user", privilege, "table app.jobs");
            assert_eq!(answer["allowed"], json!(false), "{answer:#}");
            assert_eq!(answer["row_security"]["rows"], "none");
            assert!(answer["row_security"]["reason"].as_str().is_some_and(|why| why.contains("no policy applies")), "{answer:#}");
            let answer = explained(&stage, "app_user", privilege, "table app.mine");
            assert_eq!((&answer["allowed"], &answer["row_security"]["policies"]), (&json!(true), &json!(["mine"])));
        }
        assert_eq!(explained(&stage, "app_user", "SELECT", "table app.plain")["row_security"], Value::Null);
        let file = stage.file();
        let file = file.to_str().expect("a UTF-8 path");
        let text = stage.rolewright.run(["explain", file, "app_user", "INSERT", "table app.jobs"]).assert_status(0).stdout;
        assert!(text.contains(": no") && text.contains("reaches no row: row security of table app.jobs"), "{text}");
        let all = stage.rolewright.run(["explain", file, "app_user"]).assert_status(0).stdout;
        assert!(all.contains("reaches no row") && all.contains("subject to row security policies: mine"), "{all}");

        // Which rows is nothing that a statement of ours could say.
        let checked = stage.run("check", &["--format", "json"]).assert_status(0).json();
        let finding = checked["findings"].as_array().into_iter().flatten().find(|one| one["rule"] == "row.security").expect("a finding");
        let advice = "CREATE POLICY … ON \"app\".\"jobs\" TO \"app_user\" USING (…)";
        assert!(finding["fix"].is_null() && finding["message"].as_str().is_some_and(|text| text.ends_with(advice)), "{finding:#}");
        stage.cluster.batch("shop", "SET ROLE migration_user; CREATE POLICY jobs ON app.jobs TO app_user USING (true)").await;
        let checked = stage.run("check", &["--format", "json"]).assert_status(0).json();
        assert!(!checked.to_string().contains("row.security"), "{checked:#}");
    }
}
