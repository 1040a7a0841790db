//! What a secret version holds: written around a password, and read back for the login that proves it.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{Login, Logins, Password, Payload, PayloadFormat, RoleName, SecretPolicy, Shape};

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A credential in a payload.
#[derive(Debug)]
pub struct Credential {
    /// The login, where the payload names one: one of those that were asked for.
    pub user: Option<String>,
    /// Its password.
    pub password: Password,
}

/// Why a payload is no credential of the logins that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoCredential {
    /// It does not have the declared form.
    #[error("it is not of the declared form")]
    Form,
    /// It names another login, in whatever form.
    #[error("it is for another login")]
    OtherLogin,
}

/// The login of a payload, as far as the payload contains it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// It names this login of the role.
    Of(Login),
    /// It names no login, and its password has the form of those that are generated here.
    Generated,
    /// It names no login, and its password is any text.
    Unknown,
    /// It names another login, or is no credential at all.
    Foreign,
}

impl SecretPolicy {
    /// The payload for `login` and its password.
    pub fn payload(&self, login: &RoleName, password: &Password) -> Payload {
        let text = match &self.payload {
            PayloadFormat::Password => Zeroizing::new(password.expose().to_owned()),
            PayloadFormat::Url => self.url(login, password),
            PayloadFormat::Json => self.json(login, password),
            PayloadFormat::Template(template) => {
                self.fill(template, login.as_str(), password.expose())
            }
        };
        Payload::new(text.as_bytes().to_vec())
    }

    /// The credential in a payload of the declared form, which may have been written by others.
    ///
    /// # Errors
    /// It is of another form, or names a login that is none of `logins`.
    pub fn credential<L: AsRef<RoleName>>(
        &self,
        payload: &Payload,
        logins: &[L],
    ) -> Result<Credential, NoCredential> {
        let text = std::str::from_utf8(payload.expose()).map_err(|_| NoCredential::Form)?;
        let is_one = |user: &str| logins.iter().any(|login| login.as_ref().as_str() == user);
        if !users_named(text).iter().all(|user| is_one(user)) {
            return Err(NoCredential::OtherLogin);
        }
        let found = match &self.payload {
            PayloadFormat::Password => Some(credential(None, text)),
            PayloadFormat::Url => from_url(text),
            PayloadFormat::Json => from_json(text),
            PayloadFormat::Template(template) => logins
                .iter()
                .find_map(|login| self.parse_template(template, login.as_ref().as_str(), text)),
        };
        let found = found.ok_or(NoCredential::Form)?;
        if found.user.as_deref().is_none_or(is_one) {
            Ok(found)
        } else {
            Err(NoCredential::OtherLogin)
        }
    }

    /// The credential of `login` in a payload that was written here, perhaps while another form was declared: the one that
    /// is noted as `before`, where there is one.
    pub fn credential_of(
        &self,
        payload: &Payload,
        login: &RoleName,
        before: Option<&Shape>,
    ) -> Option<Credential> {
        let text = std::str::from_utf8(payload.expose()).ok()?;
        if users_named(text).iter().any(|user| user != login.as_str()) {
            return None;
        }
        let names_it = |found: &Credential| found.user.as_deref() == Some(login.as_str());
        // First what names its login: any text may be a password.
        let by_name = from_url(text).or_else(|| from_json(text)).filter(names_it);
        let noted = || {
            before
                .and_then(|shape| shape.of(self).credential(payload, &[login]).ok())
                .filter(names_it)
        };
        by_name
            .or_else(noted)
            .or_else(|| self.credential(payload, &[login]).ok())
            .or_else(|| Password::is_generated(text).then(|| credential(None, text)))
    }

    /// Whose credential a payload is, of whatever form it was written in.
    pub fn identify(&self, payload: &Payload, logins: &Logins, before: Option<&Shape>) -> Identity {
        let mut identity = Identity::Foreign;
        for login in logins.every_login() {
            match self.credential_of(payload, login, before) {
                Some(Credential { user: Some(_), .. }) => return Identity::Of(login.clone()),
                Some(found) if found.password.is_random() => identity = Identity::Generated,
                Some(_) => identity = Identity::Unknown,
                None => {}
            }
        }
        identity
    }

