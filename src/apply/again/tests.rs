use super::*;
use crate::model::DatabaseName;
use crate::postgres::{Blocker, Cause, ServerError};

fn said(sqlstate: &str, message: &str) -> PostgresError {
    let server = ServerError {
        sqlstate: sqlstate.into(),
        message: message.into(),
        detail: None,
        hint: None,
        context: None,
        routine: None,
    };
    let database = DatabaseName::new("shop").unwrap();
    PostgresError::Transaction {
        operation: "commit",
        database,
        source: Cause::Server(Box::new(server)),
    }
}

fn gone(table: usize) -> ApplyError {
    said(
        "42P01",
        &format!("relation \"app.t{table}\" does not exist"),
    )
    .into()
}

fn blocked(user: Option<&str>) -> ApplyError {
    let user = user.map(str::to_owned);
    let blocker = Blocker {
        pid: 7,
        user,
        application_name: Some(String::new()),
        relations: None,
    };
    let source = said(
        LOCK_NOT_AVAILABLE,
        "canceling statement due to lock timeout",
    )
    .into();
    ApplyError::Blocked {
        blocker: blocker.into(),
        source,
    }
}

#[test]
fn what_is_gone_is_neither_waited_for_nor_a_reason_to_wait_longer_for_locks() {
    let mut attempts = Attempts::new();
    for table in 0..AT_ONCE {
        assert_eq!(attempts.pause_after(&gone(table)), Some(Duration::ZERO));
    }
    assert_eq!(attempts.lock_timeout(), FIRST_WAIT);
    for table in 1..ATTEMPTS {
        assert!(attempts.pause_after(&gone(table)) > Some(Duration::ZERO));
    }
    assert_eq!(attempts.pause_after(&gone(0)), None);
}

#[test]
fn somebodys_transaction_is_waited_for_until_shortly_before_the_server_looks_for_a_deadlock() {
    let mut attempts = Attempts::new();
    let waits = (0..ATTEMPTS).map(|_| {
        let wait = attempts.lock_timeout();
        let _ = attempts.pause_after(&blocked(Some("app")));
        wait.as_millis()
    });
    assert_eq!(
        waits.collect::<Vec<_>>(),
        [150, 300, 600, 600, 600, 600, 600, 600]
    );
    assert_eq!(attempts.pause_after(&blocked(Some("app"))), None);
}

#[test]
fn an_autovacuum_is_waited_for_longer_than_that() {
    let mut attempts = Attempts::new();
    let _ = attempts.pause_after(&blocked(None));
    assert_eq!(attempts.lock_timeout(), LOCK_TIMEOUT);
}

#[test]
fn a_lock_that_is_not_to_be_had_is_waited_for_longer_also_where_nobody_saw_who_had_it() {
    let mut attempts = Attempts::new();
    let _ = attempts.pause_after(
        &said(
            LOCK_NOT_AVAILABLE,
            "canceling statement due to lock timeout",
        )
        .into(),
    );
    assert_eq!(attempts.lock_timeout(), 2 * FIRST_WAIT);
}
