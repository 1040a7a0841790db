//! The gcloud command line, pointed at `fake-gcp` with a configuration of its own.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// gcloud for one project of one fake.
pub struct Gcloud {
    base_url: String,
    project: String,
    folder: TempDir,
    token: Option<PathBuf>,
}

/// What gcloud said.
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Gcloud {
    /// Nothing where gcloud is not installed, which is said, or fatal under `ROLEWRIGHT_REQUIRE_GCLOUD=1`.
    pub fn new(base_url: &str, project: &str) -> Option<Self> {
        match Command::new("gcloud").arg("--version").output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                super::skip("gcloud is not installed", "ROLEWRIGHT_REQUIRE_GCLOUD")
            }
            tried => {
                let tried = tried.expect("gcloud can be started");
                assert!(
                    tried.status.success(),
                    "gcloud --version: {}",
                    String::from_utf8_lossy(&tried.stderr)
                );
                Some(Self {
                    base_url: base_url.to_owned(),
                    project: project.to_owned(),
                    folder: tempfile::tempdir().expect("a temporary folder"),
                    token: None,
                })
            }
        }
    }

    /// The same gcloud with an access token, which the fake takes as the name of the caller.
    pub fn as_caller(&self, caller: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let token = folder.path().join("token");
        fs::write(&token, caller).expect("the token is written");
        Self {
            base_url: self.base_url.clone(),
            project: self.project.clone(),
            folder,
            token: Some(token),
        }
    }

    /// A file that gcloud can be given.
    pub fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, content).expect("the file is written");
        path.to_str().expect("a UTF-8 path").to_owned()
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        let Output {
            status,
            stdout,
            stderr,
        } = self
            .command()
            .args(arguments)
            .output()
            .expect("gcloud runs");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Said {
            code: status.code(),
            stdout: text(&stdout),
            stderr: text(&stderr),
        }
    }

    /// What gcloud prints.
    ///
    /// # Panics
    /// When it fails.
    pub fn must(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, Some(0), "gcloud {arguments:?}: {}", said.stderr);
        said.stdout
    }

    /// The same in JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.must(&[arguments, &["--format=json"]].concat());
        serde_json::from_str(&printed)
            .unwrap_or_else(|error| panic!("gcloud {arguments:?}: {error} in {printed}"))
    }

    /// What gcloud says when it fails, which it has to with exit code 1.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(
            said.code,
            Some(1),
            "gcloud {arguments:?}: {}{}",
            said.stdout,
            said.stderr
        );
        said.stderr
    }

    /// A payload, through a file: on stdout gcloud replaces what is not UTF-8.
    pub fn access(&self, secret: &str, version: &str) -> Vec<u8> {
        let path = self.file("payload", b"");
        let secret = format!("--secret={secret}");
        self.must(&[
            "secrets",
            "versions",
            "access",
            version,
            &secret,
            &format!("--out-file={path}"),
        ]);
        fs::read(path).expect("the payload")
    }

    fn command(&self) -> Command {
        let mut command = Command::new("gcloud");
        command
            .env("CLOUDSDK_CONFIG", self.folder.path())
            .env("CLOUDSDK_CORE_PROJECT", &self.project)
            .env("CLOUDSDK_CORE_DISABLE_PROMPTS", "1")
            .env("CLOUDSDK_CORE_DISABLE_USAGE_REPORTING", "true")
            .env("CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK", "true")
            .env(
                "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER",
                format!("{}/", self.base_url),
            )
            .env_remove("CLOUDSDK_AUTH_ACCESS_TOKEN");
        match &self.token {
            Some(token) => command.env("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", token),
            None => command.env("CLOUDSDK_AUTH_DISABLE_CREDENTIALS", "true"),
        };
        self.proxy_for_run(&mut command);
        command
    }

    /// gcloud puts the region before the host of Cloud Run's endpoint (`europe-west1-run.fake`), a name that resolves
    /// nowhere: the fake is the proxy that it asks.
    fn proxy_for_run(&self, command: &mut Command) {
        let address = self.base_url.trim_start_matches("http://");
        let (host, port) = address.rsplit_once(':').expect("an address with a port");
        command
            .env("CLOUDSDK_PROXY_TYPE", "http")
            .env("CLOUDSDK_PROXY_ADDRESS", host)
            .env("CLOUDSDK_PROXY_PORT", port)
            .env("CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN", "http://run.fake/");
    }
}