    fn url(&self, login: &RoleName, password: &Password) -> Zeroizing<String> {
        let (user, secret) = (
            encode(login.as_str()),
            Zeroizing::new(encode(password.expose())),
        );
        let database = encode(self.database.as_str());
        // A socket directory cannot stand where a host does; libpq and most drivers read it from the query.
        let place = match &self.host {
            socket if socket.starts_with('/') => {
                format!("/{database}?host={}", socket.replace(' ', "%20"))
            }
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

    /// The text in the place of the password, if everything around it matches the template.
    fn parse_template(&self, template: &str, user: &str, text: &str) -> Option<Credential> {
        let without = self.fill(template, user, "");
        let mark = ('\u{1}'..).find(|mark| !without.contains(*mark))?;
        let marked = self.fill(template, user, mark.encode_utf8(&mut [0; 4]));
        let mut around = marked.split(mark);
        let (before, after) = (around.next()?, around.next()?);
        let rest = text.strip_prefix(before)?;
        let user = template.contains("{user}").then(|| user.to_owned());
        // A template may name the password twice, and the password may hold what stands between: the length decides.
        let ends = (0..=rest.len())
            .filter(|end| rest.is_char_boundary(*end) && rest[*end..].starts_with(after));
        let mut candidates = ends.map(|end| &rest[..end]);
        let fits = |password: &&str| {
            *self.fill(template, user.as_deref().unwrap_or_default(), password) == *text
        };
        candidates
            .find(fits)
            .map(|password| credential(user.clone(), password))
    }
}

impl Payload {
    /// Whether it is a URL whose password holds characters that a URL encodes: clients read it in different ways.
    pub fn has_unencoded_password(&self) -> bool {
        let Ok(text) = std::str::from_utf8(self.expose()) else {
            return false;
        };
        let rest = text
            .strip_prefix("postgresql://")
            .or_else(|| text.strip_prefix("postgres://"));
        let Some(rest) = rest else { return false };
        let before_query = rest
            .split('?')
            .next()
            .filter(|part| part.contains('@'))
            .unwrap_or(rest);
        let password = before_query
            .rsplit_once('@')
            .and_then(|(user, _)| user.split_once(':'));
        password.is_some_and(|(_, password)| password.contains(['@', '/', '?', '#']))
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
    Credential {
        user,
        password: Password::from_text(SecretString::from(password)),
    }
}

fn from_url(text: &str) -> Option<Credential> {
    let rest = text
        .strip_prefix("postgresql://")
        .or_else(|| text.strip_prefix("postgres://"))?;
    let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    let (user, password) = authority.rsplit_once('@')?.0.split_once(':')?;
    let password = Zeroizing::new(
        percent_decode_str(password)
            .decode_utf8()
            .ok()?
            .into_owned(),
    );
    Some(credential(
        Some(percent_decode_str(user).decode_utf8().ok()?.into_owned()),
        &password,
    ))
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

/// Every login that a payload names in one of the forms that clients read: a URL, in its authority or its query; a JSON
/// object; keywords and values.
fn users_named(text: &str) -> Vec<String> {
    let text = text.trim();
    match text
        .strip_prefix("postgresql://")
        .or_else(|| text.strip_prefix("postgres://"))
    {
        Some(rest) => users_in_url(rest),
        None if text.starts_with('{') => users_in_json(text),
        None => users_in_keywords(text),
    }
}

fn users_in_url(rest: &str) -> Vec<String> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = place.split('/').next().unwrap_or_default();
    let by_authority = authority
        .rsplit_once('@')
        .map(|(user, _)| user.split(':').next().unwrap_or_default());
    let by_query = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| *key == "user");
    let users = by_authority
        .into_iter()
        .chain(by_query.map(|(_, user)| user));
    users
        .map(|user| percent_decode_str(user).decode_utf8_lossy().into_owned())
        .filter(|user| !user.is_empty())
        .collect()
}

fn users_in_json(text: &str) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        username: Option<Cow<'a, str>>,
        #[serde(borrow)]
        user: Option<Cow<'a, str>>,
    }
    let named: Option<Named<'_>> = serde_json::from_str(text).ok();
    named
        .into_iter()
        .flat_map(|named| [named.username, named.user])
        .flatten()
        .map(Cow::into_owned)
        .collect()
}

