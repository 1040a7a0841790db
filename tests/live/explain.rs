//! `explain` on a real server: whether, why, and what stands in the way.

use serde_json::{Value, json};

use crate::stage::Stage;
use crate::support::each_major;

const POLICY: &str = "version: 1
databases: { shop: { schemas: [app] } }
roles: { mig: { access: ddl } }
";

/// `app_user` reads by itself, by a group and as PUBLIC; `tool` only after SET ROLE.
const WORLD: &str = "CREATE ROLE mig; CREATE ROLE app_user LOGIN; CREATE ROLE reporting; CREATE ROLE tool LOGIN NOINHERIT;
CREATE ROLE outsider LOGIN; GRANT reporting TO app_user; GRANT reporting TO tool; GRANT pg_read_all_data TO reporting;
CREATE SCHEMA app AUTHORIZATION mig; GRANT USAGE ON SCHEMA app TO reporting;
CREATE TABLE app.orders (id int, note text); ALTER TABLE app.orders OWNER TO mig; REVOKE UPDATE ON app.orders FROM mig;
GRANT SELECT ON app.orders TO reporting, app_user; GRANT SELECT ON app.orders TO PUBLIC;
GRANT INSERT (note) ON app.orders TO app_user;
CREATE FUNCTION app.peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; ALTER FUNCTION app.peek() OWNER TO mig";

/// What `app_user` and its group own beside that.
const BELONGINGS: &str = "CREATE SCHEMA own AUTHORIZATION app_user; GRANT CREATE ON DATABASE shop TO app_user;
SET ROLE app_user; CREATE EXTENSION hstore SCHEMA own; CREATE FUNCTION own.note() RETURNS text LANGUAGE sql AS 'SELECT 1';
RESET ROLE; ALTER TABLE app.orders ALTER note SET DEFAULT own.note();
CREATE PUBLICATION \"P\" FOR TABLE app.orders; ALTER PUBLICATION \"P\" OWNER TO app_user; ALTER ROLE reporting SUPERUSER;
CREATE SUBSCRIPTION far CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE);
ALTER SUBSCRIPTION far OWNER TO reporting;
CREATE FUNCTION app.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION app.watch(); ALTER EVENT TRIGGER watch OWNER TO reporting;
ALTER ROLE reporting NOSUPERUSER; GRANT SELECT (rolpassword) ON pg_catalog.pg_authid TO PUBLIC";

impl Stage {
    fn why(&self, role: &str, privilege: &str, object: &str) -> Value {
        self.run("explain", &[role, privilege, object, "--format", "json"])
            .assert_status(0)
            .json()
    }
}

