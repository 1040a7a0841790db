//! Reasons in words.

use std::borrow::Cow;
use std::fmt;

use super::problem::Problem;
use super::{Blocker, Full, Held, Step, Wait};
use crate::model::Given;

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grace(until) => write!(f, "the old credential works until {until} at least"),
            Self::Kept(until) => {
                write!(
                    f,
                    "the old password is refused, and its version stays readable until {until} at least"
                )
            }
            Self::Unseen { login, until } => {
                write!(
                    f,
                    "`{login}` can be closed from {until} on, if no run sees a session of it until then"
                )
            }
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPublished => f.write_str("no credential is published yet"),
            Self::NotTold => f.write_str(
                "the secret does not show which version is in use: an alias or annotation of rolewright is missing",
            ),
            Self::Unreadable(version) => write!(f, "version {version}, the one in use, cannot be read"),
            Self::Refused { version, login, .. } => {
                write!(f, "the server does not take the credential of `{login}` in version {version}, the one in use")
            }
            Self::Managed => f.write_str("Google's managed rotation keeps this secret"),
            Self::Others { of, on } => write!(f, "the secret holds the credential of `{of}` on `{on}`"),
            Self::Untrusted { secret: _, role: _, problems } => {
                let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
                f.write_str(&problems.join("; "))
            }
            Self::Foreign(version) => {
                write!(f, "version {version} is newer than the one in use, and nobody here stored it")
            }
            Self::NotIdle(_) => f.write_str("the login that is to get the next password is in use"),
            Self::RefusedAndInUse { login, .. } => {
                write!(f, "the server does not take the credential in use, and `{login}`, which is to get the next password, has sessions")
            }
            Self::Promised { login, until, .. } => {
                write!(
                    f,
                    "the server does not take the credential in use, and `{login}`, which is to get the next password, has the one \
                     before, which is to work until {until}: whatever still holds it is refused with another one"
                )
            }
            Self::Outage(_) => {
                f.write_str("there is one password only: until they have read the new one, these cannot connect")
            }
            Self::Full(Full { of, limit, sessions }, _) => {
                let plural = if *sessions == 1 { "" } else { "s" };
                let room = format!("{sessions} session{plural} and a CONNECTION LIMIT of {limit}");
                write!(f, "{of} has {room}: no login could try another password")
            }
            Self::StillUsed(_, None) => f.write_str("the old credential is still in use"),
            Self::StillUsed(_, Some(from)) => {
                write!(f, "the old credential is still in use; whoever uses it is refused from {from}")
            }
            Self::BackNotFinished { version, role: _ } => {
                write!(f, "a rollback has stored version {version} and did not finish: it is not in use")
            }
            Self::NothingBefore { why, .. } => write!(f, "there is nothing to go back to: {why}"),
            Self::ReadByOthers { readers, advice: _ } => {
                write!(f, "undeclared members could read the next password: {}", readers.join("; "))
            }
            Self::NotReady(changes) => write!(f, "the next login is not as the policy says: {}", changes.join("; ")),
        }
    }
}

impl Held {
    /// Who is in the way.
    pub fn blockers(&self) -> &[Blocker] {
        match self {
            Self::NotIdle(blockers)
            | Self::Outage(blockers)
            | Self::RefusedAndInUse { by: blockers, .. }
            | Self::Promised { by: blockers, .. }
            | Self::Full(_, blockers)
            | Self::StillUsed(blockers, _) => blockers,
            Self::NotPublished
            | Self::NotTold
            | Self::Unreadable(_)
            | Self::Refused { .. }
            | Self::Managed
            | Self::Others { .. }
            | Self::Untrusted { .. }
            | Self::Foreign(_)
            | Self::BackNotFinished { .. }
            | Self::NothingBefore { .. }
            | Self::ReadByOthers { .. }
            | Self::NotReady(_) => &[],
        }
    }

