//! The `sql` format does what the JSON statements do, whatever names there are, and runs nothing else.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::stage::Stage;
use crate::support::{Cluster, Options, each_major};

/// What psql, a terminal or a shell could make something of.
const PIECES: [&str; 40] = [
    "\u{1b}[",
    "\u{1b}]0;x\u{7}",
    "\u{1b}[201~",
    "\u{9b}31m",
    "\u{90}",
    "\n",
    "\r\n",
    "\n\\! touch ran\n",
    "\\! touch ran",
    "\t",
    "\\connect postgres",
    "\\",
    "\"",
    "'",
    "''",
    "\\'",
    "\"\"",
    ";",
    "; DROP ROLE mig; --",
    "--",
    "/*",
    "*/",
    "$$",
    "$a$",
    ":x",
    ":'x'",
    ":\"x\"",
    "`touch ran`",
    "$(touch ran)",
    "%s",
    "U&\"\\0041\"",
    "\\0041",
    "\\u0041",
    "\u{7f}",
    "\u{85}",
    "\u{202e}",
    "\u{2028}",
    "\u{feff}",
    "##[error]",
    "::error::",
];

/// What privileges and owners come to, of everything that is not the server's own.
const STANDS: &str = "SELECT line FROM (
    SELECT format('class %s.%s %s %s', n.nspname, relname, relowner::regrole, relacl) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE relnamespace >= 16384
    UNION ALL SELECT format('column %s.%s %s', attrelid::regclass, attname, attacl) FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid >= 16384
    UNION ALL SELECT format('routine %s %s %s', oid::regprocedure, proowner::regrole, proacl) FROM pg_proc WHERE pronamespace >= 16384
    UNION ALL SELECT format('type %s %s %s', oid::regtype, typowner::regrole, typacl) FROM pg_type WHERE typnamespace >= 16384 AND typtype <> 'c' AND typelem = 0
    UNION ALL SELECT format('schema %s %s %s', nspname, nspowner::regrole, nspacl) FROM pg_namespace WHERE nspname !~ '^pg_'
    UNION ALL SELECT format('default %s %s %s %s', defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype, defaclacl) FROM pg_default_acl
    UNION ALL SELECT format('database %s %s %s', datname, datdba::regrole, datacl) FROM pg_database
    UNION ALL SELECT format('role %s %s %s %s %s', rolname, rolcanlogin, rolinherit, rolcreaterole, rolconnlimit) FROM pg_roles
    UNION ALL SELECT format('member %s %s %s', roleid::regrole, member::regrole, admin_option) FROM pg_auth_members
    UNION ALL SELECT format('setting %s %s', setrole::regrole, setconfig) FROM pg_db_role_setting
) AS all_of_it (line) ORDER BY 1";

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Escaped, so that the file says exactly this.
fn yaml(name: &str) -> String {
    let mut out = String::from("\"");
    for c in name.chars() {
        let _ = if c.is_ascii_alphanumeric() {
            write!(out, "{c}")
        } else {
            write!(out, "\\U{:08x}", u32::from(c))
        };
    }
    out + "\""
}

/// Names as PostgreSQL can hold them, the same ones in every run.
fn names(number: usize) -> Vec<String> {
    let piece = prop_oneof![
        4 => prop::sample::select(PIECES.to_vec()).prop_map(String::from),
        2 => prop::char::range('\u{1}', '\u{ff}').prop_map(String::from),
        1 => any::<char>().prop_map(String::from),
        1 => "[a-z ]{1,3}",
    ];
    let name = prop::collection::vec(piece, 1..6).prop_map(|all| all.concat());
    let mut runner = TestRunner::deterministic();
    let mut found = std::collections::BTreeSet::new();
    while found.len() < number {
        let name = name.new_tree(&mut runner).expect("a name").current();
        let cut = name
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .take_while(|end| *end <= 56)
            .last()
            .unwrap_or(0);
        let name = format!("n{}", &name[..cut]);
        if !name.contains(['\0', '\u{fffd}']) && !name.contains("${") {
            found.insert(name);
        }
    }
    found.into_iter().collect()
}

/// Objects whose names could do something, and drift on all of them.
struct Hostile {
    database: String,
    schemas: Vec<String>,
    roles: Vec<String>,
    names: Vec<String>,
}

impl Hostile {
    fn new() -> Self {
        let mut names = names(150);
        let mut schemas = names.split_off(130);
        let roles = schemas.split_off(10);
        Self {
            database: "d\u{1b}[\n\\! touch ran\n'\"\\ :x \u{9b}".into(),
            schemas,
            roles,
            names,
        }
    }

    fn policy(&self) -> String {
        let schemas: Vec<_> = self.schemas.iter().map(|name| yaml(name)).collect();
        format!(
            "version: 1\ndatabases: {{ {}: {{ schemas: [app, {}] }} }}\nroles:\n  mig: {{ access: ddl }}\n  app: {{ access: dml }}\n",
            yaml(&self.database),
            schemas.join(", "),
        )
    }

