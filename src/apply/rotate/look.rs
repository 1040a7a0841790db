//! Everything that can be seen of one credential, without a payload.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::Ask;
use crate::apply::observe::asked;
use crate::apply::{ApplyError, Edges};
use crate::google::Google;
use crate::model::{
    CloudRunHolder, CloudRunKind, Login, Logins, Policy, ProjectId, Reader, RoleName, RolePolicy,
    Secret, SecretName, SecretPolicy, State, VersionState,
};
use crate::postgres::{ClientSession, LoginActivity, Session, activity, inspect_shared};
use crate::rotation::{
    self, Consumer, Found, Full, Holder, HolderKind, LoginFacts, Order, Reading, Reference, Step,
    Terms, next,
};

/// What is seen of one credential.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The role.
    pub role: RoleName,
    /// The secret.
    pub secret: Option<Secret>,
    /// Roles and memberships.
    pub server: State,
    /// The logins that the credential can be for.
    pub(super) own: Logins,
    /// When it was seen: what a run saw before it was paused may not be so any more.
    pub(super) at: Instant,
    /// Whether the jobs and services among the readers were looked at.
    pub(super) knows_consumers: bool,
    /// What is decided from. Whose the versions are that are newer than the one in use is not known yet.
    pub state: rotation::State,
}

/// Looks at the credential of `role`. Who reads it is looked at only where that decides anything.
///
/// # Errors
/// The server or Google cannot be asked.
pub async fn look(
    edges: &Edges<'_>,
    policy: &Policy,
    role: &RoleName,
    ask: Ask,
) -> Result<Seen, ApplyError> {
    let (_, wanted) = declared(policy, role)?;
    let google = edges.google.ok_or(ApplyError::NoGoogle)?;
    let secret = google.secret_alone(&wanted.name).await?;
    let server = at_server(edges, policy, std::slice::from_ref(role)).await?;
    let mut seen = seen(edges, policy, role, ask, (secret, &server))?;
    if !seen.rests() {
        seen.state.consumers = consumers(google, wanted).await?;
        seen.knows_consumers = true;
    }
    Ok(seen)
}

/// Looks at the credentials of `roles`, all at once, and returns those that nothing is to be done with: two calls of Google each,
/// and one look at the server. What cannot be seen is left out.
///
/// # Errors
/// The server cannot be asked.
pub(super) async fn look_idle(
    edges: &Edges<'_>,
    policy: &Policy,
    roles: &[RoleName],
    ask: Ask,
) -> Result<Vec<Seen>, ApplyError> {
    let google = edges.google.ok_or(ApplyError::NoGoogle)?;
    let secrets = join_all(roles.iter().map(async |role| {
        let (_, wanted) = declared(policy, role).ok()?;
        google.secret_alone(&wanted.name).await.ok()
    }));
    let secrets = secrets.await;
    let server = at_server(edges, policy, roles).await?;
    let looked = roles
        .iter()
        .zip(secrets)
        .filter_map(|(role, secret)| Some((role, secret?)));
    let all =
        looked.filter_map(|(role, secret)| seen(edges, policy, role, ask, (secret, &server)).ok());
    Ok(all.filter(Seen::rests).collect())
}

fn declared<'p>(
    policy: &'p Policy,
    role: &RoleName,
) -> Result<(&'p RolePolicy, &'p SecretPolicy), ApplyError> {
    let declared = policy
        .roles
        .get(role)
        .and_then(|one| Some((one, one.secret.as_ref()?)));
    declared.ok_or_else(|| ApplyError::Vanished(format!("the secret of `{role}`")))
}

