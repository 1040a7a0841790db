//! Names of secrets: as a path gives them (project id or number), and as Google answers them (number).

use std::fmt;

use super::error::ApiError;

/// `projects/P/secrets/S` as it stands in a path.
#[derive(Clone, Copy)]
pub struct SecretPath<'a> {
    pub project: &'a str,
    pub secret: &'a str,
}

impl fmt::Display for SecretPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "projects/{}/secrets/{}", self.project, self.secret)
    }
}

/// The one name of a secret, with the project's number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretName {
    pub project: u64,
    pub id: String,
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "projects/{}/secrets/{}", self.project, self.id)
    }
}

impl SecretName {
    /// # Errors
    /// 400 for an id outside `[A-Za-z0-9_-]{1,255}`.
    pub fn new(project: u64, id: &str) -> Result<Self, ApiError> {
        let letters = id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !letters || id.is_empty() || id.len() > 255 {
            return Err(ApiError::invalid(format!(
                "The provided Secret ID [{id}] does not match the expected format [[a-zA-Z_0-9]+]"
            )));
        }
        Ok(Self {
            project,
            id: id.to_owned(),
        })
    }

    pub fn not_found(&self) -> ApiError {
        ApiError::not_found(format!("Secret [{self}] not found."))
    }

    pub fn version(&self, version: impl fmt::Display) -> String {
        format!("{self}/versions/{version}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_grammar() {
        assert!(SecretName::new(1, "db-app_URL1").is_ok());
        assert!(SecretName::new(1, &"a".repeat(255)).is_ok());
        for id in ["", "a.b", "a b", "ä", &"a".repeat(256)] {
            assert!(SecretName::new(1, id).is_err(), "{id}");
        }
    }
}
