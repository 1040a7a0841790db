//! How patient calls are: what is tried again, after which pause, and when it is given up.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use super::{Call, Endpoint, GoogleError};

/// Google answers within a second or two; a connection that hangs longer is replaced.
pub(super) const ATTEMPT: Duration = Duration::from_secs(12);

/// A call gives up after this, however many attempts it had: database work waits for it.
const OVERALL: Duration = Duration::from_secs(60);

/// Attempts at one call.
const ATTEMPTS: usize = 7;

/// No attempt begins later than this after the first: long enough for a hiccup, and for one that hung.
const WINDOW: Duration = Duration::from_secs(30);

/// The pauses between attempts: each about twice the one before, with jitter, so that who failed together does not come
/// back together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    first: Duration,
    longest: Duration,
}

const REMOTE: Patience = Patience {
    first: Duration::from_millis(500),
    longest: Duration::from_secs(8),
};

/// What does not listen on this machine is not coming back from a hiccup of the network.
const LOOPBACK: Patience = Patience {
    first: Duration::from_millis(50),
    longest: Duration::from_secs(1),
};

impl Patience {
    pub(super) fn toward(endpoint: Option<&Endpoint>) -> Self {
        if endpoint.is_some_and(Endpoint::is_loopback) {
            LOOPBACK
        } else {
            REMOTE
        }
    }

    /// The pauses between attempts at one thing; it is given up with the last.
    pub(super) fn pauses(self) -> ExponentialBackoff {
        ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(self.first)
            .with_max_delay(self.longest)
            .with_max_times(ATTEMPTS - 1)
            .build()
    }

    /// Makes the call, again and again while that may help and does no harm, as long as Google asks to wait at least.
    ///
    /// # Errors
    /// That of the last attempt; [`GoogleError::Unreachable`] once the time for all of them is over.
    pub(super) async fn call<T>(
        self,
        call: &Call,
        attempt: impl AsyncFnMut() -> Result<T, GoogleError>,
    ) -> Result<T, GoogleError> {
        match tokio::time::timeout(OVERALL, self.attempts(attempt)).await {
            Ok(result) => result,
            Err(elapsed) => Err(GoogleError::Unreachable {
                call: call.clone(),
                sent: true,
                source: elapsed.into(),
            }),
        }
    }

    async fn attempts<T>(
        self,
        mut attempt: impl AsyncFnMut() -> Result<T, GoogleError>,
    ) -> Result<T, GoogleError> {
        let begun = Instant::now();
        let mut pauses = self.pauses();
        loop {
            let error = match attempt().await {
                Err(error) if error.may_retry() => error,
                result => return result,
            };
            let asked = error
                .status()
                .and_then(|status| status.retry_after)
                .unwrap_or_default();
            match pauses.next().map(|pause| pause.max(asked)) {
                Some(pause) if begun.elapsed() + pause <= WINDOW => tokio::time::sleep(pause).await,
                // Waiting longer is left to the caller; the error contains the time.
                _ => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::google::{Operation, Status};

    fn call(operation: Operation) -> Call {
        Call {
            operation,
            project: "p".into(),
            object: "projects/p/secrets/s".into(),
        }
    }

    fn refused(operation: Operation, http: u16, retry_after: Option<u64>) -> GoogleError {
        let retry_after = retry_after.map(Duration::from_secs);
        let (code, message) = (format!("HTTP {http}"), "no".into());
        let status = Status {
            http,
            code,
            message,
            reason: None,
            subject: None,
            retry_after,
        };
        GoogleError::Refused {
            call: call(operation),
            status: Box::new(status),
        }
    }

    const SHORT: Patience = Patience {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(4),
    };

    /// How many attempts are made at a call that ends like this every time, and how long they take.
    async fn attempts(error: impl Fn() -> GoogleError) -> (usize, Duration) {
        let (call, begun, mut made) = (call(Operation::GetSecret), Instant::now(), 0);
        let failed = SHORT.call(&call, async || {
            made += 1;
            Err::<(), _>(error())
        });
        assert!(failed.await.is_err());
        (made, begun.elapsed())
    }

    #[tokio::test]
    async fn reads_are_tried_until_the_pauses_are_over() {
        for http in [429, 500, 502, 503, 504] {
            assert_eq!(
                attempts(|| refused(Operation::GetSecret, http, None))
                    .await
                    .0,
                ATTEMPTS,
                "{http}"
            );
        }
    }

    #[tokio::test]
    async fn what_changes_something_is_tried_again_only_where_it_was_turned_away() {
        assert_eq!(
            attempts(|| refused(Operation::AddVersion, 503, None))
                .await
                .0,
            1
        );
        assert_eq!(
            attempts(|| refused(Operation::AddVersion, 429, None))
                .await
                .0,
            ATTEMPTS
        );
        assert_eq!(
            attempts(|| refused(Operation::GetSecret, 404, None))
                .await
                .0,
            1
        );
    }

    #[tokio::test]
    async fn google_says_how_long_to_wait_at_least() {
        let mut asked = [None, Some(1)].into_iter().rev();
        let (made, took) = attempts(|| refused(Operation::GetSecret, 429, Some(3600))).await;
        assert!(
            made == 1 && took < Duration::from_secs(60),
            "nobody waits for an hour"
        );
        let (call, begun) = (call(Operation::GetSecret), Instant::now());
        let answered = SHORT.call(&call, async || match asked.next() {
            Some(seconds @ Some(_)) => Err(refused(Operation::GetSecret, 429, seconds)),
            _ => Ok(()),
        });
        answered.await.unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(1));
    }
}