fn seen(
    edges: &Edges<'_>,
    policy: &Policy,
    role: &RoleName,
    ask: Ask,
    (secret, server): (Option<Secret>, &OnServer),
) -> Result<Seen, ApplyError> {
    let (declared, wanted) = declared(policy, role)?;
    let own = Logins::of(policy, role, &server.state.roles);
    let reading = secret
        .as_ref()
        .map(|secret| rotation::read(secret, &own, Some(server.now)));
    let is_back = ask.order == Order::Back;
    let reading = reading.map(|reading| if is_back { reading.put_back() } else { reading });
    let Reading { ledger, problems } = reading.unwrap_or_default();
    let claim = |secret| rotation::claim(secret, &problems, role, policy.instance.as_ref());
    let versions = secret.iter().flat_map(|secret| &secret.versions);
    let is_own = |login: &RoleName| own.every_login().iter().any(|one| one.name() == login);
    let logins = server.logins.iter().filter(|(login, _)| is_own(login));
    let state = rotation::State {
        now: server.now,
        seen: server.now,
        role: role.clone(),
        secret: wanted.name.clone(),
        terms: terms(declared, wanted, &own),
        order: ask.order,
        leave: ask.leave,
        owner: edges.purpose.as_str().to_owned(),
        off_limits: secret.as_ref().and_then(claim),
        ledger,
        versions: versions
            .clone()
            .map(|version| (version.number, version.state))
            .collect(),
        doomed: versions
            .filter(|version| version.doomed)
            .map(|version| version.number)
            .collect(),
        found: Found::default(),
        identities: BTreeMap::new(),
        seals: BTreeMap::new(),
        taken: BTreeMap::new(),
        logins: logins
            .map(|(login, facts)| (login.clone(), facts.clone()))
            .collect(),
        consumers: Vec::new(),
        in_hand: false,
        made: false,
        server: Default::default(),
    };
    let secrets = secret
        .clone()
        .map(|secret| (secret.name.clone(), secret))
        .into_iter()
        .collect();
    let known = State {
        secrets,
        ..server.state.clone()
    };
    Ok(Seen {
        role: role.clone(),
        secret,
        server: known,
        own,
        at: server.at,
        state,
        knows_consumers: false,
    })
}

impl Seen {
    /// Whether nothing is to be done, whoever reads the secret, and there is nothing in it to be told apart.
    pub(super) fn rests(&self) -> bool {
        let rests = matches!(next(&self.state), Step::Rest(_));
        rests && !self.state.leave.roll && newer(&self.state).is_empty()
    }

    /// The present by the server's clock, however long ago it was asked. The clock of this machine may be wrong, or be set
    /// meanwhile.
    pub(super) fn now(&self) -> Timestamp {
        let since = i64::try_from(self.at.elapsed().as_millis()).unwrap_or_default();
        self.state
            .seen
            .checked_add(SignedDuration::from_millis(since))
            .unwrap_or(self.state.seen)
    }
}

/// What the server shows of several credentials.
struct OnServer {
    at: Instant,
    now: Timestamp,
    state: State,
    logins: BTreeMap<RoleName, LoginFacts>,
}

/// The policy's word on a credential.
fn terms(declared: &RolePolicy, wanted: &SecretPolicy, own: &Logins) -> Terms {
    let crate::model::Rotation {
        strategy,
        every,
        grace,
        deadline,
    } = declared.rotation.clone();
    let is_former = |login: &&Login| !own.declared().contains(login);
    let former = own
        .every_login()
        .iter()
        .filter(is_former)
        .cloned()
        .collect();
    Terms {
        strategy,
        logins: own.declared().to_vec(),
        former,
        every,
        grace,
        deadline,
        keep: wanted.keep,
    }
}

async fn at_server(
    edges: &Edges<'_>,
    policy: &Policy,
    roles: &[RoleName],
) -> Result<OnServer, ApplyError> {
    let database = policy
        .databases
        .keys()
        .next()
        .unwrap_or_else(|| edges.route.start_database());
    let mut session = Session::connect(edges.route, database, edges.purpose).await?;
    session.begin_snapshot().await?;
    let shared = inspect_shared(&mut session, &asked(policy, database)).await?;
    session.rollback().await?;
    let at = Instant::now();
    let own = roles
        .iter()
        .map(|role| Logins::of(policy, role, &shared.roles));
    let names: Vec<_> = own
        .flat_map(|own| {
            own.every_login()
                .iter()
                .map(|login| login.name().clone())
                .collect::<Vec<_>>()
        })
        .collect();
    // Room for a new session is of interest where one credential is about to change.
    let entered = match roles {
        [role] => policy
            .roles
            .get(role)
            .and_then(|role| Some(&role.secret.as_ref()?.database)),
        _ => None,
    };
    let found = activity(&mut session, &names, entered).await?;
    session.close().await;
    let state = State {
        server: shared.server,
        roles: shared.roles,
        memberships: shared.memberships,
        uses: shared.uses,
        shared: shared.groups,
        ..State::default()
    };
    let purpose = edges.purpose.as_str();
    let full = entered
        .zip(found.database)
        .and_then(|(name, (limit, sessions))| {
            Full::of(
                format!("database `{name}`"),
                limit,
                u64::try_from(sessions).unwrap_or_default(),
            )
        });
    let facts = |login: LoginActivity| (login.login.clone(), facts(login, purpose, full.clone()));
    let logins = found.logins.into_iter().map(facts).collect();
    Ok(OnServer {
        at,
        now: Timestamp::from_millisecond(found.at).unwrap_or_default(),
        state,
        logins,
    })
}

