//! Statements that advice spells out, as they work when typed: names are quoted by the renderer of statements.

use super::statement::{grant_keyword, name, reference};
use crate::model::{DatabaseName, Object, Privilege, RoleName};

/// `GRANT … ON … TO …`.
pub fn grant(privilege: Privilege, on: &Object, to: &RoleName) -> String {
    let (keyword, object) = (grant_keyword(on.kind()), reference(on));
    format!(
        "GRANT {} ON {keyword} {object} TO {}",
        privilege.keyword(),
        name(to.as_str())
    )
}

/// `GRANT CONNECT ON DATABASE … TO …`.
pub fn grant_connect(database: &DatabaseName, to: &RoleName) -> String {
    grant(Privilege::Connect, &Object::Database(database.clone()), to)
}

/// `GRANT role TO member`.
pub(super) fn grant_membership(role: &str, member: &RoleName) -> String {
    format!("GRANT {} TO {}", name(role), name(member.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SchemaName;

    #[test]
    fn statements_name_what_they_say() {
        let role = |name: &str| RoleName::new(name).unwrap();
        let schema = Object::Schema(SchemaName::new("select").unwrap());
        assert_eq!(
            grant(Privilege::Usage, &schema, &role("user")),
            "GRANT USAGE ON SCHEMA \"select\" TO \"user\""
        );
        let database = DatabaseName::new("a\"b").unwrap();
        assert_eq!(
            grant_connect(&database, &role("Mixed Case")),
            "GRANT CONNECT ON DATABASE \"a\"\"b\" TO \"Mixed Case\""
        );
        assert_eq!(
            grant_membership("order", &role("a\u{1b}")),
            "GRANT \"order\" TO U&\"a\\001B\""
        );
    }
}
