//! A server, a fake Google and a policy between them: what the tests of credentials and bindings play on.

use std::path::PathBuf;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fake_gcp::{FakeGcp, Moment, RequestSeen};
use crate::support::{Cluster, Options, Outcome, Rolewright};

pub const PROJECT: &str = "shop-prod";
pub const INSTANCE: &str = "shop-prod:europe-west1:main";
pub const READER: &str = "serviceAccount:api@shop-prod.iam.gserviceaccount.com";

/// A cluster with the database `shop`, a fake Google, and a policy file.
pub struct Stage {
    pub cluster: Cluster,
    pub fake: FakeGcp,
    pub folder: TempDir,
    pub rolewright: Rolewright,
    http: Client,
}

impl Stage {
    pub fn new(major: u32) -> Self {
        Self::with(Cluster::with(
            major,
            Options::default()
                .database("shop")
                .log_all_statements()
                .setting("log_timezone", "UTC")
                .setting("log_connections", "on"),
        ))
    }

    pub fn with(cluster: Cluster) -> Self {
        let fake = FakeGcp::start().expect("the fake starts");
        let rolewright = Rolewright::new(&cluster, &fake.base_url());
        // An error says that somebody was faster: one a process is enough.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .no_proxy()
            .build()
            .expect("the client is built");
        Self {
            cluster,
            fake,
            folder: tempfile::tempdir().expect("a temporary folder"),
            rolewright,
            http,
        }
    }

