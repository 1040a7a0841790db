//! Connection poolers: PgBouncer in each of its modes, whether it refuses the options of a session or leaves them out.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use crate::stage::Stage;
use crate::support::each_major;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The program, or why there is none.
static PGBOUNCER: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let found = Command::new(format!("{ROOT}/scripts/lib/pgbouncer")).output();
    let found = found.map_err(|error| format!("scripts/lib/pgbouncer: {error}"))?;
    match found.status.success() {
        true => Ok(PathBuf::from(String::from_utf8_lossy(&found.stdout).trim())),
        false => Err(String::from_utf8_lossy(&found.stderr).into_owned()),
    }
});

#[expect(
    clippy::disallowed_methods,
    reason = "a test's environment says what must not be left out"
)]
pub fn pgbouncer() -> Option<&'static PathBuf> {
    match &*PGBOUNCER {
        Ok(program) => Some(program),
        Err(error) => {
            assert!(
                std::env::var_os("ROLEWRIGHT_REQUIRE_PGBOUNCER").is_none(),
                "{error}"
            );
            eprintln!("skipped: {error}");
            None
        }
    }
}

/// A running PgBouncer in front of a server.
struct Pooler {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl Pooler {
    /// `mode` is its `pool_mode`; `ignored` are the startup parameters that it leaves out.
    fn start(program: &PathBuf, admin_url: &str, mode: &str, ignored: &str) -> Self {
        let rest = admin_url
            .strip_prefix("postgres://csadmin:")
            .expect("an admin");
        let (password, server) = rest.split_once("@127.0.0.1:").expect("a password");
        let (server, _) = server.split_once('/').expect("a port");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .expect("a free port")
            .port();
        let directory = tempfile::tempdir().expect("a directory");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("its mode");
        let users = directory.path().join("users.txt");
        fs::write(&users, format!("\"csadmin\" \"{password}\"\n")).expect("users");
        let settings = directory.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = {mode}\ndefault_pool_size = 1\n\
             ignore_startup_parameters = {ignored}\n",
            users.display()
        );
        fs::write(&settings, text).expect("settings");
        let mut command = Command::new(program);
        command
            .arg("-q")
            .arg(&settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let pooler = Self {
            process: command.spawn().expect("pgbouncer runs"),
            port,
            _directory: directory,
        };
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return pooler;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("PgBouncer does not listen");
    }

    fn url(&self, admin_url: &str) -> String {
        let (before, database) = admin_url.rsplit_once('/').expect("a database");
        let (before, _) = before.rsplit_once(':').expect("a port");
        format!("{before}:{}/{database}", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

each_major! {
    async fn no_run_goes_through_a_connection_pooler(major: u32) {
        let Some(program) = pgbouncer() else { return };
        let stage = Stage::new(major);
        stage.roles("  app: { access: dml }\n");
        let file = stage.file();
        let file = file.to_str().expect("UTF-8");
        for mode in ["transaction", "statement", "session"] {
            for (ignored, told) in [
                ("options", "a connection pooler is between"),
                ("options,extra_float_digits", "a connection pooler is between"),
                ("extra_float_digits", "unsupported startup parameter"),
            ] {
                let pooler = Pooler::start(program, stage.cluster.admin_url(), mode, ignored);
                let url = pooler.url(stage.cluster.admin_url());
                let rolewright = stage.rolewright.clone().env("ROLEWRIGHT_ADMIN_URL", &url);
                for arguments in [&["apply", file, "--yes"][..], &["check", file]] {
                    let refused = rolewright.run(arguments).assert_status(1);
                    let shown = format!("{}{}", refused.stdout, refused.stderr);
                    assert!(shown.contains(told), "{mode}, {ignored}: {shown}");
                    assert!(shown.contains("connect to the server itself"), "{mode}, {ignored}: {shown}");
                }
            }
        }
        stage.cluster.batch("postgres", "DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app'); END $$").await;
        stage.run("apply", &["--yes"]).assert_status(0);
    }
}
