//! Everything that survives a crash, as small as it can be: a secret, a server, a pinned job and the time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rolewright::model::{
    CloudRunKind, Login, Logins, ProjectId, RoleName, Secret, SecretId, SecretName, Strategy,
    VersionState,
};
use rolewright::policy::{Source, Variables, load};
use rolewright::rotation::{
    Consumer, Full, Ledger, LoginFacts, Mark, Reference, Session, Sign, Terms,
};

pub const GRACE: i64 = 100;
const FOREVER: i64 = 1 << 40;

pub fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

/// The logins of the role `app` of a policy with these other words on it.
pub fn logins(rotate: &str) -> Logins {
    let text = format!(
        "{{version: 1, instance: p:r:i, databases: {{shop: {{schemas: [public]}}}},
          roles: {{app: {{access: dml, secret: {{name: s, payload: url}}, rotate: {{{rotate}}}}}}}}}"
    );
    let source = Source {
        name: "p.yaml".into(),
        text,
    };
    let policy = load(&[source], &Variables::default())
        .unwrap_or_else(|problems| panic!("{problems}"))
        .remove(0);
    Logins::of(&policy, &role("app"), &BTreeMap::new())
}

thread_local! {
    static LOGINS: Logins = logins("strategy: alternate");
}

/// A login of the role `app`.
pub fn login(name: &str) -> Login {
    LOGINS.with(|logins| logins.parse(name).unwrap())
}

