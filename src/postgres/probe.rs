//! What a session can do, asked of the server's functions and tried without a trace.

use std::time::Duration;

use super::error::{Cause, PostgresError, ServerError};
use super::inspect::rows;
use super::pipeline::{Notice, Statement};
use super::session::Session;
use super::sql::{HELD, for_major};
use crate::model::{Object, ObjectKind, PrivilegeClass, Privileges};

/// A statement that waits for a lock longer than this proves nothing, and keeps others waiting behind it.
const LOCK_TIMEOUT: Duration = Duration::from_millis(300);

/// Everything is undone to here.
const SAVEPOINT: &str = "SAVEPOINT proof";
const UNDO: &str = "ROLLBACK TO SAVEPOINT proof";

/// Questions in one statement.
const QUESTIONS: usize = 200;

/// What a session may do with one object of those it was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Which of the objects, from 0.
    pub index: usize,
    /// What it may do, by whatever path.
    pub privileges: Privileges,
    /// A column that UPDATE can name.
    pub column: Option<String>,
}

/// What came of a statement that was tried and undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The server did it, with these remarks.
    Done(Vec<Notice>),
    /// The server did not.
    Refused(Box<ServerError>),
}

/// Begins the transaction in which things are tried. It ends with [`Session::rollback`], and never otherwise.
///
/// # Errors
/// The server refused, or is gone.
pub async fn begin_probe(session: &mut Session) -> Result<(), PostgresError> {
    session.begin_write(LOCK_TIMEOUT).await?;
    // Planning is all that is asked for: a view that takes longer is not worth the wait.
    session
        .run(&[Statement::plain("SET LOCAL statement_timeout = '10s'")])
        .await
        .map(drop)
}

/// What the session's current role may do with each of `objects`: relations, sequences, routines, schemas and databases.
/// Others, and what is gone, are not in the answer.
///
/// # Errors
/// The server refused, or is gone.
pub async fn holdings(
    session: &mut Session,
    objects: &[&Object],
) -> Result<Vec<Holding>, PostgresError> {
    let part =
        |of: fn(&Object) -> String| objects.iter().map(|object| of(object)).collect::<Vec<_>>();
    let asked = [
        part(class),
        part(schema),
        part(object_name),
        part(arguments),
    ];
    session
        .read("what the session holds", |client, major| async move {
            let parameters: Vec<&[String]> = asked.iter().map(Vec::as_slice).collect();
            let mut found = Vec::new();
            rows::each(client, &for_major(HELD, major), &parameters, |columns| {
                let ordinal = columns.get::<i64>(0)?;
                let index = usize::try_from(ordinal - 1)
                    .map_err(|_| Cause::unknown("the object", ordinal.to_string()))?;
                let privileges = columns.get::<Vec<&str>>(1)?.into_iter().map(|word| {
                    word.parse()
                        .map_err(|()| Cause::unknown("the privilege", word))
                });
                let privileges = privileges.collect::<Result<Privileges, Cause>>()?;
                found.push(Holding {
                    index,
                    privileges,
                    column: columns.get(2)?,
                });
                Ok(())
            })
            .await?;
            Ok(found)
        })
        .await
}

/// The answers to `questions`, each an SQL expression that is true, false or NULL.
///
/// # Errors
/// The server refused, or is gone.
pub async fn ask(
    session: &mut Session,
    questions: &[&str],
) -> Result<Vec<Option<bool>>, PostgresError> {
    let mut answers = Vec::new();
    for some in questions.chunks(QUESTIONS) {
        let statement = format!("SELECT ARRAY[{}]::bool[]", some.join(", "));
        let answered = session.read("what the session can do", |client, _| async move {
            let mut answers: Vec<Option<bool>> = Vec::new();
            rows::each(client, &statement, &[], |columns| {
                answers = columns.get(0)?;
                Ok(())
            })
            .await?;
            Ok(answers)
        });
        answers.extend(answered.await?);
    }
    Ok(answers)
}

/// Tries statements that leave nothing behind when they work, each as far as the server lets it.
///
/// # Errors
/// The server is gone.
pub async fn try_harmless(
    session: &mut Session,
    statements: &[&str],
) -> Result<Vec<Attempt>, PostgresError> {
    let mut attempts = Vec::new();
    while attempts.len() < statements.len() {
        let rest = &statements[attempts.len()..];
        let sent: Vec<_> = std::iter::once(SAVEPOINT)
            .chain(rest.iter().copied())
            .map(Statement::plain)
            .collect();
        match session.run(&sent).await {
            Ok(_) => attempts.extend(rest.iter().map(|_| Attempt::Done(Vec::new()))),
            Err(error) => {
                let (index, refused) = refusal(error)?;
                // The savepoint is the first of those sent.
                attempts.extend((1..index).map(|_| Attempt::Done(Vec::new())));
                attempts.push(Attempt::Refused(refused));
                session.run(&[Statement::plain(UNDO)]).await?;
            }
        }
    }
    Ok(attempts)
}

/// Tries a statement and undoes it.
///
/// # Errors
/// The server is gone.
pub async fn try_undone(session: &mut Session, statement: &str) -> Result<Attempt, PostgresError> {
    let attempt = match session
        .run(&[Statement::plain(SAVEPOINT), Statement::plain(statement)])
        .await
    {
        Ok(notices) => Attempt::Done(notices),
        Err(error) => Attempt::Refused(refusal(error)?.1),
    };
    session.run(&[Statement::plain(UNDO)]).await?;
    Ok(attempt)
}

/// Which statement the server refused, and why; everything else is an error.
fn refusal(error: PostgresError) -> Result<(usize, Box<ServerError>), PostgresError> {
    match error {
        PostgresError::Statement {
            index,
            source: Cause::Server(refused),
            ..
        } if index > 0 => Ok((index, refused)),
        error => Err(error),
    }
}

fn class(object: &Object) -> String {
    match object.kind() {
        ObjectKind::Database => "database",
        kind => match kind.class() {
            PrivilegeClass::Relation => "relation",
            PrivilegeClass::Sequence => "sequence",
            PrivilegeClass::Routine => "routine",
            PrivilegeClass::Schema => "schema",
            _ => "",
        },
    }
    .into()
}

fn schema(object: &Object) -> String {
    object.schema().map(ToString::to_string).unwrap_or_default()
}

fn object_name(object: &Object) -> String {
    match object {
        Object::Database(name) => name.as_str().into(),
        Object::Schema(_) => String::new(),
        Object::Column { relation, .. } => relation.to_string(),
        Object::Routine { name, .. }
        | Object::InSchema { name, .. }
        | Object::Bare { name, .. } => name.to_string(),
    }
}

fn arguments(object: &Object) -> String {
    match object {
        Object::Routine { arguments, .. } => arguments.to_string(),
        _ => String::new(),
    }
}
