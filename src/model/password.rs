//! Credentials that cannot be shown: generated, wiped when dropped, never printed, cloned or compared.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::{CryptoRng, RngExt as _};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use zeroize::Zeroizing;

/// Characters in a generated password.
const LENGTH: usize = 40;

/// The classes every password has a member of: whatever complexity Cloud SQL's password policy asks for, without a
/// character that a URL, a shell or a `.pgpass` line would want escaped.
/// <https://cloud.google.com/sql/docs/postgres/built-in-authentication#instance_password_policies>
const CLASSES: [&[u8]; 4] = [
    b"abcdefghijklmnopqrstuvwxyz",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    b"0123456789",
    b"-_.~",
];

/// The clear text of a password.
pub struct Password(SecretString);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Password {
    /// A new password of 40 characters, all four classes, over 230 bits.
    pub fn generate(random: &mut impl CryptoRng) -> Self {
        let alphabet = CLASSES.concat();
        let mut text = Zeroizing::new(String::with_capacity(LENGTH));
        loop {
            text.clear();
            text.extend(
                (0..LENGTH).map(|_| char::from(alphabet[random.random_range(0..alphabet.len())])),
            );
            // Drawn again until every class is there: no position is more likely than another to hold one.
            if CLASSES
                .iter()
                .all(|class| text.bytes().any(|byte| class.contains(&byte)))
            {
                return Self(SecretString::from(text.as_str()));
            }
        }
    }

    /// A password that came out of a stored payload or from the environment.
    pub fn from_text(text: SecretString) -> Self {
        Self(text)
    }

    /// Whether a text could have come out of [`Self::generate`].
    pub fn is_generated(text: &str) -> bool {
        text.len() == LENGTH
            && text
                .bytes()
                .all(|byte| CLASSES.iter().any(|class| class.contains(&byte)))
    }

    /// Whether it has the form of a generated one. Others may be guessed, so that no digest of them may be written anywhere.
    pub fn is_random(&self) -> bool {
        Self::is_generated(self.expose())
    }

    /// Whether both are one text. Only for two that are stored: it may take longer the more of them is the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }

    /// The clear text, for a payload or a login; nowhere else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The verifier that the server keeps instead of the password.
    pub fn verifier(&self) -> Verifier {
        Verifier(postgres_protocol::password::scram_sha_256(self.expose().as_bytes()).into())
    }
}

/// What a secret version holds: a password, or a text around one.
pub struct Payload(SecretSlice<u8>);

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Payload(…)")
    }
}

impl Payload {
    /// Takes over the bytes of a payload.
    pub fn new(bytes: Vec<u8>) -> Self {
        if bytes.len() == bytes.capacity() {
            return Self(bytes.into());
        }
        // Shrinking a buffer would leave what it moves away from unwiped.
        let bytes = Zeroizing::new(bytes);
        Self(Box::<[u8]>::from(&bytes[..]).into())
    }

    /// The bytes, for Secret Manager or for a login; nowhere else.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// SHA-256 of `id` and the payload, in hexadecimal. Only where the payload holds a random password ([`Password::is_random`])
    /// may the digest be in an annotation; it later identifies the version.
    pub fn fingerprint(&self, id: &str) -> String {
        use sha2::Digest as _;
        let digest = sha2::Sha256::new()
            .chain_update(id.as_bytes())
            .chain_update([0])
            .chain_update(self.expose())
            .finalize();
        hexadecimal(&digest)
    }

    /// HMAC-SHA-256 of `text` with the payload as its key, in hexadecimal: only who can read the payload can make it. As with
    /// the fingerprint, only where the password is random.
    pub fn authentication_code(&self, text: &str) -> String {
        self.code([text.as_bytes()])
    }

    /// The same of `text` and another payload. One of the two passwords has to be random: it keeps the other one from being
    /// guessed.
    pub fn authentication_code_of(&self, text: &str, other: &Self) -> String {
        self.code([text.as_bytes(), b"\0", other.expose()])
    }

