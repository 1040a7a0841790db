//! Statements and commands that advice spells out, as they work when typed: names are quoted by the renderer of statements,
//! words of commands for a shell.

use super::statement::{grant_keyword, name, reference};
use crate::model::{DatabaseName, Object, Privilege, RoleName, is_visible, marked};

/// `GRANT … ON … TO …`.
pub fn grant(privilege: Privilege, on: &Object, to: &RoleName) -> String {
    let (keyword, object) = (grant_keyword(on.kind()), reference(on));
    format!("GRANT {} ON {keyword} {object} TO {}", privilege.keyword(), name(to.as_str()))
}

/// `GRANT CONNECT ON DATABASE … TO …`.
pub fn grant_connect(database: &DatabaseName, to: &RoleName) -> String {
    grant(Privilege::Connect, &Object::Database(database.clone()), to)
}

/// `GRANT role TO member`.
pub(super) fn grant_membership(role: &str, member: &RoleName) -> String {
    format!("GRANT {} TO {}", name(role), name(member.as_str()))
}

/// A command line of which a shell makes exactly these words.
pub fn command<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    words.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

/// As little quoted as can be. Hidden characters are escapes of bash and zsh.
/// <https://www.gnu.org/software/bash/manual/html_node/ANSI_002dC-Quoting.html>
fn word(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(harmless) {
        return text.to_owned();
    }
    if is_visible(text) {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    let escaped = marked(text).map(|(c, hidden)| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if hidden => c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\{byte:03o}")).collect(),
        c => c.into(),
    });
    format!("$'{}'", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SchemaName;

    #[test]
    fn statements_name_what_they_say() {
        let role = |name: &str| RoleName::new(name).unwrap();
        let schema = Object::Schema(SchemaName::new("select").unwrap());
        assert_eq!(grant(Privilege::Usage, &schema, &role("user")), "GRANT USAGE ON SCHEMA \"select\" TO \"user\"");
        let database = DatabaseName::new("a\"b").unwrap();
        assert_eq!(
            grant_connect(&database, &role("Mixed Case")),
            "GRANT CONNECT ON DATABASE \"a\"\"b\" TO \"Mixed Case\""
        );
        assert_eq!(grant_membership("order", &role("a\u{1b}")), "GRANT \"order\" TO U&\"a\\001B\"");
    }

    #[test]
    fn a_shell_reads_the_words_that_were_meant() {
        let words = ["gcloud", "--member=principalSet://x/*", "it's", "$(id)", "", "a\u{1b}\n\\'é", "p.example.com:x"];
        let line = command(words);
        assert_eq!(
            line,
            "gcloud '--member=principalSet://x/*' 'it'\\''s' '$(id)' '' $'a\\033\\012\\\\\\'é' p.example.com:x"
        );
        let shell = std::process::Command::new("bash").args(["-c", &format!("printf '%s\\0' {line}")]).output();
        assert_eq!(String::from_utf8(shell.unwrap().stdout).unwrap(), words.map(|word| format!("{word}\0")).concat());
    }
}
