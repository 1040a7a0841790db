//! The server's side of a connection, followed message by message before the driver reads it.
//!
//! The driver answers whatever it is asked for, and reads messages of any length. What must not reach it is refused here:
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use super::auth::{Admission, Binding, ITERATIONS, Question, Terms, UntrustedServer};

/// A message of a login; libpq reads no longer error before it is logged in.
const LOGIN_MESSAGE: usize = 30_000;

/// All messages of a login: parameters, and what login triggers remark.
const LOGIN: usize = 256 * 1024;

/// A message of a session. The longest are rows with what is granted on all objects of a kind that are alike.
const MESSAGE: usize = 64 * 1024 * 1024;

/// One answer of a session, which may be held in memory as a whole.
const ANSWER: usize = 256 * 1024 * 1024;

/// Type and length of a message.
const HEADER: usize = 5;

/// What a server has told of a login so far.
#[derive(Debug, Clone, Default)]
pub struct Heard(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    pid: AtomicI32,
    admitted: AtomicBool,
}

impl Heard {
    /// The process that serves the session; 0 if it was not told.
    pub fn pid(&self) -> i32 {
        self.0.pid.load(Ordering::Relaxed)
    }

    /// Whether the password was accepted: what is refused after that, limits and CONNECT, is no matter of the password.
    pub fn is_admitted(&self) -> bool {
        self.0.admitted.load(Ordering::Relaxed)
    }
}

/// How far a login has come: what the server has to say next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// How it authenticates.
    Request,
    /// Salt and iterations.
    Challenge,
    /// Its own signature, which the driver checks.
    Signature,
    /// That the login is let in.
    Confirmation,
    /// Parameters and its process, until it is ready.
    Settings,
    /// Anything.
    Session,
}

/// Follows what a server sends.
#[derive(Debug)]
pub struct Backend {
    terms: Terms,
    stage: Stage,
    header: [u8; HEADER],
    /// How much of the header is there.
    headed: usize,
    /// How much of the body is not.
    missing: usize,
    /// The body, as long as this is a login.
    body: Vec<u8>,
    /// What was announced since the last answer was complete.
    announced: usize,
    heard: Heard,
}

