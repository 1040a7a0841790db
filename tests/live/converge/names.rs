//! Names as people may give them: quotes, blanks, percent signs, keywords, other scripts, and as long as they may be.

use super::{LEFT_OVER, texts};
use crate::stage::Stage;
use crate::support::{Cluster, Options, each_major};

/// Role names stand in URLs, and so have fewer letters to choose from.
const MIG: &str = "Mig@shop-prod.iam";
const APP: &str = "app_role_with_a_name_of_sixty_three_bytes_0123456789_0123456789";
const LONG: &str = "schema_with_a_name_of_sixty_three_bytes_0123456789_0123456789_x";

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

each_major! {
    async fn of_any_kind_work_everywhere(major: u32) {
        for name in ["select", "a \"b\" %s %I c", "gänse-füßchen", "it's; DROP", "Ab\\c", "x.y", LONG] {
            let database = format!("{}d", &name[..name.len().min(40)]);
            let cluster = Cluster::with(major, Options::default().database(&database).log_all_statements());
            let stage = Stage::with(cluster);
            let (schema, yaml) = (quoted(name), name.replace('\'', "''"));
            stage.policy(&format!(
                "version: 1\ndatabases: {{ '{}': {{ schemas: ['{yaml}'] }} }}\nroles:\n  '{MIG}': {{ access: ddl }}\n  '{APP}': {{ access: dml }}\n",
                database.replace('\'', "''"),
            ));
            stage.apply(&[]).assert_status(0);
            let (mig, app) = (quoted(MIG), quoted(APP));
            let kind = quoted(&format!("e{}", &name[..name.len().min(60)]));
            let make = format!(
                "SET ROLE {mig}; CREATE TABLE {schema}.{schema} ({schema} serial); CREATE TYPE {schema}.{kind} AS ENUM ('a');
                 CREATE FUNCTION {schema}.{schema}({schema}.{kind}) RETURNS int LANGUAGE sql AS 'SELECT 1';
                 RESET ROLE; REVOKE ALL ON {schema}.{schema} FROM {app}; GRANT UPDATE ({schema}) ON {schema}.{schema} TO {app};
                 REVOKE ALL ON FUNCTION {schema}.{schema}({schema}.{kind}) FROM {app};
                 ALTER TYPE {schema}.{kind} OWNER TO {app}; ALTER ROLE {app} SET search_path = {schema};
                 GRANT CREATE ON SCHEMA {schema} TO {app} WITH GRANT OPTION"
            );
            stage.cluster.batch(&database, &make).await;
            stage.run("check", &[]).assert_status(2);
            stage.converge(&[]);
            stage.assert_in_sync();
            assert_eq!(texts(&stage.cluster.connect_superuser("postgres").await, LEFT_OVER).await, [""; 0]);
        }
    }

    /// What would end a comment, a line, a cell, a workflow command or a script somewhere stays a name everywhere.
    async fn that_look_like_something_else_are_shown_as_names(major: u32) {
        let names = [
            "1st", "€ $$ $1 %% %s", "line\nbreak\ttab", "🦀 e\u{301} \u{202e}", "<b>&amp;</b>", "`x` $(id) ; \\! id", "| a | # - b",
            "::error::x", "--", "/*", "NULL", "public ", "$body$", "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
        ];
        let database = "d\"'\\ \n🦀 %s";
        let stage = Stage::new(major);
        stage.cluster.batch("postgres", &format!("CREATE DATABASE {} OWNER cloudsqlsuperuser", quoted(database))).await;
        let yaml = |name: &str| serde_json::to_string(name).expect("a string");
        let schemas: Vec<_> = names.iter().map(|name| yaml(name)).collect();
        let schemas = schemas.join(", ");
        stage.policy(&format!(
            "version: 1\ndatabases: {{ {}: {{ schemas: [{schemas}] }} }}\nroles:\n  mig: {{ access: ddl }}\n  app: {{ access: dml }}\n",
            yaml(database),
        ));
        stage.apply(&[]).assert_status(0);
        let mut make = "SET ROLE mig; ".to_owned();
        for name in names {
            let name = quoted(name);
            make += &format!(
                "CREATE TABLE {name}.{name} ({name} serial); CREATE TYPE {name}.kind AS ENUM ('a');
                 CREATE FUNCTION {name}.{name}({name}.kind) RETURNS int LANGUAGE sql AS 'SELECT 1';
                 REVOKE ALL ON {name}.{name} FROM app; GRANT TRUNCATE, UPDATE ({name}) ON {name}.{name} TO app;
                 REVOKE ALL ON FUNCTION {name}.{name}({name}.kind) FROM app; "
            );
        }
        stage.cluster.batch(database, &make).await;
        for format in ["text", "json", "sarif", "junit", "markdown", "github"] {
            let said = stage.run("check", &["--format", format]).assert_status(2).stdout;
            assert!(!said.lines().any(|line| line.starts_with("::error::x") || line.trim() == "break"), "{format}: {said}");
        }
        for format in ["text", "json", "sql", "markdown"] {
            stage.run("plan", &["--format", format]).assert_status(0);
        }
        stage.converge(&[]);
        stage.assert_in_sync();
        assert_eq!(texts(&stage.cluster.connect_superuser("postgres").await, LEFT_OVER).await, [""; 0]);
    }
}
