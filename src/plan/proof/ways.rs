//! A login of a pair turns into its role when it logs in, and can turn back: by none of these ways may it come to more.
//! <https://www.postgresql.org/docs/current/sql-set-role.html>

use super::{Charter, Expected, Holdings, Proof, Trial};
use crate::model::RoleName;
use crate::plan::Rule;

/// A way out of the role that a session got when it began. None of them can be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// RESET ROLE: to what the login's own setting says.
    Reset,
    /// SET ROLE NONE: to the login itself.
    Itself,
    /// SET SESSION AUTHORIZATION DEFAULT: to whoever logged in.
    Session,
}

/// What is found at the end of a way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// What the session holds there.
    pub held: Holdings,
    /// What the catalogs say to each of [`Charter::forbidden`].
    pub answers: Vec<Option<bool>>,
}

impl Way {
    /// The ways that `login` has out of `role`.
    pub fn of(login: &RoleName, role: &RoleName) -> &'static [Self] {
        if login == role {
            &[]
        } else {
            &[Self::Reset, Self::Itself, Self::Session]
        }
    }

    /// The statement, whose effect ends with the transaction.
    pub fn statement(self) -> &'static str {
        match self {
            Self::Reset => "RESET ROLE",
            Self::Itself => "SET LOCAL ROLE NONE",
            Self::Session => "SET LOCAL SESSION AUTHORIZATION DEFAULT",
        }
    }
}

impl Charter {
    /// What must be refused, each with the question to the catalogs.
    pub fn forbidden(&self) -> impl Iterator<Item = (&Trial, &str)> {
        let refused = self
            .commands
            .iter()
            .filter(|trial| trial.expected == Expected::Refused);
        refused.filter_map(|trial| Some((trial, trial.question.as_deref()?)))
    }

    /// Adds to `proof` what the session can do after `login` went this `way`, and must not. What the role can do already, or
    /// came out on another way, is found already.
    pub fn judge_way(&self, login: &RoleName, way: Way, found: &Found, proof: &mut Proof) {
        let mut excess = Vec::new();
        for right in &self.rights {
            let held = found
                .held
                .get(&right.object)
                .map(|held| held.privileges)
                .unwrap_or_default();
            let object = right.object.to_string();
            let more = held.intersection(right.must_not);
            excess.extend(
                more.iter()
                    .map(|one| (format!("{one} {object}"), Some(object.clone()), Some(one))),
            );
        }
        for ((trial, _), answer) in self.forbidden().zip(&found.answers) {
            proof.refused += usize::from(*answer == Some(false));
            if *answer == Some(true) {
                excess.push((trial.what.clone(), trial.object.clone(), trial.privilege));
            }
        }
        for (what, object, privilege) in excess {
            let message = format!("{} can {what}", self.role);
            let again = format!("{message} as ");
            if !proof
                .findings
                .iter()
                .any(|one| one.message == message || one.message.starts_with(&again))
            {
                let message = format!("{again}{login}, after {}", way.statement());
                proof.findings.push(self.finding(
                    Rule::PrivilegeEffective,
                    object,
                    privilege,
                    message,
                ));
            }
        }
    }
}
