//! Every world that a rotation can leave behind, killed after any of its steps or done late, leads to a clean end; and in
//! every one of them what is published works.

mod carried;
pub mod foreign;
mod looks;
mod others;
mod run;
mod world;

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;

use rolewright::model::{Given, VersionState};
use rolewright::rotation::{Held, Leave, Order, Step};

use run::Run;
use world::{GRACE, World};

/// Orders, and things that happen from outside, on the way to one world.
const EVENTS: u32 = 3;

/// No run takes more steps than this: it would never end.
const STEPS: usize = 40;

const EVERYTHING: Leave = Leave {
    roll: true,
    outage: true,
    end_sessions: false,
};

/// What happened on the way to a world.
#[derive(Clone, Copy, Default)]
struct Way {
    faults: u32,
    events: u32,
}

#[derive(Default)]
struct Explored {
    /// Runs that are killed, or wake up late, on the way to one world.
    faults: u32,
    seen: BTreeMap<World, (u32, u32)>,
    left: VecDeque<(World, Way)>,
    runs: usize,
    late: usize,
}

impl Explored {
    fn add(&mut self, world: World, way: Way) {
        let key = world.canonical();
        let before = self.seen.get(&key).copied();
        if before.is_some_and(|(faults, events)| faults <= way.faults && events <= way.events) {
            return;
        }
        if before.is_none() {
            assert_sound(&world);
            assert_ends_clean(&world);
        }
        self.seen.insert(key, (way.faults, way.events));
        self.left.push_back((world, way));
    }

    fn all(mut self, start: World) -> Self {
        self.add(start, Way::default());
        while let Some((world, way)) = self.left.pop_front() {
            if way.events < EVENTS {
                events(&world).into_iter().for_each(|next| {
                    self.add(
                        next,
                        Way {
                            events: way.events + 1,
                            ..way
                        },
                    )
                });
            }
            self.run(&world, way, Order::Finish, Leave::default());
            if way.events < EVENTS {
                let way = Way {
                    events: way.events + 1,
                    ..way
                };
                self.run(&world, way, Order::Now, EVERYTHING);
                self.run(&world, way, Order::Back, EVERYTHING);
            }
        }
        self
    }

    /// A run from its beginning to its end, killed after each step in turn, and with each step done late.
    fn run(&mut self, start: &World, way: Way, order: Order, leave: Leave) {
        self.runs += 1;
        let mut world = start.clone();
        let mut run = Run::new(&world, order, leave);
        for _ in 0..STEPS {
            let step = run.next(&world);
            if way.faults < self.faults {
                self.late(&run, &step, &world, way);
            }
            let goes_on = run.act(&step, &mut world, false);
            if !goes_on {
                let refused = matches!(step, Step::Hold(Held::NothingBefore { .. }));
                assert!(
                    refused || world.ledger.lease.is_none(),
                    "{step:?}, and said to be at work: {world:#?}"
                );
                return self.add(world, way);
            }
            assert_sound(&world);
            if way.faults < self.faults {
                self.add(
                    world.clone(),
                    Way {
                        faults: way.faults + 1,
                        ..way
                    },
                );
            }
        }
        panic!("this never ends: {:?} in {world:#?}", run.next(&world));
    }

    /// The run is paused before `step`; another one does all there is to do; then it wakes up.
    fn late(&mut self, run: &Run, step: &Step, world: &World, way: Way) {
        if matches!(
            step,
            Step::Rest(_) | Step::Wait(_) | Step::Hold(_) | Step::Prove(_)
        ) {
            return;
        }
        self.late += 1;
        let (mut world, mut run) = (world.clone(), run.clone());
        to_the_end(&mut world, Order::Due);
        run.act(step, &mut world, true);
        self.add(
            world,
            Way {
                faults: way.faults + 1,
                ..way
            },
        );
    }
}

/// What can happen from outside.
fn events(world: &World) -> Vec<World> {
    let later = World {
        now: world.now + GRACE,
        ..world.clone()
    };
    let mut changed = vec![later];
    let mut session = world.clone();
    if session.sessions.is_empty() {
        session.sessions.extend(
            world
                .ledger
                .previous()
                .map(|previous| previous.login.name().clone()),
        );
        session
            .sessions
            .extend(world.ledger.login.iter().map(|login| login.name().clone()));
    } else {
        session.sessions.clear();
    }
    changed.push(session);
    changed.push(World {
        full: !world.full,
        ..world.clone()
    });
    let mut named = world.clone();
    named.etag += 1;
    if named.ledger.aliases.remove("theirs").is_none() {
        let before = world.ledger.previous().map(|one| one.version);
        let before = before.map(|number| ("theirs".to_owned(), number));
        named.ledger.aliases.extend(before);
    }
    changed.push(named);
    let settled = world.ledger.pending.is_none() && world.ledger.previous().is_none();
    if settled {
        changed.push(World {
            alternate: !world.alternate,
            ..world.clone()
        });
    }
    changed
}

