//! The migration tools that people use, run by the migration user with the credential that `apply` stored for it: up,
//! down and up again, with the app at work on whatever they make, and never a finding.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use tokio_postgres::Client;

use crate::stage::Stage;
use crate::support::each_major;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Where the tools are, set up once for all tests, or why they are not.
static TOOLS: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let setup = Command::new(format!("{ROOT}/scripts/lib/migration-tools"))
        .current_dir(ROOT)
        .output();
    let setup = setup.map_err(|error| format!("scripts/lib/migration-tools: {error}"))?;
    match setup.status.success() {
        true => Ok(PathBuf::from(String::from_utf8_lossy(&setup.stdout).trim())),
        false => Err(String::from_utf8_lossy(&setup.stderr).into_owned()),
    }
});

/// A tool, and what its migrations in `migrations/NAME` make.
struct Tool {
    name: &'static str,
    program: &'static str,
    up: &'static [&'static str],
    down: &'static [&'static str],
    /// What the app does once they are up.
    work: &'static str,
    /// How many relations and routines there are then at least: fewer, and nothing was proved.
    makes: i64,
}

const TOOLS_OF_USERS: [Tool; 4] = [
    Tool {
        name: "knex",
        program: "node_modules/.bin/knex",
        up: &["migrate:latest"],
        down: &["migrate:rollback", "--all"],
        work: "INSERT INTO knex_customer (email) VALUES ('a@b'); UPDATE knex_customer SET state = 'known';
            INSERT INTO knex_purchase (customer, amount) SELECT id, 2 FROM knex_customer; SELECT * FROM knex_total;
            INSERT INTO knex_event VALUES ('2026-05-05', 'x'); DELETE FROM knex_purchase; DELETE FROM knex_customer",
        makes: 12,
    },
    Tool {
        name: "node-pg-migrate",
        program: "node_modules/.bin/node-pg-migrate",
        up: &["up"],
        down: &["down", "3"],
        work: "INSERT INTO npm_human (email) VALUES ('a@b'); SELECT * FROM npm_people; SELECT * FROM npm_moods;
            UPDATE npm_human SET mood = 'sad'; DELETE FROM npm_human",
        makes: 6,
    },
    Tool {
        name: "alembic",
        program: "python/bin/alembic",
        up: &["upgrade", "head"],
        down: &["downgrade", "base"],
        work: "INSERT INTO alembic_account (owner) VALUES ('a'); INSERT INTO alembic_posting (account, value)
            SELECT id, 1 FROM alembic_account; CALL alembic_close(); UPDATE alembic_copy SET value = 2;
            SELECT * FROM alembic_summary; DELETE FROM alembic_posting; DELETE FROM alembic_account",
        makes: 7,
    },
    Tool {
        name: "django",
        program: "python/bin/python",
        up: &["migrate"],
        down: &["migrate", "shop", "zero"],
        work: "INSERT INTO shop_product (name, price) VALUES ('a', 1); SELECT * FROM shop_cheap;
            INSERT INTO shop_cart (id, facts, count, product_id) SELECT gen_random_uuid(), '{}', 1, id FROM shop_product;
            INSERT INTO auth_group (name) VALUES ('a'); DELETE FROM shop_cart; DELETE FROM shop_product",
        makes: 20,
    },
];

/// Where the tools are; where they cannot be had, that is told, and must not be left out where it is demanded.
pub fn tools() -> Option<&'static PathBuf> {
    match &*TOOLS {
        Ok(tools) => Some(tools),
        Err(why) => {
            let what = format!("the migration tools cannot be had: {why}");
            crate::fidelity::skip(&what, "ROLEWRIGHT_REQUIRE_MIGRATION_TOOLS")
        }
    }
}

impl Tool {
    /// The command line that works on `migrations/NAME` with the credential of `url`.
    fn command(&self, url: &str) -> Option<Command> {
        let tools = tools()?;
        let folder = format!("{ROOT}/tests/live/migrations/{}", self.name);
        let mut command = Command::new(tools.join(self.program));
        match self.name {
            "knex" => command
                .arg("--knexfile")
                .arg(tools.join("knexfile.js"))
                .env("MIGRATIONS", &folder),
            "node-pg-migrate" => command.args(["--schema", "app", "--migrations-dir", &folder]),
            "django" => command.arg("manage.py"),
            _ => &mut command,
        };
        command
            .current_dir(folder)
            .env("DATABASE_URL", url)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("NO_COLOR", "1");
        Some(command)
    }

    /// Runs the tool; whether it is there.
    fn run(&self, url: &str, arguments: &[&str]) -> bool {
        let Some(mut command) = self.command(url) else {
            return false;
        };
        let output = command.args(arguments).output().expect("the tool starts");
        let told = [output.stdout, output.stderr]
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .concat();
        assert!(
            output.status.success(),
            "{} {arguments:?}: {told}",
            self.name
        );
        true
    }
}

each_major! {
    async fn migrations_run_by_the_tools_of_users_raise_no_alarm(major: u32) {
        let stage = Stage::new(major);
        let place = format!("payload: url, host: 127.0.0.1, port: {}", stage.cluster.port());
        stage.roles(&format!(
            "  mig:\n    access: ddl\n    settings: {{ search_path: app }}\n    secret: {{ name: mig-url, {place} }}\n  \
               app:\n    access: dml\n    settings: {{ search_path: app }}\n    secret: {{ name: app-url, {place} }}\n"
        ));
        stage.apply(&[]).assert_status(0);
        let url = stage.payload("mig-url", "latest").await;
        let app = stage.payload("app-url", "latest").await;
        let password = app.split([':', '@']).nth(2).expect("a password");
        let app = stage.log_in("app", password).await.expect("the app logs in");
        let mut before = 0;
        for tool in TOOLS_OF_USERS {
            for direction in [tool.up, tool.down, tool.up] {
                if !tool.run(&url, direction) {
                    return;
                }
                stage.run("check", &[]).assert_status(0);
            }
            app.batch_execute(tool.work).await.unwrap_or_else(|error| panic!("{}: {error:?}", tool.name));
            let found = works_on_everything(&app).await;
            assert!(found >= before + tool.makes, "{}: only {} more", tool.name, found - before);
            before = found;
        }
        stage.assert_in_sync();
    }
}

/// Reads, writes and counts on with every relation, and calls nothing that is not there; how many there were.
async fn works_on_everything(app: &Client) -> i64 {
    const ALLOWED: &str = "
        SELECT c.oid::regclass::text AS name,
               CASE WHEN relkind = 'S' THEN has_sequence_privilege(c.oid, 'USAGE')
                    ELSE has_table_privilege(c.oid, 'SELECT') AND (relkind = 'm'
                         OR has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')
                        AND has_table_privilege(c.oid, 'DELETE')) END
               AND NOT has_table_privilege(c.oid, 'TRUNCATE, REFERENCES, TRIGGER') AS exact
          FROM pg_class c
         WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
        UNION ALL
        SELECT oid::regprocedure::text, has_function_privilege(oid, 'EXECUTE')
          FROM pg_proc WHERE pronamespace = 'app'::regnamespace";
    let rows = app
        .query(ALLOWED, &[])
        .await
        .expect("the catalogs can be read");
    for row in &rows {
        assert!(
            row.get::<_, bool>("exact"),
            "{}",
            row.get::<_, String>("name")
        );
    }
    rows.len().try_into().expect("a count")
}