    /// What to do about it.
    pub fn advice(&self, given: &Given) -> Cow<'static, str> {
        let command = |verb| given.command(verb, &[]);
        let advice = match self {
            Self::NotPublished | Self::NotTold | Self::NotReady(_) => {
                return format!("run `{}` first", command("apply")).into();
            }
            Self::Unreadable(_) => {
                return format!("enable that version, or run `{}`", command("apply")).into();
            }
            Self::Refused { role, .. } => {
                let (apply, rotate) = (
                    command("apply"),
                    given.command_for("rotate", role, &["--now"]),
                );
                return format!("`{apply}` sets the stored password again, `{rotate}` replaces it")
                    .into();
            }
            Self::Managed => {
                "two rotations of one password would undo each other: use another secret"
            }
            Self::Others { .. } => "use another secret, or remove its `rolewright.*` annotations",
            Self::Untrusted {
                secret,
                role,
                problems,
            } => {
                return Problem::advice(problems, secret, role.as_ref(), given).into();
            }
            Self::ReadByOthers { readers: _, advice } => return advice.clone().into(),
            Self::Foreign(_) => {
                let apply = command("apply");
                return format!(
                    "if it is to count, let `current` name it, remove the annotations `rolewright.login` and `rolewright.version`, and \
                     run `{apply}`; if not, destroy it"
                )
                .into();
            }
            Self::NotIdle(_) => {
                "end these sessions, of a credential that is given up: rotate --end-sessions does once their login is closed or \
                 its deadline has passed"
            }
            Self::RefusedAndInUse { role, end, .. } => {
                let (apply, rotate) = (
                    command("apply"),
                    given.command_for("rotate", role, &["--now"]),
                );
                let end = match end {
                    Some(statements) => format!("end them: `{}`", statements.join("; ")),
                    None => "let a member of pg_signal_backend end them".to_owned(),
                };
                return format!(
                    "`{apply}` sets the stored passwords again, where others cannot have written them; for a new one restart what \
                     holds these sessions, or {end}, and then run `{rotate}`"
                )
                .into();
            }
            Self::Promised { role, .. } => {
                let options = ["--now", "--accept-outage"];
                let (apply, rotate) = (
                    command("apply"),
                    given.command_for("rotate", role, &options),
                );
                return format!(
                    "`{apply}` sets the stored passwords again, where others cannot have written them; `{rotate}` stores a new one, \
                     and what holds the one before is refused until it has read that"
                )
                .into();
            }
            Self::Outage(_) => {
                "expect a gap until each has read the new password: a service until its next revision, a job until its next \
                 execution, a session when it connects again; --accept-outage takes it, `strategy: alternate` has none"
            }
            Self::Full(..) => "end idle sessions, or raise the limit: nothing was changed",
            Self::StillUsed(..) => {
                "let them read the secret again: restart what holds a session; --roll moves pins and makes new revisions; take \
                 the traffic off a revision that is older than the newest; let an alias name a newer version, or remove it"
            }
            Self::BackNotFinished { version: _, role } => {
                let (back, stay) = (
                    given.command_for("rollback", role, &[]),
                    given.command_for("rotate", role, &["--now"]),
                );
                return format!(
                    "`{back}` finishes it; `{stay}` gives it up and stays with the credential in use"
                )
                .into();
            }
            Self::NothingBefore { role, .. } => {
                return format!(
                    "rotate instead: `{}`",
                    given.command_for("rotate", role, &["--now"])
                )
                .into();
            }
        };
        advice.into()
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session {
                login,
                session,
                count,
            } => {
                let application = if session.application.is_empty() {
                    "an unnamed application"
                } else {
                    &session.application
                };
                match count {
                    1 => write!(f, "a session of `{login}`: {application}")?,
                    more => write!(f, "{more} sessions of `{login}`: {application}")?,
                }
                match &session.address {
                    Some(address) => write!(f, " at {address}")?,
                    None => f.write_str(" on a socket, or at an address that is not shown")?,
                }
                let oldest = if *count > 1 { "the oldest " } else { "" };
                session
                    .since
                    .map_or(Ok(()), |since| write!(f, ", {oldest}since {since}"))
            }
            Self::Pin { resource, version } => {
                write!(f, "{resource} is pinned to version {version}")
            }
            Self::Alias { alias, version } => {
                write!(f, "alias `{alias}` names version {version}")
            }
            Self::Holder {
                resource,
                name,
                since,
            } => {
                write!(f, "{name} of {resource} may hold it")?;
                since.map_or(Ok(()), |since| write!(f, ", since {since}"))
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rest(None) => f.write_str("nothing: it is never due"),
            Self::Rest(Some(due)) => write!(f, "rotate, due {due}"),
            Self::Wait(wait) => wait.fmt(f),
            Self::Hold(held) => held.fmt(f),
            Self::Begin { login, .. } => write!(f, "begin a rotation to `{login}`"),
            Self::Identify(version) => write!(f, "look whose credential version {version} holds"),
            Self::CheckSeal(version) => {
                write!(f, "look whether version {version} was retired here")
            }
            Self::Probe { version, login } => {
                write!(f, "log in as `{login}` with version {version}")
            }
            Self::Record(_)
            | Self::Arm(_)
            | Self::Prepare(_)
            | Self::Commit(_)
            | Self::Prove(_)
            | Self::Store => f.write_str("finish what has begun"),
            Self::Roll { resource, version } => write!(f, "bring {resource} to version {version}"),
            Self::Expire { login, at } => write!(f, "let the password of `{login}` end at {at}"),
            Self::EndSessions(login) => write!(f, "end the sessions of `{login}`"),
            Self::Close(login) => write!(f, "close `{login}`"),
            Self::Enable(version) => write!(f, "enable version {version} again"),
            Self::Disable(version) => write!(f, "disable version {version}"),
            Self::Destroy(version) => write!(f, "destroy version {version}"),
        }
    }
}