impl Backend {
    /// A server that was not heard yet.
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            stage: Stage::Request,
            header: [0; HEADER],
            headed: 0,
            missing: 0,
            body: Vec::new(),
            announced: 0,
            heard: Heard::default(),
        }
    }

    /// What it tells of the login.
    pub fn heard(&self) -> Heard {
        self.heard.clone()
    }

    /// Whether a login was let in and the server is ready.
    #[cfg(feature = "fuzzing")]
    pub fn is_session(&self) -> bool {
        self.stage == Stage::Session
    }

    /// Whether `bytes`, which follow those before, may be read. They may end in the middle of a message: the driver does
    /// nothing about a message that is not complete.
    ///
    /// # Errors
    /// They must not reach the driver, and nothing may be sent any more.
    pub fn hear(&mut self, mut bytes: &[u8]) -> Result<(), UntrustedServer> {
        while !bytes.is_empty() {
            let taken = match HEADER - self.headed {
                0 => self.take_body(bytes),
                _ => self.take_header(bytes)?,
            };
            bytes = &bytes[taken..];
            if self.headed == HEADER && self.missing == 0 {
                self.complete()?;
                self.headed = 0;
                self.body.clear();
            }
        }
        Ok(())
    }

    fn take_header(&mut self, bytes: &[u8]) -> Result<usize, UntrustedServer> {
        let taken = bytes.len().min(HEADER - self.headed);
        self.header[self.headed..self.headed + taken].copy_from_slice(&bytes[..taken]);
        self.headed += taken;
        if self.headed == HEADER {
            self.announce()?;
        }
        Ok(taken)
    }

    fn take_body(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.missing);
        if self.stage != Stage::Session {
            self.body.extend_from_slice(&bytes[..taken]);
        }
        self.missing -= taken;
        taken
    }

    /// A message begins: is it one of those that come now, and of a length that is read?
    fn announce(&mut self) -> Result<(), UntrustedServer> {
        let [kind, length @ ..] = self.header;
        let expected: &[u8] = match self.stage {
            Stage::Session => &[kind],
            Stage::Settings => b"SKNEZ",
            _ => b"RE",
        };
        // The length counts itself.
        let length = u32::from_be_bytes(length) as usize;
        if length < 4 || !expected.contains(&kind) {
            return Err(UntrustedServer::Protocol);
        }
        let (message, answer) = if self.stage == Stage::Session {
            (MESSAGE, ANSWER)
        } else {
            (LOGIN_MESSAGE, LOGIN)
        };
        if length > message {
            return Err(UntrustedServer::LongMessage {
                bytes: length,
                limit: message,
            });
        }
        self.announced += length;
        if self.announced > answer {
            return Err(UntrustedServer::LongAnswer { limit: answer });
        }
        self.missing = length - 4;
        Ok(())
    }

    /// A message is complete.
    fn complete(&mut self) -> Result<(), UntrustedServer> {
        match (self.header[0], self.stage) {
            (b'R', stage) if stage != Stage::Session => {
                self.stage = self.authentication()?;
                self.heard
                    .0
                    .admitted
                    .store(self.stage == Stage::Settings, Ordering::Relaxed);
            }
            (b'K', Stage::Settings) => {
                let pid = number(&self.body).ok_or(UntrustedServer::Protocol)?;
                self.heard.0.pid.store(pid.cast_signed(), Ordering::Relaxed);
            }
            (b'Z', _) => {
                self.stage = Stage::Session;
                self.announced = 0;
            }
            _ => {}
        }
        Ok(())
    }

    /// What comes after an authentication message.
    fn authentication(&self) -> Result<Stage, UntrustedServer> {
        let code = number(&self.body).ok_or(UntrustedServer::Protocol)?;
        let rest = &self.body[4..];
        match (code, self.stage) {
            (0, Stage::Request) if self.terms.admission == Admission::ScramOrUnasked => {
                Ok(Stage::Settings)
            }
            (0, Stage::Request) => Err(UntrustedServer::Unasked),
            (0, Stage::Confirmation) => Ok(Stage::Settings),
            (0, _) => Err(UntrustedServer::Unproven),
            (10, Stage::Request) => self.mechanisms(rest),
            (11, Stage::Challenge) => challenge(rest),
            (12, Stage::Signature) => Ok(Stage::Confirmation),
            (10..=12, _) => Err(UntrustedServer::Protocol),
            (code, _) => Err(UntrustedServer::Asks(question(code))),
        }
    }

    /// The mechanisms of SASL that the server offers, each ended by a zero byte.
    fn mechanisms(&self, names: &[u8]) -> Result<Stage, UntrustedServer> {
        let offers =
            |mechanism: &[u8]| names.split(|byte| *byte == 0).any(|name| name == mechanism);
        match (offers(b"SCRAM-SHA-256-PLUS"), offers(b"SCRAM-SHA-256")) {
            (false, _) if self.terms.binding == Binding::Require => Err(UntrustedServer::Unbound),
            (false, false) => Err(UntrustedServer::Mechanisms),
            _ => Ok(Stage::Challenge),
        }
    }
}

fn question(code: u32) -> Question {
    match code {
        3 => Question::ClearText,
        5 => Question::Md5,
        2 | 6..=9 => Question::Ticket,
        _ => Question::Unknown(code),
    }
}

/// `r=NONCE,s=SALT,i=ITERATIONS`. <https://datatracker.ietf.org/doc/html/rfc5802#section-5.1>
fn challenge(text: &[u8]) -> Result<Stage, UntrustedServer> {
    let attributes = str::from_utf8(text).map_err(|_| UntrustedServer::Protocol)?;
    let iterations = attributes
        .split(',')
        .find_map(|attribute| attribute.strip_prefix("i="));
    let iterations = iterations
        .and_then(|count| count.parse().ok())
        .ok_or(UntrustedServer::Protocol)?;
    if ITERATIONS.contains(&iterations) {
        Ok(Stage::Signature)
    } else {
        Err(UntrustedServer::Iterations(iterations))
    }
}

