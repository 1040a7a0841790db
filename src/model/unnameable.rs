//! Names that no statement can spell: bytes that are not UTF-8, in a database that checks none (SQL_ASCII) or in the shared
//! catalogs. Such a role or object is identified and shown by its number.
//!
//! A name of PostgreSQL holds no NUL, so that one that begins with it is no name that a server or a policy could give.
//! <https://www.postgresql.org/docs/current/multibyte.html#MULTIBYTE-CHARSET-SUPPORTED>

/// What a number stands behind.
const MARK: char = '\0';

/// What stands in the place of a name: `words` and the OID, or the number of a column.
pub fn numbered_name(words: &str, number: u32) -> String {
    format!("{MARK}{words} {number}")
}

/// The number in the place of a name that cannot be spelt.
pub fn number_of(name: &str) -> Option<u32> {
    let (words, number) = name.strip_prefix(MARK)?.rsplit_once(' ')?;
    let plain = words
        .bytes()
        .all(|byte| byte.is_ascii_alphabetic() || byte == b' ');
    number.parse().ok().filter(|_| plain)
}

/// How it is shown in the place of a name: `role with OID 16390`.
pub fn shown_name(name: &str) -> &str {
    if number_of(name).is_some() {
        &name[MARK.len_utf8()..]
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_in_the_place_of_a_name() {
        let name = numbered_name("role with OID", 16390);
        assert_eq!(
            (number_of(&name), shown_name(&name)),
            (Some(16390), "role with OID 16390")
        );
        for name in [
            "role with OID 16390",
            "\0",
            "\0a",
            "\0\u{1b} 1",
            "\0OID x",
            "",
        ] {
            assert_eq!((number_of(name), shown_name(name)), (None, name));
        }
    }
}
