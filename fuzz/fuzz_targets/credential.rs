//! Payloads of secrets: login, password, host, database and format, a part each. What is written is what is read back;
//! a payload by somebody else, the last part, is read or refused.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use rolewright::model::{
    DatabaseName, NoCredential, Origin, Password, Payload, PayloadFormat, ProjectId, RoleName,
    SecretId, SecretName, SecretPolicy,
};
use rolewright::policy::fuzzing::is_payload;

fuzz_target!(|text: &str| {
    let mut parts = rolewright_fuzz::parts(text);
    let mut part = || parts.next().unwrap_or_default();
    let (login, password, host, database, format, foreign) =
        (part(), part(), part(), part(), part(), part());
    let (Ok(login), Ok(database)) = (RoleName::new(login), DatabaseName::new(database)) else {
        return;
    };
    let secret = secret(format, host, database);
    let payload = secret.payload(&login, &Password::from_text(password.into()));
    let read = secret.credential(&payload, &[&login]);
    if is_declared(&secret) {
        #[cfg(feature = "live")]
        is_a_connection_string(&secret, &login, password, &payload);
        match read {
            Ok(read) => {
                assert!(read.password.expose() == password, "another password");
                assert!(
                    read.user.is_none_or(|user| user == login.as_str()),
                    "another login"
                );
            }
            // A password, or what is around it, that clients would read as the credential of another login.
            Err(NoCredential::OtherLogin) => {
                assert!(!Password::is_generated(password) || is_template(&secret))
            }
            Err(NoCredential::Form) => panic!("what was written"),
        }
    }
    let foreign = Payload::new(foreign.into());
    let declared = secret.credential(&foreign, &[&login]).ok();
    let written = secret.credential_of(&foreign, &login, None);
    for found in declared.into_iter().chain(written) {
        assert!(
            found.user.is_none_or(|user| user == login.as_str()),
            "the credential of another login"
        );
    }
});

fn is_template(secret: &SecretPolicy) -> bool {
    matches!(secret.payload, PayloadFormat::Template(_))
}

/// Whether a policy can declare it.
fn is_declared(secret: &SecretPolicy) -> bool {
    let template = match &secret.payload {
        PayloadFormat::Template(template) => Some(template.as_str()),
        PayloadFormat::Password | PayloadFormat::Url | PayloadFormat::Json => None,
    };
    is_payload(&secret.host, template)
}

/// libpq, and whoever reads as it does, finds in the URL what was put there.
#[cfg(feature = "live")]
fn is_a_connection_string(
    secret: &SecretPolicy,
    login: &RoleName,
    password: &str,
    payload: &Payload,
) {
    use rolewright::postgres::fuzzing::keywords;
    let text = std::str::from_utf8(payload.expose()).expect("text");
    if secret.payload == PayloadFormat::Url && !password.is_empty() && !password.contains('\0') {
        let found = keywords(text).expect("a connection string");
        let value = |keyword: &str| found.get(keyword).map(|value| value.as_str());
        assert!(value("user") == Some(login.as_str()) && value("password") == Some(password));
        assert!(
            value("host") == Some(&secret.host)
                && value("dbname") == Some(secret.database.as_str())
        );
    }
}

fn secret(format: &str, host: &str, database: DatabaseName) -> SecretPolicy {
    let payload = match format {
        "password" => PayloadFormat::Password,
        "url" => PayloadFormat::Url,
        "json" => PayloadFormat::Json,
        template => PayloadFormat::Template(template.into()),
    };
    SecretPolicy {
        name: SecretName {
            project: ProjectId::new("p").expect("a project"),
            id: SecretId::new("s").expect("an id"),
        },
        payload,
        host: host.into(),
        port: 5432,
        database,
        readers: Vec::new(),
        replication: None,
        keep: 2,
        labels: BTreeMap::new(),
        origin: Origin::default(),
    }
}
