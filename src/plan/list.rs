//! Values of parameters that hold a list of names: the server keeps each element quoted as it needs.

use crate::model::server_identifier;

/// Parameters whose value is a list of identifiers (`GUC_LIST_QUOTE`), of those a role may set.
/// <https://www.postgresql.org/docs/current/runtime-config-client.html>
const LISTS: [&str; 4] = [
    "search_path",
    "temp_tablespaces",
    "session_preload_libraries",
    "local_preload_libraries",
];

/// The elements of the value of such a parameter; `None` for any other parameter.
pub fn elements(parameter: &str, value: &str) -> Option<Vec<String>> {
    LISTS
        .contains(&parameter.to_ascii_lowercase().as_str())
        .then(|| split(value))
}

/// The value in the form `pg_db_role_setting` keeps it.
pub fn normal_value(parameter: &str, value: &str) -> String {
    match elements(parameter, value) {
        // The server keeps an empty list as one empty name.
        Some(elements) if elements.is_empty() => server_identifier(""),
        Some(elements) => elements
            .iter()
            .map(|one| server_identifier(one))
            .collect::<Vec<_>>()
            .join(", "),
        None => value.to_owned(),
    }
}

/// Splits at commas outside double quotes; bare elements fold to lower case as in SQL.
fn split(value: &str) -> Vec<String> {
    let mut elements = Vec::new();
    let (mut element, mut quoted, mut was_quoted) = (String::new(), false, false);
    for c in value.chars().chain([',']) {
        match c {
            '"' => {
                // A doubled quote inside quotes closes and opens again: put back the one that was meant.
                if !quoted && was_quoted {
                    element.push('"');
                }
                quoted = !quoted;
                was_quoted = true;
            }
            ',' if !quoted => {
                let text = if was_quoted {
                    element.clone()
                } else {
                    element.trim().to_ascii_lowercase()
                };
                if !text.is_empty() || was_quoted {
                    elements.push(text);
                }
                (element, was_quoted) = (String::new(), false);
            }
            c if was_quoted && !quoted && c.is_whitespace() => {}
            c if element.is_empty() && !quoted && c.is_whitespace() => {}
            c => element.push(c),
        }
    }
    elements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_compared_element_by_element() {
        assert_eq!(normal_value("search_path", "App, public"), "app, public");
        assert_eq!(
            normal_value("search_path", "\"App\",public"),
            "\"App\", public"
        );
        assert_eq!(
            normal_value("search_path", "ÄRGER, user"),
            "\"Ärger\", \"user\""
        );
        assert_eq!(
            normal_value("search_path", "\"$user\", public"),
            "\"$user\", public"
        );
        assert_eq!(
            normal_value("search_path", "\"a\"\"b\" , c"),
            "\"a\"\"b\", c"
        );
        assert_eq!(normal_value("search_path", "\"\""), "\"\"");
        assert_eq!(normal_value("search_path", ""), "\"\"");
    }

    #[test]
    fn other_values_are_left_alone() {
        assert_eq!(normal_value("lock_timeout", "5s"), "5s");
        assert_eq!(elements("DateStyle", "ISO, MDY"), None);
    }
}
