//! Moves of other writers in the midst of a rotation: aliases and annotations, versions, passwords, a restore of the secret or of the
//! server, sessions that never end. Wherever they happen, every run comes to an end: a clean one, or a hold that says who has to decide;
//! and no run closes the login that `current` names, or takes away a credential that works.

use std::collections::BTreeSet;

use rolewright::model::{Given, VersionState};
use rolewright::rotation::{Held, Leave, Ledger, Mark, Order, Sign, Step};

use super::run::Run;
use super::world::{GRACE, Payload, World, login, role};
use super::{EVERYTHING, STEPS};

/// Changes a world, which began as another one.
type Move = fn(&mut World, &World);

/// What somebody else does, to a world that may be too young for it.
const MOVES: [(&str, Move); 18] = [
    ("`current` names the version before", |world, _| {
        let previous = world.ledger.aliases.get("previous").copied().unwrap_or(1);
        world.ledger.aliases.insert("current".into(), previous);
    }),
    ("`previous` names the version in use", |world, _| {
        let current = world.ledger.aliases.get("current").copied().unwrap_or(1);
        world.ledger.aliases.insert("previous".into(), current);
    }),
    ("`previous` is gone", |world, _| {
        world.ledger.aliases.retain(|alias, _| alias != "previous")
    }),
    ("the aliases are wiped", |world, _| {
        world.ledger.aliases.clear()
    }),
    ("the annotations are wiped", |world, _| {
        world.ledger = Ledger {
            aliases: world.ledger.aliases.clone(),
            ..Ledger::default()
        };
    }),
    ("the time is gone", |world, _| world.ledger.published = None),
    ("the login before is gone", |world, _| {
        world.ledger.previous_login = None
    }),
    ("the credential before is forgotten", |world, _| {
        world.ledger = world.ledger.with_previous(None)
    }),
    ("an alias names the first version", |world, _| {
        world.ledger.aliases.insert("theirs".into(), 1);
    }),
    ("the numbers are gone", |world, _| {
        (world.ledger.version, world.ledger.previous_version) = (None, None)
    }),
    ("the attempt is gone", |world, _| {
        world.ledger.pending = None
    }),
    ("the version in use is destroyed", |world, _| {
        end(world, "current", VersionState::Destroyed)
    }),
    ("the version before is disabled", |world, _| {
        end(world, "previous", VersionState::Disabled)
    }),
    ("a password is changed by hand", |world, _| {
        let names: Vec<_> = world
            .ledger
            .login
            .iter()
            .map(|login| login.name().clone())
            .collect();
        names
            .iter()
            .for_each(|name| world.accounts.get_mut(name).unwrap().password = 999);
    }),
    ("the server is restored", |world, before| {
        world.accounts = before.accounts.clone()
    }),
    ("the secret is restored", |world, before| {
        world.ledger = Ledger {
            lease: None,
            ..before.ledger.clone()
        }
    }),
    ("a CONNECTION LIMIT is reached", |world, _| {
        world.full = true
    }),
    ("somebody stores a version", |world, _| {
        let number = world.latest() + 1;
        let mark = Mark {
            id: "theirs".into(),
            sign: Sign::Fingerprint("f".into()),
        };
        let payload = Payload {
            login: login("app_a"),
            password: 998,
            mark: Some(mark),
        };
        world
            .versions
            .insert(number, (VersionState::Enabled, payload));
    }),
];

fn end(world: &mut World, alias: &str, state: VersionState) {
    let named = world.ledger.aliases.get(alias).copied();
    named
        .into_iter()
        .for_each(|number| world.versions.get_mut(&number).unwrap().0 = state);
}

/// Worlds along two rotations and a way back, each killed after each step.
fn worlds(start: &World, leave: Leave) -> Vec<World> {
    let mut world = start.clone();
    let mut all = vec![world.clone()];
    for (order, later) in [
        (Order::Now, 0),
        (Order::Back, 0),
        (Order::Due, GRACE),
        (Order::Due, GRACE),
        (Order::Due, GRACE),
        (Order::Now, 0),
    ] {
        world.now += later;
        // What is due by now is not yet done.
        all.push(world.clone());
        let mut run = Run::new(&world, order, leave);
        for _ in 0..STEPS {
            let step = run.next(&world);
            let goes_on = run.act(&step, &mut world, false);
            all.push(world.clone());
            if !goes_on {
                break;
            }
        }
    }
    let mut seen = BTreeSet::new();
    all.retain(|world| seen.insert(world.canonical()));
    all
}

