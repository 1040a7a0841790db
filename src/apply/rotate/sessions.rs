//! Sessions of a login that is given up: named, and ended where that is asked for.

use super::Turn;
use super::look::facts;
use crate::apply::ApplyError;
use crate::model::Login;
use crate::plan::end_sessions;
use crate::postgres::{Statement, activity};
use crate::rotation::{Held, LoginFacts};

impl Turn<'_> {
    /// Ends the sessions of a login that the server lets in no more.
    pub(super) async fn end_sessions(&mut self, login: &Login) -> Result<(), ApplyError> {
        let stay = |sessions: Vec<String>| ApplyError::SessionsStay {
            login: login.name().clone(),
            sessions,
        };
        let before = self.sessions_of(login);
        let Some(statements) = end_sessions(&self.run.state, login) else {
            return Err(stay(before));
        };
        let statements: Vec<_> = statements.into_iter().map(Statement::plain).collect();
        self.run.assure_lock().await?;
        let mut session = self.run.session(None).await?;
        session.run(&statements).await?;
        session.close().await;
        self.look_at_sessions(login).await?;
        match self.sessions_of(login) {
            left if left.is_empty() => {
                self.run
                    .report
                    .events
                    .extend(before.iter().map(|session| format!("ended {session}")));
                Ok(())
            }
            left => Err(stay(left)),
        }
    }

    /// `held`, with the statements of its advice.
    pub(super) fn with_statements(&self, mut held: Held) -> Held {
        if let Held::RefusedAndInUse { login, end, .. } = &mut held {
            *end = end_sessions(&self.run.state, login);
        }
        held
    }

    /// The sessions of `login` as they are now.
    pub(super) async fn look_at_sessions(&mut self, login: &Login) -> Result<(), ApplyError> {
        let full = self.seen.state.login(login).full;
        let mut session = self.run.session(None).await?;
        let found = activity(&mut session, std::slice::from_ref(login.name()), None).await?;
        session.close().await;
        for found in found.logins {
            let (name, own) = (found.login.clone(), self.run.edges.purpose.as_str());
            let now = LoginFacts {
                full: full.clone(),
                ..facts(found, own, None)
            };
            self.seen.state.logins.insert(name, now);
        }
        Ok(())
    }

    /// The sessions of `login`, a line for those of a kind.
    pub(super) fn sessions_of(&self, login: &Login) -> Vec<String> {
        self.seen
            .state
            .sessions(login)
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}
