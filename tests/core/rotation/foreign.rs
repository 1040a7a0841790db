//! Annotations, aliases and payloads that others wrote: whatever they say, no step is for a login of another role, no version
//! ends or comes back that was not stored here, and no password is put to work that others may have chosen.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use rolewright::model::{
    Annotations, Identity, Login, Logins, Role, RoleName, Secret, Version, VersionState,
};
use rolewright::policy::{Source, Variables, load};
use rolewright::rotation::{
    Fault, Found, Leave, Ledger, Order, Place, Reading, Retired, ServerSide, State, Step, Terms,
    claim, next, read,
};

use super::world::{World, login, logins, role};

const NOW: i64 = 1_790_000_000;

/// Names that are no login of `app`, whoever has them.
const OTHERS: [&str; 12] = [
    "migration_user",
    "csadmin",
    "cloudsqlsuperuser",
    "postgres",
    "App",
    "APP_A",
    "\"app\"",
    "app_c",
    "app_a ",
    " app",
    "app_a_a",
    "",
];

pub const OWN: [&str; 3] = ["app", "app_a", "app_b"];

/// What others may write into an annotation.
fn text() -> impl Strategy<Value = String> {
    let names = OWN
        .iter()
        .chain(&OTHERS)
        .map(|name| (*name).to_owned())
        .collect::<Vec<_>>();
    let seconds = prop_oneof![
        Just(NOW - 1_000_000),
        Just(NOW),
        Just(NOW + 301),
        Just(NOW + 3_000_000_000),
        0..NOW
    ];
    let time = seconds.prop_map(|second| Timestamp::from_second(second).unwrap().to_string());
    let seal = prop_oneof![
        Just("0123456789abcdef0123456789abcdef".to_owned()),
        Just(String::new()),
        "[0-9a-f]{32}"
    ];
    let sealed = (time.clone(), prop::collection::vec((-1_i64..7, seal), 0..4)).prop_map(
        |(time, numbers)| {
            let numbers = numbers
                .iter()
                .map(|(number, seal)| format!(" {number}:{seal}"));
            time + &numbers.collect::<String>()
        },
    );
    prop_oneof![
        4 => prop::sample::select(names),
        3 => time.clone(),
        2 => (-2_i64..8).prop_map(|number| number.to_string()),
        2 => prop_oneof![Just("x:y".to_owned()), (1_i64..6).prop_map(|number| format!("x:={number}"))],
        2 => prop_oneof![Just("x:proven-f".to_owned()), Just("x:keyed-f".to_owned())],
        1 => (1_i64..6).prop_map(|number| format!("{number}:0123456789abcdef0123456789abcdef")),
        3 => sealed,
        1 => time.clone().prop_map(|time| format!("rolewright/rotate/1 {time}")),
        2 => (time.clone(), prop::sample::select(OWN.to_vec())).prop_map(|(time, login)| format!("{time} {login}")),
        1 => (time, prop::sample::select(OWN.to_vec()), 1_i64..6).prop_map(|(time, login, version)| format!("{time} {login} {version}")),
        1 => any::<String>(),
    ]
}

const KEYS: [&str; 13] = [
    Annotations::LOGIN,
    Annotations::VERSION,
    Annotations::PREVIOUS_VERSION,
    Annotations::SEAL,
    Annotations::PUBLISHED,
    Annotations::PREVIOUS_LOGIN,
    Annotations::PENDING,
    Annotations::NEXT,
    Annotations::SOURCE,
    Annotations::RETIRED,
    Annotations::UNSEEN,
    Annotations::LEASE,
    Annotations::ENDING,
];

/// A secret that others may have written, with five versions.
#[derive(Debug, Clone)]
pub struct Written {
    pub secret: Secret,
    /// What each version holds.
    truth: BTreeMap<i64, Identity>,
    /// The numbers that were sealed here.
    sealed: BTreeSet<i64>,
    /// The login whose password, as the server has it, a version holds.
    works: BTreeMap<i64, Login>,
    /// The version of the attempt, if its mark is one.
    pending: Option<i64>,
}

