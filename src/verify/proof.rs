//! Both sides of a credential, in each database of its role.

use super::credential::{Holder, LogIn, Stored, holders, log_in};
use super::refused::{Verdict, judge};
use crate::apply::{ApplyError, Edges};
use crate::model::{Object, Policy, State};
use crate::plan::{
    Charter, Expected, Failure, Finding, Found, Held, Holdings, Proof, Proven, Trial, Tried, Way,
    charters, untrusted_owners,
};
use crate::postgres::{
    Attempt, LoginError, Session, Statement, ask, begin_probe, enter, holdings,
    inspect_unplannable, try_harmless, try_undone,
};

/// SQLSTATE of what is refused for want of a privilege.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// SQLSTATE of the warning by which GRANT refuses.
const PRIVILEGE_NOT_GRANTED: &str = "01007";

/// What came of a proof.
#[derive(Default)]
pub struct Proofs {
    /// What each login has shown.
    pub proven: Vec<Proven>,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
    /// What could not be told.
    pub errors: Vec<Failure>,
}

/// Logs in with every stored credential that is meant to work and proves both sides in each database of its role.
///
/// # Errors
/// A server or Google that cannot be asked.
pub async fn prove(
    edges: &Edges<'_>,
    policy: &Policy,
    state: &State,
) -> Result<Proofs, ApplyError> {
    let mut all = Proofs::default();
    for holder in holders(policy) {
        let charters = planned(edges, policy, state, holder).await?;
        for tried in log_in(edges, holder, state).await? {
            let stored = match tried {
                LogIn::Done(stored) => stored,
                LogIn::Found(finding) | LogIn::Refused(_, finding) => {
                    all.findings.push(*finding);
                    continue;
                }
                LogIn::Full(finding) => {
                    all.no_room(*finding);
                    continue;
                }
                LogIn::Unknown(failure) => {
                    all.errors.push(failure);
                    continue;
                }
            };
            for charter in &charters {
                let proof = match prove_charter(edges, holder, &stored, charter, state).await? {
                    Ok(proof) => proof,
                    Err(Verdict::Finding(finding)) => Proof {
                        findings: vec![*finding],
                        ..Proof::default()
                    },
                    Err(Verdict::Full(finding)) => {
                        all.no_room(*finding);
                        continue;
                    }
                    Err(Verdict::Unknown(failure)) => {
                        all.errors.push(failure);
                        continue;
                    }
                };
                // Two logins of one role show the same.
                let new = proof
                    .findings
                    .into_iter()
                    .filter(|finding| !all.findings.contains(finding));
                let new: Vec<_> = new.collect();
                all.findings.extend(new);
                all.proven.push(Proven {
                    role: holder.name.clone(),
                    login: stored.login.name().clone(),
                    database: charter.database.clone(),
                    works: proof.works,
                    refused: proof.refused,
                    without_rows: proof.without_rows,
                    not_planned: charter.not_planned(),
                });
            }
        }
    }
    Ok(all)
}

impl Proofs {
    /// The password is right; what the role can do could not be looked at.
    fn no_room(&mut self, finding: Finding) {
        self.errors.push(Failure {
            causes: vec![finding.message.clone()],
            hint: None,
        });
        self.findings.push(finding);
    }
}

/// What the role is to prove, without planning what would run the code of others as the role.
async fn planned(
    edges: &Edges<'_>,
    policy: &Policy,
    state: &State,
    holder: Holder<'_>,
) -> Result<Vec<Charter>, ApplyError> {
    let mut charters = charters(policy, state, holder.name);
    for charter in &mut charters {
        let untrusted = untrusted_owners(policy, state, holder.name, &charter.database);
        let untrusted: Vec<String> = untrusted.iter().map(ToString::to_string).collect();
        let mut session = Session::connect(edges.route, &charter.database, edges.purpose).await?;
        session.begin_snapshot().await?;
        charter.unplanned = inspect_unplannable(&mut session, &untrusted).await?;
        session.close().await;
    }
    Ok(charters)
}

async fn prove_charter(
    edges: &Edges<'_>,
    holder: Holder<'_>,
    stored: &Stored,
    charter: &Charter,
    state: &State,
) -> Result<Result<Proof, Verdict>, ApplyError> {
    let Stored { login, password } = stored;
    let mut session = match enter(
        edges.route,
        &charter.database,
        login,
        password,
        edges.purpose,
    )
    .await
    {
        Ok(session) => session,
        Err(LoginError::Refused { source, .. }) => {
            return Ok(Err(judge(holder, login, &charter.database, &source, state)));
        }
        Err(LoginError::Unreachable(error)) => return Err(error.into()),
    };
    begin_probe(&mut session).await?;
    let held = held(&mut session, charter).await?;
    let trials = charter.trials(&held);
    let outcomes = try_all(&mut session, &trials).await?;
    let mut proof = charter.judge(&held, &trials, &outcomes);
    for way in Way::of(login, holder.name) {
        let found = found_by(&mut session, charter, *way).await?;
        charter.judge_way(login, *way, &found, &mut proof);
    }
    session.rollback().await?;
    session.close().await;
    Ok(Ok(proof))
}

