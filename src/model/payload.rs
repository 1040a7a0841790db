//! What a secret version holds: written around a password, and read back for the login that proves it.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{Password, Payload, PayloadFormat, RoleName, SecretPolicy};

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A credential as a payload says it.
#[derive(Debug)]
pub struct Credential {
    /// The login, where the payload names one.
    pub user: Option<String>,
    /// Its password.
    pub password: Password,
}

impl SecretPolicy {
    /// The payload for `login` and its password.
    pub fn payload(&self, login: &RoleName, password: &Password) -> Payload {
        let text = match &self.payload {
            PayloadFormat::Password => Zeroizing::new(password.expose().to_owned()),
            PayloadFormat::Url => self.url(login, password),
            PayloadFormat::Json => self.json(login, password),
            PayloadFormat::Template(template) => self.fill(template, login.as_str(), password.expose()),
        };
        Payload::new(text.as_bytes().to_vec())
    }

    /// The credential in a payload, which may have been written by somebody else; `None` where it is not of the declared form.
    pub fn credential(&self, payload: &Payload, logins: &[RoleName]) -> Option<Credential> {
        let text = std::str::from_utf8(payload.expose()).ok()?;
        match &self.payload {
            PayloadFormat::Password => Some(credential(None, text)),
            PayloadFormat::Url => from_url(text),
            PayloadFormat::Json => from_json(text),
            PayloadFormat::Template(template) => {
                logins.iter().find_map(|login| self.parse_template(template, login.as_str(), text))
            }
        }
    }

    /// The credential of `login` in a payload that was written here, perhaps while another form was declared.
    pub fn credential_of(&self, payload: &Payload, login: &RoleName) -> Option<Credential> {
        let text = std::str::from_utf8(payload.expose()).ok()?;
        let names_it = |found: &Credential| found.user.as_deref() == Some(login.as_str());
        // First what says whose it is: everything may be a password.
        from_url(text)
            .or_else(|| from_json(text))
            .filter(names_it)
            .or_else(|| self.credential(payload, std::slice::from_ref(login)))
            .or_else(|| Password::is_generated(text).then(|| credential(None, text)))
    }

    fn url(&self, login: &RoleName, password: &Password) -> Zeroizing<String> {
        let (user, secret) = (encode(login.as_str()), Zeroizing::new(encode(password.expose())));
        let database = encode(self.database.as_str());
        // A socket directory cannot stand where a host does; libpq and most drivers read it from the query.
        let place = match &self.host {
            socket if socket.starts_with('/') => format!("/{database}?host={}", socket.replace(' ', "%20")),
            address if address.contains(':') => format!("[{address}]:{}/{database}", self.port),
            host => format!("{host}:{}/{database}", self.port),
        };
        concat(&["postgresql://", &user, ":", &secret, "@", &place])
    }

    fn json(&self, login: &RoleName, password: &Password) -> Zeroizing<String> {
        concat(&[
            r#"{"engine":"postgres","host":"#,
            &quoted(&self.host),
            r#","port":"#,
            &self.port.to_string(),
            r#","username":"#,
            &quoted(login.as_str()),
            r#","password":"#,
            &quoted(password.expose()),
            r#","dbname":"#,
            &quoted(self.database.as_str()),
            "}",
        ])
    }

    /// The template with its placeholders replaced; `{{` and `}}` are braces.
    fn fill(&self, template: &str, user: &str, password: &str) -> Zeroizing<String> {
        let port = self.port.to_string();
        let values = [
            ("{{", "{"),
            ("}}", "}"),
            ("{user}", user),
            ("{password}", password),
            ("{host}", &self.host),
            ("{port}", &port),
            ("{database}", self.database.as_str()),
        ];
        let (mut parts, mut rest) = (Vec::new(), template);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, tail) = rest.split_at(at);
            let known = values.iter().find(|(key, _)| tail.starts_with(key));
            let (length, value) = known.map_or((1, &tail[..1]), |(key, value)| (key.len(), *value));
            parts.extend([before, value]);
            rest = &tail[length..];
        }
        parts.push(rest);
        concat(&parts)
    }

    /// What stands where the password is to be, if everything around it is as the template says.
    fn parse_template(&self, template: &str, user: &str, text: &str) -> Option<Credential> {
        let without = self.fill(template, user, "");
        let mark = ('\u{1}'..).find(|mark| !without.contains(*mark))?;
        let marked = self.fill(template, user, mark.encode_utf8(&mut [0; 4]));
        let mut around = marked.split(mark);
        let (before, after) = (around.next()?, around.next()?);
        let rest = text.strip_prefix(before)?;
        let user = template.contains("{user}").then(|| user.to_owned());
        // A template may name the password twice, and the password may hold what stands between: the length decides.
        let ends = (0..=rest.len()).filter(|end| rest.is_char_boundary(*end) && rest[*end..].starts_with(after));
        let mut candidates = ends.map(|end| &rest[..end]);
        let fits = |password: &&str| *self.fill(template, user.as_deref().unwrap_or_default(), password) == *text;
        candidates.find(fits).map(|password| credential(user.clone(), password))
    }
}

/// One text, in a buffer that does not grow: growing would leave copies of it behind.
fn concat(parts: &[&str]) -> Zeroizing<String> {
    Zeroizing::new(parts.concat())
}