pub fn written() -> impl Strategy<Value = Written> {
    let annotations =
        prop::collection::btree_map(prop::sample::select(KEYS.to_vec()), text(), 0..KEYS.len());
    let state = prop::sample::select(vec![
        VersionState::Enabled,
        VersionState::Disabled,
        VersionState::Destroyed,
    ]);
    let identity = prop::sample::select(vec![
        Identity::Of(login("app_a")),
        Identity::Of(login("app_b")),
        Identity::Of(login("app")),
        Identity::Generated,
        Identity::Unknown,
        Identity::Foreign,
    ]);
    let works = prop::option::of(prop::sample::select(OWN.to_vec()));
    let versions =
        prop::collection::vec((prop::option::of(state), identity, any::<bool>(), works), 5);
    // Most are as they would be: otherwise nothing is ever begun.
    let sound = prop::bool::weighted(0.7);
    let aliases = (
        1_i64..6,
        prop::option::of(1_i64..6),
        prop::option::of(0_i64..7),
    );
    (
        annotations,
        aliases,
        versions,
        sound,
        prop::option::of(1_i64..6),
    )
        .prop_map(
            |(annotations, (current, previous, theirs), versions, sound, pending)| {
                let mut annotations: BTreeMap<_, _> = annotations
                    .into_iter()
                    .map(|(key, text)| (key.to_owned(), text))
                    .collect();
                if sound {
                    annotations.insert(Annotations::LOGIN.into(), "app_a".into());
                    annotations.insert(Annotations::VERSION.into(), current.to_string());
                    annotations
                        .insert(Annotations::PUBLISHED.into(), "2026-01-01T00:00:00Z".into());
                    match previous {
                        Some(number) => annotations
                            .insert(Annotations::PREVIOUS_VERSION.into(), number.to_string()),
                        None => annotations.remove(Annotations::PREVIOUS_VERSION),
                    };
                }
                let aliases = [
                    ("current", Some(current)),
                    ("previous", previous),
                    ("theirs", theirs),
                ];
                let aliases = aliases
                    .into_iter()
                    .filter_map(|(alias, number)| Some((alias.to_owned(), number?)))
                    .collect();
                let numbered = (1_i64..).zip(&versions);
                let truth = numbered
                    .clone()
                    .map(|(number, (_, identity, ..))| (number, identity.clone()))
                    .collect();
                let sealed = numbered
                    .clone()
                    .filter(|(_, (_, _, sealed, _))| *sealed)
                    .map(|(number, _)| number)
                    .collect();
                let works = |(number, (.., works)): (i64, &(_, _, _, Option<&str>))| {
                    Some((number, login((*works)?)))
                };
                let works = numbered.clone().filter_map(works).collect();
                let version =
                    |(number, (state, ..)): (i64, &(Option<VersionState>, Identity, bool, _))| {
                        Version {
                            number,
                            state: state.unwrap_or(VersionState::Enabled),
                            etag: String::new(),
                            created: None,
                            doomed: false,
                            destroyed_at: None,
                        }
                    };
                let secret = Secret {
                    name: World::secret(),
                    etag: String::new(),
                    labels: BTreeMap::new(),
                    annotations,
                    aliases,
                    versions: numbered.map(version).collect(),
                    bindings: None,
                    destroy_ttl: None,
                    has_topics: false,
                    replication: None,
                    expires: None,
                    managed_rotation: false,
                };
                Written {
                    secret,
                    truth,
                    sealed,
                    works,
                    pending,
                }
            },
        )
}

