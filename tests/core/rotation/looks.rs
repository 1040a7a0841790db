//! A login of a pair is closed only where two runs, at least `grace` apart, saw no session of it, and none between them saw one.

use rolewright::rotation::{Leave, Order, Step, Wait};

use super::STEPS;
use super::run::Run;
use super::world::{GRACE, World, role};

/// What can happen between two looks.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A session of the login before comes or goes.
    Session,
    /// The secret does not say any more which the credential before is: its login is one that nothing explains, and looks begin anew.
    Forgotten,
    /// Half of `grace` passes.
    Later,
    /// A run that ends on its own.
    Run,
    /// A run that is killed after the first thing that it writes.
    Killed,
}

const EVENTS: [Event; 5] = [
    Event::Session,
    Event::Forgotten,
    Event::Later,
    Event::Run,
    Event::Killed,
];

/// A world, and since when each run has seen the login before without a session, which the secret may not know.
#[derive(Clone)]
struct Watched {
    world: World,
    unseen: Option<i64>,
}

impl Watched {
    /// Right after a rotation.
    fn published() -> Self {
        let mut world = World::new(true, false, false);
        run(&mut world, Order::Now, STEPS);
        Self {
            world,
            unseen: None,
        }
    }

    /// Whether the login before was closed.
    fn happens(&mut self, event: Event) -> bool {
        let Self { world, unseen } = self;
        match event {
            Event::Session if world.sessions.is_empty() => {
                world.sessions.insert(role("app_a"));
            }
            Event::Session => world.sessions.clear(),
            Event::Forgotten if world.ledger.previous().is_some() => {
                world.ledger = world.ledger.with_previous(None);
                *unseen = None;
            }
            Event::Forgotten => {}
            Event::Later => world.now += GRACE / 2,
            Event::Run | Event::Killed => {
                *unseen = (unseen.or(Some(world.now))).filter(|_| world.sessions.is_empty());
                let limit = if matches!(event, Event::Run) {
                    STEPS
                } else {
                    1
                };
                return run(world, Order::Due, limit);
            }
        }
        false
    }
}

/// A run that is killed after `writes` writes. Returns whether it closed a login.
fn run(world: &mut World, order: Order, writes: usize) -> bool {
    let mut run = Run::new(world, order, Leave::default());
    let (mut closed, mut written) = (false, 0);
    for _ in 0..STEPS {
        let step = run.next(world);
        written += usize::from(!step.only_looks());
        if written > writes {
            break;
        }
        closed |= matches!(step, Step::Close(_));
        if !run.act(&step, world, false) {
            break;
        }
    }
    closed
}

/// Goes through all that can happen from here on. Returns how often the login was closed.
fn all(watched: &Watched, left: usize) -> usize {
    if left == 0 {
        return 0;
    }
    let mut times = 0;
    for event in EVENTS {
        let mut after = watched.clone();
        if !after.happens(event) {
            times += all(&after, left - 1);
            continue;
        }
        times += 1;
        let (now, since) = (after.world.now, after.unseen);
        assert!(
            since.is_some_and(|since| now - since >= GRACE),
            "closed at {now}, unseen since {since:?}: {:#?}",
            watched.world
        );
    }
    times
}

#[test]
fn a_login_of_a_pair_is_closed_after_two_looks_without_a_session() {
    let closed = all(&Watched::published(), 7);
    assert!(closed > 100, "{closed}");
}

#[test]
fn a_run_says_from_when_on_the_login_before_can_be_closed() {
    let Watched { mut world, .. } = Watched::published();
    world.now += GRACE;
    // The look at the end of `grace` is the first one.
    assert!(!run(&mut world, Order::Due, STEPS));
    let step = Run::new(&world, Order::Due, Leave::default()).next(&world);
    let Step::Wait(Wait::Unseen { login, until }) = step else {
        panic!("{step:?}")
    };
    assert_eq!(
        (login.as_str(), until.as_second()),
        ("app_a", world.now + GRACE)
    );
    world.now += GRACE;
    assert!(run(&mut world, Order::Due, STEPS));
    assert!(!world.accounts[&role("app_a")].can_login && world.ledger.unseen.is_none());
}

/// Looks within `grace` count, so that runs that are frequent close as early as before.
#[test]
fn looks_within_grace_count() {
    let Watched { mut world, .. } = Watched::published();
    world.now += 1;
    assert!(!run(&mut world, Order::Due, STEPS));
    world.now += GRACE;
    assert!(run(&mut world, Order::Due, STEPS));
}
