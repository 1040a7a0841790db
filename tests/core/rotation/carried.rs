//! What refers to a version keeps the login in it open, whatever the secret says of that login; and nothing takes a credential away
//! within its `grace` without naming that.

use rolewright::model::Given;
use rolewright::rotation::{Blocker, Held, Leave, Order, Step};

use super::run::Run;
use super::world::{GRACE, World, role};
use super::{EVERYTHING, STEPS};

/// A run to its end.
fn run(world: &mut World, order: Order, leave: Leave) -> Step {
    let mut run = Run::new(world, order, leave);
    for _ in 0..STEPS {
        let step = run.next(world);
        if !run.act(&step, world, false) {
            return step;
        }
    }
    panic!("this never ends: {:?}", run.next(world));
}

/// A pair right after a rotation, with a job that is pinned to the version before, or another alias that names it.
fn rotated(pin: bool) -> World {
    let mut world = World::new(true, pin, false);
    run(&mut world, Order::Now, Leave::default());
    if !pin {
        world.ledger.aliases.insert("theirs".into(), 1);
        world.etag += 1;
    }
    world
}

fn is_open(world: &World, login: &str) -> bool {
    world.accounts[&role(login)].can_login
}

/// Whether `step` is held by what refers to version 1.
fn names_the_user(step: &Step) -> bool {
    let Step::Hold(held) = step else {
        return false;
    };
    held.blockers().iter().any(|blocker| match blocker {
        Blocker::Pin { version, .. } | Blocker::Alias { version, .. } => *version == 1,
        Blocker::Session { .. } | Blocker::Holder { .. } => false,
    })
}

#[test]
fn a_login_is_open_as_long_as_something_refers_to_a_version_that_carries_it() {
    for pin in [true, false] {
        for forgotten in [true, false] {
            let mut world = rotated(pin);
            world.now += 1;
            run(&mut world, Order::Due, Leave::default());
            if forgotten {
                world.ledger = world.ledger.with_previous(None);
                world.etag += 1;
            }
            for _ in 0..4 {
                world.now += GRACE;
                let end = run(&mut world, Order::Due, Leave::default());
                assert!(names_the_user(&end), "{forgotten}: {end:?}");
                assert!(is_open(&world, "app_a"), "{world:#?}");
            }
            // Nor does it get another password.
            let end = run(&mut world, Order::Now, Leave::default());
            assert!(names_the_user(&end), "{forgotten}: {end:?}");
            world.pin = world.pin.and(Some(2));
            world.ledger.aliases.remove("theirs");
            for _ in 0..2 {
                run(&mut world, Order::Due, Leave::default());
                world.now += GRACE;
            }
            assert!(!is_open(&world, "app_a"), "{world:#?}");
        }
    }
}

/// A version with an older password of the login is in nobody's way.
#[test]
fn a_version_that_the_server_refuses_keeps_nothing_open() {
    let mut world = rotated(true);
    world.ledger = world.ledger.with_previous(None);
    world.accounts.get_mut(&role("app_a")).unwrap().password = 999;
    for _ in 0..3 {
        world.now += GRACE;
        run(&mut world, Order::Due, Leave::default());
    }
    assert!(!is_open(&world, "app_a"), "{world:#?}");
}

/// A look of a run counts for the part in which the login was then.
#[test]
fn a_login_that_is_not_the_one_before_any_more_is_looked_at_anew() {
    let mut world = World::new(true, false, false);
    run(&mut world, Order::Now, Leave::default());
    world.now += 1;
    run(&mut world, Order::Due, Leave::default());
    world.now += GRACE - 1;
    world.ledger = world.ledger.with_previous(None);
    world.etag += 1;
    for closed in [false, true] {
        world.now += 1;
        run(&mut world, Order::Due, Leave::default());
        assert_eq!(is_open(&world, "app_a"), !closed, "{world:#?}");
        world.now += GRACE;
    }
}

/// The name of the credential before without its version is a secret that does not say what is in use.
#[test]
fn a_login_before_without_its_version_is_not_told() {
    let mut world = World::new(true, false, false);
    run(&mut world, Order::Now, Leave::default());
    world.ledger.aliases.remove("previous");
    world.ledger.previous_version = None;
    for _ in 0..3 {
        let end = run(&mut world, Order::Due, EVERYTHING);
        assert_eq!(end, Step::Hold(Held::NotTold));
        world.now += GRACE;
    }
    assert!(is_open(&world, "app_a"));
}

/// The login before works until the end of `grace`, also where the one in use is refused; `--accept-outage` decides otherwise.
#[test]
fn another_password_for_the_login_before_waits_for_grace_or_a_decision() {
    let mut world = World::new(true, false, false);
    run(&mut world, Order::Now, Leave::default());
    world.accounts.get_mut(&role("app_b")).unwrap().password = 999;
    world.now += GRACE - 1;
    let before = world.clone();
    let Step::Hold(held) = run(&mut world, Order::Now, Leave::default()) else {
        panic!("it is held");
    };
    assert_eq!(world, before);
    assert!(matches!(&held, Held::Promised { login, .. } if login.as_str() == "app_a"));
    let advice = held.advice(&Given::default());
    assert!(advice.contains("rolewright apply") && advice.contains("--now --accept-outage"));
    for (later, leave) in [(0, EVERYTHING), (1, Leave::default())] {
        let mut world = before.clone();
        world.now += later;
        let end = run(&mut world, Order::Now, leave);
        assert!(!matches!(end, Step::Hold(_)), "{end:?}");
        assert_eq!(
            world.ledger.login.as_deref().map(ToString::to_string),
            Some("app_a".into())
        );
    }
    // Where the server refuses that one as well nothing is taken away.
    let mut world = before;
    world.accounts.get_mut(&role("app_a")).unwrap().password = 998;
    let end = run(&mut world, Order::Now, Leave::default());
    assert!(!matches!(end, Step::Hold(_)), "{end:?}");
}
