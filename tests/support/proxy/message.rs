//! Messages of PostgreSQL's protocol, as far as a proxy must know them.
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

use std::collections::HashMap;
use std::io::{self, Read};

/// The protocol "versions" with which a client asks for TLS or GSS encryption instead of logging in.
const ENCRYPTION_REQUESTS: [u32; 2] = [80_877_103, 80_877_104];

/// A message with its type; the first one of a client has none.
pub struct Message {
    pub kind: u8,
    pub bytes: Vec<u8>,
}

impl Message {
    /// The next message; an error where the other side is gone.
    pub fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut head = [0; 5];
        from.read_exact(&mut head)?;
        Self::read_rest(head[0], head.to_vec(), 1, from)
    }

    /// The first message of a client.
    pub fn read_first(from: &mut impl Read) -> io::Result<Self> {
        let mut head = [0; 4];
        from.read_exact(&mut head)?;
        Self::read_rest(0, head.to_vec(), 0, from)
    }

    /// The length counts itself, and not the type.
    fn read_rest(
        kind: u8,
        mut bytes: Vec<u8>,
        at: usize,
        from: &mut impl Read,
    ) -> io::Result<Self> {
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
        bytes.resize(at + length, 0);
        from.read_exact(&mut bytes[at + 4..])?;
        Ok(Self { kind, bytes })
    }

    /// Whether a client wants encryption before it logs in.
    pub fn asks_for_encryption(&self) -> bool {
        self.kind == 0
            && ENCRYPTION_REQUESTS.contains(&u32::from_be_bytes(
                self.bytes[4..8].try_into().expect("a version"),
            ))
    }

    /// The texts of a message, each ended by a zero byte.
    fn texts(&self) -> impl Iterator<Item = String> {
        let body = if self.kind == 0 {
            &self.bytes[8..]
        } else {
            &self.bytes[5..]
        };
        body.split(|byte| *byte == 0)
            .map(|text| String::from_utf8_lossy(text).into_owned())
    }

    /// Of the first message of a client: who logs in where.
    pub fn login(&self) -> String {
        let parameters: Vec<_> = self.texts().collect();
        let of = |key: &str| {
            parameters
                .chunks(2)
                .find(|pair| pair[0] == key)
                .map_or("", |pair| &pair[1])
        };
        format!("{}@{}", of("user"), of("database"))
    }

    /// The first message of a client without one of its parameters.
    pub fn without(&self, parameter: &str) -> Self {
        let parameters: Vec<_> = self.texts().collect();
        let kept = parameters
            .chunks_exact(2)
            .filter(|pair| pair[0] != parameter && !pair[0].is_empty());
        let kept: String = kept
            .flat_map(|pair| [&pair[0], "\0", &pair[1], "\0"])
            .collect();
        let length = u32::try_from(4 + 4 + kept.len() + 1).expect("a short message");
        Self {
            kind: 0,
            bytes: [
                &length.to_be_bytes()[..],
                &self.bytes[4..8],
                kept.as_bytes(),
                b"\0",
            ]
            .concat(),
        }
    }
}

/// What a client has prepared so far.
#[derive(Default)]
pub struct Prepared {
    statements: HashMap<String, String>,
    portals: HashMap<String, String>,
}

impl Prepared {
    /// The statement that `message` has carried out, as the server logs it; `None` where it only prepares.
    pub fn carried_out(&mut self, message: &Message) -> Option<String> {
        let mut texts = message.texts();
        let mut next = || texts.next().unwrap_or_default();
        match message.kind {
            b'Q' => return Some(next()),
            b'P' => {
                let name = next();
                self.statements.insert(name, next());
            }
            b'B' => {
                let (portal, statement) = (next(), next());
                self.portals.insert(
                    portal,
                    self.statements.get(&statement).cloned().unwrap_or_default(),
                );
            }
            b'E' => return self.portals.get(&next()).cloned(),
            _ => {}
        }
        None
    }
}