/// A run of another's making of the world. Returns how it ended.
fn run(world: &mut World, order: Order, leave: Leave, words: &str) -> Step {
    let mut run = Run::new(world, order, leave);
    let works = |world: &World| {
        let current = world
            .ledger
            .current()
            .and_then(|current| world.readable(current));
        current.is_some_and(|payload| world.takes(payload))
    };
    let worked = works(world);
    for _ in 0..STEPS {
        let step = run.next(world);
        if let Step::Close(login) | Step::Expire { login, .. } | Step::EndSessions(login) = &step {
            let named = world
                .ledger
                .current()
                .and_then(|current| world.readable(current));
            assert!(
                named.is_none_or(|named| named.login != *login),
                "{words}: {step:?} in {world:#?}"
            );
        }
        if !run.act(&step, world, false) {
            assert!(
                !worked || works(world),
                "{words}: what was published does not work any more: {world:#?}"
            );
            return step;
        }
    }
    panic!(
        "{words}: this never ends: {:?} in {world:#?}",
        run.next(world)
    );
}

/// How a run ended is a rest, or says what is in the way and what to do about it.
fn assert_told(step: &Step, words: &str) {
    match step {
        Step::Rest(_) | Step::Wait(_) => {}
        Step::Hold(held) => {
            assert!(
                !held.to_string().is_empty() && !held.advice(&Given::default()).is_empty(),
                "{words}"
            )
        }
        // Somebody has written since: the next run looks again.
        step => assert!(
            matches!(step, Step::Record(_) | Step::Enable(_)),
            "{words}: {step:?}"
        ),
    }
}

fn explore(start: &World, leave: Leave) -> usize {
    let mut cases = 0;
    for world in worlds(start, leave) {
        for (first, one) in MOVES {
            for (second, other) in MOVES
                .into_iter()
                .map(Some)
                .chain([None])
                .map(|other| other.unzip())
            {
                let mut moved = world.clone();
                one(&mut moved, start);
                other.into_iter().for_each(|other| other(&mut moved, start));
                moved.etag += 1;
                for (order, leave) in [
                    (Order::Due, leave),
                    (Order::Now, leave),
                    (Order::Back, Leave::default()),
                ] {
                    let mut world = moved.clone();
                    let words = format!("{first}, {}, {order:?}", second.unwrap_or("alone"));
                    let end = run(&mut world, order, leave, &words);
                    assert_told(&end, &words);
                    // `rotate --now` is the advice for a credential that is refused: it must not be held for that.
                    let is_refused = matches!(&end, Step::Hold(Held::Refused { .. }));
                    assert!(
                        order != Order::Now || !is_refused,
                        "{words}: held though asked for: {world:#?}"
                    );
                    for _ in 0..3 {
                        world.now += GRACE;
                        assert_told(&run(&mut world, Order::Due, leave, &words), &words);
                    }
                    cases += 1;
                }
            }
        }
    }
    cases
}

#[test]
fn every_run_after_the_moves_of_others_ends_and_closes_nothing_that_is_in_use() {
    let pinned = Leave {
        roll: false,
        ..EVERYTHING
    };
    for (alternate, pin, deadline, leave) in [
        (true, false, false, EVERYTHING),
        (true, false, true, EVERYTHING),
        (true, true, false, pinned),
        (false, false, false, EVERYTHING),
    ] {
        let cases = explore(&World::new(alternate, pin, deadline), leave);
        assert!(cases > 5_000, "{cases}");
    }
}

/// A limit that is reached holds a rotation in place before anything is written, and nothing that has begun: what the server has
/// is published.
#[test]
fn a_limit_that_is_reached_holds_what_has_not_begun_and_nothing_else() {
    let full = World {
        full: true,
        ..World::new(false, false, false)
    };
    let mut held = full.clone();
    let end = run(&mut held, Order::Now, EVERYTHING, "full");
    assert!(matches!(end, Step::Hold(Held::Full(..))), "{end:?}");
    assert_eq!(held, full);
    held.full = false;
    run(&mut held, Order::Now, EVERYTHING, "room");
    assert_eq!(held.ledger.current(), Some(2));
    // Reached at any moment of a rotation, and never left.
    for world in worlds(&World::new(false, false, false), EVERYTHING) {
        let is_stored =
            world.ledger.pending.is_some() && Some(world.latest()) > world.ledger.current();
        let mut world = World {
            full: true,
            ..world
        };
        let latest = world.latest();
        run(&mut world, Order::Finish, EVERYTHING, "finished");
        assert!(
            !is_stored || world.ledger.current() == Some(latest),
            "{world:#?}"
        );
    }
}

/// A session that never ends, of the credential before: held, with its name, and from its deadline on closed beside it.
#[test]
fn a_session_that_never_ends_is_named_and_does_not_outlive_the_deadline_of_its_login() {
    let mut world = World::new(true, false, true);
    run(&mut world, Order::Now, EVERYTHING, "rotate");
    world.sessions.insert(role("app_a"));
    world.now += GRACE;
    let Step::Hold(held) = run(&mut world, Order::Due, EVERYTHING, "held") else {
        panic!("it is held")
    };
    assert!(held.to_string().contains("is refused from"), "{held}");
    world.now += 3 * GRACE;
    let leave = Leave {
        end_sessions: false,
        ..EVERYTHING
    };
    for _ in 0..2 {
        run(&mut world, Order::Due, leave, "closed");
    }
    assert!(!world.accounts[&role("app_a")].can_login && world.sessions.contains(&role("app_a")));
}
