//! `payload:` templates.

use super::super::problem::{list, suggestion};

/// The places a template may have.
const PLACES: [&str; 5] = ["user", "password", "host", "port", "database"];

/// Why a text is no template.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TemplateError {
    #[error("unknown place `{{{0}}}` in the payload")]
    Unknown(String),
    #[error("a `{0}` stands alone in the payload")]
    Brace(char),
    #[error("the payload does not contain `{{password}}`")]
    NoPassword,
}

impl TemplateError {
    /// One line of advice.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown(name) => suggestion(name, &PLACES),
            Self::Brace(_) => "a literal brace is written twice: `{{` or `}}`".into(),
            Self::NoPassword => {
                format!(
                    "a payload is `password`, `url`, `json`, or a text with places: {}",
                    list(&PLACES)
                )
            }
        }
    }
}

/// The places that stand in `text`.
pub(super) fn places(text: &str) -> Result<Vec<&'static str>, TemplateError> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (brace, behind) = (&rest[at..=at], &rest[at + 1..]);
        if let Some(more) = behind.strip_prefix(brace) {
            rest = more;
            continue;
        }
        let (name, more) = match (brace, behind.split_once('}')) {
            ("{", Some((name, more))) if !name.contains('{') => (name, more),
            ("{", _) => return Err(TemplateError::Brace('{')),
            _ => return Err(TemplateError::Brace('}')),
        };
        let place = PLACES.into_iter().find(|place| *place == name);
        found.push(place.ok_or_else(|| TemplateError::Unknown(name.to_owned()))?);
        rest = more;
    }
    if found.contains(&"password") {
        Ok(found)
    } else {
        Err(TemplateError::NoPassword)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_between_literal_braces() {
        assert_eq!(
            places("{{\"u\":\"{user}\",\"p\":\"{password}\"}}"),
            Ok(vec!["user", "password"])
        );
        assert_eq!(places("{{password}}"), Err(TemplateError::NoPassword));
        assert_eq!(
            places("{pasword}"),
            Err(TemplateError::Unknown("pasword".into()))
        );
        assert_eq!(places("{password} }"), Err(TemplateError::Brace('}')));
        assert_eq!(places("{password} {"), Err(TemplateError::Brace('{')));
    }
}