pub fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// What the first look sees.
fn seen(written: &Written, order: Order, alternate: bool) -> State {
    let own = logins(if alternate {
        "strategy: alternate"
    } else {
        "strategy: single"
    });
    let Reading { ledger, problems } = read(&written.secret, &own, Some(now()));
    let world = World {
        alternate,
        ..World::new(alternate, false, false)
    };
    let state = |version: &Version| (version.number, version.state);
    let is_newer = |number: &i64| {
        let enabled =
            |version: &Version| version.number == *number && version.state == VersionState::Enabled;
        Some(*number) > ledger.current() && written.secret.versions.iter().any(enabled)
    };
    let pending = written
        .pending
        .filter(is_newer)
        .filter(|_| ledger.pending.is_some());
    State {
        now: now(),
        seen: now(),
        role: role("app"),
        secret: World::secret(),
        terms: Terms {
            every: Some(86_400),
            ..world.terms()
        },
        order,
        leave: Leave {
            roll: true,
            outage: true,
            end_sessions: true,
        },
        owner: "rolewright/rotate/2".into(),
        off_limits: claim(&written.secret, &problems, &role("app"), None),
        ledger: ledger.clone(),
        versions: written.secret.versions.iter().map(state).collect(),
        doomed: BTreeSet::new(),
        found: Found {
            pending,
            ..Found::default()
        },
        identities: BTreeMap::new(),
        seals: BTreeMap::new(),
        taken: BTreeMap::new(),
        logins: world.logins(),
        consumers: Vec::new(),
        in_hand: pending.is_some(),
        made: false,
        server: ServerSide::Unknown,
    }
}

