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
}
