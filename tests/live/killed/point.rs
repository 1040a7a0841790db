//! The moments at which a run is killed, and what must be true right after.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::fake_gcp::{Moment, RequestSeen};
use crate::lane::{Lane, Running};
use crate::support::{Fault, Seen, Turn};

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
pub enum Point {
    /// At a login or statement.
    Server(Turn),
    /// At a request to Google.
    Google(Moment),
}

/// What the server and Google saw of a run.
pub struct Asked {
    pub seen: Vec<Seen>,
    pub requests: Vec<RequestSeen>,
}

impl Asked {
    /// Of what was asked for since the proxy and the fake were told to forget, by the program alone.
    pub fn of(lane: &Lane) -> Self {
        let requests = lane
            .stage
            .fake
            .requests()
            .into_iter()
            .filter(|request| request.caller == PROGRAM)
            .collect();
        Self {
            seen: lane.proxy.seen(),
            requests,
        }
    }

    /// Before everything, and after everything that changes something. After a read the world is as it was before it, and
    /// what the client has learnt dies with it: both are one moment.
    pub fn points(&self) -> Vec<Point> {
        if is_thorough() {
            self.moments()
        } else {
            self.chosen(|_, _| true)
        }
    }

    /// The same, but of several reads in a row before the first only: the world is the same before all of them.
    pub fn states(&self) -> Vec<Point> {
        if is_thorough() {
            self.moments()
        } else {
            self.chosen(|before, this| before.is_none_or(|before| before) || this)
        }
    }

    /// Before and after everything.
    fn moments(&self) -> Vec<Point> {
        let server =
            (1..=self.seen.len()).flat_map(|number| [Turn::Before(number), Turn::After(number)]);
        let google = (1..=self.requests.len())
            .flat_map(|number| [Moment::Before(number), Moment::After(number)]);
        server
            .map(Point::Server)
            .chain(google.map(Point::Google))
            .collect()
    }

    /// `is_kept` is asked whether something counts before which it may be killed: does what comes before it (if anything
    /// does) change something, and does it?
    fn chosen(&self, is_kept: impl Fn(Option<bool>, bool) -> bool) -> Vec<Point> {
        let server: Vec<_> = self.seen.iter().map(|seen| !only_reads(seen)).collect();
        let google: Vec<_> = self.requests.iter().map(changes).collect();
        let befores = |changes: &[bool]| {
            let before = |index: usize| index.checked_sub(1).map(|before| changes[before]);
            let kept = (0..changes.len()).filter(|index| is_kept(before(*index), changes[*index]));
            kept.map(|index| index + 1).collect::<Vec<_>>()
        };
        let afters = |changes: &[bool]| {
            (1..)
                .zip(changes.to_vec())
                .filter(|(_, changes)| *changes)
                .map(|(number, _)| number)
        };
        let on_server = befores(&server)
            .into_iter()
            .map(Turn::Before)
            .chain(afters(&server).map(Turn::After));
        let at_google = befores(&google)
            .into_iter()
            .map(Moment::Before)
            .chain(afters(&google).map(Moment::After));
        on_server
            .map(Point::Server)
            .chain(at_google.map(Point::Google))
            .collect()
    }
}

/// Whether reads are killed before and after as well, each of them, which shows nothing new and takes more than twice as
/// long: for those who would rather see it than believe it.
#[expect(
    clippy::disallowed_methods,
    reason = "tests take their settings from the environment"
)]
fn is_thorough() -> bool {
    std::env::var_os("ROLEWRIGHT_KILL_EVERYWHERE").is_some()
}

/// Whom the fake takes the program for.
pub const PROGRAM: &str = "anonymous";

/// What may be done is asked with POST.
fn changes(request: &RequestSeen) -> bool {
    request.method != "GET" && !request.path.ends_with(":testIamPermissions")
}

/// Logins, catalog reads, the beginning of a transaction and its settings: nothing that a lost session leaves behind.
fn only_reads(seen: &Seen) -> bool {
    let Seen::Statement(statement) = seen else {
        return true;
    };
    // Comments stand before some.
    let first = statement
        .lines()
        .find(|line| !line.starts_with("--"))
        .unwrap_or_default();
    let reads = ["SELECT", "WITH", "BEGIN", "SET ", "RESET ", "ROLLBACK"]
        .iter()
        .any(|word| first.starts_with(word));
    let done = ["advisory_lock", "advisory_unlock", "COMMIT"]
        .iter()
        .any(|word| statement.contains(word));
    reads && !done
}

/// A run that has come to a point, and is held there.
pub struct Held<'a> {
    lane: &'a Lane,
    run: Running,
    /// What the server had been asked until then.
    pub seen: Vec<Seen>,
    /// Whether it came that far: changes that need no order among them have another one in another world, and fold into
    /// more or fewer statements.
    pub came: bool,
}

impl<'a> Held<'a> {
    /// Starts a run, which waits at `point`.
    pub fn at(lane: &'a Lane, point: Point, start: impl FnOnce() -> Running) -> Self {
        let Lane { stage, proxy, .. } = lane;
        match point {
            Point::Server(turn) => proxy.set(turn, Fault::Hold),
            Point::Google(moment) => stage.fake.hold_of(PROGRAM, moment),
        }
        let mut run = start();
        let is_held = || proxy.is_holding() || stage.fake.is_holding();
        lane.until(&format!("{point:?}"), || is_held() || run.has_ended());
        Self {
            lane,
            run,
            seen: proxy.seen(),
            came: is_held(),
        }
    }

    /// SIGKILL; what it had asked for and did not reach anybody never does.
    pub fn kill(self) {
        let Lane { stage, proxy, .. } = self.lane;
        self.run.kill();
        proxy.abandon();
        self.lane
            .until("the request is over", || !stage.fake.is_holding());
        stage.fake.release();
        proxy.forget();
    }
}

/// No session of a run, and no lock. The server takes a moment to see that a client is gone.
pub async fn nothing_is_left(superuser: &Client) {
    let left = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'rolewright/%'
        UNION ALL SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
        UNION ALL SELECT count(*) FROM pg_prepared_xacts";
    let started = Instant::now();
    loop {
        let rows = superuser.query(left, &[]).await.expect("it answers");
        if rows.iter().all(|row| row.get::<_, i64>(0) == 0) {
            return;
        }
        assert!(
            started.elapsed().as_secs() < 180,
            "a session or a lock is left"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