    /// Roles that nobody declared hold something, and own something that `mig` is to own.
    async fn make(&self, cluster: &Cluster) {
        cluster
            .batch(
                "postgres",
                &format!(
                    "CREATE DATABASE {} OWNER cloudsqlsuperuser",
                    quoted(&self.database)
                ),
            )
            .await;
        let admin = cluster.connect_admin(&self.database).await;
        let mut make = "SET ROLE cloudsqlsuperuser; CREATE SCHEMA app; CREATE ROLE app;".to_owned();
        for role in self.roles.iter().map(|role| quoted(role)) {
            write!(
                make,
                "CREATE ROLE {role}; GRANT {role} TO app; GRANT USAGE ON SCHEMA app TO {role};"
            )
            .unwrap();
        }
        let mut roles = self.roles.iter().cycle();
        for (index, name) in self.names.iter().enumerate() {
            let (quoted_name, role) = (quoted(name), quoted(roles.next().expect("endless")));
            write!(make, "CREATE TABLE app.{quoted_name} ({quoted_name} int);").unwrap();
            if index % 3 == 0 {
                let domain = quoted(&format!("d{}", &name[1..]));
                write!(
                    make,
                    "GRANT UPDATE ({quoted_name}), TRUNCATE ON app.{quoted_name} TO {role};
                     CREATE DOMAIN app.{domain} AS int;
                     CREATE FUNCTION app.{quoted_name}(app.{domain}) RETURNS int LANGUAGE sql AS 'SELECT 1';"
                )
                .unwrap();
            }
        }
        admin
            .batch_execute(&make)
            .await
            .expect("the objects are made");
    }
}

async fn lines(cluster: &Cluster, database: &str) -> Vec<String> {
    crate::converge::texts(&cluster.connect_superuser(database).await, STANDS).await
}

/// The server's own psql, or that of another major.
#[expect(
    clippy::disallowed_methods,
    reason = "a test's environment says which programs there are"
)]
fn psql(cluster: &Cluster) -> PathBuf {
    let own = cluster.program("psql");
    let clients =
        std::env::var("ROLEWRIGHT_TEST_CLIENTS").map(|folder| PathBuf::from(folder).join("psql"));
    if own.exists() {
        own
    } else {
        clients.unwrap_or_else(|_| "psql".into())
    }
}

/// Runs a script as its reader would, with nothing set.
fn run_script(stage: &Stage, script: &str) {
    let mut psql = Command::new(psql(&stage.cluster));
    psql.args(["--no-psqlrc", "--quiet", stage.cluster.admin_url()])
        .env_clear()
        .env("LC_ALL", "C");
    let psql = psql
        .current_dir(stage.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut psql = psql.spawn().expect("psql runs");
    psql.stdin
        .take()
        .expect("a pipe")
        .write_all(script.as_bytes())
        .expect("it reads");
    let ended = psql.wait_with_output().expect("it ends");
    assert!(
        ended.status.success(),
        "{}\n{script}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

/// Runs the statements of a plan one by one, byte by byte.
async fn run_statements(cluster: &Cluster, plan: &Value) {
    for transaction in plan["instances"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|one| one["transactions"].as_array())
        .flatten()
    {
        let admin = cluster
            .connect_admin(transaction["database"].as_str().unwrap_or("postgres"))
            .await;
        for statement in transaction["statements"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            admin
                .simple_query(statement)
                .await
                .unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
    }
}

/// Everything of a script that a terminal or a reader sees is what is run.
fn assert_visible(script: &str) {
    let hidden = |c: &char| c.is_control() && *c != '\n' || ('\u{200b}'..='\u{202e}').contains(c);
    assert_eq!(script.chars().find(hidden), None, "{script:?}");
    assert!(!script.contains("##["), "{script}");
    assert!(
        !script
            .lines()
            .any(|line| line.trim_start().starts_with("::")),
        "{script}"
    );
}

each_major! {
    async fn a_script_does_what_the_statements_do_and_nothing_else(major: u32) {
        let hostile = Hostile::new();
        let (first, second) = (Stage::new(major), Stage::new(major));
        for stage in [&first, &second] {
            hostile.make(&stage.cluster).await;
            stage.policy(&hostile.policy());
        }
        let script = first.run("plan", &["--prune", "--format", "sql"]).assert_status(0).stdout;
        assert_visible(&script);
        run_script(&first, &script);
        run_statements(&second.cluster, &second.run("plan", &["--prune", "--format", "json"]).assert_status(0).json()).await;
        assert!(!first.folder.path().join("ran").exists(), "a shell command ran");
        for database in ["postgres", &hostile.database] {
            assert_eq!(lines(&first.cluster, database).await, lines(&second.cluster, database).await);
        }
        for stage in [&first, &second] {
            stage.run("check", &[]).assert_status(0);
            assert_eq!(stage.run("plan", &["--prune", "--format", "json"]).json()["instances"][0]["changes"].as_array().map(Vec::len), Some(0));
        }
    }

    /// A file, or a pipe, gets the script byte by byte, as a terminal would.
    async fn no_format_but_text_is_stripped(major: u32) {
        let stage = Stage::with(Cluster::with(major, Options::default().database("shop")));
        stage.policy("version: 1\ndatabases: { shop: { schemas: [app] } }\nroles:\n  mig: { access: ddl }\n");
        stage.cluster.batch("shop", "SET ROLE cloudsqlsuperuser; CREATE SCHEMA app; CREATE TABLE app.\"a\u{1b}[\" ()").await;
        let file = |name: &str| stage.folder.path().join(name);
        let copies: Vec<_> = ["sql", "json", "markdown"].map(|format| format!("{format}={}", file(format).display())).into();
        let options: Vec<_> = copies.iter().flat_map(|copy| ["--output", copy.as_str()]).collect();
        stage.run("plan", &options).assert_status(0);
        for format in ["sql", "json", "markdown"] {
            let said = stage.run("plan", &["--format", format]).assert_status(0).stdout;
            assert_eq!(std::fs::read_to_string(file(format)).expect("a file"), said, "{format}");
            assert!(said.contains("001B[") || said.contains("001b["), "{format}: {said}");
        }
    }
}