    /// The file of the policy.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("policy.yaml")
    }

    /// Declares these roles (the lines below `roles:`, indented by two) on the database `shop`.
    pub fn roles(&self, roles: &str) {
        self.policy(&format!(
            "version: 1\ninstance: {INSTANCE}\ndatabases: {{ shop: {{ schemas: [app] }} }}\nroles:\n{roles}"
        ));
    }

    pub fn policy(&self, text: &str) {
        std::fs::write(self.file(), text).expect("the policy is written");
    }

    /// Runs a command on the policy.
    pub fn run(&self, command: &str, options: &[&str]) -> Outcome {
        let file = self.file();
        let arguments = [command, file.to_str().expect("a UTF-8 path")];
        self.rolewright.run(arguments.iter().chain(options))
    }

    pub fn apply(&self, options: &[&str]) -> Outcome {
        self.run("apply", &[&["--yes", "--wait", "0s"], options].concat())
    }

    /// Starts `apply` and kills it at `moment`. Returns whether it came that far.
    pub fn kill_at(&self, moment: Moment, options: &[&str]) -> bool {
        self.fake.hold(moment);
        let mut apply =
            self.rolewright
                .command(["apply", "--yes", self.file().to_str().expect("UTF-8")]);
        let mut apply = apply
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let started = Instant::now();
        while !self.fake.is_holding() {
            if apply.try_wait().expect("it is ours").is_some() {
                return false;
            }
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "neither ended nor held"
            );
            sleep(Duration::from_millis(2));
        }
        apply.kill().expect("it is running");
        apply.wait().expect("it is ours");
        while self.fake.is_holding() {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "the request is still held"
            );
            sleep(Duration::from_millis(2));
        }
        true
    }

    /// Nothing is left to do: an `apply` changes nothing, and `plan` and `check` read no payload.
    #[track_caller]
    pub fn assert_in_sync(&self) {
        self.fake.forget_requests();
        let again = self.apply(&[]).assert_status(0);
        assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
        assert!(
            self.fake
                .requests()
                .iter()
                .all(|request| request.method == "GET"),
            "{:?}",
            self.fake.requests()
        );
        self.fake.forget_requests();
        self.run("plan", &[]).assert_status(0);
        self.run("check", &[]).assert_status(0);
        for request in self.fake.requests() {
            assert_eq!(request.method, "GET", "{request:?}");
            assert!(!request.path.contains(":access"), "{request:?}");
        }
    }

    /// The only database session that matters to a consumer: over TCP with what is stored.
    pub async fn log_in(
        &self,
        user: &str,
        password: &str,
    ) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        self.cluster.connect_as("shop", user, password).await
    }

    /// Whether the server takes the password.
    pub async fn logs_in(&self, user: &str, password: &str) -> bool {
        self.log_in(user, password).await.is_ok()
    }

    /// The answer of a call to the fake: status and body.
    pub async fn ask(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self
            .http
            .request(method, format!("{}{path}", self.fake.base_url()))
            .json(&body);
        let response = request.send().await.expect("an answer");
        (response.status(), response.json().await.expect("JSON"))
    }

    /// A call that has to succeed, of somebody to whom nothing happens that happens to others.
    pub async fn undisturbed(&self, method: Method, path: &str, body: Value) -> Value {
        let request = self
            .http
            .request(method, format!("{}{path}", self.fake.base_url()))
            .json(&body);
        let response = request
            .bearer_auth("undisturbed")
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.expect("JSON")
    }

    /// A call that has to succeed.
    pub async fn must(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    }

    /// A secret as Google describes it.
    pub async fn secret(&self, id: &str) -> Value {
        self.must(Method::GET, &secret_path(id, ""), Value::Null)
            .await
    }

    pub async fn has_secret(&self, id: &str) -> bool {
        self.ask(Method::GET, &secret_path(id, ""), Value::Null)
            .await
            .0
            == StatusCode::OK
    }

    /// Its versions with their states, oldest first.
    pub async fn versions(&self, id: &str) -> Vec<String> {
        let listed = self
            .must(Method::GET, &secret_path(id, "/versions"), Value::Null)
            .await;
        let versions = listed["versions"].as_array().cloned().unwrap_or_default();
        let describe = |version: &Value| {
            let number = version["name"]
                .as_str()
                .and_then(|name| name.rsplit('/').next())
                .unwrap_or_default();
            format!("{number} {}", version["state"].as_str().unwrap_or_default())
        };
        versions.iter().rev().map(describe).collect()
    }

    /// The payload of a version, by number or alias.
    pub async fn payload(&self, id: &str, version: &str) -> String {
        use base64::Engine as _;
        let answer = self
            .must(
                Method::GET,
                &secret_path(id, &format!("/versions/{version}:access")),
                Value::Null,
            )
            .await;
        let data = answer["payload"]["data"].as_str().expect("a payload");
        let data = base64::engine::general_purpose::STANDARD
            .decode(data)
            .expect("base64");
        String::from_utf8(data).expect("text")
    }

    /// A secret that somebody else made.
    pub async fn make_secret(&self, id: &str, payload: Option<&str>) {
        let body = json!({"replication": {"automatic": {}}, "labels": {"made-by": "terraform"}});
        self.must(
            Method::POST,
            &format!("/v1/projects/{PROJECT}/secrets?secretId={id}"),
            body,
        )
        .await;
        if let Some(payload) = payload {
            self.add_version(id, payload).await;
        }
    }

    pub async fn add_version(&self, id: &str, payload: &str) {
        use base64::Engine as _;
        let data = base64::engine::general_purpose::STANDARD.encode(payload);
        self.must(
            Method::POST,
            &secret_path(id, ":addVersion"),
            json!({"payload": {"data": data}}),
        )
        .await;
    }

    /// Replaces the fields of the secret that `mask` names.
    pub async fn patch_secret(&self, id: &str, mask: &str, fields: Value) {
        self.must(
            Method::PATCH,
            &secret_path(id, &format!("?updateMask={mask}")),
            fields,
        )
        .await;
    }

    /// Moves the times that the secret remembers back: the same as a clock that has gone on, since the program remembers
    /// nothing else.
    pub async fn later(&self, id: &str, by: SignedDuration) {
        let before = |word: &str| {
            word.parse::<Timestamp>()
                .map_or(word.to_owned(), |time| (time - by).to_string())
        };
        let mut secret = self
            .undisturbed(Method::GET, &secret_path(id, ""), Value::Null)
            .await;
        for (_, text) in secret["annotations"].as_object_mut().expect("annotations") {
            let words: Vec<_> = text
                .as_str()
                .expect("a text")
                .split(' ')
                .map(before)
                .collect();
            *text = words.join(" ").into();
        }
        let changed = json!({"annotations": secret["annotations"], "etag": secret["etag"]});
        self.undisturbed(
            Method::PATCH,
            &secret_path(id, "?updateMask=annotations"),
            changed,
        )
        .await;
    }

    /// The bindings of the secret's IAM policy.
    pub async fn bindings(&self, id: &str) -> Value {
        let path = secret_path(id, ":getIamPolicy?options.requestedPolicyVersion=3");
        self.must(Method::GET, &path, Value::Null).await["bindings"].take()
    }

    pub async fn set_bindings(&self, id: &str, bindings: Value) {
        let path = secret_path(id, ":getIamPolicy?options.requestedPolicyVersion=3");
        let etag = self.must(Method::GET, &path, Value::Null).await["etag"].take();
        let policy = json!({"policy": {"version": 3, "etag": etag, "bindings": bindings}});
        self.must(Method::POST, &secret_path(id, ":setIamPolicy"), policy)
            .await;
    }

    /// When the fake first carried out a request of this method and ending.
    #[track_caller]
    pub fn asked_at(&self, method: &str, ending: &str) -> Timestamp {
        let requests = self.fake.requests();
        let found = requests.iter().find(|seen| {
            seen.status == 200 && seen.method == method && seen.path.ends_with(ending)
        });
        let found =
            found.unwrap_or_else(|| panic!("no {method} …{ending} in {}", described(&requests)));
        found.time.parse().expect("a time")
    }

    /// When the alias was moved: the last change of a secret.
    #[track_caller]
    pub fn published_at(&self) -> Timestamp {
        let requests = self.fake.requests();
        let found = requests.iter().rfind(|seen| seen.method == "PATCH");
        found
            .unwrap_or_else(|| panic!("no PATCH in {}", described(&requests)))
            .time
            .parse()
            .expect("a time")
    }

    /// When the server logged the first line with these words.
    #[track_caller]
    pub fn logged_at(&self, words: &str) -> Timestamp {
        let log = self.cluster.server_log();
        let line = log.lines().find(|line| line.contains(words));
        let line = line.unwrap_or_else(|| panic!("no `{words}` in the server's log"));
        let [date, time, zone] = line.splitn(4, ' ').take(3).collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        assert!(zone == "UTC", "{line}");
        format!("{date}T{time}Z").parse().expect("a time")
    }
}

pub fn secret_path(id: &str, rest: &str) -> String {
    format!("/v1/projects/{PROJECT}/secrets/{id}{rest}")
}

/// Requests, a line each.
pub fn described(requests: &[RequestSeen]) -> String {
    requests
        .iter()
        .map(|seen| format!("\n{} {} {}", seen.status, seen.method, seen.path))
        .collect()
}
