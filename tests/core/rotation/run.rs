//! One run: it sees the world, asks what is next, and does that. It can be killed between any two steps, and do the next
//! one long after it should have.

use std::collections::BTreeMap;

use rolewright::model::{Identity, Login, VersionState};
use rolewright::rotation::{
    Found, Held, Leave, Ledger, Mark, Order, Pending, Seal, ServerSide, Sign, Source, State, Step,
    claim, next, read,
};

use super::world::{Payload, World, role, time};

#[derive(Clone)]
pub struct Run {
    id: u32,
    order: Order,
    leave: Leave,
    in_hand: Option<Payload>,
    made: bool,
    server: ServerSide,
    etag: u32,
    ledger: Ledger,
    identities: BTreeMap<i64, Identity>,
    seals: BTreeMap<i64, bool>,
    taken: BTreeMap<(i64, Login), bool>,
    off_limits: Option<Held>,
}

impl Run {
    pub fn new(world: &World, order: Order, leave: Leave) -> Self {
        let (etag, ledger) = (world.etag, world.ledger.clone());
        let mut run = Self {
            id: world.etag * 1000 + world.made,
            order,
            leave,
            in_hand: None,
            made: false,
            server: ServerSide::Unknown,
            etag,
            ledger,
            identities: BTreeMap::new(),
            seals: BTreeMap::new(),
            taken: BTreeMap::new(),
            off_limits: None,
        };
        run.off_limits = run.claim(world);
        run.order = run.state(world).order_left();
        run
    }

    /// What of the secret is not trusted. A way back takes an alias for its own that was moved back.
    fn claim(&mut self, world: &World) -> Option<Held> {
        let secret = world.as_secret();
        let mut reading = read(&secret, &world.own(), Some(time(world.now)));
        if self.order == Order::Back {
            reading = reading.put_back();
            if reading.problems.is_empty() {
                self.ledger.aliases = reading.ledger.aliases.clone();
            }
        }
        claim(&secret, &reading.problems, &role("app"), None)
    }

    pub fn next(&self, world: &World) -> Step {
        next(&self.state(world))
    }

    fn state(&self, world: &World) -> State {
        State {
            now: time(world.now),
            seen: time(world.now),
            role: role("app"),
            secret: World::secret(),
            terms: world.terms(),
            order: self.order,
            leave: self.leave,
            owner: self.id.to_string(),
            ledger: self.ledger.clone(),
            off_limits: self.off_limits.clone(),
            versions: world
                .versions
                .iter()
                .map(|(number, (state, _))| (*number, *state))
                .collect(),
            doomed: Default::default(),
            found: self.found(world),
            identities: self.identities.clone(),
            seals: self.seals.clone(),
            logins: world.logins(),
            consumers: world.consumers(),
            taken: self.taken.clone(),
            in_hand: self.in_hand.is_some(),
            made: self.made,
            server: self.server,
        }
    }

    fn found(&self, world: &World) -> Found {
        let mut found = Found::default();
        let current = self.ledger.current().unwrap_or_default();
        for (number, (state, payload)) in world.versions.range(current + 1..) {
            let is = |mark: &Mark| payload.mark.as_ref() == Some(mark);
            if *state != VersionState::Enabled {
            } else if self
                .ledger
                .pending
                .as_ref()
                .is_some_and(|pending| is(&pending.mark))
            {
                found.pending = Some(*number);
            } else if self.ledger.abandoned.iter().any(is) {
                found.orphans.push(*number);
            } else {
                found.foreign.push(*number);
            }
        }
        found
    }

