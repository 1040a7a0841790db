//! One connection through the proxy: a thread for each direction.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use super::super::impostor::serve;
use super::message::{Message, Prepared};
use super::{Seen, Shared, Turn};

/// A question to the server is answered up to and including `ReadyForQuery`.
const READY_FOR_QUERY: u8 = b'Z';

pub(super) struct Line {
    shared: Arc<Shared>,
    /// The numbers of what the server has not answered; 0 for what only prepares.
    unanswered: Mutex<VecDeque<usize>>,
    answered: Condvar,
    client: TcpStream,
    server: TcpStream,
}

impl Line {
    /// Passes everything on until one side ends.
    pub(super) fn run(
        mut client: TcpStream,
        server: TcpStream,
        shared: Arc<Shared>,
    ) -> io::Result<()> {
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        shared
            .lock()
            .sockets
            .extend([client.try_clone()?, server.try_clone()?]);
        let mut login = Message::read_first(&mut client)?;
        while login.asks_for_encryption() {
            client.write_all(b"N")?;
            login = Message::read_first(&mut client)?;
        }
        if let Some(script) = shared.script_for(&login.login()) {
            serve(client, Some(login), &script, &shared.overheard);
            return Ok(());
        }
        if shared.lock().swallowing {
            login = login.without("options");
        }
        let line = Arc::new(Self {
            shared,
            unanswered: Mutex::default(),
            answered: Condvar::new(),
            client,
            server,
        });
        let answers = line.clone();
        thread::spawn(move || {
            let _ = answers.answers();
            answers.end();
        });
        let _ = line.questions(login);
        line.end();
        Ok(())
    }

    fn end(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
        self.unanswered
            .lock()
            .expect("no panic while it is held")
            .clear();
        self.answered.notify_all();
    }

    fn questions(&self, login: Message) -> io::Result<()> {
        let mut from = &self.client;
        self.ask(Some(Seen::Login(login.login())), &login.bytes)?;
        let mut prepared = Prepared::default();
        let (mut statement, mut bytes) = (None, Vec::new());
        loop {
            let message = Message::read(&mut from)?;
            statement = prepared.carried_out(&message).or(statement);
            bytes.extend(message.bytes);
            match message.kind {
                // What is prepared, bound and executed together is one question: up to Sync.
                b'Q' | b'S' => self.ask(
                    statement.take().map(Seen::Statement),
                    &std::mem::take(&mut bytes),
                )?,
                b'P' | b'B' | b'D' | b'E' | b'C' => {}
                // Answers of a login, and the goodbye.
                _ => (&self.server).write_all(&std::mem::take(&mut bytes))?,
            }
        }
    }

    /// Passes a question on when it is its turn.
    fn ask(&self, seen: Option<Seen>, bytes: &[u8]) -> io::Result<()> {
        let number = seen.map_or(0, |seen| self.shared.number(seen));
        let is_next = self
            .shared
            .lock()
            .trap
            .is_some_and(|(turn, _)| turn == Turn::Before(number));
        if is_next {
            self.wait_for_answers();
        }
        self.pass(Turn::Before(number))?;
        self.unanswered
            .lock()
            .expect("no panic while it is held")
            .push_back(number);
        let is_last = self
            .shared
            .lock()
            .trap
            .is_some_and(|(turn, _)| turn == Turn::After(number));
        (&self.server).write_all(bytes)?;
        if is_last && !self.is_login(number) {
            self.wait_for_answers();
        }
        Ok(())
    }

    /// A login takes questions and answers of its own before it is answered.
    fn is_login(&self, number: usize) -> bool {
        matches!(
            self.shared.lock().seen.get(number - 1),
            Some(Seen::Login(_))
        )
    }

    fn wait_for_answers(&self) {
        let unanswered = self.unanswered.lock().expect("no panic while it is held");
        drop(
            self.answered
                .wait_while(unanswered, |unanswered| !unanswered.is_empty()),
        );
    }

    fn answers(&self) -> io::Result<()> {
        let mut from = &self.server;
        let mut logged_in = false;
        let mut kept = Vec::new();
        loop {
            let message = match Message::read(&mut from) {
                Ok(message) => message,
                // The last words of a server that ends.
                Err(error) => return (&self.client).write_all(&kept).and(Err(error)),
            };
            let ready = message.kind == READY_FOR_QUERY;
            let number = if ready {
                self.unanswered.lock().expect("no panic").front().copied()
            } else {
                None
            };
            if let Some(number) = number {
                self.pass(Turn::After(number))?;
            }
            kept.extend(message.bytes);
            // Nothing of an answer is passed on before all of it is there.
            if ready || !logged_in {
                (&self.client).write_all(&std::mem::take(&mut kept))?;
            }
            if ready {
                logged_in = true;
                self.unanswered
                    .lock()
                    .expect("no panic while it is held")
                    .pop_front();
                self.answered.notify_all();
            }
        }
    }

    fn pass(&self, turn: Turn) -> io::Result<()> {
        if self.shared.pass(turn) {
            Ok(())
        } else {
            Err(io::ErrorKind::ConnectionAborted.into())
        }
    }
}
