//! Connection strings: `postgres://…` and `key=value`, taken apart and not yet judged.
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>
//!
//! No error here quotes the text: a misplaced password could be in any part of it.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::route_error::RouteError;

/// Keywords with their values.
pub type Keywords = BTreeMap<String, Zeroizing<String>>;

/// Takes a connection string apart.
///
/// # Errors
/// Neither form.
pub fn parse(text: &str) -> Result<Keywords, RouteError> {
    match text
        .strip_prefix("postgres://")
        .or_else(|| text.strip_prefix("postgresql://"))
    {
        Some(rest) => parse_url(rest),
        None if has_scheme(text) => Err(RouteError::Syntax(
            "the scheme is neither `postgres` nor `postgresql`",
        )),
        None => parse_pairs(text),
    }
}

fn parse_url(rest: &str) -> Result<Keywords, RouteError> {
    let mut found = Keywords::new();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (credentials, server) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let (host, port) = split_port(server)?;
    for (keyword, value) in [
        ("user", user),
        ("password", password),
        ("host", host),
        ("port", port),
        ("dbname", database),
    ] {
        put(&mut found, keyword, value)?;
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (keyword, value) = pair.split_once('=').ok_or(RouteError::Syntax(
            "a parameter behind `?` has no `=` and value",
        ))?;
        put(&mut found, &decode(keyword)?, value)?;
    }
    Ok(found)
}

/// A value of the other form may hold `://` as well.
fn has_scheme(text: &str) -> bool {
    let is_scheme = |before: &str| {
        before
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    text.split_once("://")
        .is_some_and(|(before, _)| is_scheme(before))
}

fn put(found: &mut Keywords, keyword: &str, value: &str) -> Result<(), RouteError> {
    if !value.is_empty() {
        found.insert(keyword.to_owned(), decode(value)?);
    }
    Ok(())
}

/// `host:port`, `[::1]:port`; a socket directory has its slashes percent-encoded and may have colons in it.
fn split_port(server: &str) -> Result<(&str, &str), RouteError> {
    if let Some(rest) = server.strip_prefix('[') {
        let (host, rest) = rest
            .split_once(']')
            .ok_or(RouteError::Syntax("`[` without `]`"))?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, port)),
            None if rest.is_empty() => Ok((host, "")),
            None => Err(RouteError::Syntax("only `:port` can follow `]`")),
        };
    }
    Ok(server.split_once(':').unwrap_or((server, "")))
}

fn decode(text: &str) -> Result<Zeroizing<String>, RouteError> {
    let broken = text
        .split('%')
        .skip(1)
        .any(|rest| rest.len() < 2 || !rest.bytes().take(2).all(|b| b.is_ascii_hexdigit()));
    if broken {
        return Err(RouteError::Syntax(
            "a `%` is not followed by two hexadecimal digits; `%` itself is `%25`",
        ));
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) if !decoded.contains('\0') => Ok(Zeroizing::new(decoded.into_owned())),
        _ => Err(RouteError::Syntax(
            "a percent-encoded part is not UTF-8, or has a NUL byte",
        )),
    }
}

/// `keyword = value`, values bare or in single quotes; in both a backslash escapes.
fn parse_pairs(text: &str) -> Result<Keywords, RouteError> {
    let mut found = Keywords::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (keyword, after) = rest.split_once('=').ok_or(RouteError::Syntax(
            "a keyword is not followed by `=` and its value",
        ))?;
        let keyword = keyword.trim_end();
        if keyword.is_empty() || keyword.contains(char::is_whitespace) {
            return Err(RouteError::Syntax(
                "a keyword is not followed by `=` and its value",
            ));
        }
        let (value, after) = take_value(after.trim_start())?;
        if !value.is_empty() {
            found.insert(keyword.to_owned(), value);
        }
        rest = after.trim_start();
    }
    Ok(found)
}

fn take_value(text: &str) -> Result<(Zeroizing<String>, &str), RouteError> {
    let mut value = Zeroizing::new(String::with_capacity(text.len()));
    let quoted = text.starts_with('\'');
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            _ if !quoted && character.is_whitespace() => return Ok((value, &text[at..])),
            _ => value.push(character),
        }
    }
    if quoted {
        Err(RouteError::Syntax("a quoted value has no end"))
    } else {
        Ok((value, ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match parse(text) {
            Ok(found) => found
                .iter()
                .map(|(k, v)| format!("{k}={}", v.as_str()))
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn a_url_is_taken_apart() {
        assert_eq!(
            shown(
                "postgres://u%40x:p%3Aw@db.example.com:6543/my%20db?sslmode=verify-ca&sslrootcert=%2Fca.pem"
            ),
            "dbname=my db host=db.example.com password=p:w port=6543 sslmode=verify-ca sslrootcert=/ca.pem user=u@x"
        );
        assert_eq!(shown("postgresql://[::1]:5433"), "host=::1 port=5433");
        assert_eq!(shown("postgresql://"), "");
    }

    #[test]
    fn only_a_url_has_a_scheme() {
        assert_eq!(shown("host=h password='://'"), "host=h password=://");
        assert_eq!(
            shown("password=http://x user=u"),
            "password=http://x user=u"
        );
        assert!(shown("mysql://u@h").starts_with("error: "));
    }

    #[test]
    fn a_socket_stands_in_the_host_or_in_the_query() {
        assert_eq!(
            shown("postgresql://u:p@/db?host=/cloudsql/p:r:i"),
            "dbname=db host=/cloudsql/p:r:i password=p user=u"
        );
        assert_eq!(
            shown("postgresql://u@%2Fcloudsql%2Fp%3Ar%3Ai/db"),
            "dbname=db host=/cloudsql/p:r:i user=u"
        );
    }

    #[test]
    fn pairs_may_be_quoted_and_escaped() {
        assert_eq!(
            shown(r"host = h user='a b\'c' password=x\ y"),
            "host=h password=x y user=a b'c"
        );
        assert_eq!(shown("dbname='' host=h"), "host=h");
    }

    #[test]
    fn no_error_shows_what_was_written() {
        for text in [
            "mysql://u:hunter2@h",
            "host=h hunter2",
            "password='hunter2",
            "postgres://u:hunter2%zz@h",
            "postgres://u:p@h/d?hunter2",
            "postgres://[hunter2",
            "hunter2 =x y = hunter2 z",
        ] {
            let message = shown(text);
            assert!(message.starts_with("error: "), "{text}: {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken_apart_or_refused(text in "(postgres://)?[a-z%@:/?&=' \\\\\\[\\]é0]{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn any_value_survives_quoting(value in "[^\0]{1,30}") {
            let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
            let found = parse(&format!("host=h  password = '{quoted}' port=1")).unwrap();
            proptest::prop_assert_eq!(found["password"].as_str(), value);
        }
    }
}