pub fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A payload: whose password it is, which one, and how it is told again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Payload {
    pub login: Login,
    pub password: u32,
    pub mark: Option<Mark>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Account {
    pub can_login: bool,
    pub password: u32,
    pub valid_until: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct World {
    pub now: i64,
    pub alternate: bool,
    pub deadline: bool,
    pub ledger: Ledger,
    pub etag: u32,
    pub versions: BTreeMap<i64, (VersionState, Payload)>,
    pub accounts: BTreeMap<RoleName, Account>,
    pub sessions: BTreeSet<RoleName>,
    /// A CONNECTION LIMIT, of the role or its database, is reached: a login ends with 53300, which comes after its password was
    /// taken, and tells as much.
    pub full: bool,
    pub pin: Option<i64>,
    /// Passwords and marks made so far.
    pub made: u32,
}

impl World {
    /// As `apply` leaves it.
    pub fn new(alternate: bool, pin: bool, deadline: bool) -> Self {
        let login = login(if alternate { "app_a" } else { "app" });
        let accounts = ["app", "app_a", "app_b"].map(|name| {
            let can_login = name == login.as_str();
            (
                role(name),
                Account {
                    can_login,
                    password: u32::from(can_login),
                    valid_until: None,
                },
            )
        });
        let ledger = Ledger {
            login: Some(login.clone()),
            published: Some(time(0)),
            version: Some(1),
            aliases: [("current".to_owned(), 1)].into(),
            ..Ledger::default()
        };
        let first = Payload {
            login,
            password: 1,
            mark: None,
        };
        Self {
            now: 0,
            alternate,
            deadline,
            ledger,
            etag: 0,
            versions: [(1, (VersionState::Enabled, first))].into(),
            accounts: accounts.into(),
            sessions: BTreeSet::new(),
            full: false,
            pin: pin.then_some(1),
            made: 1,
        }
    }

    pub fn terms(&self) -> Terms {
        let logins = if self.alternate {
            vec![login("app_a"), login("app_b")]
        } else {
            vec![login("app")]
        };
        let strategy = if self.alternate {
            Strategy::Alternate
        } else {
            Strategy::Single
        };
        let former = if self.alternate {
            vec![login("app")]
        } else {
            vec![login("app_a"), login("app_b")]
        };
        Terms {
            strategy,
            logins,
            former,
            every: None,
            grace: GRACE,
            deadline: self.deadline.then_some(3 * GRACE),
            keep: 2,
        }
    }

    /// The secret as it is written.
    pub fn as_secret(&self) -> Secret {
        Secret {
            name: Self::secret(),
            etag: String::new(),
            labels: BTreeMap::new(),
            annotations: self.ledger.annotations(&BTreeMap::new()),
            aliases: self.ledger.aliases.clone(),
            versions: Vec::new(),
            bindings: None,
            destroy_ttl: None,
            has_topics: false,
            managed_rotation: false,
            expires: None,
            replication: None,
        }
    }

    /// The logins of the role.
    pub fn own(&self) -> Logins {
        LOGINS.with(Clone::clone)
    }

    pub fn secret() -> SecretName {
        SecretName {
            project: ProjectId::new("p").unwrap(),
            id: SecretId::new("s").unwrap(),
        }
    }

    pub fn logins(&self) -> BTreeMap<RoleName, LoginFacts> {
        let facts = |(name, account): (&RoleName, &Account)| {
            let session = Session {
                application: "app".into(),
                address: None,
                since: None,
            };
            let facts = LoginFacts {
                can_login: account.can_login,
                valid_until: account.valid_until.map(time),
                sessions: self
                    .sessions
                    .iter()
                    .filter(|login| *login == name)
                    .map(|_| session.clone())
                    .collect(),
                full: self.full.then(|| Full {
                    of: "role app".into(),
                    limit: 1,
                    sessions: 1,
                }),
            };
            (name.clone(), facts)
        };
        self.accounts.iter().map(facts).collect()
    }

    pub fn consumers(&self) -> Vec<Consumer> {
        let job = |version| Consumer {
            resource: "job".into(),
            kind: CloudRunKind::Job,
            references: vec![Reference::Pinned(version)],
            holders: Vec::new(),
            newest: None,
            noted: None,
        };
        self.pin.map(job).into_iter().collect()
    }

    /// The server takes it.
    pub fn takes(&self, payload: &Payload) -> bool {
        let account = &self.accounts[payload.login.name()];
        account.can_login
            && account.password == payload.password
            && account.valid_until.is_none_or(|until| until > self.now)
    }

    /// A version that is not in use and carries a credential of `login` which the server takes, where a job or an alias of others
    /// refers to it.
    pub fn carried(&self, login: &Login) -> Option<i64> {
        let is_ours = |alias: &str| ["current", "previous"].contains(&alias);
        let aliases = self.ledger.aliases.iter();
        let named = aliases.filter(|(alias, _)| !is_ours(alias));
        let mut referred = named.map(|(_, number)| *number).chain(self.pin);
        referred.find(|number| {
            let payload = self.readable(*number);
            let is_carrier = |one: &Payload| one.login == *login && self.takes(one);
            Some(*number) != self.ledger.current() && payload.is_some_and(is_carrier)
        })
    }

    /// What is stored in a version that can be read.
    pub fn readable(&self, version: i64) -> Option<&Payload> {
        self.versions
            .get(&version)
            .filter(|(state, _)| *state == VersionState::Enabled)
            .map(|(_, payload)| payload)
    }

    pub fn latest(&self) -> i64 {
        *self.versions.keys().next_back().unwrap()
    }

    /// The same world with every name that is only a name replaced by its rank, and every time by how long ago it was.
    pub fn canonical(&self) -> Self {
        let mut world = self.clone();
        (
            world.etag,
            world.made,
            world.ledger.lease,
            world.ledger.ending,
        ) = (0, 0, None, None);
        let numbers = self.numbers();
        let rank = |number: &mut i64| {
            *number = numbers.iter().position(|one| one == number).unwrap() as i64
        };
        world.versions = (self.versions.iter())
            .filter(|(number, _)| numbers.contains(number))
            .map(|(number, one)| {
                (
                    numbers.iter().position(|other| other == number).unwrap() as i64,
                    one.clone(),
                )
            })
            .collect();
        world.ledger.aliases.values_mut().for_each(rank);
        world
            .ledger
            .version
            .iter_mut()
            .chain(&mut world.ledger.previous_version)
            .chain(
                world
                    .ledger
                    .unseen
                    .iter_mut()
                    .flat_map(|one| &mut one.version),
            )
            .for_each(rank);
        world.pin.iter_mut().for_each(rank);
        world
            .ledger
            .pending
            .iter_mut()
            .flat_map(|pending| &mut pending.source)
            .for_each(rank);
        world
            .ledger
            .retired
            .iter_mut()
            .flat_map(|retired| &mut retired.versions)
            .for_each(rank);
        world
            .ledger
            .retired
            .iter_mut()
            .for_each(|retired| retired.seals.clear());
        let passwords: BTreeSet<_> = self.passwords().copied().collect();
        let rename =
            |one: &mut u32| *one = passwords.iter().position(|other| other == one).unwrap() as u32;
        world
            .accounts
            .values_mut()
            .for_each(|account| rename(&mut account.password));
        world
            .versions
            .values_mut()
            .for_each(|(_, payload)| rename(&mut payload.password));
        world.forget_marks();
        world.now = 0;
        let ago = |time: &mut Timestamp| {
            *time = Timestamp::from_second((self.now - time.as_second()).clamp(0, 3 * GRACE + 2))
                .unwrap();
        };
        world.ledger.published.iter_mut().for_each(ago);
        world
            .ledger
            .unseen
            .iter_mut()
            .map(|unseen| &mut unseen.since)
            .for_each(ago);
        world
            .ledger
            .retired
            .iter_mut()
            .map(|retired| &mut retired.since)
            .for_each(ago);
        for account in world.accounts.values_mut() {
            account.valid_until = account
                .valid_until
                .map(|until| (until - self.now).clamp(-1, FOREVER));
        }
        world
    }

    fn numbers(&self) -> Vec<i64> {
        let there = self
            .versions
            .iter()
            .filter(|(_, (state, _))| *state != VersionState::Destroyed);
        let ledger = &self.ledger;
        let named = ledger.aliases.values().chain(&self.pin);
        let named = named.chain(ledger.pending.iter().flat_map(|pending| &pending.source));
        let named = named.chain(ledger.unseen.iter().flat_map(|unseen| &unseen.version));
        let named = named.chain(ledger.retired.iter().flat_map(|retired| &retired.versions));
        let all: BTreeSet<_> = there
            .map(|(number, _)| *number)
            .chain(named.copied())
            .chain([self.latest()])
            .collect();
        all.into_iter().collect()
    }

    fn passwords(&self) -> impl Iterator<Item = &u32> {
        let stored = self.versions.values().map(|(_, payload)| &payload.password);
        self.accounts
            .values()
            .map(|account| &account.password)
            .chain(stored)
    }

    /// Only marks that a version has tell anything, and only whose they are.
    fn forget_marks(&mut self) {
        let pending = self
            .ledger
            .pending
            .as_ref()
            .map(|pending| pending.mark.clone());
        let abandoned = std::mem::take(&mut self.ledger.abandoned);
        // Whether the key had logged in decides what becomes of it.
        let name = |text: &str, of: &Mark| {
            let proven = of.is_proven();
            Some(Mark {
                id: text.to_owned(),
                sign: Sign::Keyed {
                    code: String::new(),
                    proven,
                },
            })
        };
        for (_, payload) in self.versions.values_mut() {
            payload.mark = match &payload.mark {
                Some(mark) if Some(mark) == pending.as_ref() => name("pending", mark),
                Some(mark) if abandoned.contains(mark) => name("abandoned", mark),
                _ => None,
            };
        }
        self.ledger
            .pending
            .iter_mut()
            .for_each(|pending| pending.mark = name("pending", &pending.mark).unwrap());
    }
}
