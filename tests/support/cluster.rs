//! A throwaway server in the shape of Cloud SQL; `scripts/cluster` makes it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{fs, process};

use tokio_postgres::{Client, Config, Error, NoTls};

use super::major;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/cluster");

/// What a cluster has beyond the shape of Cloud SQL.
#[derive(Clone, Debug, Default)]
pub struct Options {
    arguments: Vec<String>,
}

impl Options {
    /// A further database, owned by `cloudsqlsuperuser` as the ones that `gcloud sql databases create` makes.
    pub fn database(self, name: &str) -> Self {
        self.argument("--database", name)
    }

    /// The server logs every statement it is sent.
    pub fn log_all_statements(self) -> Self {
        self.argument("--log-statement", "all")
    }

    /// A server setting, as in `postgresql.conf`.
    pub fn setting(self, name: &str, value: &str) -> Self {
        self.argument("--set", &format!("{name}={value}"))
    }

    fn argument(mut self, option: &str, value: &str) -> Self {
        self.arguments.extend([option.to_owned(), value.to_owned()]);
        self
    }
}

/// A running server, stopped and removed when dropped.
#[derive(Debug)]
pub struct Cluster {
    major: u32,
    dir: PathBuf,
    log: PathBuf,
    socket_dir: PathBuf,
    port: u16,
    admin_url: String,
    superuser_url: String,
}

impl Cluster {
    /// Starts a server of this major version. Panics with the server's words if it does not start.
    pub fn start(major: u32) -> Self {
        Self::with(major, Options::default())
    }

    /// The same, with options.
    pub fn with(major: u32, options: Options) -> Self {
        Self::of_parent(major, options, process::id())
    }

    /// The same, for a server that also ends when the process `parent` does, however that ends.
    pub fn of_parent(major: u32, options: Options, parent: u32) -> Self {
        let started = script(major)
            .args([
                "start",
                "--in-memory",
                "--major",
                &major.to_string(),
                "--parent",
                &parent.to_string(),
            ])
            .args(options.arguments)
            .output()
            .expect("scripts/cluster runs");
        let described = succeeded(started);
        let facts: HashMap<&str, &str> = described
            .lines()
            .filter_map(|line| line.split_once('='))
            .collect();
        Self {
            major,
            dir: facts["DIR"].into(),
            log: facts["LOG"].into(),
            socket_dir: facts["SOCKET_DIR"].into(),
            port: facts["PORT"].parse().expect("a port number"),
            admin_url: read_line(facts["ADMIN_URL_FILE"]),
            superuser_url: read_line(facts["SUPERUSER_URL_FILE"]),
        }
    }

    /// One of the programs that came with this server; not every installation has all of them.
    pub fn program(&self, name: &str) -> PathBuf {
        major::installed()[&self.major].join(name)
    }

    /// `postgres://csadmin:…@127.0.0.1:PORT/postgres`: an ordinary Cloud SQL admin, no superuser.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// The same for the bootstrap superuser `cloudsqladmin`, whom nobody has on Cloud SQL.
    pub fn superuser_url(&self) -> &str {
        &self.superuser_url
    }

    /// The TCP port on 127.0.0.1, also the number in the socket's name.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the unix socket is; everybody but the superuser shows a password there too.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// Everything that the server has logged so far.
    pub fn server_log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).expect("the server's log")).into_owned()
    }

    /// Ends the server and starts it again: `fast` as an operator does, `immediate` as a crash does.
    pub fn restart(&self, mode: &str) {
        let restarted = script(self.major)
            .arg("restart")
            .arg(&self.dir)
            .arg(mode)
            .output();
        succeeded(restarted.expect("scripts/cluster runs"));
    }

    /// A session of `csadmin`.
    pub async fn connect_admin(&self, database: &str) -> Client {
        session(&self.admin_url, database)
            .await
            .expect("the admin logs in")
    }

    /// A session of the bootstrap superuser.
    pub async fn connect_superuser(&self, database: &str) -> Client {
        session(&self.superuser_url, database)
            .await
            .expect("the superuser logs in")
    }

    /// A session of any login, or the server's refusal.
    pub async fn connect_as(
        &self,
        database: &str,
        user: &str,
        password: &str,
    ) -> Result<Client, Error> {
        let mut config = Config::new();
        connect(
            config
                .host("127.0.0.1")
                .port(self.port)
                .user(user)
                .password(password)
                .dbname(database),
        )
        .await
    }

    /// Puts lines in front of the server's own rules.
    pub async fn let_in_by(&self, rules: &str) {
        let superuser = self.connect_superuser("postgres").await;
        let file: String = superuser
            .query_one("SHOW hba_file", &[])
            .await
            .expect("the rules")
            .get(0);
        let rules: String = rules
            .lines()
            .map(|rule| format!("{}\\n", rule.trim()))
            .collect();
        let write =
            format!("printf \"{rules}\" | cat - {file} > {file}.new && mv {file}.new {file}");
        superuser
            .batch_execute(&format!("COPY (SELECT 1) TO PROGRAM '{write}'"))
            .await
            .expect("it is written");
        superuser
            .batch_execute("SELECT pg_reload_conf()")
            .await
            .expect("it is read");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }

    /// Runs statements as the superuser. Panics with the server's words if one fails.
    pub async fn batch(&self, database: &str, statements: &str) {
        let superuser = self.connect_superuser(database).await;
        superuser
            .batch_execute(statements)
            .await
            .unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let stopped = Command::new(SCRIPT).arg("stop").arg(&self.dir).output();
        // A second panic would abort the process and hide the first.
        if !std::thread::panicking() {
            succeeded(stopped.expect("scripts/cluster runs"));
        }
    }
}

fn script(major: u32) -> Command {
    let mut script = Command::new(SCRIPT);
    script.env(
        "ROLEWRIGHT_TEST_PG",
        format!("{major}={}", major::installed()[&major].display()),
    );
    script
}

fn succeeded(output: Output) -> String {
    assert!(
        output.status.success(),
        "scripts/cluster: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("paths are UTF-8")
}

fn read_line(file: &str) -> String {
    fs::read_to_string(file)
        .expect("scripts/cluster wrote it")
        .trim_end()
        .to_owned()
}

async fn session(url: &str, database: &str) -> Result<Client, Error> {
    let mut config: Config = url.parse().expect("scripts/cluster writes URLs");
    connect(config.dbname(database)).await
}

async fn connect(config: &Config) -> Result<Client, Error> {
    let (client, connection) = config.connect(NoTls).await?;
    // Ends with the client, or in an error when a test ends the server or the session on purpose.
    tokio::spawn(connection);
    Ok(client)
}
