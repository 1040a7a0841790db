//! Wrong usage that only shows after the arguments were parsed.

use std::path::PathBuf;

use crate::model::{Given, RoleName};
use crate::policy::VariableError;

/// Wrong usage: nothing was looked at or contacted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Usage {
    /// A named file or directory does not exist.
    #[error("`{0}` does not exist")]
    NoSuchPath(PathBuf),
    /// A directory without policy files.
    #[error("no *.yaml or *.yml file below `{0}`")]
    NoPolicyFile(PathBuf),
    /// A `--var` that is no assignment.
    #[error("--var: {0}")]
    Variable(VariableError),
    /// A password in `--admin-url`.
    #[error("a password in `--admin-url` stands in the process list for everyone to read")]
    PasswordInAdminUrl,
    /// One server for the instances of several policies.
    #[error("the policies name more than one instance, and there is one admin URL")]
    OneUrlForSeveralInstances,
    /// A role that has no credential to rotate.
    #[error("the policy declares no role `{0}` with a secret")]
    NoSuchCredential(RoleName),
    /// There is no terminal to answer the question of `apply`.
    #[error("`apply` asks before it changes anything, and there is no terminal to ask on")]
    NobodyToAsk(Given),
}

impl Usage {
    /// One line of advice.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuchPath(_) | Self::NoPolicyFile(_) | Self::Variable(_) | Self::NoSuchCredential(_) => None,
            Self::PasswordInAdminUrl => Some(
                "give it in PGPASSWORD, a password file or --admin-password-secret, or the whole URL in \
                 ROLEWRIGHT_ADMIN_URL"
                    .into(),
            ),
            Self::OneUrlForSeveralInstances => Some("run once for each instance, or leave the admin URL out".into()),
            Self::NobodyToAsk(given) => {
                let (plan, apply) = (given.command("plan", &[]), given.command("apply", &["--yes", "--expect"]));
                Some(format!("review `{plan}`, then run `{apply} DIGEST`"))
            }
        }
    }
}
