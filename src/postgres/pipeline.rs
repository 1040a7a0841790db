//! Many statements without a round trip each, and still one answer and its notices for every one of them.

use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use tokio_postgres::Client;
use tokio_postgres::error::DbError;
use zeroize::Zeroizing;

use super::error::{Cause, ServerError};
use super::wire::Wire;

/// Statements sent ahead of the answer to the first of them.
const WINDOW: usize = 512;

/// A statement and what an error may show of it.
pub struct Statement {
    text: Zeroizing<String>,
    shown: Option<String>,
}

impl Statement {
    /// A statement that may be shown as it is.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: Zeroizing::new(text.into()),
            shown: None,
        }
    }

    /// A statement with a verifier in it; `shown` stands for it in errors.
    pub fn secret(text: Zeroizing<String>, shown: impl Into<String>) -> Self {
        Self {
            text,
            shown: Some(shown.into()),
        }
    }

    /// What may be shown of it.
    pub fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.text)
    }
}

impl std::fmt::Debug for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Statement").field(&self.shown()).finish()
    }
}

/// What the server remarked while it did as it was told. A GRANT or REVOKE that did nothing says so here only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Which statement it belongs to, from 0.
    pub statement: usize,
    /// `WARNING`, `NOTICE`, …, in the server's language.
    pub severity: String,
    /// SQLSTATE, message, DETAIL, HINT.
    pub said: ServerError,
}

impl Notice {
    fn new(statement: usize, notice: &DbError) -> Self {
        Self {
            statement,
            severity: notice.severity().to_owned(),
            said: notice.into(),
        }
    }
}

/// A statement that failed.
pub(super) struct Failed {
    pub index: usize,
    pub cause: Cause,
}

/// Sends all statements, up to [`WINDOW`] ahead, until one fails.
pub(super) async fn run(
    client: &Client,
    wire: &mut Wire,
    statements: &[Statement],
) -> Result<Vec<Notice>, Failed> {
    let done = AtomicUsize::new(0);
    let mut notices = Vec::new();
    let on_notice =
        |notice: &DbError| notices.push(Notice::new(done.load(Ordering::Relaxed), notice));
    let so_far = || done.load(Ordering::Relaxed);
    match wire
        .drive_with(send(client, statements, &done), on_notice, so_far)
        .await
    {
        Ok(()) => Ok(notices),
        Err(cause) => {
            let index = done.into_inner();
            let secret = statements
                .get(index)
                .is_some_and(|statement| statement.shown.is_some());
            Err(Failed {
                index,
                cause: if secret {
                    cause.without_context()
                } else {
                    cause
                },
            })
        }
    }
}

/// Only the first unanswered statement is waited for, so that `done` is exact whenever a notice arrives.
async fn send(client: &Client, statements: &[Statement], done: &AtomicUsize) -> Result<(), Cause> {
    let mut unsent = statements.iter();
    let mut unanswered: VecDeque<Pin<Box<_>>> = VecDeque::new();
    poll_fn(|cx| {
        loop {
            while unanswered.len() < WINDOW
                && let Some(statement) = unsent.next()
            {
                let mut answer = Box::pin(client.batch_execute(&statement.text));
                // The first poll sends it.
                if let Poll::Ready(Err(error)) = answer.as_mut().poll(cx) {
                    return Poll::Ready(Err(error.into()));
                }
                unanswered.push_back(answer);
            }
            let Some(first) = unanswered.front_mut() else {
                return Poll::Ready(Ok(()));
            };
            match first.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Ready(Ok(())) => {
                    unanswered.pop_front();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    })
    .await
}