    /// Does the step, however late. Returns whether the run can go on.
    pub fn act(&mut self, step: &Step, world: &mut World, late: bool) -> bool {
        match step {
            Step::Begin { login, source } => {
                let password = match source {
                    Source::Fresh => None,
                    Source::Version(number) => {
                        world.readable(*number).map(|payload| payload.password)
                    }
                };
                world.made += 1;
                let in_use = (self.ledger.current(), self.ledger.login.clone());
                let proven = in_use
                    .0
                    .zip(in_use.1)
                    .is_some_and(|in_use| self.taken.get(&in_use) == Some(&true));
                let mark = Mark {
                    id: world.made.to_string(),
                    sign: Sign::Keyed {
                        code: "f".into(),
                        proven,
                    },
                };
                let source = match source {
                    Source::Version(number) => Some(*number),
                    Source::Fresh => None,
                };
                let password = password.unwrap_or(world.made);
                let pending = Pending {
                    mark: mark.clone(),
                    login: Some(login.clone()),
                    source,
                };
                self.in_hand = Some(Payload {
                    login: login.clone(),
                    password,
                    mark: Some(mark),
                });
                (self.server, self.made) = (ServerSide::Unknown, true);
                self.order = Order::Finish;
                let lease = self.state(world).lease();
                self.write(self.ledger.begun(pending, lease), world)
            }
            Step::Identify(number) => {
                self.identities.insert(
                    *number,
                    Identity::Of(world.versions[number].1.login.clone()),
                );
                true
            }
            Step::CheckSeal(number) => {
                let is_previous = self
                    .ledger
                    .previous()
                    .is_some_and(|previous| previous.version == *number);
                self.seals
                    .insert(*number, !is_previous || self.ledger.previous_seal.is_some());
                true
            }
            Step::Probe { version, login } => {
                let payload = world.readable(*version).cloned();
                let is_taken =
                    payload.is_some_and(|payload| payload.login == *login && world.takes(&payload));
                self.taken.insert((*version, login.clone()), is_taken);
                true
            }
            Step::Record(ledger) => self.write((**ledger).clone(), world),
            // What is done on the server is done in a transaction that holds the row and asks for the lock before COMMIT.
            Step::Arm(_)
            | Step::Prepare(_)
            | Step::Commit(_)
            | Step::Expire { .. }
            | Step::Close(_)
                if late =>
            {
                false
            }
            Step::Arm(_) | Step::Prepare(_) | Step::Commit(_) | Step::Prove(_) => {
                self.on_server(step, world)
            }
            Step::Expire { login, at } => {
                world.accounts.get_mut(login.name()).unwrap().valid_until = Some(at.as_second());
                true
            }
            Step::EndSessions(login) => {
                world.sessions.remove(login.name());
                true
            }
            Step::Close(login) => {
                assert_eq!(world.carried(login), None, "{login} is closed: {world:#?}");
                let account = world.accounts.get_mut(login.name()).unwrap();
                (account.can_login, account.password) = (false, 0);
                true
            }
            Step::Store => {
                let payload = self.in_hand.clone().expect("stored is what is in hand");
                world
                    .versions
                    .insert(world.latest() + 1, (VersionState::Enabled, payload));
                true
            }
            Step::Roll { version, .. } => {
                world.pin = Some(*version);
                true
            }
            Step::Enable(number) | Step::Disable(number) | Step::Destroy(number) => {
                let after = match step {
                    Step::Enable(_) => VersionState::Enabled,
                    Step::Disable(_) => VersionState::Disabled,
                    _ => VersionState::Destroyed,
                };
                let state = &mut world.versions.get_mut(number).unwrap().0;
                // What is destroyed stays so: the call is refused.
                let goes_on = *state != VersionState::Destroyed;
                *state = if goes_on { after } else { *state };
                goes_on
            }
            Step::Rest(_) | Step::Wait(_) | Step::Hold(_) => false,
        }
    }

    fn on_server(&mut self, step: &Step, world: &mut World) -> bool {
        let payload = self.payload(world);
        if !matches!(step, Step::Prepare(_) | Step::Prove(_)) {
            self.taken.clear();
        }
        let account = world.accounts.get_mut(payload.login.name()).unwrap();
        self.server = match step {
            Step::Prepare(_) => ServerSide::Prepared,
            Step::Prove(_) => {
                assert!(world.takes(&payload), "proven is what works: {world:#?}");
                ServerSide::Proven
            }
            _ => {
                (account.can_login, account.password, account.valid_until) =
                    (true, payload.password, None);
                ServerSide::Set
            }
        };
        true
    }

    /// The payload in hand, or the stored one that it is read from.
    fn payload(&self, world: &World) -> Payload {
        let stored = || {
            world
                .readable(self.found(world).pending.unwrap())
                .unwrap()
                .clone()
        };
        self.in_hand.clone().unwrap_or_else(stored)
    }

    /// As a run seals the numbers of retired versions, and of the version before.
    fn sealed(&self, mut ledger: Ledger) -> Ledger {
        if let Some(retired) = &mut ledger.retired {
            let seal = || Seal::parse(&"0".repeat(32)).unwrap();
            retired.seals = retired
                .versions
                .iter()
                .map(|version| (*version, seal()))
                .collect();
        }
        if ledger.current() != self.ledger.current() {
            let replaces = ledger
                .previous()
                .is_some_and(|one| self.ledger.current() == Some(one.version));
            let is_proven = self
                .ledger
                .pending
                .as_ref()
                .is_some_and(|pending| pending.mark.is_proven());
            let is_known = if replaces {
                is_proven
            } else {
                self.ledger.previous_seal.is_some()
            };
            ledger.previous_seal = is_known.then(|| Seal::parse(&"0".repeat(32)).unwrap());
        }
        ledger
    }

    fn write(&mut self, ledger: Ledger, world: &mut World) -> bool {
        if world.etag != self.etag {
            return false;
        }
        let ledger = self.sealed(ledger);
        if ledger.pending.is_none() {
            if let (Some(version), Some(login), ServerSide::Proven) =
                (ledger.current(), &ledger.login, self.server)
            {
                self.taken.insert((version, login.clone()), true);
            }
            (self.in_hand, self.made, self.server) = (None, false, ServerSide::Unknown);
        }
        world.etag += 1;
        world.ledger = ledger.clone();
        (self.etag, self.ledger) = (world.etag, ledger);
        true
    }
}
