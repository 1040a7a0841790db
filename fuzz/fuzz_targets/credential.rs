//! Payloads of secrets: login, password, host, database and format, a part each. What is written is what is read back;
//! a payload by somebody else, the last part, is read or refused.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use rolewright::model::{
    DatabaseName, Origin, Password, Payload, PayloadFormat, ProjectId, Replication, RoleName, SecretId, SecretName,
    SecretPolicy,
};
use rolewright::policy::fuzzing::is_template;

fuzz_target!(|text: &str| {
    let mut parts = rolewright_fuzz::parts(text);
    let mut part = || parts.next().unwrap_or_default();
    let (login, password, host, database, format, foreign) = (part(), part(), part(), part(), part(), part());
    let (Ok(login), Ok(database)) = (RoleName::new(login), DatabaseName::new(database)) else { return };
    let secret = secret(format, host, database);
    let payload = secret.payload(&login, &Password::from_text(password.into()));
    let read = secret.credential(&payload, std::slice::from_ref(&login));
    if is_declared(&secret) {
        let read = read.expect("what was written");
        assert!(read.password.expose() == password, "another password");
        assert!(read.user.is_none_or(|user| user == login.as_str()), "another login");
    }
    secret.credential(&Payload::new(foreign.into()), &[login]);
});

/// Whether a policy can declare it.
fn is_declared(secret: &SecretPolicy) -> bool {
    match &secret.payload {
        PayloadFormat::Template(template) => is_template(template),
        PayloadFormat::Password | PayloadFormat::Url | PayloadFormat::Json => true,
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
        name: SecretName { project: ProjectId::new("p").expect("a project"), id: SecretId::new("s").expect("an id") },
        payload,
        host: host.into(),
        port: 5432,
        database,
        readers: Vec::new(),
        replication: Replication::Automatic,
        keep: 2,
        labels: BTreeMap::new(),
        origin: Origin::default(),
    }
}
