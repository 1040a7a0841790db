//! The form of a payload: everything about it but login and password. It stands beside the secret, so that a changed `payload:`
//! is noticed without reading one.

use serde::{Deserialize, Serialize};

use super::{DatabaseName, Password, Payload, PayloadFormat, RoleName, SecretPolicy};

/// A template longer than this is not kept: the annotations of a secret have 16 KiB in all.
/// <https://cloud.google.com/secret-manager/quotas>
const LONGEST: usize = 2_000;

/// How a payload was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    format: Format,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    host: String,
    port: u16,
    database: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Password,
    Url,
    Json,
    Template,
}

impl Shape {
    /// The form that `policy` declares; `None` where it is too long to be kept.
    pub fn declared(policy: &SecretPolicy) -> Option<Self> {
        let (format, template) = match &policy.payload {
            PayloadFormat::Password => (Format::Password, None),
            PayloadFormat::Url => (Format::Url, None),
            PayloadFormat::Json => (Format::Json, None),
            PayloadFormat::Template(text) => (Format::Template, Some(text.clone())),
        };
        let (host, port, database) = (
            policy.host.clone(),
            policy.port,
            policy.database.to_string(),
        );
        let short = template.as_ref().is_none_or(|text| text.len() <= LONGEST);
        short.then_some(Self {
            format,
            template,
            host,
            port,
            database,
        })
    }

    /// Reads it off an annotation.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The form of `payload`: the one that is declared, or the one it had `before`. `None`: neither, or unknown.
    pub fn find(
        payload: &Payload,
        policy: &SecretPolicy,
        before: Option<Self>,
        login: &RoleName,
    ) -> Option<Self> {
        let mut known: Vec<_> = Self::declared(policy).into_iter().chain(before).collect();
        // Everything may be a password.
        known.sort_by_key(|shape| shape.format == Format::Password);
        known.into_iter().find(|shape| {
            let policy = shape.of(policy);
            let found = policy.credential(payload, &[login]);
            found.is_ok_and(|found| {
                policy.payload(login, &found.password).expose() == payload.expose()
            })
        })
    }

    /// Whether payloads of the form that `policy` declares look the same.
    pub fn is_declared(&self, policy: &SecretPolicy) -> bool {
        // Not every form contains the address of the server: only what is written counts.
        let (Ok(login), password) = (
            RoleName::new("user"),
            Password::from_text("password".into()),
        ) else {
            return false;
        };
        self.of(policy).payload(&login, &password).expose()
            == policy.payload(&login, &password).expose()
    }

    /// The same secret as it was declared when a payload of this form was written.
    pub fn of(&self, policy: &SecretPolicy) -> SecretPolicy {
        let payload = match self.format {
            Format::Password => PayloadFormat::Password,
            Format::Url => PayloadFormat::Url,
            Format::Json => PayloadFormat::Json,
            Format::Template => PayloadFormat::Template(self.template.clone().unwrap_or_default()),
        };
        let database =
            DatabaseName::new(&self.database).unwrap_or_else(|_| policy.database.clone());
        let (host, port) = (self.host.clone(), self.port);
        SecretPolicy {
            payload,
            host,
            port,
            database,
            ..policy.clone()
        }
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self).expect("a form can be written as JSON"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Origin, ProjectId, SecretId, SecretName};

    fn policy(payload: PayloadFormat, host: &str) -> SecretPolicy {
        SecretPolicy {
            name: SecretName {
                project: ProjectId::new("p").unwrap(),
                id: SecretId::new("s").unwrap(),
            },
            payload,
            host: host.into(),
            port: 5432,
            database: DatabaseName::new("shop").unwrap(),
            readers: Vec::new(),
            replication: None,
            keep: 2,
            labels: Default::default(),
            origin: Origin::default(),
        }
    }

    fn formats() -> [PayloadFormat; 4] {
        let template = PayloadFormat::Template("{user} \"{password}\"\n@{host}".into());
        [
            PayloadFormat::Password,
            PayloadFormat::Url,
            PayloadFormat::Json,
            template,
        ]
    }

    #[test]
    fn a_form_is_told_from_every_other() {
        for (one, format) in formats().into_iter().enumerate() {
            let shape = Shape::declared(&policy(format, "h")).unwrap();
            let read = Shape::parse(&shape.to_string()).unwrap();
            assert_eq!(read, shape);
            for (other, format) in formats().into_iter().enumerate() {
                assert_eq!(
                    read.is_declared(&policy(format, "h")),
                    one == other,
                    "{shape}"
                );
            }
        }
    }

    #[test]
    fn only_what_is_written_counts() {
        let of = |format, host| Shape::declared(&policy(format, host)).unwrap();
        assert!(
            of(PayloadFormat::Password, "a").is_declared(&policy(PayloadFormat::Password, "b"))
        );
        assert!(!of(PayloadFormat::Url, "a").is_declared(&policy(PayloadFormat::Url, "b")));
    }

    #[test]
    fn the_form_of_a_payload_is_found_where_it_was_written_here() {
        let login = RoleName::new("app").unwrap();
        let password = || Password::from_text("p:/w".into());
        for old in formats().map(|format| policy(format, "old")) {
            let payload = old.payload(&login, &password());
            for new in formats().map(|format| policy(format, "new")) {
                let found = Shape::find(&payload, &new, Shape::declared(&old), &login).unwrap();
                assert_eq!(
                    found.format,
                    Shape::declared(&old).unwrap().format,
                    "{:?}",
                    new.payload
                );
            }
        }
        let foreign = Payload::new(b"postgresql://app:x@old:5432/shop?sslmode=require".to_vec());
        assert_eq!(
            Shape::find(&foreign, &policy(PayloadFormat::Url, "old"), None, &login),
            None
        );
    }
}
