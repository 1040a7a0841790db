//! Projects and Resource Manager v3: clients name a project by id or number, answers name the number.

use std::collections::BTreeMap;

use serde_json::json;

use super::call::Call;
use super::error::{Answer, ApiError, Code};
use super::world::World;

/// A project's two names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    pub id: String,
    pub number: u64,
}

/// The projects that exist.
#[derive(Default)]
pub struct Projects {
    numbers: BTreeMap<String, u64>,
    strict: bool,
}

impl Projects {
    /// `strict`: only the projects given here exist. Otherwise each is made on first use.
    pub fn new(known: impl IntoIterator<Item = Project>, strict: bool) -> Self {
        let numbers = known.into_iter().map(|p| (p.id, p.number)).collect();
        Self { numbers, strict }
    }

    /// The project that `given`, an id or a number, stands for.
    pub fn resolve(&mut self, given: &str) -> Option<Project> {
        match given.parse::<u64>() {
            Ok(number) => self.by_number(number),
            Err(_) => self.by_id(given),
        }
    }

    fn by_number(&mut self, number: u64) -> Option<Project> {
        let known = self.numbers.iter().find(|(_, n)| **n == number);
        match known {
            Some((id, _)) => Some(Project {
                id: id.clone(),
                number,
            }),
            None if self.strict => None,
            None => Some(self.add(format!("project-{number}"), number)),
        }
    }

    fn by_id(&mut self, id: &str) -> Option<Project> {
        match self.numbers.get(id) {
            Some(number) => Some(Project {
                id: id.to_owned(),
                number: *number,
            }),
            None if self.strict || !is_project_id(id) => None,
            None => Some(self.add(id.to_owned(), derived_number(id))),
        }
    }

    fn add(&mut self, id: String, number: u64) -> Project {
        self.numbers.insert(id.clone(), number);
        Project { id, number }
    }
}

/// `[a-z][a-z0-9-]*`, with a domain in front for domain-scoped projects. Google asks for 6 characters at
/// least; tests like shorter names.
fn is_project_id(id: &str) -> bool {
    let (domain, name) = id.split_once(':').unwrap_or(("", id));
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && domain
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'))
}

/// Twelve digits that are the same in every run: FNV-1a of the id.
fn derived_number(id: &str) -> u64 {
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    100_000_000_000 + hash % 900_000_000_000
}

/// `GET /v3/projects/P`. One that does not exist is refused like one that may not be seen.
pub fn get(world: &mut World, call: &Call, project: &str) -> Answer {
    call.only_query(&[])?;
    let denied = || {
        ApiError::new(
            Code::PermissionDenied,
            "The caller does not have permission",
        )
    };
    let project = world.projects.resolve(project).ok_or_else(denied)?;
    Ok(json!({
        "name": format!("projects/{}", project.number),
        "projectId": project.id,
        "state": "ACTIVE",
        "displayName": project.id,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stable_and_resolve_back() {
        let mut projects = Projects::default();
        let first = projects.resolve("shop-prod").unwrap();
        assert_eq!(first, Projects::default().resolve("shop-prod").unwrap());
        assert_eq!(first, projects.resolve(&first.number.to_string()).unwrap());
        assert_eq!(first.number.to_string().len(), 12);
    }

    #[test]
    fn strict_knows_only_what_it_was_given() {
        let known = Project {
            id: "p".into(),
            number: 123,
        };
        let mut projects = Projects::new([known.clone()], true);
        assert_eq!(projects.resolve("123"), Some(known));
        assert_eq!(projects.resolve("q"), None);
        assert_eq!(projects.resolve("124"), None);
    }

    #[test]
    fn ids_follow_the_grammar() {
        assert!(is_project_id("example.com:shop-1"));
        assert!(!is_project_id("Shop"));
        assert!(!is_project_id("1shop"));
        assert!(!is_project_id("shop-"));
        assert!(!is_project_id(""));
    }
}
