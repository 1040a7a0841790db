//! What an error means to whoever called: what to say, and the exit code.

use std::error::Error;

use super::{Exit, Usage, validate};
use crate::apply::ApplyError;
use crate::google::GoogleError;
use crate::output::stream;
use crate::plan::{Failure, Severity};
use crate::policy::Problems;
use crate::postgres::{LockError, LoginError, PostgresError, RouteError};

/// Says on standard error what kept a command from giving a result.
pub fn report(error: &anyhow::Error) -> Exit {
    if let Some(problems) = error.downcast_ref::<Problems>() {
        for problem in &problems.0 {
            stream::problem(&validate::diagnostic(Severity::Error, problem.clone()));
        }
        return Exit::Failed;
    }
    stream::failure(&failure(error));
    exit(error)
}

/// The error with the advice of whichever of its causes has any.
pub(super) fn failure(error: &anyhow::Error) -> Failure {
    Failure::new(error.as_ref(), error.chain().find_map(hint))
}

fn exit(error: &anyhow::Error) -> Exit {
    if error.chain().any(|cause| cause.is::<Usage>()) {
        Exit::Usage
    } else if error.chain().any(|cause| matches!(cause.downcast_ref(), Some(LockError::Held { .. }))) {
        Exit::Held
    } else {
        Exit::Failed
    }
}

fn hint(cause: &(dyn Error + 'static)) -> Option<String> {
    let usage = || cause.downcast_ref().and_then(Usage::hint);
    let apply = || cause.downcast_ref().and_then(ApplyError::hint);
    let route = || cause.downcast_ref().and_then(RouteError::hint);
    let lock = || cause.downcast_ref().and_then(LockError::hint);
    let login = || cause.downcast_ref().and_then(LoginError::hint);
    let postgres = || cause.downcast_ref().and_then(PostgresError::hint);
    let google = || cause.downcast_ref().and_then(GoogleError::hint);
    usage().or_else(apply).or_else(route).or_else(lock).or_else(login).or_else(postgres).or_else(google)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn advice_and_exit_code_come_from_the_cause() {
        let held = LockError::Held { pid: 7, application_name: "rolewright/apply/1".into() };
        let error = Err::<(), _>(held).context("cannot begin").unwrap_err();
        assert_eq!(exit(&error), Exit::Held);
        assert!(failure(&error).hint.is_some_and(|hint| hint.contains("pg_terminate_backend(7)")));
        assert_eq!(exit(&Usage::PasswordInAdminUrl.into()), Exit::Usage);
        assert_eq!(exit(&anyhow::anyhow!("anything")), Exit::Failed);
    }
}
