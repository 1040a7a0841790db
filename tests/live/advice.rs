//! What is advised works when typed, whatever the names are.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::stage::Stage;
use crate::support::{Cluster, Options, each_major};

/// Reserved words are roles of the policy; what a policy does not let a role be called, others are called.
const POLICY: &str = "version: 1
databases: { 'Shop \"1\"': { schemas: [select, 'Mixed Schema', 's\"q'] } }
roles:
  user: { access: ddl }
  order: { access: dml }
";
const DATABASE: &str = "Shop \"1\"";
const SCHEMAS: [&str; 3] = ["select", "Mixed Schema", "s\"q"];
const OTHERS: [&str; 3] = ["Mixed Case", "a\"b", "group"];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn stage(major: u32) -> Stage {
    let stage = Stage::with(Cluster::with(major, Options::default().database(DATABASE)));
    stage.policy(POLICY);
    stage
}

/// Everything that others hold, own, were given and gave on, one statement each.
fn drift() -> String {
    let mut drift = String::new();
    for schema in SCHEMAS {
        let schema = quoted(schema);
        drift += &format!(
            "SET ROLE \"user\"; CREATE TABLE {schema}.\"Table\" (\"Col\" int); CREATE SEQUENCE {schema}.\"user\";
             CREATE TYPE {schema}.\"order\" AS ENUM (); CREATE TABLE {schema}.\"window\" ();
             CREATE FUNCTION {schema}.\"select\"({schema}.\"order\") RETURNS int LANGUAGE sql AS 'SELECT 1'; RESET ROLE;
             ALTER TABLE {schema}.\"window\" OWNER TO \"order\"; GRANT CREATE ON SCHEMA {schema} TO \"order\";
             GRANT TRUNCATE ON {schema}.\"Table\" TO \"order\" WITH GRANT OPTION;
             REVOKE INSERT ON {schema}.\"Table\" FROM \"order\"; REVOKE ALL ON FUNCTION {schema}.\"select\" FROM \"order\";
             ALTER DEFAULT PRIVILEGES FOR ROLE \"user\" IN SCHEMA {schema} REVOKE SELECT ON TABLES FROM \"order\";"
        );
        for other in OTHERS {
            let other = quoted(other);
            drift += &format!(
                "GRANT USAGE ON SCHEMA {schema} TO {other}; GRANT SELECT, UPDATE (\"Col\") ON {schema}.\"Table\" TO {other};
                 GRANT USAGE ON SEQUENCE {schema}.\"user\" TO {other}; GRANT USAGE ON TYPE {schema}.\"order\" TO {other};
                 GRANT EXECUTE ON FUNCTION {schema}.\"select\" TO {other};
                 SET ROLE \"order\"; GRANT TRUNCATE ON {schema}.\"Table\" TO {other}; RESET ROLE;
                 ALTER DEFAULT PRIVILEGES FOR ROLE \"user\" IN SCHEMA {schema} GRANT SELECT ON TABLES TO {other};"
            );
        }
    }
    for other in OTHERS {
        let quoted_other = quoted(other);
        let publication = quoted(&format!("of {other}"));
        drift += &format!(
            "GRANT CREATE ON DATABASE {} TO {quoted_other};
             SET ROLE cloudsqlsuperuser; GRANT \"order\" TO {quoted_other}; GRANT {quoted_other} TO \"user\"; RESET ROLE;
             CREATE PUBLICATION {publication} FOR TABLE \"select\".\"Table\"; ALTER PUBLICATION {publication} OWNER TO {quoted_other};",
            quoted(DATABASE)
        );
    }
    drift
        + "ALTER ROLE \"order\" CREATEDB; ALTER ROLE \"user\" SET work_mem = '1MB'; CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\";"
}

/// What takes the way to objects away comes last: their names need it.
fn is_container(finding: &Value) -> bool {
    let object = finding["object"].as_str().unwrap_or_default();
    object.starts_with("schema ") || object.starts_with("database ") || object.starts_with("role ")
}

fn drifting(checked: &Value) -> Vec<Value> {
    let all = checked["findings"].as_array().into_iter().flatten();
    all.filter(|one| one["severity"] == "error")
        .cloned()
        .collect()
}

/// The statement that a piece of advice ends in.
fn statement(advice: &str) -> Option<&str> {
    let statement = advice
        .rsplit_once("runs: ")
        .map_or(advice, |(_, statement)| statement);
    let is_sql = ["GRANT ", "ALTER ", "REVOKE "]
        .iter()
        .any(|verb| statement.starts_with(verb));
    (is_sql && !statement.contains('…')).then_some(statement)
}

/// The options of `apply` that the message of a finding names: what it withholds is done with them.
pub fn options_in(message: &str) -> BTreeSet<&'static str> {
    let known = ["--prune", "--take-over", "--reset-passwords"];
    known
        .into_iter()
        .filter(|option| message.contains(option))
        .collect()
}

