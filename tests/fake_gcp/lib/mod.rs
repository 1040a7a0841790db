//! A strict fake of the Google APIs that Rolewright calls, on loopback.
//!
//! `call` takes a request apart, `fault` lets happen to it what a test asked for, `dispatch` finds its method, the
//! method (`secrets`, `versions`, `iam`, `run`, `projects`) reads or changes the `world`, `serve` encodes the answer.
//! `docs/fake-gcp.md` says what is implemented.

mod accessors;
#[cfg(test)]
mod ask;
mod call;
mod caller;
mod clock;
mod control;
mod dispatch;
mod enums;
mod error;
mod fault;
mod filter;
mod iam;
mod list;
mod mask;
mod past;
mod permissions;
mod projects;
mod reply;
mod roles;
mod run;
mod secret_name;
mod secrets;
mod serve;
mod shape;
mod versions;
mod world;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use serve::{SharedWorld, lock, serve};
#[allow(unused_imports, reason = "each target uses its part")]
pub use {
    accessors::{Moment, RequestSeen, RunKind, StoredPayload},
    projects::{Project, Projects},
};

/// A running fake. It stops when this is dropped.
pub struct FakeGcp {
    address: SocketAddr,
    world: SharedWorld,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<io::Result<()>>>,
}

impl FakeGcp {
    /// Serves on `listen` with these projects, on a thread and runtime of its own.
    ///
    /// # Errors
    /// An address that is not loopback: what is stored here would be open to the network. What `bind` says.
    pub fn serve(listen: SocketAddr, projects: Projects) -> io::Result<Self> {
        if !listen.ip().is_loopback() {
            let refused =
                format!("`{listen}` is not a loopback address: a fake has no access control");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, refused));
        }
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let world = SharedWorld::default();
        lock(&world).projects = projects;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let served = world.clone();
        let server = std::thread::spawn(move || runtime.block_on(run(listener, served, stopped)));
        Ok(Self {
            address,
            world,
            stop: Some(stop),
            server: Some(server),
        })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Ends at once when it is told to: clients that keep connections open would hold a graceful end up for ever.
async fn run(
    listener: TcpListener,
    world: SharedWorld,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    tokio::select! {
        failed = serve(listener, world) => failed.map(|never| match never {}),
        _ = stopped => Ok(()),
    }
}

impl Drop for FakeGcp {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The receiver is gone only when the server has ended by itself.
            let _ = stop.send(());
        }
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}