/// What `next` is told of a login: all its sessions but those of this very run, which proves credentials by them; `full`: the
/// database that it logs in to has no room.
pub(super) fn facts(found: LoginActivity, own: &str, full: Option<Full>) -> LoginFacts {
    let LoginActivity {
        login,
        can_login,
        valid_until,
        sessions,
        limit,
    } = found;
    let full = Full::of(format!("role `{login}`"), limit, sessions.len() as u64).or(full);
    let time =
        |seconds: Option<i64>| seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let session = |session: ClientSession| rotation::Session {
        application: session.application,
        address: session.address,
        since: time(session.since),
    };
    let others = sessions
        .into_iter()
        .filter(|session| session.application != own);
    LoginFacts {
        can_login,
        valid_until: time(valid_until),
        sessions: others.map(session).collect(),
        full,
    }
}

/// The jobs and services among the readers.
pub(super) async fn consumers(
    google: &Google,
    wanted: &SecretPolicy,
) -> Result<Vec<Consumer>, ApplyError> {
    let mut found = Vec::new();
    for reader in &wanted.readers {
        let Reader::CloudRun {
            kind,
            project,
            region,
            name,
            ..
        } = reader
        else {
            continue;
        };
        let (Some(reference), Some(resource)) = (
            google.cloud_run(*kind, project, region, name).await?,
            reader.resource(),
        ) else {
            continue;
        };
        let references = references(&wanted.name, project, &reference.secrets);
        let holders = google
            .cloud_run_holders(*kind, project, region, name)
            .await?;
        // One that failed is none: another has to be made.
        let made = || holders.iter().filter(|holder| !holder.failed);
        let newest = made().filter_map(started).max();
        let noted = made()
            .filter_map(|holder| holder.since(&wanted.name.id))
            .max();
        let at_work = holders.into_iter().filter(|holder| holder.at_work);
        let holders = at_work
            .filter_map(|holder| holding(*kind, project, &wanted.name, holder))
            .collect();
        found.push(Consumer {
            resource,
            kind: *kind,
            references,
            holders,
            newest,
            noted,
        });
    }
    Ok(found)
}

/// A revision or execution that names the secret; one that does not show what it names may.
fn holding(
    kind: CloudRunKind,
    project: &ProjectId,
    secret: &SecretName,
    holder: CloudRunHolder,
) -> Option<Holder> {
    let kind = match kind {
        CloudRunKind::Job => HolderKind::Execution,
        CloudRunKind::Service => HolderKind::Revision,
    };
    let references = references(secret, project, &holder.secrets);
    let (started, since) = (started(&holder), holder.since(&secret.id));
    (!references.is_empty()).then_some(Holder {
        name: holder.name,
        kind,
        started,
        references,
        since,
    })
}

fn started(holder: &CloudRunHolder) -> Option<Timestamp> {
    holder.started.as_ref().and_then(|time| time.parse().ok())
}

/// How `named`, by a job or service of `project`, refers to the secret.
fn references(
    secret: &SecretName,
    project: &ProjectId,
    named: &[(String, String)],
) -> Vec<Reference> {
    named
        .iter()
        .filter(|(name, _)| secret.may_be_meant(name, project.as_str()))
        .map(|(_, version)| Reference::parse(version))
        .collect()
}

/// The versions newer than the one in use whose payload can be read, newest first.
pub(super) fn newer(state: &rotation::State) -> Vec<i64> {
    let current = state.ledger.current().unwrap_or_default();
    let readable = state
        .versions
        .range(current + 1..)
        .filter(|(_, state)| **state == VersionState::Enabled);
    readable.map(|(number, _)| *number).rev().collect()
}