/// A run on what is seen. Returns the versions that were to end or to come back.
fn run(mut state: State, written: &Written) -> Result<Vec<Step>, TestCaseError> {
    let mut ours = written.sealed.clone();
    let mut works = written.works.clone();
    let mut ended = Vec::new();
    for _ in 0..40 {
        let step = next(&state);
        match &step {
            Step::Identify(number) => {
                let truth = written
                    .truth
                    .get(number)
                    .cloned()
                    .unwrap_or(Identity::Of(login("app_b")));
                state.identities.insert(*number, truth);
            }
            Step::CheckSeal(number) => drop(state.seals.insert(*number, ours.contains(number))),
            Step::Probe { version, login } => {
                let is_taken = works.get(version) == Some(login);
                state.taken.insert((*version, login.clone()), is_taken);
            }
            Step::Record(ledger) => {
                if ledger.current() != state.ledger.current() {
                    let published = ledger.current().and_then(|version| works.get(&version));
                    prop_assert_eq!(
                        published,
                        ledger.login.as_ref(),
                        "published is what the server takes"
                    );
                }
                for number in newly_retired(&state.ledger, ledger) {
                    let identity = state.identities.get(&number);
                    prop_assert!(
                        matches!(identity, Some(Identity::Of(_) | Identity::Generated)),
                        "{number}: {identity:?}"
                    );
                    ours.insert(number);
                }
                state.ledger = (**ledger).clone();
                if state.ledger.pending.is_none() {
                    (state.in_hand, state.server, state.found.pending) =
                        (false, ServerSide::Unknown, None);
                    state.made = false;
                }
            }
            Step::Begin { login, source } => {
                is_own(login)?;
                let version = match source {
                    rolewright::rotation::Source::Fresh => None,
                    rolewright::rotation::Source::Version(number) => Some(*number),
                };
                let shown = version.is_none_or(|number| {
                    works.get(&number) == Some(login)
                        || (written.sealed.contains(&number) && is_in_use(&state, &works))
                });
                prop_assert!(
                    shown,
                    "nothing shows that version {version:?} was ever in use for {login}"
                );
                let identity = version.map(|number| written.truth.get(&number).cloned());
                let fits = match &identity {
                    None => true,
                    Some(Some(Identity::Of(of))) => of == login,
                    Some(Some(Identity::Generated | Identity::Unknown)) => true,
                    Some(Some(Identity::Foreign) | None) => false,
                };
                prop_assert!(fits, "{login} gets what {version:?} holds: {identity:?}");
                let word = if is_in_use(&state, &works) {
                    "1:proven-f"
                } else {
                    "1:keyed-f"
                };
                let mark = rolewright::rotation::Mark::parse(word).unwrap();
                let pending = rolewright::rotation::Pending {
                    mark,
                    login: Some(login.clone()),
                    source: version,
                };
                state.ledger = state.ledger.begun(pending, state.lease());
                (state.in_hand, state.made, state.order) = (true, true, Order::Finish);
            }
            Step::Arm(login) | Step::Commit(login) => {
                is_own(login)?;
                works.retain(|_, of| of != login);
                works.extend(state.found.pending.map(|version| (version, login.clone())));
                state.taken.clear();
                state.server = ServerSide::Set;
            }
            Step::Prepare(login) => {
                is_own(login)?;
                prop_assert!(
                    state.made || is_in_use(&state, &works),
                    "a version without proof is armed"
                );
                state.server = ServerSide::Prepared;
            }
            Step::Prove(login) => {
                is_own(login)?;
                state.server = ServerSide::Proven;
            }
            Step::Store => {
                let number = state.versions.keys().next_back().unwrap() + 1;
                state.versions.insert(number, VersionState::Enabled);
                state.found.pending = Some(number);
                if matches!(state.server, ServerSide::Set | ServerSide::Proven) {
                    works.extend(
                        state
                            .ledger
                            .pending
                            .as_ref()
                            .and_then(|one| Some((number, one.login.clone()?))),
                    );
                }
            }
            Step::Expire { login, at } => {
                is_own(login)?;
                is_shown(&state, login, &ours)?;
                prop_assert!(
                    is_in_use(&state, &works) && state.ledger.login.as_ref() != Some(login)
                );
                state
                    .logins
                    .entry(login.name().clone())
                    .or_default()
                    .valid_until = Some(*at);
            }
            Step::EndSessions(login) => {
                is_own(login)?;
                is_shown(&state, login, &ours)?;
                prop_assert!(state.ledger.login.as_ref() != Some(login));
                state
                    .logins
                    .entry(login.name().clone())
                    .or_default()
                    .sessions
                    .clear();
            }
            Step::Close(login) => {
                is_own(login)?;
                is_shown(&state, login, &ours)?;
                ended.push(step.clone());
                prop_assert!(
                    is_in_use(&state, &works) && state.ledger.login.as_ref() != Some(login)
                );
                state
                    .logins
                    .entry(login.name().clone())
                    .or_default()
                    .can_login = false;
            }
            Step::Enable(number) | Step::Disable(number) | Step::Destroy(number) => {
                prop_assert!(ours.contains(number), "{step:?}, which was not stored here");
                prop_assert!(
                    is_in_use(&state, &works),
                    "{step:?}, and nothing shows what is in use"
                );
                let after = match step {
                    Step::Enable(_) => VersionState::Enabled,
                    Step::Disable(_) => VersionState::Disabled,
                    _ => VersionState::Destroyed,
                };
                state.versions.insert(*number, after);
                ended.push(step.clone());
            }
            Step::Roll { .. } => {}
            Step::Rest(_) | Step::Wait(_) | Step::Hold(_) => return Ok(ended),
        }
    }
    Ok(ended)
}

/// The server takes the credential in use.
fn is_in_use(state: &State, works: &BTreeMap<i64, Login>) -> bool {
    let published = state
        .ledger
        .current()
        .and_then(|version| works.get(&version));
    published.is_some() && published == state.ledger.login.as_ref()
}

fn newly_retired(before: &Ledger, after: &Ledger) -> Vec<i64> {
    let known = before.retired_numbers();
    after
        .retired_numbers()
        .into_iter()
        .filter(|number| !known.contains(number))
        .collect()
}

fn is_own(login: &RoleName) -> Result<(), TestCaseError> {
    prop_assert!(OWN.contains(&login.as_str()), "{login}");
    Ok(())
}

