//! The kill test: a run is taken apart into everything that the server and Google saw of it, and the program is killed
//! before and after each. Right after the kill, the server is exactly as the last COMMIT left it, and whatever
//! is published logs in; the next run ends in sync, and leaves nothing behind.
//!
//! The statements and logins are counted by a proxy, which misses none (`lost.rs` compares it with the server's log).

mod clients;
mod point;
mod rotation;
mod scene;

use std::thread;

use crate::lane::{Lane, commits};
use crate::support::{Seen, Turn, newest, tell};
use clients::Clients;
use point::{Asked, Held, Point, nothing_is_left};
use scene::{Case, Scene};

/// Clusters on which points are gone through at the same time: on one, the lock of the instance lets only one run at work.
const AT_ONCE: usize = 3;

/// A run that nobody disturbed.
struct Undisturbed {
    asked: Asked,
    /// What the server looked like before any COMMIT, and from each one on.
    states: Vec<String>,
}

impl Undisturbed {
    /// One run is let through, another one is held after each COMMIT to look at the server.
    async fn watch(scenes: &[Scene<'_>; 2]) -> Self {
        let [through, held] = scenes;
        let Lane { stage, proxy, .. } = through.lane;
        through.set();
        proxy.forget();
        stage.fake.forget_requests();
        through.lane.apply(through.case.options()).assert_status(0);
        let asked = Asked::of(through.lane);
        held.set();
        let mut states = vec![held.state().await];
        proxy.hold_after_each("COMMIT");
        let run = held.lane.start(held.case.options());
        for _ in commits(&asked.seen) {
            held.lane.until("it is held", || proxy.is_holding());
            states.push(held.state().await);
            proxy.release();
        }
        run.end().assert_status(0);
        proxy.forget();
        assert_eq!(
            *states.last().expect("one"),
            held.state().await,
            "something is changed without a COMMIT"
        );
        Self { asked, states }
    }

    /// The state of the server when a run that has asked for `seen` ends at `turn`.
    fn state_at(&self, turn: Turn, seen: &[Seen]) -> &str {
        let is_before = |commit: &usize| match turn {
            Turn::Before(number) => *commit < number,
            Turn::After(number) => *commit <= number,
        };
        &self.states[commits(seen).into_iter().filter(is_before).count()]
    }

    fn last_state(&self) -> &str {
        self.states.last().expect("there is one before any COMMIT")
    }
}

/// What came of some of the points.
#[derive(Default)]
struct Tally {
    kills: usize,
    extra_versions: usize,
    rounds: usize,
}

/// Goes through every point whose index leaves `share` when divided by [`AT_ONCE`].
async fn kill_some(major: u32, case: Case, share: usize) -> (Undisturbed, Tally) {
    let lane = Lane::new(major);
    let superuser = lane.stage.cluster.connect_superuser("postgres").await;
    let scenes = Scene::several(&lane, case, 0..2).await;
    let undisturbed =
        Undisturbed::watch(&scenes.try_into().unwrap_or_else(|_| panic!("two scenes"))).await;
    let points: Vec<_> = undisturbed
        .asked
        .points()
        .into_iter()
        .skip(share)
        .step_by(AT_ONCE)
        .collect();
    let mut tally = Tally::default();
    let scenes = Scene::several(&lane, case, 2..points.len() + 2).await;
    for (scene, point) in scenes.iter().zip(points) {
        scene.set();
        let clients = match case {
            Case::First => None,
            Case::Running => Some(Clients::connect(scene).await),
        };
        let held = Held::at(&lane, point, || lane.start(case.options()));
        let (seen, came) = (held.seen.clone(), held.came);
        held.kill();
        nothing_is_left(&superuser).await;
        let state = scene.state().await;
        match point {
            Point::Server(turn) => {
                assert_eq!(state, undisturbed.state_at(turn, &seen), "{point:?}")
            }
            Point::Google(_) => assert!(undisturbed.states.contains(&state), "{point:?}: {state}"),
        }
        scene.log_in_with_all().await;
        tally.extra_versions += scene.mend().await;
        assert_eq!(scene.state().await, undisturbed.last_state(), "{point:?}");
        nothing_is_left(&superuser).await;
        if let Some(clients) = clients {
            tally.rounds += clients.end().await;
        }
        tally.kills += usize::from(came);
    }
    // Each is in the state that this is the verdict on, and all of them are at Google.
    Scene::set_all(&scenes);
    lane.stage.run("check", &[]).assert_status(0);
    (undisturbed, tally)
}

fn kill_everywhere(major: u32, case: Case) {
    let of_share = |share| {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(kill_some(major, case, share))
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
    let sum = |of: fn(&Tally) -> usize| shares.iter().map(|(_, tally)| of(tally)).sum::<usize>();
    let (kills, extra, rounds) = (
        sum(|t| t.kills),
        sum(|t| t.extra_versions),
        sum(|t| t.rounds),
    );
    let points = undisturbed.asked.points().len();
    assert!(kills * 100 >= points * 97, "{kills} of {points} points");
    let clients = if rounds > 0 {
        format!("; {rounds} rounds of clients, none failed")
    } else {
        String::new()
    };
    tell!(
        "{case:?}: {kills} kills, at each of {} logins and statements and of {} requests; {extra} extra versions; each in \
         sync after the next run{clients}",
        undisturbed.asked.seen.len(),
        undisturbed.asked.requests.len(),
    );
}

#[test]
fn a_first_apply_that_is_killed_anywhere_is_mended() {
    newest(|major| kill_everywhere(major, Case::First));
}

#[test]
fn a_change_of_a_running_system_that_is_killed_anywhere_is_mended_and_its_clients_notice_nothing() {
    newest(|major| kill_everywhere(major, Case::Running));
}