/// `user=NAME` or `user='NAME'` among other words.
fn users_in_keywords(text: &str) -> Vec<String> {
    let is_keywords =
        text.split_whitespace().all(|word| word.contains('=')) && text.contains("password");
    let values = text
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("user="));
    values
        .filter(|_| is_keywords)
        .map(|user| user.trim_matches('\'').to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{DatabaseName, Origin, ProjectId, SecretId, SecretName};
    use super::*;

    fn policy(payload: PayloadFormat, host: &str) -> SecretPolicy {
        SecretPolicy {
            name: SecretName {
                project: ProjectId::new("p").unwrap(),
                id: SecretId::new("s").unwrap(),
            },
            payload,
            host: host.into(),
            port: 5432,
            database: DatabaseName::new("my app").unwrap(),
            readers: Vec::new(),
            replication: None,
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
        assert_eq!(
            socket,
            "postgresql://app%40p.iam:p%3Aa%2Fs~s@/my%20app?host=/cloudsql/p:r:i"
        );
        assert_eq!(
            written(PayloadFormat::Url, "::1"),
            "postgresql://app%40p.iam:p%3Aa%2Fs~s@[::1]:5432/my%20app"
        );
    }

    #[test]
    fn a_template_is_filled_and_braces_can_be_written() {
        let template =
            PayloadFormat::Template("{{{user}}}:{password}@{host}:{port}/{database}".into());
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
                let read = policy.credential(&payload, &[&login]).unwrap();
                assert_eq!(read.password.expose(), "a:b\"c@d", "{format:?}");
                assert_eq!(read.user.is_some(), format.carries_user(), "{format:?}");
            }
        }
    }

    #[test]
    fn what_was_written_in_another_form_is_read_all_the_same() {
        let login = RoleName::new("app").unwrap();
        let template = || PayloadFormat::Template("u={user} p={password}".into());
        let formats = || {
            [
                PayloadFormat::Password,
                PayloadFormat::Url,
                PayloadFormat::Json,
                template(),
            ]
        };
        let text = "aB3-".repeat(10);
        for written in formats() {
            let payload = policy(written.clone(), "old")
                .payload(&login, &Password::from_text(text.clone().into()));
            for declared in formats().into_iter().filter(|_| written != template()) {
                let read = policy(declared.clone(), "new")
                    .credential_of(&payload, &login, None)
                    .unwrap();
                assert_eq!(read.password.expose(), text, "{written:?}, {declared:?}");
            }
        }
        let foreign = Payload::new(b"u=app p=x".to_vec());
        assert!(
            policy(PayloadFormat::Url, "h")
                .credential_of(&foreign, &login, None)
                .is_none()
        );
    }

    /// A credential of another login, in every form that a client reads or that a policy can declare.
    #[test]
    fn a_payload_that_names_another_login_is_nobody_elses_credential() {
        let template = || PayloadFormat::Template("user={user} password={password}".into());
        let formats = || {
            [
                PayloadFormat::Password,
                PayloadFormat::Url,
                PayloadFormat::Json,
                template(),
            ]
        };
        let login = |name| RoleName::new(name).unwrap();
        let random = "aB3-".repeat(10);
        for (own, other) in [
            ("app", "csadmin"),
            ("app", "App"),
            ("app", "app_a"),
            ("app_a", "app_b"),
            ("app_a", "app"),
        ] {
            let foreign = formats().map(|format| {
                let payload = policy(format.clone(), "h")
                    .payload(&login(other), &Password::from_text(random.clone().into()));
                (
                    format.carries_user(),
                    String::from_utf8(payload.expose().to_vec()).unwrap(),
                )
            });
            let by_hand = [
                format!("postgres://{other}:x@h/db"),
                format!(" postgresql://{other}:x@h/db\n"),
                format!("postgresql:///db?user={other}&password=x"),
                format!("postgresql://{own}:x@h/db?user={other}"),
                format!(r#"{{"user":"{other}","password":"x"}}"#),
                format!(r#"{{"username":"{own}","user":"{other}","password":"x"}}"#),
                format!("host=h user='{other}' password=x"),
            ];
            let named = foreign
                .into_iter()
                .filter(|(named, _)| *named)
                .map(|(_, text)| text)
                .chain(by_hand);
            for text in named {
                for declared in formats() {
                    let policy = policy(declared.clone(), "h");
                    let payload = Payload::new(text.clone().into());
                    assert!(
                        policy.credential(&payload, &[login(own)]).is_err(),
                        "{declared:?}: {text}"
                    );
                    assert!(
                        policy.credential_of(&payload, &login(own), None).is_none(),
                        "{declared:?}: {text}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_password_that_a_url_does_not_encode_is_noticed() {
        for (url, expected) in [
            ("postgresql://app:p@ss/w#1@127.0.0.1:5432/shop", true),
            ("postgresql://app:a@b@h/db", true),
            ("postgres://app:a/b@h:5432/db", true),
            ("postgresql://app:a?b@h/db", true),
            ("postgresql://app:a#b@/db?host=/cloudsql/p:r:i", true),
            ("postgresql://app:a%40b%2F%3F%23@h/db", false),
            ("postgresql://app:plain@/db?host=/cloudsql/p:r:i", false),
            ("postgresql://app:plain@h/db?options=a@b", false),
            ("postgresql://app@h/db", false),
            ("p@ss/w#1", false),
        ] {
            assert_eq!(
                Payload::new(url.into()).has_unencoded_password(),
                expected,
                "{url}"
            );
        }
    }

    #[test]
    fn a_payload_of_another_form_is_no_credential() {
        let login = RoleName::new("app").unwrap();
        let read = |format, text: &str| {
            policy(format, "h")
                .credential(&Payload::new(text.into()), &[&login])
                .is_ok()
        };
        assert!(!read(PayloadFormat::Url, "hunter2"));
        assert!(!read(PayloadFormat::Json, "hunter2"));
        assert!(!read(
            PayloadFormat::Template("u={user} p={password}".into()),
            "u=other p=x"
        ));
        assert!(read(PayloadFormat::Password, "hunter2"));
    }
}