/// A login that the policy does not declare is changed only where a seal shows that it was in use.
fn is_shown(state: &State, login: &Login, ours: &BTreeSet<i64>) -> Result<(), TestCaseError> {
    let shown = |previous: &rolewright::rotation::Previous<'_>| {
        previous.login == login && ours.contains(&previous.version)
    };
    let is_declared =
        state.terms.strategy == rolewright::model::Strategy::Alternate || login.as_str() == "app";
    prop_assert!(
        is_declared || state.ledger.previous().as_ref().is_some_and(shown),
        "nothing shows that `{login}` was ever a login of the role"
    );
    Ok(())
}

fn order() -> impl Strategy<Value = Order> {
    prop::sample::select(vec![Order::Finish, Order::Due, Order::Now, Order::Back])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_step_is_for_another_role_no_version_of_others_ends_and_none_is_put_to_work_without_proof(
        written in written(), order in order(), alternate in any::<bool>(),
    ) {
        run(seen(&written, order, alternate), &written)?;
    }

    #[test]
    fn what_is_read_without_a_problem_is_written_as_it_was(written in written()) {
        let own = logins("strategy: alternate");
        let Reading { ledger, problems } = read(&written.secret, &own, Some(now()));
        let annotations = ledger.annotations(&BTreeMap::new());
        let again = Secret { annotations, ..written.secret };
        let of_alias = problems.iter().filter(|one| matches!(one.place, Place::Alias(_))).cloned().collect();
        prop_assert_eq!(read(&again, &own, Some(now())), Reading { ledger: ledger.clone(), problems: of_alias });
        let named = [&ledger.login, &ledger.previous_login];
        let named = named.into_iter().flatten().chain(ledger.pending.iter().filter_map(|one| one.login.as_ref()));
        for login in named {
            is_own(login)?;
        }
        let latest = Timestamp::from_second(NOW + 300).unwrap();
        let times = [ledger.published, ledger.unseen.as_ref().map(|one| one.since), ledger.retired.as_ref().map(|one: &Retired| one.since)];
        prop_assert!(problems.len() <= KEYS.len() + 2 && times.into_iter().flatten().all(|time| time <= latest));
    }
}

/// Worlds in which versions do end: the property above is about something.
#[test]
fn versions_that_were_stored_here_do_end() {
    let retired = "2026-01-01T00:00:00Z 1:0123456789abcdef0123456789abcdef";
    let annotations = [
        (Annotations::LOGIN, "app_a"),
        (Annotations::PUBLISHED, "2026-01-01T00:00:00Z"),
        (Annotations::RETIRED, retired),
    ];
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut written = written().new_tree(&mut runner).unwrap().current();
    written.secret.annotations = annotations
        .map(|(key, text)| (key.to_owned(), text.to_owned()))
        .into();
    written.secret.aliases = [("current".to_owned(), 5)].into();
    written
        .secret
        .versions
        .iter_mut()
        .for_each(|version| version.state = VersionState::Enabled);
    for (sealed, works, ends) in [(vec![1], 5, true), (vec![], 5, false), (vec![1], 4, false)] {
        written.sealed = sealed.into_iter().collect();
        written.works = [(works, login("app_a"))].into();
        let ended = run(seen(&written, Order::Finish, true), &written).unwrap();
        assert_eq!(ended.contains(&Step::Disable(1)), ends, "{ended:?}");
    }
}

