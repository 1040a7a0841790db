//! Connection strings, and behind the next `====` the lines of a password file. Whatever is wrong with them, nothing of
//! what was written stands in the error.
#![no_main]

use std::error::Error;
use std::fmt::Write as _;

use libfuzzer_sys::fuzz_target;
use rolewright::google::Endpoint;
use rolewright::postgres::Route;
use rolewright::postgres::fuzzing::{judge, keywords, password};

/// Stands in the seeds wherever a password can be.
const PASSWORD: &str = "hunter2";

fuzz_target!(|text: &str| {
    let mut parts = rolewright_fuzz::parts(text);
    let connection = parts.next().unwrap_or_default();
    match keywords(connection) {
        Err(error) => shows_nothing(&error, error.hint()),
        Ok(found) => {
            let pairs: Vec<_> = found
                .iter()
                .map(|(keyword, value)| format!("{keyword} = {}", quoted(value)))
                .collect();
            if found.keys().all(|keyword| {
                !keyword.contains(['=', '\\'])
                    && keyword.trim() == keyword
                    && !keyword.contains(char::is_whitespace)
                    && !keyword.is_empty()
            }) && !pairs.join(" ").contains("://")
            {
                assert!(
                    keywords(&pairs.join(" ")).is_ok_and(|again| again == found),
                    "{pairs:?}"
                );
            }
            assert_eq!(
                Route::has_password_in(connection).ok(),
                Some(found.contains_key("password"))
            );
            if let Err(error) = judge(&found) {
                shows_nothing(&error, error.hint());
            }
        }
    }
    if let Err(error) = connection.parse::<Endpoint>() {
        shows_nothing(&error, error.hint());
    }
    for file in parts {
        reads_back(connection, file);
    }
});

/// A line with the fields of `file` finds its password, whatever stands before it.
fn reads_back(secret: &str, file: &str) {
    let fields: Vec<_> = file.split('\n').take(4).collect();
    let Ok(wanted) = <[&str; 4]>::try_from(fields) else {
        return;
    };
    let _ = password(file, &wanted);
    if secret.is_empty()
        || wanted.iter().any(|field| field.contains('\r'))
        || secret.contains(['\n', '\r'])
        || wanted[0].starts_with('#')
    {
        return;
    }
    let line: Vec<_> = wanted
        .iter()
        .chain([&secret])
        .map(|field| escaped(field))
        .collect();
    let found = password(&line.join(":"), &wanted);
    assert!(
        found.is_some_and(|found| found.expose() == secret),
        "{line:?}"
    );
}

fn shows_nothing(error: &(dyn Error + 'static), hint: Option<String>) {
    let mut shown = format!("{error:?} {hint:?}");
    let mut next: Option<&dyn Error> = Some(error);
    while let Some(error) = next {
        let _ = write!(shown, " {error}");
        next = error.source();
    }
    assert!(!shown.contains(PASSWORD), "{shown}");
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn escaped(field: &str) -> String {
    field.replace('\\', "\\\\").replace(':', "\\:")
}
