//! The kill test of rotation: due, back, drained, destroyed, and again, with the program killed before and after everything
//! that it asks of the server and of Google, and run again as a scheduler would. Consumers read the secret and connect all
//! the time.

mod readers;
mod scene;

use std::thread;

use crate::lane::Lane;
use crate::support::{newest, tell};
use readers::{Logins, Readers};
use scene::{CYCLE, Scene, Strategy, Stretch};

use super::point::{Asked, Held, Point, nothing_is_left};

/// Clusters on which the cycle is gone through at the same time.
const AT_ONCE: usize = 3;

/// A stretch that nobody disturbed.
struct Undisturbed {
    asked: Asked,
    /// What is there when it is over.
    state: String,
}

/// What came of some of the points.
#[derive(Default)]
struct Tally {
    kills: usize,
    /// How often it took two more runs.
    lagged: usize,
    extra_versions: i64,
    logins: Logins,
}

/// One lane with a credential and its readers.
struct Course<'a> {
    scene: Scene<'a>,
    readers: Readers,
    superuser: tokio_postgres::Client,
    tally: Tally,
}

impl<'a> Course<'a> {
    async fn new(lane: &'a Lane, strategy: Strategy) -> Self {
        let scene = Scene::set(lane, strategy).await;
        let readers = Readers::start(&scene).await;
        let superuser = lane.stage.cluster.connect_superuser("postgres").await;
        Self {
            scene,
            readers,
            superuser,
            tally: Tally::default(),
        }
    }

    async fn begin(&self, stretch: Stretch) {
        let mut before = self.readers.consumer.before.write().await;
        self.scene.let_time_pass(stretch).await;
        *before = self.scene.before().await;
    }

    /// A cycle that nobody disturbs.
    async fn undisturbed(&mut self) -> Vec<Undisturbed> {
        let mut all = Vec::new();
        for stretch in CYCLE {
            self.begin(stretch).await;
            self.scene.lane.proxy.forget();
            self.scene.lane.stage.fake.forget_requests();
            self.scene.run(stretch);
            let asked = Asked::of(self.scene.lane);
            self.scene.assert_in_sync();
            all.push(Undisturbed {
                asked,
                state: self.scene.state().await,
            });
        }
        all
    }

    /// A cycle that is killed at one point of each stretch, if there is one left.
    async fn killed(&mut self, undisturbed: &[Undisturbed], at: &[Option<Point>]) {
        for ((stretch, undisturbed), point) in CYCLE.into_iter().zip(undisturbed).zip(at) {
            self.begin(stretch).await;
            let newest = self.scene.newest().await;
            if let Some(point) = point {
                self.scene.lag();
                self.kill(stretch, *point).await;
            }
            self.finish(stretch).await;
            self.tally.logins += self.readers.consumer.round().await;
            let what = format!("{stretch:?}, {point:?}");
            let mut state = self.scene.state().await;
            if state != undisturbed.state {
                // What it read was too old to see that something was left.
                self.tally.lagged += 1;
                self.scene.run(self.left(stretch).await);
                state = self.scene.state().await;
            }
            assert!(
                state == undisturbed.state,
                "{what}:\n{state}\n--- and not\n{}",
                undisturbed.state
            );
            let extra = self.scene.newest().await - newest - stretch.adds();
            assert!(
                (0..=i64::from(point.is_some())).contains(&extra),
                "{what}: {extra} extra versions"
            );
            self.tally.extra_versions += extra;
            nothing_is_left(&self.superuser).await;
        }
        self.scene.assert_in_sync();
    }

    async fn kill(&mut self, stretch: Stretch, point: Point) {
        let held = Held::at(self.scene.lane, point, || self.scene.start(stretch));
        assert!(held.came, "{stretch:?}, {point:?} never came");
        held.kill();
        nothing_is_left(&self.superuser).await;
        self.tally.logins += self.readers.consumer.round().await;
        self.tally.kills += 1;
    }

    /// What was killed is run again, on reads that lag behind.
    async fn finish(&self, stretch: Stretch) {
        self.scene.run_again(self.left(stretch).await);
    }

    /// Only of a way back that came to its end it must be known: twice back is where it was.
    async fn left(&self, stretch: Stretch) -> Stretch {
        let is_back =
            self.scene.before().await.version != self.readers.consumer.before.read().await.version;
        if stretch == Stretch::Back && is_back {
            Stretch::Rotate
        } else {
            stretch
        }
    }
}

/// Goes through every turn of the cycle whose index leaves `share` when divided by [`AT_ONCE`].
async fn kill_some(major: u32, strategy: Strategy, share: usize) -> (Vec<Undisturbed>, Tally) {
    let lane = Lane::new(major);
    let mut course = Course::new(&lane, strategy).await;
    // The first time around there is less to tidy up.
    course.undisturbed().await;
    let undisturbed = course.undisturbed().await;
    let points: Vec<_> = undisturbed.iter().map(|one| one.asked.states()).collect();
    let turns = points.iter().map(Vec::len).max().unwrap_or_default();
    for turn in (share..turns).step_by(AT_ONCE) {
        let at: Vec<_> = points
            .iter()
            .map(|points| points.get(turn).copied())
            .collect();
        course.killed(&undisturbed, &at).await;
    }
    let Course {
        readers, mut tally, ..
    } = course;
    tally.logins += readers.end().await;
    (undisturbed, tally)
}

fn kill_everywhere(major: u32, strategy: Strategy) -> Tally {
    let of_share = |share| {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(kill_some(major, strategy, share))
    };
    let shares: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE)
            .map(|share| scope.spawn(move || of_share(share)))
            .collect();
        threads
            .into_iter()
            .map(|one| one.join().expect("every point is mended"))
            .collect()
    });
    let undisturbed = &shares[0].0;
    let count =
        |of: fn(&Asked) -> usize| undisturbed.iter().map(|one| of(&one.asked)).sum::<usize>();
    let points = count(|asked| asked.states().len());
    let mut tally = Tally::default();
    shares.iter().for_each(|(_, one)| tally += one);
    assert_eq!(tally.kills, points);
    let Tally {
        kills,
        lagged,
        extra_versions,
        logins,
    } = tally;
    tell!(
        "{strategy:?} on {major}: {kills} kills of commands that ask for {} logins and statements and {} requests; \
         {extra_versions} extra versions; each clean after the next run, or after one more where what it read lagged behind \
         ({lagged} times); {} logins of readers, {} more refused in the gap",
        count(|asked| asked.seen.len()),
        count(|asked| asked.requests.len()),
        logins.worked,
        logins.in_the_gap,
    );
    tally
}

impl std::ops::AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.kills += other.kills;
        self.lagged += other.lagged;
        self.extra_versions += other.extra_versions;
        self.logins += other.logins;
    }
}

#[test]
fn a_pair_that_is_killed_anywhere_never_refuses_a_reader() {
    newest(|major| {
        let tally = kill_everywhere(major, Strategy::Alternate);
        assert_eq!(tally.logins.in_the_gap, 0);
    });
}

#[test]
fn a_single_login_that_is_killed_anywhere_has_the_gap_that_it_is_said_to_have_and_no_other() {
    newest(|major| {
        let tally = kill_everywhere(major, Strategy::Single);
        assert!(tally.logins.in_the_gap > 0, "nobody looked into the gap");
    });
}
