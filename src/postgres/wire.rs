//! The protocol's side of a session, driven by the future that waits for an answer.
//!
//! Nothing runs in the background: between two polls of the work everything the server had sent so far has been
//! delivered, which is how a notice is known to belong to the first statement that is not finished.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::error::DbError;
use tokio_postgres::{AsyncMessage, Connection, Error};

use super::error::Cause;

type PollMessage = dyn FnMut(&mut Context<'_>) -> Poll<Option<Result<AsyncMessage, Error>>> + Send;

/// How long a server may take to close the connection once it was told goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// One connection, whatever it is made of.
pub struct Wire {
    poll_message: Box<PollMessage>,
    silence: Duration,
    ended: bool,
}

impl Wire {
    /// `silence` is how long the server may say nothing while it is waited for: then the connection counts as lost.
    pub fn new<S, T>(mut connection: Connection<S, T>, silence: Duration) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self {
            poll_message: Box::new(move |cx| connection.poll_message(cx)),
            silence,
            ended: false,
        }
    }

    /// Completes `work`, which waits for answers on this connection.
    pub async fn drive<T>(
        &mut self,
        work: impl Future<Output = Result<T, Cause>>,
    ) -> Result<T, Cause> {
        self.drive_with(work, |_| {}, || 0).await
    }

    /// The same; `on_notice` gets each notice after all work that was finished before it. Work that has several parts says
    /// in `done` how many are: each of them may take the time that the server may say nothing.
    pub async fn drive_with<T>(
        &mut self,
        work: impl Future<Output = Result<T, Cause>>,
        mut on_notice: impl FnMut(&DbError),
        done: impl Fn() -> usize,
    ) -> Result<T, Cause> {
        let mut work = pin!(work);
        let mut alarm = pin!(tokio::time::sleep(self.silence));
        let mut notice = None;
        let mut so_far = 0;
        poll_fn(|cx| {
            loop {
                let polled = work.as_mut().poll(cx);
                // Others wake this task too: that alone is no sign of the server.
                if std::mem::replace(&mut so_far, done()) != done() {
                    alarm.set(tokio::time::sleep(self.silence));
                }
                if let Some(notice) = notice.take() {
                    on_notice(&notice);
                }
                if polled.is_ready() {
                    return polled;
                }
                match self.poll(cx) {
                    Poll::Pending if alarm.as_mut().poll(cx).is_pending() => return Poll::Pending,
                    Poll::Pending => {
                        self.ended = true;
                        return Poll::Ready(Err(Cause::Timeout(self.silence)));
                    }
                    Poll::Ready(Ok(message)) => notice = message,
                    // The last answer may have come with the end.
                    Poll::Ready(Err(cause)) => {
                        return match work.as_mut().poll(cx) {
                            Poll::Ready(Ok(value)) => Poll::Ready(Ok(value)),
                            Poll::Ready(Err(answer)) if answer.sqlstate().is_some() => {
                                Poll::Ready(Err(answer))
                            }
                            _ => Poll::Ready(Err(cause)),
                        };
                    }
                }
            }
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<DbError>, Cause>> {
        if self.ended {
            return Poll::Ready(Err(Cause::Closed));
        }
        (self.poll_message)(cx).map(|message| match message {
            Some(Ok(AsyncMessage::Notice(notice))) => Ok(Some(notice)),
            Some(Ok(_)) => Ok(None),
            Some(Err(error)) => {
                self.ended = true;
                Err(error.into())
            }
            None => {
                self.ended = true;
                Err(Cause::Closed)
            }
        })
    }

    /// Says goodbye once the client is gone, so that the server does not log a lost connection.
    pub async fn close(mut self) {
        let goodbye = async { while poll_fn(|cx| self.poll(cx)).await.is_ok() {} };
        // Dropping the connection ends it as well.
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }
}