/// As a JSON string, in a buffer that is large enough however much has to be escaped.
fn quoted(text: &str) -> Zeroizing<String> {
    let mut json = Zeroizing::new(Vec::with_capacity(text.len() * 6 + 2));
    serde_json::to_writer(&mut *json, text).expect("a text can be written to memory");
    Zeroizing::new(String::from_utf8(std::mem::take(&mut *json)).expect("JSON is UTF-8"))
}

fn encode(text: &str) -> String {
    Cow::from(utf8_percent_encode(text, RESERVED)).into_owned()
}

fn credential(user: Option<String>, password: &str) -> Credential {
    Credential { user, password: Password::from_text(SecretString::from(password)) }
}

fn from_url(text: &str) -> Option<Credential> {
    let rest = text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"))?;
    let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    let (user, password) = authority.rsplit_once('@')?.0.split_once(':')?;
    let password = Zeroizing::new(percent_decode_str(password).decode_utf8().ok()?.into_owned());
    Some(credential(Some(percent_decode_str(user).decode_utf8().ok()?.into_owned()), &password))
}

#[derive(serde::Deserialize)]
struct Json<'a> {
    #[serde(borrow)]
    username: Cow<'a, str>,
    #[serde(borrow)]
    password: Cow<'a, str>,
}

fn from_json(text: &str) -> Option<Credential> {
    let found: Json<'_> = serde_json::from_str(text).ok()?;
    let credential = credential(Some(found.username.into_owned()), &found.password);
    if let Cow::Owned(password) = found.password {
        drop(Zeroizing::new(password));
    }
    Some(credential)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{DatabaseName, Origin, ProjectId, Replication, SecretId, SecretName};
    use super::*;

    fn policy(payload: PayloadFormat, host: &str) -> SecretPolicy {
        SecretPolicy {
            name: SecretName { project: ProjectId::new("p").unwrap(), id: SecretId::new("s").unwrap() },
            payload,
            host: host.into(),
            port: 5432,
            database: DatabaseName::new("my app").unwrap(),
            readers: Vec::new(),
            replication: Replication::Automatic,
            keep: 2,
            labels: BTreeMap::new(),
            origin: Origin::default(),
        }
    }

    fn written(payload: PayloadFormat, host: &str) -> String {
        let login = RoleName::new("app@p.iam").unwrap();
        let payload = policy(payload, host).payload(&login, &Password::from_text("p:a/s~s".into()));
        String::from_utf8(payload.expose().to_vec()).unwrap()
    }

    #[test]
    fn a_url_encodes_what_a_url_must() {
        let socket = written(PayloadFormat::Url, "/cloudsql/p:r:i");
        assert_eq!(socket, "postgresql://app%40p.iam:p%3Aa%2Fs~s@/my%20app?host=/cloudsql/p:r:i");
        assert_eq!(written(PayloadFormat::Url, "::1"), "postgresql://app%40p.iam:p%3Aa%2Fs~s@[::1]:5432/my%20app");
    }

    #[test]
    fn a_template_is_filled_and_braces_can_be_written() {
        let template = PayloadFormat::Template("{{{user}}}:{password}@{host}:{port}/{database}".into());
        assert_eq!(written(template, "h"), "{app@p.iam}:p:a/s~s@h:5432/my app");
    }

    #[test]
    fn every_format_reads_back_what_it_wrote() {
        let login = RoleName::new("app@p.iam").unwrap();
        let formats = [
            PayloadFormat::Password,
            PayloadFormat::Url,
            PayloadFormat::Json,
            PayloadFormat::Template("u={user} p={password} h={host}".into()),
            PayloadFormat::Template("{password}:{password}".into()),
            PayloadFormat::Template("\u{1}{password}\u{2}".into()),
        ];
        for format in formats {
            for host in ["/cloudsql/p:r:i", "db.example.com"] {
                let policy = policy(format.clone(), host);
                let payload = policy.payload(&login, &Password::from_text("a:b\"c@d".into()));
                let read = policy.credential(&payload, std::slice::from_ref(&login)).unwrap();
                assert_eq!(read.password.expose(), "a:b\"c@d", "{format:?}");
                assert_eq!(read.user.is_some(), format.carries_user(), "{format:?}");
            }
        }
    }

    #[test]
    fn what_was_written_in_another_form_is_read_all_the_same() {
        let login = RoleName::new("app").unwrap();
        let template = || PayloadFormat::Template("u={user} p={password}".into());
        let formats = || [PayloadFormat::Password, PayloadFormat::Url, PayloadFormat::Json, template()];
        let text = "aB3-".repeat(10);
        for written in formats() {
            let payload = policy(written.clone(), "old").payload(&login, &Password::from_text(text.clone().into()));
            for declared in formats().into_iter().filter(|_| written != template()) {
                let read = policy(declared.clone(), "new").credential_of(&payload, &login).unwrap();
                assert_eq!(read.password.expose(), text, "{written:?}, {declared:?}");
            }
        }
        let foreign = Payload::new(b"u=app p=x".to_vec());
        assert!(policy(PayloadFormat::Url, "h").credential_of(&foreign, &login).is_none());
    }

    #[test]
    fn a_payload_of_another_form_is_no_credential() {
        let login = RoleName::new("app").unwrap();
        let read = |format, text: &str| {
            policy(format, "h").credential(&Payload::new(text.into()), std::slice::from_ref(&login)).is_some()
        };
        assert!(!read(PayloadFormat::Url, "hunter2"));
        assert!(!read(PayloadFormat::Json, "hunter2"));
        assert!(!read(PayloadFormat::Template("u={user} p={password}".into()), "u=other p=x"));
        assert!(read(PayloadFormat::Password, "hunter2"));
    }
}