/// What the session can do once it has gone this way. Nothing is tried there: the catalogs know, and each refusal would be
/// another line in the server's log.
async fn found_by(session: &mut Session, charter: &Charter, way: Way) -> Result<Found, ApplyError> {
    session.run(&[Statement::plain(way.statement())]).await?;
    let questions: Vec<&str> = charter.forbidden().map(|(_, question)| question).collect();
    Ok(Found {
        held: held(session, charter).await?,
        answers: ask(session, &questions).await?,
    })
}

async fn held(session: &mut Session, charter: &Charter) -> Result<Holdings, ApplyError> {
    let objects: Vec<&Object> = charter.rights.iter().map(|right| &right.object).collect();
    let found = holdings(session, &objects).await?;
    let of_object = |holding: crate::postgres::Holding| {
        let object = objects.get(holding.index).copied()?.clone();
        Some((
            object,
            Held {
                privileges: holding.privileges,
                column: holding.column,
            },
        ))
    };
    Ok(found.into_iter().filter_map(of_object).collect())
}

/// What comes of each trial. What must be refused is not tried where the catalogs say that it would work.
async fn try_all(session: &mut Session, trials: &[Trial]) -> Result<Vec<Tried>, ApplyError> {
    let questions: Vec<&str> = trials
        .iter()
        .map(|trial| trial.question.as_deref().unwrap_or("NULL"))
        .collect();
    let answers = ask(session, &questions).await?;
    let mut outcomes: Vec<Option<Tried>> = trials
        .iter()
        .zip(&answers)
        .map(|(trial, answer)| by_answer(trial, *answer))
        .collect();
    let harmless: Vec<usize> = (0..trials.len())
        .filter(|at| outcomes[*at].is_none() && is_harmless(&trials[*at]))
        .collect();
    let statements: Vec<&str> = harmless
        .iter()
        .filter_map(|at| trials[*at].statement.as_deref())
        .collect();
    for (at, attempt) in harmless
        .into_iter()
        .zip(try_harmless(session, &statements).await?)
    {
        outcomes[at] = Some(tried(attempt));
    }
    for (trial, outcome) in trials
        .iter()
        .zip(&mut outcomes)
        .filter(|(_, outcome)| outcome.is_none())
    {
        if let Some(statement) = &trial.statement {
            *outcome = Some(tried(try_undone(session, statement).await?));
        }
    }
    Ok(outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap_or(Tried::Open))
        .collect())
}

/// What the catalogs' answer alone decides.
fn by_answer(trial: &Trial, answer: Option<bool>) -> Option<Tried> {
    match (trial.expected, answer, &trial.statement) {
        (Expected::Refused, Some(true), _) => Some(Tried::Done),
        (Expected::Refused, Some(false), None) => Some(Tried::Denied("by the catalogs".into())),
        // Whether it should work is judged by what is held.
        (Expected::Works, Some(false), _) => Some(Tried::Open),
        (_, _, None) => Some(Tried::Open),
        _ => None,
    }
}

/// An EXPLAIN that works leaves nothing behind; one that must be refused is tried by itself.
fn is_harmless(trial: &Trial) -> bool {
    trial.expected == Expected::Works
        && trial
            .statement
            .as_deref()
            .is_some_and(|text| text.starts_with("EXPLAIN "))
}

fn tried(attempt: Attempt) -> Tried {
    match attempt {
        Attempt::Done(notices)
            if notices
                .iter()
                .any(|one| one.said.sqlstate == PRIVILEGE_NOT_GRANTED) =>
        {
            Tried::Denied("with a warning".into())
        }
        Attempt::Done(_) => Tried::Done,
        Attempt::Refused(refused) if refused.sqlstate == INSUFFICIENT_PRIVILEGE => {
            Tried::Denied(refused.to_string())
        }
        Attempt::Refused(_) => Tried::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(expected: Expected, statement: Option<&str>) -> Trial {
        Trial {
            what: "x".into(),
            object: None,
            privilege: None,
            question: None,
            statement: statement.map(str::to_owned),
            expected,
        }
    }

    #[test]
    fn nothing_is_tried_that_the_catalogs_do_not_call_refused() {
        let refused = trial(Expected::Refused, Some("DROP TABLE t"));
        assert_eq!(by_answer(&refused, Some(true)), Some(Tried::Done));
        assert_eq!(by_answer(&refused, Some(false)), None);
        assert_eq!(
            by_answer(
                &trial(Expected::Works, Some("CREATE TABLE t ()")),
                Some(false)
            ),
            Some(Tried::Open)
        );
    }
}
