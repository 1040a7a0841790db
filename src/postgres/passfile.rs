//! The password file. <https://www.postgresql.org/docs/current/libpq-pgpass.html>

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::model::Password;

/// The password for a login from the file at `path`; a file that is missing, or that others may read, has none.
pub fn lookup(path: &Path, host: &str, port: u16, database: &str, user: &str) -> Option<Password> {
    let permissions = path
        .metadata()
        .ok()
        .filter(std::fs::Metadata::is_file)?
        .permissions();
    if permissions.mode() & 0o077 != 0 {
        tracing::warn!(
            "`{}` is ignored: others may read it; chmod 0600 it",
            path.display()
        );
        return None;
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).ok()?);
    find(&text, &[host, &port.to_string(), database, user])
}

pub(super) fn find(text: &str, wanted: &[&str; 4]) -> Option<Password> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let mut rest = line;
            for wanted in wanted {
                let (field, after) = take_field(rest)?;
                if rest[..rest.len() - after.len()] != *"*:" && *field != *wanted {
                    return None;
                }
                rest = after;
            }
            let (password, _) = take_field(rest).unwrap_or_else(|| (unescape(rest), ""));
            (!password.is_empty()).then(|| Password::from_text(password.as_str().into()))
        })
}

/// The field up to the next colon that no backslash escapes, and what follows the colon.
fn take_field(text: &str) -> Option<(Zeroizing<String>, &str)> {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b':' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some((unescape(&text[..end]), &text[end + 1..]))
}

fn unescape(text: &str) -> Zeroizing<String> {
    let mut characters = text.chars();
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    while let Some(character) = characters.next() {
        plain.push(if character == '\\' {
            characters.next().unwrap_or('\\')
        } else {
            character
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# a comment\n\
        broken line\n\
        db.example.com:5432:payments:admin:first\n\
        *:*:*:ad\\:min:with\\:colon\\\\\n\
        /cloudsql/p\\:r\\:i:5432:*:admin:socket\n\
        *:*:*:admin:last";

    fn password(host: &str, database: &str, user: &str) -> Option<String> {
        find(FILE, &[host, "5432", database, user]).map(|password| password.expose().to_owned())
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        assert_eq!(
            password("db.example.com", "payments", "admin").as_deref(),
            Some("first")
        );
        assert_eq!(
            password("db.example.com", "other", "admin").as_deref(),
            Some("last")
        );
        assert_eq!(
            password("/cloudsql/p:r:i", "x", "admin").as_deref(),
            Some("socket")
        );
        assert_eq!(password("db.example.com", "payments", "nobody"), None);
    }

    #[test]
    fn a_backslash_escapes_colons_and_itself() {
        assert_eq!(
            password("h", "d", "ad:min").as_deref(),
            Some("with:colon\\")
        );
    }

    #[test]
    fn a_file_that_others_may_read_is_ignored() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "*:*:*:*:pw\n").unwrap();
        let found = |mode| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            lookup(file.path(), "h", 5432, "d", "u").is_some()
        };
        assert!(found(0o600));
        assert!(!found(0o640));
        assert!(lookup(Path::new("/nonexistent"), "h", 5432, "d", "u").is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_read(text in "[a*:\\\\#\n é]{0,40}") {
            let _ = find(&text, &["a", "a", "a", "a"]);
        }
    }
}