/// A role with the name of one of a pair, and its settings, is no former login because an annotation says so.
#[test]
fn a_login_that_the_policy_does_not_declare_is_closed_only_with_a_seal() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut written = written().new_tree(&mut runner).unwrap().current();
    written.secret.aliases = [("current".to_owned(), 5), ("previous".to_owned(), 1)].into();
    written
        .secret
        .versions
        .iter_mut()
        .for_each(|version| version.state = VersionState::Enabled);
    (written.pending, written.works) = (None, [(5, login("app"))].into());
    written.truth.insert(1, Identity::Generated);
    let seal = "0123456789abcdef0123456789abcdef";
    for (previous, sealed, closes) in [
        (Some(format!("1:{seal}")), vec![1], true),
        (Some(format!("1:{seal}")), vec![], false),
        (Some("1".to_owned()), vec![], false),
        (None, vec![1], false),
    ] {
        let mut annotations = BTreeMap::from([
            (Annotations::LOGIN.to_owned(), "app".to_owned()),
            (Annotations::VERSION.to_owned(), "5".to_owned()),
            (
                Annotations::PUBLISHED.to_owned(),
                "2026-01-01T00:00:00Z".to_owned(),
            ),
            (
                Annotations::UNSEEN.to_owned(),
                "2026-01-02T00:00:00Z app_a 1".to_owned(),
            ),
        ]);
        if let Some(version) = &previous {
            annotations.insert(Annotations::PREVIOUS_LOGIN.to_owned(), "app_a".to_owned());
            annotations.insert(Annotations::PREVIOUS_VERSION.to_owned(), version.clone());
        }
        written.secret.annotations = annotations;
        written.sealed = sealed.into_iter().collect();
        for order in [Order::Finish, Order::Due] {
            let mut state = seen(&written, order, false);
            state.terms.every = None;
            for name in ["app_a", "app_b"] {
                state.logins.get_mut(&role(name)).unwrap().can_login = true;
            }
            let ended = run(state, &written).unwrap();
            let closed = ended.contains(&Step::Close(login("app_a")));
            assert_eq!(closed, closes, "{previous:?} {order:?}: {ended:?}");
            assert!(
                !ended.contains(&Step::Close(login("app_b"))),
                "nothing remembers it"
            );
        }
    }
}

fn fault(key: &'static str, text: &str) -> Option<Fault> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut secret = written().new_tree(&mut runner).unwrap().current().secret;
    secret.annotations = [(key.to_owned(), text.to_owned())].into();
    secret.aliases = [("current".to_owned(), 2), ("previous".to_owned(), 1)].into();
    if key == Annotations::SOURCE {
        secret
            .annotations
            .insert(Annotations::PENDING.into(), "1:f".into());
    }
    let problems = read(&secret, &logins("strategy: alternate"), Some(now())).problems;
    problems.into_iter().next().map(|problem| problem.fault)
}

#[test]
fn what_is_not_written_here_is_a_problem_with_a_name() {
    let time = |seconds: i64| Timestamp::from_second(NOW + seconds).unwrap();
    for key in [
        Annotations::LOGIN,
        Annotations::NEXT,
        Annotations::PREVIOUS_LOGIN,
    ] {
        for other in OTHERS {
            assert_eq!(
                fault(key, other),
                Some(Fault::OtherLogin(other.to_owned())),
                "{key}"
            );
        }
        for own in OWN {
            assert_eq!(fault(key, own), None, "{key} {own}");
        }
    }
    for (key, more) in [
        (Annotations::PUBLISHED, ""),
        (Annotations::UNSEEN, " app_b"),
        (Annotations::RETIRED, ""),
    ] {
        assert_eq!(
            fault(key, &format!("{}{more}", time(299))),
            None,
            "{key}: clocks differ by so much"
        );
        assert_eq!(
            fault(key, &format!("{}{more}", time(301))),
            Some(Fault::Future(time(301))),
            "{key}"
        );
        assert_eq!(fault(key, "yesterday"), Some(Fault::Malformed), "{key}");
    }
    for (version, expected) in [("1", None), ("x", Some(Fault::Malformed))] {
        let text = format!("{} app_b {version}", time(0));
        assert_eq!(fault(Annotations::UNSEEN, &text), expected);
    }
    let unseen = |login: &str| fault(Annotations::UNSEEN, &format!("{} {login}", time(0)));
    assert_eq!(
        unseen("billing"),
        Some(Fault::OtherLogin("billing".to_owned()))
    );
    let lease =
        |until: Timestamp| fault(Annotations::LEASE, &format!("rolewright/rotate/1 {until}"));
    assert_eq!(
        (lease(time(899)), lease(time(901))),
        (None, Some(Fault::Future(time(901))))
    );
    assert_eq!(
        fault(Annotations::RETIRED, "2026-01-01T00:00:00Z 3"),
        None,
        "as older builds wrote it"
    );
    assert_eq!(fault(Annotations::VERSION, "2"), None);
    assert_eq!(
        fault(Annotations::VERSION, "1"),
        Some(Fault::Moved {
            from: 1,
            to: 2,
            back: false
        })
    );
    assert_eq!(fault(Annotations::PREVIOUS_VERSION, "1"), None);
    assert_eq!(
        fault(Annotations::PREVIOUS_VERSION, "3:beef"),
        Some(Fault::OtherVersion(3))
    );
    assert_eq!(
        fault(Annotations::PREVIOUS_VERSION, "4"),
        Some(Fault::Moved {
            from: 4,
            to: 1,
            back: false
        })
    );
    assert_eq!(fault(Annotations::SEAL, "2"), Some(Fault::Malformed));
    assert_eq!(
        fault(Annotations::RETIRED, "2026-01-01T00:00:00Z 3:beef"),
        Some(Fault::OtherVersion(3))
    );
    assert_eq!(
        fault(Annotations::ENDING, "1"),
        Some(Fault::OtherVersion(1))
    );
    assert_eq!(
        fault(Annotations::SOURCE, "3"),
        Some(Fault::OtherVersion(3))
    );
    assert_eq!(
        (
            fault(Annotations::SOURCE, "1"),
            fault(Annotations::SOURCE, "2")
        ),
        (None, None)
    );
}

