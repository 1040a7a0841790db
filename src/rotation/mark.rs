//! How a stored payload is told again.

use crate::model::Payload;

/// How the payload of an attempt is told again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// A random word.
    pub id: String,
    /// What the payload is recognised by.
    pub sign: Sign,
}

/// What a payload is recognised by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sign {
    /// SHA-256 over the id and the payload: of a version before which there was none, and so no key. Whoever knows the payload
    /// can make it.
    Fingerprint(String),
    /// HMAC over the id and the payload with the payload in use as its key: only who can read that one can make it.
    Keyed {
        /// In hexadecimal.
        code: String,
        /// The server had taken the payload in use right before.
        proven: bool,
    },
    /// It holds the password of this version: one that was not generated can be guessed from a digest.
    CopyOf(i64),
}

/// What a keyed sign begins with, where the key had just logged in, and where not.
const KEYED: [(&str, bool); 2] = [("proven-", true), ("keyed-", false)];

impl Mark {
    /// That of the first version of a secret.
    pub fn first(id: String, payload: &Payload) -> Self {
        let sign = Sign::Fingerprint(payload.fingerprint(&id));
        Self { id, sign }
    }

    /// That of a payload which replaces the one in use, the `key`.
    pub fn keyed(id: String, payload: &Payload, key: &Payload, proven: bool) -> Self {
        let code = code(&id, payload, key, proven);
        Self {
            id,
            sign: Sign::Keyed { code, proven },
        }
    }

    /// That of a password which was not generated, and is stored in `version` already.
    pub fn copy(id: String, version: i64) -> Self {
        Self {
            id,
            sign: Sign::CopyOf(version),
        }
    }

    /// Whether it was made for this payload, with this key; `is_copy` compares it with a version.
    pub fn is_of(
        &self,
        payload: &Payload,
        key: Option<&Payload>,
        is_copy: impl Fn(i64) -> bool,
    ) -> bool {
        match &self.sign {
            // With a version in use there was a key.
            Sign::Fingerprint(fingerprint) => {
                key.is_none() && payload.fingerprint(&self.id) == *fingerprint
            }
            Sign::Keyed { code: made, proven } => {
                key.is_some_and(|key| code(&self.id, payload, key, *proven) == *made)
            }
            Sign::CopyOf(version) => is_copy(*version),
        }
    }

    /// The version whose password it has, where the payload is recognised by that.
    pub fn copy_of(&self) -> Option<i64> {
        match self.sign {
            Sign::Fingerprint(_) | Sign::Keyed { .. } => None,
            Sign::CopyOf(version) => Some(version),
        }
    }

    /// It was made with a key that the server had taken right before.
    pub fn is_proven(&self) -> bool {
        matches!(self.sign, Sign::Keyed { proven: true, .. })
    }

    /// Reads it off an annotation.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, text) = text.split_once(':')?;
        let keyed = KEYED
            .into_iter()
            .find_map(|(word, proven)| Some((text.strip_prefix(word)?, proven)));
        let sign = match (keyed, text.strip_prefix('=')) {
            (Some((code, proven)), _) => Sign::Keyed {
                code: code.to_owned(),
                proven,
            },
            (None, Some(version)) => Sign::CopyOf(version.parse().ok()?),
            (None, None) => Sign::Fingerprint(text.to_owned()),
        };
        Some(Self {
            id: id.to_owned(),
            sign,
        })
    }
}

fn code(id: &str, payload: &Payload, key: &Payload, proven: bool) -> String {
    key.authentication_code_of(&format!("rolewright attempt {id} {proven}"), payload)
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, sign } = self;
        match sign {
            Sign::Fingerprint(fingerprint) => write!(f, "{id}:{fingerprint}"),
            Sign::Keyed { code, proven } => {
                let word = if *proven { KEYED[0].0 } else { KEYED[1].0 };
                write!(f, "{id}:{word}{code}")
            }
            Sign::CopyOf(version) => write!(f, "{id}:={version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_of_one_payload_and_one_key() {
        let payload = |text: &str| Payload::new(text.into());
        let (one, other, key) = (payload("one"), payload("other"), payload("key"));
        let never = |_| false;
        for proven in [true, false] {
            let mark = Mark::keyed("x".into(), &one, &key, proven);
            assert_eq!(Mark::parse(&mark.to_string()), Some(mark.clone()));
            assert!(mark.is_of(&one, Some(&key), never));
            for (payload, key) in [
                (&other, Some(&key)),
                (&one, Some(&other)),
                (&one, Some(&one)),
                (&one, None),
            ] {
                assert!(!mark.is_of(payload, key, never));
            }
            // What says more than it was made for is not of it.
            let text = mark.to_string();
            let turned = if proven {
                text.replace("proven-", "keyed-")
            } else {
                text.replace("keyed-", "proven-")
            };
            assert!(!Mark::parse(&turned).unwrap().is_of(&one, Some(&key), never));
        }
        let first = Mark::first("x".into(), &one);
        assert!(first.is_of(&one, None, never) && !first.is_of(&one, Some(&key), never));
        assert!(Mark::copy("x".into(), 7).is_of(&one, Some(&key), |version| version == 7));
    }
}