fn to_the_end(world: &mut World, order: Order) -> Step {
    let mut run = Run::new(world, order, EVERYTHING);
    for _ in 0..STEPS {
        let step = run.next(world);
        if !run.act(&step, world, false) {
            return step;
        }
        assert_sound(world);
    }
    panic!("this never ends: {:?} in {world:#?}", run.next(world));
}

/// What is published works, or, where a password is replaced in place, is about to and is stored; what works is stored or
/// nobody's; nothing that is referred to is unreadable.
#[track_caller]
fn assert_sound(world: &World) {
    let current = world.ledger.current().unwrap();
    let published = world
        .readable(current)
        .unwrap_or_else(|| panic!("the published version is unreadable: {world:#?}"));
    let in_place = |pending: &rolewright::rotation::Pending| pending.login == world.ledger.login;
    let about_to = world
        .ledger
        .pending
        .as_ref()
        .filter(|pending| in_place(pending))
        .is_some_and(|pending| {
            let stored = world
                .versions
                .keys()
                .filter_map(|number| world.readable(*number));
            stored
                .filter(|payload| payload.mark.as_ref() == Some(&pending.mark))
                .any(|payload| world.takes(payload))
        });
    assert!(
        world.takes(published) || about_to,
        "what is published does not work: {world:#?}"
    );
    if let Some(previous) = world.ledger.previous() {
        let before = world.readable(previous.version);
        let before =
            before.unwrap_or_else(|| panic!("the version before is unreadable: {world:#?}"));
        let in_grace = world.now < world.ledger.published.unwrap().as_second() + GRACE;
        let another = Some(previous.login) != world.ledger.login.as_ref();
        assert!(
            !in_grace || !another || world.takes(before),
            "within grace the old one does not work: {world:#?}"
        );
    }
    if let Some(number) = world.pin {
        assert!(
            world.readable(number).is_some(),
            "the pinned version is unreadable: {world:#?}"
        );
    }
    for session in &world.sessions {
        assert!(world.accounts.contains_key(session));
    }
}

/// Runs that nobody disturbs, with time between them, leave one credential, published, and nothing else. Where a way back has
/// stored a version they say so, and end like that once it is decided, this way or the other.
fn assert_ends_clean(world: &World) {
    let mut held = world.clone();
    let end = to_the_end(&mut held, Order::Due);
    if !matches!(end, Step::Hold(Held::BackNotFinished { .. })) {
        return assert_comes_to_rest(world);
    }
    for order in [Order::Now, Order::Back] {
        let mut world = held.clone();
        let end = to_the_end(&mut world, order);
        assert!(
            !matches!(end, Step::Hold(Held::BackNotFinished { .. })),
            "{world:#?}"
        );
        assert_comes_to_rest(&world);
    }
}

fn assert_comes_to_rest(world: &World) {
    let mut world = world.clone();
    let mut last = Step::Rest(None);
    for _ in 0..16 {
        last = to_the_end(&mut world, Order::Due);
        world.sessions.clear();
        world.ledger.aliases.remove("theirs");
        world.full = false;
        world.now += GRACE;
    }
    assert_eq!(last, Step::Rest(None), "{world:#?}");
    assert_eq!(
        (
            &world.ledger.pending,
            world.ledger.previous(),
            &world.ledger.lease
        ),
        (&None, None, &None),
        "{world:#?}"
    );
    let current = world.ledger.current().unwrap();
    assert_eq!(world.latest(), current, "{world:#?}");
    let open: Vec<_> = world
        .accounts
        .iter()
        .filter(|(_, account)| account.can_login)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        open,
        [world.ledger.login.as_ref().unwrap().name()],
        "{world:#?}"
    );
    let of_strategy = world
        .terms()
        .logins
        .iter()
        .any(|login| login.name() == open[0]);
    assert!(of_strategy, "{world:#?}");
    let readable: Vec<_> = world
        .versions
        .keys()
        .filter(|number| world.readable(**number).is_some())
        .collect();
    assert_eq!(readable, [&current], "{world:#?}");
    let billed = world
        .versions
        .values()
        .filter(|(state, _)| *state != VersionState::Destroyed)
        .count();
    assert!(billed <= 2, "{world:#?}");
}

