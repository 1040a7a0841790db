//! A server that is not the one that is meant: it answers a login as a script says, and keeps what it was sent.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::proxy::Message;

/// What an impostor says once it was asked something: first the login, then each message after it.
#[derive(Clone, Debug)]
pub enum Says {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A SCRAM challenge that fits the client's nonce, with so many iterations.
    Challenge(u64),
    /// These bytes again and again.
    Endlessly(Vec<u8>),
}

/// A message of the server.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

/// The beginning of a message that never comes.
pub fn announcement(kind: u8, length: u32) -> Vec<u8> {
    [&[kind][..], &length.to_be_bytes(), &[0; 64]].concat()
}

/// An authentication message of the server.
pub fn authentication(code: u32, body: &[u8]) -> Vec<u8> {
    message(b'R', &[&code.to_be_bytes(), body].concat())
}

/// Asks for SASL by these mechanisms.
pub fn sasl(mechanisms: &[&str]) -> Says {
    let names: String = mechanisms.iter().map(|name| format!("{name}\0")).collect();
    Says::Bytes(authentication(10, format!("{names}\0").as_bytes()))
}

/// What lets a login in at once, and names process 7.
pub fn welcome() -> Vec<u8> {
    let version = message(b'S', b"server_version\x0017.0\0");
    [
        authentication(0, b""),
        version,
        message(b'K', &[0, 0, 0, 7, 0, 0, 0, 1]),
        message(b'Z', b"I"),
    ]
    .concat()
}

/// A listening impostor.
pub struct Impostor {
    /// Where it listens.
    pub place: Place,
    heard: Arc<Mutex<Vec<u8>>>,
}

/// Where an impostor listens.
pub enum Place {
    /// A port of 127.0.0.1.
    Port(u16),
    /// The directory of a socket with the number 5432.
    Socket(tempfile::TempDir),
}

impl Impostor {
    /// One that listens on loopback.
    pub fn on_loopback(script: Vec<Says>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        Self::new(Place::Port(port), script, move || {
            Some(listener.accept().ok()?.0)
        })
    }

    /// One that listens on a unix socket.
    pub fn on_a_socket(script: Vec<Says>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path: PathBuf = directory.path().join(".s.PGSQL.5432");
        let listener = UnixListener::bind(path).expect("a socket");
        Self::new(Place::Socket(directory), script, move || {
            Some(listener.accept().ok()?.0)
        })
    }

    fn new<S: Wire>(
        place: Place,
        script: Vec<Says>,
        accept: impl Fn() -> Option<S> + Send + 'static,
    ) -> Self {
        let heard = Arc::<Mutex<Vec<u8>>>::default();
        let keeps = heard.clone();
        // It ends with the process: an impostor waits for its next victim.
        thread::spawn(move || {
            while let Some(client) = accept() {
                let (script, heard) = (script.clone(), keeps.clone());
                thread::spawn(move || serve(client, None, &script, &heard));
            }
        });
        Self { place, heard }
    }

    /// Host and port as keywords.
    pub fn address(&self) -> String {
        match &self.place {
            Place::Port(port) => format!("host=127.0.0.1 port={port}"),
            Place::Socket(directory) => format!("host={}", directory.path().display()),
        }
    }

    /// Everything that clients sent.
    pub fn heard(&self) -> Vec<u8> {
        self.heard
            .lock()
            .expect("no panic while it is held")
            .clone()
    }
}

/// A socket of either kind.
pub trait Wire: Read + Write + Send + 'static {
    fn patience(&self, patience: Duration);
}

impl Wire for TcpStream {
    fn patience(&self, patience: Duration) {
        self.set_read_timeout(Some(patience)).expect("a timeout");
        self.set_write_timeout(Some(patience)).expect("a timeout");
    }
}

impl Wire for UnixStream {
    fn patience(&self, patience: Duration) {
        self.set_read_timeout(Some(patience)).expect("a timeout");
        self.set_write_timeout(Some(patience)).expect("a timeout");
    }
}

/// Plays the script to one client, whose first message may have been read already.
pub(super) fn serve(
    mut client: impl Wire,
    login: Option<Message>,
    script: &[Says],
    heard: &Mutex<Vec<u8>>,
) {
    client.patience(Duration::from_secs(30));
    let played = play(&mut client, login, script, heard);
    // What else it sends, up to its end.
    let mut rest = Vec::new();
    let _ = played.and_then(|()| client.read_to_end(&mut rest));
    heard
        .lock()
        .expect("no panic while it is held")
        .extend(rest);
}

fn play(
    client: &mut impl Wire,
    login: Option<Message>,
    script: &[Says],
    heard: &Mutex<Vec<u8>>,
) -> io::Result<()> {
    let keep = |message: &Message| {
        heard
            .lock()
            .expect("no panic while it is held")
            .extend(&message.bytes)
    };
    let mut last = match login {
        Some(login) => login,
        None => Message::read_first(client)?,
    };
    while last.asks_for_encryption() {
        client.write_all(b"N")?;
        last = Message::read_first(client)?;
    }
    keep(&last);
    for (at, says) in script.iter().enumerate() {
        if at > 0 {
            last = Message::read(client)?;
            keep(&last);
        }
        match says {
            Says::Bytes(bytes) => client.write_all(bytes)?,
            Says::Challenge(iterations) => {
                let text = String::from_utf8_lossy(&last.bytes).into_owned();
                let nonce = text.rsplit_once("r=").map_or("", |(_, nonce)| nonce);
                let challenge = format!("r={nonce}more,s=c2FsdHNhbHQ=,i={iterations}");
                client.write_all(&authentication(11, challenge.as_bytes()))?;
            }
            Says::Endlessly(bytes) => loop {
                client.write_all(bytes)?;
            },
        }
    }
    Ok(())
}