    fn code<const N: usize>(&self, parts: [&[u8]; N]) -> String {
        use hmac::{KeyInit as _, Mac as _};
        let mut mac =
            hmac::Hmac::<sha2::Sha256>::new_from_slice(self.expose()).expect("a key of any length");
        parts.iter().for_each(|part| mac.update(part));
        hexadecimal(&mac.finalize().into_bytes())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A SCRAM-SHA-256 verifier: what `ALTER ROLE … PASSWORD` gets, so that no clear text is ever in a statement.
/// <https://www.postgresql.org/docs/current/catalog-pg-authid.html>
pub struct Verifier(SecretString);

/// A text that the server would not take for a verifier and would silently hash as a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the computed SCRAM verifier is malformed")]
pub struct VerifierError;

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(…)")
    }
}

impl Verifier {
    /// The text to send, `SCRAM-SHA-256$iterations:salt$stored:server`, its form checked: PostgreSQL hashes a malformed
    /// one as if it were a password.
    ///
    /// # Errors
    /// Not of that form.
    pub fn checked(&self) -> Result<&str, VerifierError> {
        let text = self.0.expose_secret();
        if well_formed(text) {
            Ok(text)
        } else {
            Err(VerifierError)
        }
    }
}

fn well_formed(text: &str) -> bool {
    let is_key =
        |part: &str, bytes: usize| STANDARD.decode(part).is_ok_and(|key| key.len() == bytes);
    let parts = text
        .strip_prefix("SCRAM-SHA-256$")
        .and_then(|rest| rest.split_once('$'));
    let Some((iterations, salt, stored, server)) = parts.and_then(|(cost, keys)| {
        let (iterations, salt) = cost.split_once(':')?;
        let (stored, server) = keys.split_once(':')?;
        Some((iterations, salt, stored, server))
    }) else {
        return false;
    };
    iterations.parse::<u32>().is_ok_and(|n| n > 0)
        && STANDARD.decode(salt).is_ok_and(|salt| !salt.is_empty())
        && is_key(stored, 32)
        && is_key(server, 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn every_password_has_every_class_and_is_url_safe() {
        let mut random = rand::rngs::StdRng::seed_from_u64(7);
        for _ in 0..500 {
            let password = Password::generate(&mut random);
            let text = password.expose();
            assert_eq!(text.len(), LENGTH);
            assert!(
                CLASSES
                    .iter()
                    .all(|class| text.bytes().any(|byte| class.contains(&byte)))
            );
            assert!(
                text.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
            );
        }
    }

    #[test]
    fn a_computed_verifier_has_the_servers_form() {
        let password = Password::from_text("pencil".into());
        assert!(password.verifier().checked().is_ok());
    }

    #[test]
    fn a_malformed_verifier_is_not_sent() {
        let good = Password::from_text("pencil".into()).verifier();
        let good = good.checked().unwrap();
        for wrong in [
            "pencil".to_owned(),
            good.replace("SCRAM-SHA-256$", "md5"),
            good.replace("$4096:", "$0:"),
            good[..good.len() - 1].to_owned(),
            good.replacen(':', "", 1),
        ] {
            assert_eq!(Verifier(wrong.into()).checked(), Err(VerifierError));
        }
    }

    #[test]
    fn nothing_of_a_secret_is_shown() {
        let password = Password::from_text("hunter2".into());
        let payload = Payload::new(b"hunter2".to_vec());
        assert!(!format!("{password:?}{payload:?}{:?}", password.verifier()).contains("hunter2"));
    }

    #[test]
    fn a_fingerprint_depends_on_id_and_payload() {
        let fingerprint = |id, payload: &str| Payload::new(payload.into()).fingerprint(id);
        assert_eq!(fingerprint("a", "p"), fingerprint("a", "p"));
        assert_ne!(fingerprint("a", "p"), fingerprint("b", "p"));
        assert_ne!(fingerprint("a", "bp"), fingerprint("ab", "p"));
    }
}
