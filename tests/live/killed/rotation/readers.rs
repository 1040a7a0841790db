//! Consumers that read the secret again and open a new connection, all the time, without ever trying twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use tokio::sync::RwLock;
use tokio::task::JoinHandle;
use tokio_postgres::{Config, NoTls};

use super::scene::{Scene, Strategy, credential, decoded, verifier};
use crate::stage::secret_path;

/// Between two rounds: the machine has something else to do as well.
const PAUSE: Duration = Duration::from_millis(10);

/// Whom the fake takes a reader for.
const READER: &str = "reader";

/// How a consumer comes by its credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// By the alias.
    Current,
    /// By what was stored last.
    Latest,
    /// Read once, before the command at hand, which is well within `grace`. One of a pair only: see `docs/rotation.md`.
    Kept,
}

/// What was true before the command at hand.
pub struct Before {
    pub version: i64,
    /// What the server keeps of the password of the login in use.
    pub verifier: String,
    /// What the version holds.
    pub payload: String,
}

/// Logins of readers so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Logins {
    pub worked: usize,
    /// Between COMMIT and the moment the alias moves, or between storing and COMMIT: of a `single` login only.
    pub in_the_gap: usize,
}

/// What a consumer needs to know.
pub struct Consumer {
    strategy: Strategy,
    fake: String,
    port: u16,
    superuser: tokio_postgres::Client,
    client: Client,
    /// Nobody reads while it is written: consumers that stay away for longer than `grace` are none of this.
    pub before: RwLock<Before>,
    ended: AtomicBool,
}

impl Consumer {
    pub async fn of(scene: &Scene<'_>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let stage = &scene.lane.stage;
        Self {
            strategy: scene.strategy,
            fake: stage.fake.base_url(),
            port: stage.cluster.port(),
            superuser: stage.cluster.connect_superuser("postgres").await,
            client: Client::builder()
                .no_proxy()
                .build()
                .expect("the client is built"),
            before: RwLock::new(scene.before().await),
            ended: AtomicBool::default(),
        }
    }

    /// One login of each kind of reader. Panics where one fails that must not.
    pub async fn round(&self) -> Logins {
        let before = self.before.read().await;
        let mut logins = Logins::default();
        let by_alias = self.read(Reader::Current, &before, &mut logins).await;
        let by_latest = self.read(Reader::Latest, &before, &mut logins).await;
        assert!(
            by_alias || by_latest,
            "the server has a password that is not stored"
        );
        if self.strategy == Strategy::Alternate {
            self.read(Reader::Kept, &before, &mut logins).await;
        }
        logins
    }

    /// Whether the login worked.
    async fn read(&self, reader: Reader, before: &Before, logins: &mut Logins) -> bool {
        let first = self.verifier(before).await;
        let (version, payload) = match reader {
            Reader::Current => self.access("current").await,
            Reader::Latest => self.access("latest").await,
            Reader::Kept => (before.version, before.payload.clone()),
        };
        let Err(error) = self.log_in(&payload).await else {
            logins.worked += 1;
            return true;
        };
        let last = self.verifier(before).await;
        let is_replaced = version == before.version && last != before.verifier;
        let is_ahead =
            reader == Reader::Latest && version > before.version && first == before.verifier;
        let in_the_gap = self.strategy == Strategy::Single && (is_replaced || is_ahead);
        assert!(
            in_the_gap,
            "{reader:?}, version {version} after {}: {error:?}",
            before.version
        );
        logins.in_the_gap += 1;
        false
    }

    async fn verifier(&self, before: &Before) -> String {
        verifier(&self.superuser, &credential(&before.payload).0).await
    }

    /// The number of a version and what it holds.
    async fn access(&self, version: &str) -> (i64, String) {
        let url = format!(
            "{}{}",
            self.fake,
            secret_path("app", &format!("/versions/{version}:access"))
        );
        let answer = self
            .client
            .get(url)
            .bearer_auth(READER)
            .send()
            .await
            .expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        let number = answer["name"]
            .as_str()
            .and_then(|name| name.rsplit('/').next()?.parse().ok());
        (
            number.unwrap_or_else(|| panic!("`{version}` cannot be read: {answer}")),
            decoded(&answer),
        )
    }

    async fn log_in(&self, payload: &str) -> Result<(), tokio_postgres::Error> {
        let (user, password) = credential(payload);
        let mut config = Config::new();
        config
            .host("127.0.0.1")
            .port(self.port)
            .user(user)
            .password(password)
            .dbname("shop");
        let (client, connection) = config.connect(NoTls).await?;
        let connection = tokio::spawn(connection);
        client.batch_execute("SELECT count(*) FROM app.t").await?;
        drop(client);
        // The goodbye is sent.
        let _ = connection.await;
        Ok(())
    }
}

/// Consumers at work in the background.
pub struct Readers {
    pub consumer: Arc<Consumer>,
    at_work: JoinHandle<Logins>,
}

impl Readers {
    pub async fn start(scene: &Scene<'_>) -> Self {
        let consumer = Arc::new(Consumer::of(scene).await);
        let at_work = tokio::spawn(work(consumer.clone()));
        Self { consumer, at_work }
    }

    /// What came of them.
    pub async fn end(self) -> Logins {
        self.consumer.ended.store(true, Ordering::Relaxed);
        self.at_work.await.expect("no login fails that must not")
    }
}

async fn work(consumer: Arc<Consumer>) -> Logins {
    let mut all = Logins::default();
    while !consumer.ended.load(Ordering::Relaxed) {
        all += consumer.round().await;
        tokio::time::sleep(PAUSE).await;
    }
    all
}

impl std::ops::AddAssign for Logins {
    fn add_assign(&mut self, other: Self) {
        self.worked += other.worked;
        self.in_the_gap += other.in_the_gap;
    }
}
