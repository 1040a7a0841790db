//! Ctrl-C and SIGTERM: the first ends a run after the step at hand, a second one at once.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use super::Exit;
use crate::apply::Interrupt;
use crate::output::stream;

/// From now on signals do not end the process by themselves.
///
/// # Errors
/// The system does not let us listen.
pub(super) fn listen() -> io::Result<Interrupt> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let (raise, interrupt) = Interrupt::new();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupted.recv() => "SIGINT",
                _ = terminated.recv() => "SIGTERM",
            }
        };
        let signal = next().await;
        stream::say(&format!(
            "{signal}: ending after the step at hand; another signal ends at once"
        ));
        raise.send_replace(Some(signal));
        next().await;
        std::process::exit(Exit::Failed.code().into());
    });
    Ok(interrupt)
}