fn paths(answer: &Value) -> Vec<Vec<&str>> {
    let ways = answer["ways"].as_array().into_iter().flatten();
    ways.map(|way| {
        way["path"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    })
    .collect()
}

each_major! {
    async fn says_whether_and_by_which_paths(major: u32) {
        let stage = Stage::new(major);
        stage.policy(POLICY);
        stage.cluster.batch("shop", WORLD).await;

        let select = stage.why("app_user", "select", "table app.orders");
        assert_eq!((&select["allowed"], &select["manner"]), (&json!(true), &json!("inherit")));
        assert_eq!(paths(&select), [
            vec!["app_user", "SELECT on table app.orders granted by mig"],
            vec!["app_user", "SELECT on table app.orders granted to PUBLIC by mig"],
            vec!["app_user", "member of reporting", "SELECT on table app.orders granted by mig"],
            vec!["app_user", "member of reporting", "member of pg_read_all_data", "SELECT on table app.orders without a grant"],
        ]);

        let later = stage.why("tool", "SELECT", "table app.orders");
        let manner = paths(&later).into_iter().find(|path| path.len() == 3);
        assert_eq!(manner.unwrap()[1], "member of reporting, by SET ROLE");

        let column = stage.why("app_user", "INSERT", "column app.orders(note)");
        assert_eq!(column["allowed"], true, "{column}");
        let column = stage.why("app_user", "INSERT", "column app.orders(id)");
        assert_eq!(column["allowed"], false, "{column}");
        let column = stage.why("app_user", "SELECT", "column app.orders(id)");
        assert_eq!(paths(&column)[0], ["app_user", "SELECT on table app.orders granted by mig"], "by its table");

        let owner = stage.why("mig", "UPDATE", "table app.orders");
        assert_eq!((&owner["manner"], &owner["ways"][0]["source"]), (&json!("grant_itself"), &json!("owner")));

        let outside = stage.why("outsider", "SELECT", "table app.orders");
        assert_eq!((&outside["allowed"], &outside["lacks"]), (&json!(false), &json!(["USAGE on schema app"])));

        let none = stage.why("app_user", "TRUNCATE", "table app.orders");
        assert_eq!((&none["allowed"], &none["manner"], &none["ways"]), (&json!(false), &Value::Null, &json!([])));
        assert_eq!(none["routines"], json!([{"routine": "function app.peek()", "owner": "mig"}]), "it might by its owner");
        assert_eq!(stage.why("app_user", "CONNECT", "database shop")["ways"][0]["source"], "public");
    }

    async fn draws_a_tree_and_names_what_is_unknown(major: u32) {
        let stage = Stage::new(major);
        stage.policy(POLICY);
        stage.cluster.batch("shop", WORLD).await;
        let text = stage.run("explain", &["app_user", "INSERT", "table app.orders"]).assert_status(0).stdout;
        assert!(text.starts_with("app_user: INSERT on table app.orders in database shop: no\n"), "{text}");

        let tree = stage.run("explain", &["app_user"]).assert_status(0).stdout;
        for line in [
            "app_user\n├─ acts as\n│  ├─ reporting: member of reporting\n",
            "│  └─ pg_read_all_data: member of reporting → member of pg_read_all_data\n",
            "├─ schema app\n",
            "table app.orders\n",
            "SELECT on table app.orders granted to PUBLIC by mig\n",
            "function app.peek(), SECURITY DEFINER as mig\n",
            "column app.orders(note)\n",
        ] {
            assert!(tree.contains(line), "{line}\n{tree}");
        }

        for (arguments, error) in [
            (&["nobody"][..], "error: role `nobody` does not exist"),
            (&["mig", "SELECT", "table app.gone"], "error: there is no table app.gone in database `shop`"),
            (&["mig", "EXECUTE", "table app.orders"], "error: `EXECUTE` does not exist on `table app.orders`"),
            (&["mig", "SELECT", "all tables in schema app"], "error: `all tables in schema app` names no single object\n  caused by: it names more than one object"),
            (&["mig", "SELECT", "table app.orders", "--database", "x"], "error: the policy does not speak of database `x`"),
        ] {
            let outcome = stage.run("explain", arguments).assert_status(1);
            assert!(outcome.complaints().starts_with(error), "{}", outcome.stderr);
        }
    }

    async fn lists_what_has_an_owner_and_nothing_to_grant(major: u32) {
        let stage = Stage::new(major);
        stage.policy(POLICY);
        stage.cluster.batch("shop", WORLD).await;
        stage.cluster.batch("shop", BELONGINGS).await;
        let all = stage.run("explain", &["app_user", "--format", "json"]).assert_status(0).json();
        let text = |value: &Value| value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
        let listed: Vec<_> = all["places"][0]["belongings"].as_array().into_iter().flatten().map(|one| text(&one["path"])).collect();
        let group = "member of reporting";
        assert_eq!(listed, [
            vec!["app_user", group, "owner of event trigger watch"],
            vec!["app_user", "owner of extension hstore"],
            vec!["app_user", "owner of function own.note()", "column app.orders(note) runs it as whoever writes there"],
            vec!["app_user", "owner of publication \"P\""],
            vec!["app_user", group, "owner of subscription far"],
        ]);
        let tree = stage.run("explain", &["app_user"]).assert_status(0).stdout;
        assert!(tree.contains("subscription far\n") && tree.contains("member of reporting → owner of subscription far\n"), "{tree}");
        let tree = stage.run("explain", &["tool"]).assert_status(0).stdout;
        assert!(tree.contains("member of reporting, by SET ROLE → owner of subscription far\n"), "{tree}");
        let secret = stage.why("outsider", "SELECT", "column pg_catalog.pg_authid(rolpassword)");
        assert_eq!(paths(&secret), [vec!["outsider", "SELECT on column pg_catalog.pg_authid(rolpassword) granted to PUBLIC by cloudsqladmin"]]);
        stage.cluster.batch("shop", "DROP SUBSCRIPTION far").await;
    }
}