fn number(body: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*body.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms {
        admission: Admission::Scram,
        binding: Binding::Prefer,
    };

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[kind][..], &length.to_be_bytes(), body].concat()
    }

    fn authentication(code: u32, body: &[u8]) -> Vec<u8> {
        message(b'R', &[&code.to_be_bytes(), body].concat())
    }

    fn sasl(mechanisms: &str) -> Vec<u8> {
        authentication(10, format!("{mechanisms}\0\0").as_bytes())
    }

    fn scram(iterations: &str) -> Vec<Vec<u8>> {
        vec![
            sasl("SCRAM-SHA-256-PLUS\0SCRAM-SHA-256"),
            authentication(11, format!("r=abc,s=c2FsdA==,i={iterations}").as_bytes()),
            authentication(12, b"v=c2ln"),
            authentication(0, b""),
            message(b'S', b"server_version\x0017.1\0"),
            message(b'K', &[0, 0, 2, 1, 9, 9, 9, 9]),
            message(b'Z', b"I"),
        ]
    }

    fn heard(terms: Terms, messages: &[Vec<u8>]) -> Result<(), UntrustedServer> {
        Backend::new(terms).hear(&messages.concat())
    }

    #[test]
    fn a_server_that_speaks_scram_is_heard() {
        let mut backend = Backend::new(TERMS);
        let heard = backend.heard();
        assert_eq!(backend.hear(&scram("4096").concat()), Ok(()));
        assert_eq!(
            (backend.stage, heard.pid(), heard.is_admitted()),
            (Stage::Session, 513, true)
        );
    }

    #[test]
    fn a_password_is_accepted_when_the_server_says_so_and_not_before() {
        for (messages, admitted) in [(0, false), (1, false), (2, false), (3, false), (4, true)] {
            let mut backend = Backend::new(TERMS);
            let refusal = message(b'E', b"SFATAL\0C53300\0\0");
            backend
                .hear(&[&scram("4096")[..messages].concat()[..], &refusal].concat())
                .unwrap();
            assert_eq!(
                backend.heard().is_admitted(),
                admitted,
                "after {messages} messages"
            );
        }
    }

    #[test]
    fn a_server_that_asks_for_anything_else_is_refused() {
        use UntrustedServer::{Asks, Iterations, Mechanisms, Protocol, Unasked, Unproven};
        let good = scram("4096");
        let after = |count: usize, next: Vec<u8>| [&good[..count], &[next]].concat();
        for (messages, refused) in [
            (vec![authentication(0, b"")], Unasked),
            (vec![authentication(3, b"")], Asks(Question::ClearText)),
            (vec![authentication(5, b"salt")], Asks(Question::Md5)),
            (vec![authentication(2, b"")], Asks(Question::Ticket)),
            (vec![authentication(7, b"")], Asks(Question::Ticket)),
            (vec![authentication(8, b"")], Asks(Question::Ticket)),
            (vec![authentication(9, b"")], Asks(Question::Ticket)),
            (vec![authentication(77, b"")], Asks(Question::Unknown(77))),
            (vec![sasl("SCRAM-SHA-1\0OAUTHBEARER")], Mechanisms),
            (vec![sasl("XSCRAM-SHA-256")], Mechanisms),
            (vec![authentication(10, b"")], Mechanisms),
            (vec![authentication(11, b"")], Protocol),
            (vec![message(b'R', b"\0\0")], Protocol),
            (vec![message(b'N', b"")], Protocol),
            (vec![message(b'Z', b"I")], Protocol),
            (vec![message(b'S', b"a\0b\0")], Protocol),
            (vec![b"HTTP/1.1 400".to_vec()], Protocol),
            (vec![vec![b'E', 0, 0, 0, 3]], Protocol),
            (after(1, authentication(0, b"")), Unproven),
            (after(1, authentication(3, b"")), Asks(Question::ClearText)),
            (after(1, authentication(12, b"v=c2ln")), Protocol),
            (after(2, authentication(0, b"")), Unproven),
            (after(2, authentication(5, b"salt")), Asks(Question::Md5)),
            (after(3, authentication(3, b"")), Asks(Question::ClearText)),
            (after(4, authentication(3, b"")), Protocol),
            (scram("1"), Iterations(1)),
            (scram("4095"), Iterations(4095)),
            (scram("100001"), Iterations(100_001)),
            (scram("4000000000"), Iterations(4_000_000_000)),
            (scram("99999999999999999999999"), Protocol),
            (scram("-1"), Protocol),
        ] {
            assert_eq!(heard(TERMS, &messages), Err(refused), "{messages:?}");
        }
    }

    #[test]
    fn only_through_a_socket_may_a_server_let_in_unasked() {
        let unasked = [authentication(0, b""), message(b'Z', b"I")];
        assert_eq!(
            heard(
                Terms {
                    admission: Admission::ScramOrUnasked,
                    ..TERMS
                },
                &unasked
            ),
            Ok(())
        );
        assert_eq!(heard(TERMS, &unasked), Err(UntrustedServer::Unasked));
    }

    #[test]
    fn a_channel_that_must_be_bound_is_bound() {
        let required = Terms {
            binding: Binding::Require,
            ..TERMS
        };
        assert_eq!(
            heard(required, &[sasl("SCRAM-SHA-256")]),
            Err(UntrustedServer::Unbound)
        );
        assert_eq!(heard(required, &[sasl("SCRAM-SHA-256-PLUS")]), Ok(()));
    }

    #[test]
    fn no_message_and_no_answer_takes_all_memory() {
        let header = |kind: u8, length: usize| {
            [&[kind][..], &u32::try_from(length).unwrap().to_be_bytes()].concat()
        };
        let long = |bytes, limit| Err(UntrustedServer::LongMessage { bytes, limit });
        for kind in [b'R', b'E'] {
            assert_eq!(
                heard(TERMS, &[header(kind, 2_000_000_000)]),
                long(2_000_000_000, LOGIN_MESSAGE)
            );
        }
        let in_session =
            |length| heard(TERMS, &[scram("4096"), vec![header(b'D', length)]].concat());
        assert_eq!(in_session(MESSAGE), Ok(()));
        assert_eq!(in_session(MESSAGE + 1), long(MESSAGE + 1, MESSAGE));
        let notices = vec![message(b'N', &[0; 20_000]); 20];
        let endless = [&scram("4096")[..4], &notices].concat();
        assert_eq!(
            heard(TERMS, &endless),
            Err(UntrustedServer::LongAnswer { limit: LOGIN })
        );
    }

    #[test]
    fn an_answer_is_counted_until_the_server_is_ready() {
        let mut backend = Backend::new(TERMS);
        backend.hear(&scram("4096").concat()).unwrap();
        let row = message(b'D', &vec![0; MESSAGE - 4]);
        for _ in 0..4 {
            assert_eq!(backend.hear(&row), Ok(()));
        }
        assert_eq!(
            backend.hear(&row),
            Err(UntrustedServer::LongAnswer { limit: ANSWER })
        );
        let mut backend = Backend::new(TERMS);
        backend.hear(&scram("4096").concat()).unwrap();
        for _ in 0..6 {
            assert_eq!(
                backend.hear(&[row.clone(), message(b'Z', b"I")].concat()),
                Ok(())
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_come(
            cuts in proptest::collection::vec(1usize..9, 0..60),
            last in 0u32..14,
            at in 0usize..5,
        ) {
            let bytes = [&scram("4096")[..at], &[authentication(last, b"x")]].concat().concat();
            let whole = Backend::new(TERMS).hear(&bytes);
            let mut backend = Backend::new(TERMS);
            let mut rest = &bytes[..];
            let mut in_parts = Ok(());
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (part, after) = rest.split_at(cut.min(rest.len()));
                in_parts = in_parts.and_then(|()| backend.hear(part));
                rest = after;
            }
            proptest::prop_assert_eq!(whole, in_parts);
        }

        #[test]
        fn nothing_that_is_no_login_is_taken_for_one(bytes in proptest::collection::vec(0u8.., 0..200)) {
            let mut backend = Backend::new(TERMS);
            let _ = backend.hear(&bytes);
            proptest::prop_assert!(backend.stage != Stage::Session);
            proptest::prop_assert!(backend.body.len() <= bytes.len());
        }
    }
}
