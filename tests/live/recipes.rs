//! What `docs/recipes` tells the users of a client, run by that client while its credential is rotated: nobody is refused.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::migrations::tools;
use crate::poolers::pgbouncer;
use crate::stage::Stage;
use crate::support::{newest, on_a_runtime};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PYTHON: [&str; 4] = [
    "psycopg_pool_recipe",
    "sqlalchemy_recipe",
    "asyncpg_recipe",
    "django_recipe",
];
const NODE: [&str; 2] = ["node_pg_recipe", "knex_recipe"];
const ROTATIONS: usize = 3;

/// Clients at work until they are told to stop.
struct Clients {
    folder: TempDir,
    running: Vec<(String, Child)>,
}

impl Clients {
    /// Each of `recipes` beside the packages that it imports.
    fn start(tools: &Path, stage: &Stage, recipes: &[&str]) -> Self {
        let folder = tempfile::tempdir_in(tools).expect("a folder");
        copy(&PathBuf::from(ROOT).join("docs/recipes"), folder.path());
        copy(
            &PathBuf::from(ROOT).join("tests/live/recipes"),
            folder.path(),
        );
        let start = |recipe: &&str| {
            let mut command = match PYTHON.contains(recipe) {
                true => Command::new(tools.join("python/bin/python")),
                false => Command::new("node"),
            };
            match PYTHON.contains(recipe) {
                true => command.arg("use.py").arg(recipe),
                false => command.arg("use.mjs").arg(format!("./{recipe}.mjs")),
            };
            command
                .arg("stop")
                .current_dir(folder.path())
                .env("LIFETIME", "1")
                .env("PYTHONDONTWRITEBYTECODE", "1");
            command
                .env("SECRETS_ENDPOINT", stage.fake.base_url())
                .env("SECRET", "projects/shop-prod/secrets/app");
            let running = command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the client starts");
            ((*recipe).to_owned(), running)
        };
        let running = recipes.iter().map(start).collect();
        Self { folder, running }
    }

    /// Stops them; each has done its work and was never refused.
    fn assert_never_refused(self) {
        fs::write(self.folder.path().join("stop"), "").expect("it is written");
        for (recipe, client) in self.running {
            let ended = client.wait_with_output().expect("it ends");
            let said = String::from_utf8_lossy(&ended.stdout).into_owned();
            let mut words = said.split_whitespace().map(str::parse::<usize>);
            let (uses, refused) = (words.next(), words.next());
            let told = format!(
                "{recipe}: {said} {}",
                String::from_utf8_lossy(&ended.stderr)
            );
            assert!(matches!(uses, Some(Ok(20..))), "{told}");
            assert!(matches!(refused, Some(Ok(0))), "{told}");
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
    {
        let target = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            fs::create_dir_all(&target).expect("a folder");
            copy(&entry, &target);
        } else {
            fs::copy(&entry, &target).expect("it is copied");
        }
    }
}

/// Rotates again and again, as soon as the credential before is closed.
fn rotate(stage: &Stage) {
    for _ in 0..ROTATIONS {
        std::thread::sleep(Duration::from_secs(2));
        stage.run("rotate", &["--now"]).assert_status(0);
        let begun = Instant::now();
        loop {
            std::thread::sleep(Duration::from_millis(700));
            let report = stage.run("rotate", &["--format", "json"]).json();
            if report["credentials"][0]["phase"] == "settled" {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(90), "{report}");
        }
    }
}

fn declare(stage: &Stage, port: u16) {
    stage.roles(&format!(
        "  app: {{ access: dml, secret: {{ name: app, payload: url, host: 127.0.0.1, port: {port} }}, \
         rotate: {{ strategy: alternate, grace: 4s }} }}\nignore: {{ roles: [pgbouncer_auth] }}\n"
    ));
    stage.apply(&[]).assert_status(0);
}

#[test]
fn no_client_that_follows_its_recipe_is_refused() {
    let Some(tools) = tools() else { return };
    newest(|major| {
        let stage = Stage::new(major);
        declare(&stage, stage.cluster.port());
        let clients = Clients::start(tools, &stage, &[&PYTHON[..], &NODE[..]].concat());
        rotate(&stage);
        clients.assert_never_refused();
    });
}

/// With `auth_query` PgBouncer knows each login as soon as the server does.
#[test]
fn no_client_is_refused_behind_pgbouncer() {
    let (Some(tools), Some(program)) = (tools(), pgbouncer()) else {
        return;
    };
    newest(|major| {
        let stage = Stage::new(major);
        let sql = "CREATE ROLE pgbouncer_auth LOGIN PASSWORD 'auth'; CREATE SCHEMA pgbouncer; \
                   GRANT USAGE ON SCHEMA pgbouncer TO pgbouncer_auth; \
                   CREATE FUNCTION pgbouncer.get_auth(name) RETURNS TABLE (usename name, passwd text) LANGUAGE sql \
                   SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT usename, passwd FROM pg_shadow WHERE usename = $1'; \
                   GRANT CONNECT ON DATABASE shop TO pgbouncer_auth";
        on_a_runtime(stage.cluster.batch("shop", sql));
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .expect("a free port")
            .port();
        let directory = tempfile::tempdir().expect("a directory");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("its mode");
        let recipe =
            fs::read_to_string(format!("{ROOT}/docs/recipes/pgbouncer.ini")).expect("the recipe");
        let users = directory.path().join("users.txt");
        let settings = recipe
            .replace(
                "host=10.1.2.3 port=5432",
                &format!("host=127.0.0.1 port={}", stage.cluster.port()),
            )
            .replace(
                "listen_port = 6432",
                &format!("listen_port = {port}\nunix_socket_dir ="),
            )
            .replace("/etc/pgbouncer/users.txt", users.to_str().expect("UTF-8"));
        fs::write(&users, "\"pgbouncer_auth\" \"auth\"\n").expect("users");
        let file = directory.path().join("pgbouncer.ini");
        fs::write(&file, settings).expect("settings");
        let mut pooler = Command::new(program);
        let pooler = pooler
            .arg("-q")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut pooler = pooler.spawn().expect("pgbouncer runs");
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "PgBouncer does not listen"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        declare(&stage, port);
        let clients = Clients::start(tools, &stage, &["psycopg_pool_recipe", "node_pg_recipe"]);
        rotate(&stage);
        clients.assert_never_refused();
        let _ = pooler.kill();
        let _ = pooler.wait();
    });
}