fn explore(alternate: bool, pin: bool, deadline: bool, faults: u32) {
    let explored = Explored {
        faults,
        ..Explored::default()
    }
    .all(World::new(alternate, pin, deadline));
    let kind = if alternate { "alternate" } else { "single" };
    // Also where it passes: what `println!` says then, the runner keeps to itself.
    let _ = writeln!(
        std::io::stdout(),
        "{kind}{}{}: {} worlds, {} runs, each killed after every step, {} steps done late",
        if pin { ", a pinned job" } else { "" },
        if deadline { ", a deadline" } else { "" },
        explored.seen.len(),
        explored.runs,
        explored.late,
    );
    assert!(explored.seen.len() > 50);
}

#[test]
fn every_world_of_a_pair_ends_clean() {
    explore(true, false, false, 2);
}

#[test]
fn every_world_of_a_single_login_ends_clean() {
    explore(false, false, false, 2);
}

#[test]
fn every_world_with_a_pinned_job_ends_clean() {
    explore(true, true, false, 1);
    explore(false, true, false, 1);
}

#[test]
fn every_world_with_a_deadline_ends_clean() {
    explore(true, false, true, 1);
}

/// One kill costs one version at most.
#[test]
fn a_killed_rotation_costs_one_version_at_most() {
    for alternate in [true, false] {
        let start = World::new(alternate, false, false);
        let mut whole = start.clone();
        to_the_end(&mut whole, Order::Now);
        let mut world = start.clone();
        let mut run = Run::new(&world, Order::Now, EVERYTHING);
        for _ in 0..STEPS {
            let step = run.next(&world);
            if !run.act(&step, &mut world, false) {
                break;
            }
            if world == start {
                continue;
            }
            let mut resumed = world.clone();
            to_the_end(&mut resumed, Order::Due);
            assert!(resumed.latest() <= whole.latest() + 1, "{resumed:#?}");
            assert_eq!(
                resumed.latest(),
                whole.latest(),
                "after {step:?}: {resumed:#?}"
            );
        }
    }
}

/// What comes first after what is only looked at.
fn first_change(run: &mut Run, world: &mut World) -> Step {
    loop {
        let step = run.next(world);
        if !matches!(
            step,
            Step::Probe { .. } | Step::CheckSeal(_) | Step::Identify(_)
        ) {
            return step;
        }
        run.act(&step, world, false);
    }
}

/// A password that nobody has stored is made anew only where nobody would notice, as for the first attempt.
#[test]
fn a_killed_rotation_in_place_waits_for_sessions() {
    let mut world = World::new(false, false, false);
    let mut run = Run::new(&world, Order::Now, Leave::default());
    let begun = first_change(&mut run, &mut world);
    assert!(matches!(begun, Step::Begin { .. }), "{begun:?}");
    run.act(&begun, &mut world, false);
    let resumed = |world: &World, leave| {
        let mut world = world.clone();
        first_change(&mut Run::new(&world, Order::Due, leave), &mut world)
    };
    world
        .sessions
        .extend(world.ledger.login.iter().map(|login| login.name().clone()));
    world.ledger = world.ledger.released();
    assert!(matches!(
        resumed(&world, Leave::default()),
        Step::Hold(Held::Outage(_))
    ));
    assert!(matches!(resumed(&world, EVERYTHING), Step::Begin { .. }));
    world.sessions.clear();
    assert!(matches!(
        resumed(&world, Leave::default()),
        Step::Begin { .. }
    ));
}

/// A way back that was killed and is gone again leads back, not there and back.
#[test]
fn a_killed_way_back_leads_back() {
    for alternate in [true, false] {
        let mut start = World::new(alternate, false, false);
        let first = start.readable(1).cloned();
        to_the_end(&mut start, Order::Now);
        let mut world = start.clone();
        let mut run = Run::new(&world, Order::Back, EVERYTHING);
        while world.ledger.current() == start.ledger.current() {
            let mut resumed = world.clone();
            to_the_end(&mut resumed, Order::Back);
            let published = resumed.readable(resumed.ledger.current().unwrap());
            let of = |payload: &world::Payload| (payload.login.clone(), payload.password);
            assert_eq!(published.map(of), first.as_ref().map(of), "{resumed:#?}");
            assert_eq!(resumed.latest(), start.latest() + 1, "{resumed:#?}");
            let step = run.next(&world);
            assert!(run.act(&step, &mut world, false), "{step:?}");
        }
    }
}

