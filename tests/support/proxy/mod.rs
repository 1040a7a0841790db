//! A proxy between the program and PostgreSQL. It counts the logins and statements of all connections together, and at any
//! one of them holds, cuts, delays or hangs, before the server gets it or after the server has carried it out.
//!
//! A statement that a client sends ahead is kept back until it is its turn: before the n-th, the server has done n - 1.

mod line;
mod message;

use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use line::Line;
pub(super) use message::Message;

use super::impostor::Says;

/// When something happens to a login or statement, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It has not reached the server.
    Before(usize),
    /// The server has carried it out, and the client does not know yet.
    After(usize),
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It waits for [`Proxy::release`] or [`Proxy::abandon`].
    Hold,
    /// Its connection is lost, without a word to either side.
    Cut,
    /// It comes later.
    Delay(Duration),
    /// From here on nothing passes on any connection, old or new, though all stay open.
    Hang,
}

/// What a client asked of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// `user@database`
    Login(String),
    /// Its text.
    Statement(String),
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    trap: Option<(Turn, Fault)>,
    hold_after_each: Option<&'static str>,
    holding: bool,
    abandoned: bool,
    hanging: bool,
    refusing: bool,
    refused: usize,
    ended: bool,
    sockets: Vec<TcpStream>,
    impostor: Option<(String, Vec<Says>)>,
    swallowing: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    overheard: Mutex<Vec<u8>>,
}

/// A running proxy. Everything that goes through it ends when it is dropped.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy on loopback to the server on this port.
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::<Shared>::default();
        let accepting = shared.clone();
        let listener = thread::spawn(move || accept(&listener, server, &accepting));
        Self {
            port,
            shared,
            listener: Some(listener),
        }
    }

    /// The URL of a server, by way of the proxy.
    pub fn url(&self, url: &str) -> String {
        let (before, after) = url.rsplit_once(':').expect("a port");
        let (_, database) = after.split_once('/').expect("a database");
        format!("{before}:{}/{database}", self.port)
    }

    /// From now on counts from 1 again, and at `turn` does `fault`, once.
    pub fn set(&self, turn: Turn, fault: Fault) {
        let mut state = self.shared.lock();
        state.seen.clear();
        state.trap = Some((turn, fault));
    }

    /// From now on counts from 1 again, and holds after each statement with this text.
    pub fn hold_after_each(&self, statement: &'static str) {
        self.forget();
        self.shared.lock().hold_after_each = Some(statement);
    }

    /// Everything that clients asked since the last [`Proxy::set`] or [`Proxy::forget`].
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// Counts from 1 again, and does nothing.
    pub fn forget(&self) {
        let mut state = self.shared.lock();
        state.seen.clear();
        state.trap = None;
        state.hold_after_each = None;
    }

    pub fn is_holding(&self) -> bool {
        self.shared.lock().holding
    }

    /// What is held, or hangs, goes on.
    pub fn release(&self) {
        self.shared.lock().holding = false;
        self.shared.lock().hanging = false;
        self.shared.changed.notify_all();
    }

    /// What is held goes nowhere: its connection ends. For a client that is gone.
    pub fn abandon(&self) {
        self.shared.lock().abandoned = true;
        self.release();
    }

    /// From now on answers logins of `user` itself, as the script says.
    pub fn impersonate(&self, user: &str, script: Vec<Says>) {
        self.shared.lock().impostor = Some((user.to_owned(), script));
    }

    /// What was sent by logins that it answered itself.
    pub fn overheard(&self) -> Vec<u8> {
        self.shared
            .overheard
            .lock()
            .expect("no panic while it is held")
            .clone()
    }

    /// From now on leaves the parameter `options` out of logins.
    pub fn swallow_options(&self) {
        self.shared.lock().swallowing = true;
    }

    /// Whether new connections are closed at once.
    pub fn refuse(&self, refusing: bool) {
        let mut state = self.shared.lock();
        (state.refusing, state.refused) = (refusing, 0);
    }

    /// How many connections were closed at once since then.
    pub fn refused(&self) -> usize {
        self.shared.lock().refused
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is held")
    }

    /// What is said to this login instead of asking the server.
    fn script_for(&self, login: &str) -> Option<Vec<Says>> {
        let state = self.lock();
        let (user, script) = state.impostor.as_ref()?;
        login
            .split('@')
            .next()
            .is_some_and(|name| name == user)
            .then(|| script.clone())
    }

    /// The number of what a client asks now.
    fn number(&self, seen: Seen) -> usize {
        let mut state = self.lock();
        state.seen.push(seen);
        let number = state.seen.len();
        let is_one_of_each = matches!(state.seen.last(), Some(Seen::Statement(text)) if state.hold_after_each == Some(text));
        if is_one_of_each {
            state.trap = Some((Turn::After(number), Fault::Hold));
        }
        number
    }

    /// Whether what is at this turn may go on, once it may.
    fn pass(&self, turn: Turn) -> bool {
        let mut state = self.lock();
        let fault = state
            .trap
            .take_if(|trap| trap.0 == turn)
            .map(|(_, fault)| fault);
        match fault {
            Some(Fault::Cut) => return false,
            Some(Fault::Delay(delay)) => {
                drop(state);
                thread::sleep(delay);
                return true;
            }
            Some(Fault::Hang) => state.hanging = true,
            Some(Fault::Hold) => {
                state.holding = true;
                state.abandoned = false;
                state = self
                    .changed
                    .wait_while(state, |state| state.holding && !state.ended)
                    .expect("no panic");
                return !(std::mem::take(&mut state.abandoned) || state.ended);
            }
            None => {}
        }
        let state = self
            .changed
            .wait_while(state, |state| state.hanging && !state.ended)
            .expect("no panic");
        !state.ended
    }
}

fn accept(listener: &TcpListener, server: u16, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let Ok(client) = client else { continue };
        {
            let mut state = shared.lock();
            if state.ended {
                return;
            }
            if state.refusing {
                state.refused += 1;
                continue;
            }
        }
        let shared = shared.clone();
        thread::spawn(move || {
            // A server that is not there, and a side that is gone: the other one learns by the end of its connection.
            if let Ok(server) = TcpStream::connect(("127.0.0.1", server)) {
                let _ = Line::run(client, server, shared);
            }
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let sockets = {
            let mut state = self.shared.lock();
            state.ended = true;
            std::mem::take(&mut state.sockets)
        };
        self.shared.changed.notify_all();
        for socket in sockets {
            let _ = socket.shutdown(Shutdown::Both);
        }
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}