/// The pair of a role that does not alternate: a former one, unless somebody else has the name.
#[test]
fn a_name_that_somebody_else_has_is_no_login_of_the_role() {
    let policy = |more: &str| {
        let text = format!(
            "{{version: 1, instance: p:r:i, databases: {{shop: {{schemas: [public]}}}}, {more}}}"
        );
        load(
            &[Source {
                name: "p.yaml".into(),
                text,
            }],
            &Variables::default(),
        )
        .unwrap_or_else(|found| panic!("{found}"))
        .remove(0)
    };
    let found = |name: &str, becomes: Option<&str>| {
        let settings = becomes.map(|value| rolewright::model::Setting {
            database: None,
            parameter: "role".into(),
            value: value.into(),
        });
        let role = Role {
            name: role(name),
            login: true,
            superuser: false,
            create_db: false,
            create_role: false,
            replication: false,
            bypass_rls: false,
            inherit: true,
            connection_limit: -1,
            valid_until: None,
            settings: settings.into_iter().collect(),
        };
        BTreeMap::from([(role.name.clone(), role)])
    };
    let app = "app: {access: dml, secret: {name: s}}";
    let is_login = |more: &str, roles: &BTreeMap<RoleName, Role>| {
        Logins::of(&policy(more), &role("app"), roles)
            .parse("app_a")
            .is_some()
    };
    assert!(
        is_login(&format!("roles: {{{app}}}"), &BTreeMap::new()),
        "it was dropped"
    );
    assert!(
        is_login(&format!("roles: {{{app}}}"), &found("app_a", Some("app"))),
        "a former login"
    );
    assert!(
        !is_login(&format!("roles: {{{app}}}"), &found("app_a", None)),
        "a stranger"
    );
    assert!(
        !is_login(&format!("roles: {{{app}}}"), &found("app_a", Some("other"))),
        "of another role"
    );
    let become_app = found("app_a", Some("app"));
    for more in [
        format!("roles: {{{app}, app_a: {{access: read}}}}"),
        format!("roles: {{{app}}}, admins: [app_a]"),
        format!("roles: {{{app}}}, ignore: {{roles: [app_*]}}"),
    ] {
        assert!(!is_login(&more, &become_app), "{more}");
    }
    assert!(
        Logins::of(&policy("roles: {}"), &role("app"), &become_app)
            .every_login()
            .is_empty(),
        "it is not declared"
    );
}