/// A way back that was killed is not gone on with by a run that is to do what is due, unless the login has the password of before
/// already. Once a version is stored the run says so, and there are two ways out.
#[test]
fn a_killed_way_back_is_not_finished_unasked() {
    let of = |world: &World| {
        let published = world.readable(world.ledger.current().unwrap()).cloned();
        published.map(|payload| (payload.login, payload.password))
    };
    for alternate in [true, false] {
        let mut start = World::new(alternate, false, false);
        let before = of(&start);
        to_the_end(&mut start, Order::Now);
        let (mut world, mut told) = (start.clone(), 0);
        let mut run = Run::new(&world, Order::Back, EVERYTHING);
        while world.ledger.current() == start.ledger.current() {
            let has_old = before.as_ref().is_some_and(|(login, password)| {
                let in_use = Some(login) == world.ledger.login.as_ref();
                in_use && world.accounts[login.name()].password == *password
            });
            let mut due = world.clone();
            let end = to_the_end(&mut due, Order::Due);
            let expected = if has_old { &before } else { &of(&start) };
            assert_eq!(&of(&due), expected, "{due:#?}");
            if let Step::Hold(held @ Held::BackNotFinished { .. }) = end {
                told += 1;
                let advice = held.advice(&Given::default());
                assert!(advice.contains("rollback") && advice.contains("rotate"));
                assert_eq!(due.ledger, world.ledger.released(), "nothing is changed");
                for (order, expected) in [(Order::Now, of(&start)), (Order::Back, before.clone())] {
                    let mut decided = due.clone();
                    to_the_end(&mut decided, order);
                    assert_eq!(of(&decided), expected, "{order:?}: {decided:#?}");
                }
            }
            let step = run.next(&world);
            assert!(run.act(&step, &mut world, false), "{step:?}");
        }
        assert!(told > 0);
    }
}

/// Somebody lets an alias lead to a version between the last look at it and its end: whether that run goes on or is
/// killed, the next one brings the version back, and leaves it alone as long as it is referred to.
#[test]
fn a_version_that_is_named_as_it_ends_is_brought_back() {
    for alternate in [true, false] {
        let mut world = World::new(alternate, false, false);
        to_the_end(&mut world, Order::Now);
        world.now += GRACE;
        if alternate {
            // The login before is looked at twice.
            to_the_end(&mut world, Order::Due);
            world.now += GRACE;
        }
        let mut run = Run::new(&world, Order::Due, EVERYTHING);
        let mut step = run.next(&world);
        while !matches!(step, Step::Disable(_)) {
            assert!(run.act(&step, &mut world, false), "{step:?}");
            step = run.next(&world);
        }
        let Step::Disable(number) = step else {
            unreachable!()
        };
        world.ledger.aliases.insert("theirs".into(), number);
        world.etag += 1;
        run.act(&step, &mut world, false);
        assert!(world.readable(number).is_none());
        let mut killed = world.clone();
        assert!(
            !run.act(&run.next(&world), &mut world, false),
            "the word of this run is taken back on an old etag"
        );
        for world in [&mut world, &mut killed] {
            for _ in 0..3 {
                to_the_end(world, Order::Due);
                assert!(
                    world.readable(number).is_some() && world.ledger.lease.is_none(),
                    "{world:#?}"
                );
                world.now += GRACE;
            }
            world.ledger.aliases.remove("theirs");
            to_the_end(world, Order::Due);
            assert_eq!(
                world.versions[&number].0,
                VersionState::Disabled,
                "it rests before it is destroyed"
            );
        }
    }
}

/// What somebody else has disabled stays so, whoever names it and whatever run is at work.
#[test]
fn a_version_that_others_disabled_is_left_alone() {
    // A login of a pair is open as long as the alias names its version, but for the deadline.
    for alternate in [true, false] {
        let mut world = World::new(alternate, false, alternate);
        to_the_end(&mut world, Order::Now);
        world.ledger.aliases.insert("theirs".into(), 1);
        for _ in 0..4 {
            world.now += GRACE;
            to_the_end(&mut world, Order::Due);
        }
        assert!(world.readable(1).is_some() && world.ledger.previous().is_none());
        world.versions.get_mut(&1).unwrap().0 = VersionState::Disabled;
        for order in [Order::Now, Order::Due, Order::Due] {
            to_the_end(&mut world, order);
            world.now += GRACE;
            assert_eq!(world.versions[&1].0, VersionState::Disabled, "{world:#?}");
        }
    }
}