each_major! {
    async fn every_fix_is_one_whatever_the_names_are(major: u32) {
        let stage = stage(major);
        stage.apply(&[]).assert_status(0);
        let roles: String = OTHERS.iter().map(|other| format!("CREATE ROLE {} LOGIN; ", quoted(other))).collect();
        // Made as Cloud SQL's admins make roles, who can act as them afterwards.
        let roles = format!("SET ROLE cloudsqlsuperuser; {roles} RESET ROLE; ");
        stage.cluster.batch(DATABASE, &(roles + &drift())).await;
        let mut seen = BTreeSet::new();
        for _round in 0..4 {
            let (containers, others): (Vec<_>, Vec<_>) =
                drifting(&stage.run("check", &["--format", "json"]).json()).into_iter().partition(is_container);
            let mut options = BTreeSet::new();
            for finding in others.iter().chain(&containers) {
                let Some(fix) = finding["fix"].as_str() else {
                    // What is withheld names the option that decides, also for what waits for a role to be proven.
                    let decides = options_in(finding["message"].as_str().unwrap_or_default());
                    assert!(!decides.is_empty(), "no fix: {finding:#}");
                    options.extend(decides);
                    seen.insert(finding["rule"].as_str().unwrap_or_default().to_owned());
                    continue;
                };
                let superuser = stage.cluster.connect_superuser(finding["database"].as_str().unwrap_or("postgres")).await;
                superuser.batch_execute(fix).await.unwrap_or_else(|error| panic!("{fix}: {error:?}"));
                seen.insert(finding["rule"].as_str().unwrap_or_default().to_owned());
            }
            if !options.is_empty() {
                stage.apply(&options.into_iter().collect::<Vec<_>>());
            }
        }
        stage.run("check", &[]).assert_status(0);
        for rule in ["role.undeclared", "grant.missing", "grant.unexpected", "default.missing", "owner.unexpected", "membership.unexpected"] {
            assert!(seen.contains(rule), "{rule} is not among {seen:?}");
        }
    }

    /// The database and a schema belong to others, so that they have to help.
    async fn advice_leads_on_whatever_the_names_are(major: u32) {
        let stage = stage(major);
        let owner = quoted(OTHERS[0]);
        stage.cluster.batch(DATABASE, &format!(
            "CREATE ROLE {owner} LOGIN; CREATE SCHEMA \"select\" AUTHORIZATION {owner};
             ALTER DATABASE {} OWNER TO {owner}", quoted(DATABASE)
        )).await;
        let mut followed = BTreeSet::new();
        for _round in 0..4 {
            let plan = stage.run("plan", &["--format", "json"]).json();
            let withheld = plan["instances"][0]["withheld"].as_array().cloned().unwrap_or_default();
            for advice in withheld.iter().filter_map(|one| one["advice"].as_str()).filter_map(statement) {
                let superuser = stage.cluster.connect_superuser(DATABASE).await;
                superuser.batch_execute(advice).await.unwrap_or_else(|error| panic!("{advice}: {error:?}"));
                followed.insert(advice.to_owned());
            }
        }
        assert!(followed.iter().any(|one| one.contains("ON DATABASE \"Shop \"\"1\"\"\"")), "{followed:?}");
        let plan = stage.run("plan", &["--format", "json"]).json();
        let withheld = plan["instances"][0]["withheld"].as_array().cloned().unwrap_or_default();
        let left: Vec<_> = withheld.iter().filter(|one| one["advice"].as_str().and_then(statement).is_some()).collect();
        assert!(left.is_empty(), "followed {followed:#?}, left {left:#?}");
    }

    /// A command of ours names the files as they were given, and runs as it is typed into a shell.
    async fn a_command_that_is_advised_runs_as_typed(major: u32) {
        let stage = Stage::new(major);
        let folder = stage.folder.path().join("it's mine");
        std::fs::create_dir(&folder).expect("it is made");
        let text = "version: 1\ninstance: shop-prod:europe-west1:main\ndatabases: { shop: { schemas: [app] } }\nroles:\n  app: { access: dml, \
            secret: { name: \"${SECRET}\", payload: url } }\n";
        std::fs::write(folder.join("-p.yaml"), text).expect("it is written");
        let typed = |line: &str| {
            let program = std::path::Path::new(env!("CARGO_BIN_EXE_rolewright"));
            let path = format!("{}:/usr/bin:/bin", program.parent().expect("its folder").display());
            let like_it = stage.rolewright.command(["--version"]);
            let mut shell = std::process::Command::new("bash");
            shell.args(["-c", line]).env_clear().envs(like_it.get_envs().filter_map(|(name, value)| Some((name, value?))));
            shell.env("PATH", path).current_dir(&folder).output().expect("it runs")
        };
        let checked = typed("rolewright check --format json --var SECRET=app-url -- -p.yaml");
        let checked: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
        let missing = drifting(&checked).into_iter().find(|one| one["rule"] == "secret.missing").expect("a finding");
        let fix = missing["fix"].as_str().expect("a command");
        assert_eq!(fix, "rolewright apply ./-p.yaml --var=SECRET=app-url");
        let applied = typed(&format!("{fix} --yes"));
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        let checked = typed("rolewright check . --var SECRET=app-url");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
        let refused = typed("rolewright rollback . --var SECRET=app-url --role app");
        let hint = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(hint.contains("`rolewright rotate . --var=SECRET=app-url --role=app --now`"), "{hint}");
    }
}
