//! List filters: the part of <https://google.aip.dev/160> that Secret Manager documents,
//! <https://cloud.google.com/secret-manager/docs/filtering>. What is not understood is refused, not ignored.

use jiff::Timestamp;
use serde_json::Value;

use super::error::ApiError;
use super::shape::camel_case;

/// A parsed filter.
pub struct Filter(Option<Expression>);

enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    Is(Comparison),
}

struct Comparison {
    field: String,
    operator: &'static str,
    value: String,
}

/// Longest first: `<=` is not `<` and a value that begins with `=`.
const OPERATORS: [&str; 7] = ["!=", "<=", ">=", ":", "=", "<", ">"];

impl Filter {
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        if text.trim().is_empty() {
            return Ok(Self(None));
        }
        let mut words = words(text);
        let parsed = all(&mut words).filter(|_| words.is_empty());
        match parsed {
            Some(expression) => Ok(Self(Some(expression))),
            None => Err(ApiError::invalid(format!("Invalid filter: [{text}]"))),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub fn matches(&self, resource: &Value) -> bool {
        self.0
            .as_ref()
            .is_none_or(|expression| expression.holds(resource))
    }
}

/// The words of a filter, last first. Quotes group, parentheses stand alone.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            '(' | ')' if !quoted => words.extend([std::mem::take(&mut word), c.to_string()]),
            c => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words.reverse();
    words
}

fn all(words: &mut Vec<String>) -> Option<Expression> {
    let mut parts = vec![any(words)?];
    while let Some(word) = words.last() {
        match word.as_str() {
            ")" => break,
            "AND" => drop(words.pop()),
            _ => {}
        }
        parts.push(any(words)?);
    }
    Some(Expression::All(parts))
}

/// OR binds closer than AND here.
fn any(words: &mut Vec<String>) -> Option<Expression> {
    let mut parts = vec![term(words)?];
    while words.last().is_some_and(|word| word == "OR") {
        words.pop();
        parts.push(term(words)?);
    }
    Some(Expression::Any(parts))
}

fn term(words: &mut Vec<String>) -> Option<Expression> {
    let word = words.pop()?;
    match word.as_str() {
        "NOT" => Some(Expression::Not(Box::new(term(words)?))),
        "(" => {
            let inner = all(words)?;
            (words.pop()? == ")").then_some(inner)
        }
        ")" | "AND" | "OR" => None,
        word => match word.strip_prefix('-') {
            Some(rest) => Some(Expression::Not(Box::new(Expression::Is(comparison(rest)?)))),
            None => Some(Expression::Is(comparison(word)?)),
        },
    }
}

fn comparison(word: &str) -> Option<Comparison> {
    let starts = OPERATORS
        .iter()
        .filter_map(|op| Some((word.find(op)?, *op)));
    // The first operator of the word; of two that begin there, the longer.
    let (at, operator) = starts.min_by_key(|(at, op)| (*at, usize::MAX - op.len()))?;
    let (field, value) = (&word[..at], &word[at + operator.len()..]);
    (!field.is_empty()).then(|| Comparison {
        field: field.to_owned(),
        operator,
        value: value.to_owned(),
    })
}

impl Expression {
    fn holds(&self, resource: &Value) -> bool {
        match self {
            Expression::All(parts) => parts.iter().all(|part| part.holds(resource)),
            Expression::Any(parts) => parts.iter().any(|part| part.holds(resource)),
            Expression::Not(part) => !part.holds(resource),
            Expression::Is(comparison) => comparison.holds(resource),
        }
    }
}

impl Comparison {
    fn holds(&self, resource: &Value) -> bool {
        let found = self.lookup(resource);
        let text = found.map(|value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        });
        match (self.operator, text) {
            ("!=", text) => text.as_deref() != Some(&self.value),
            (_, None) => false,
            (":", Some(_)) if self.value == "*" => true,
            (":", Some(text)) => match found.and_then(Value::as_object) {
                Some(map) => map.contains_key(&self.value),
                None => text.to_lowercase().contains(&self.value.to_lowercase()),
            },
            ("=", Some(text)) => text == self.value,
            (operator, Some(text)) => ordered(operator, &text, &self.value),
        }
    }

    /// `labels.x` looks into the map by the key as it is written.
    fn lookup<'a>(&self, resource: &'a Value) -> Option<&'a Value> {
        match self.field.split_once('.') {
            Some((map, key)) => resource.get(camel_case(map))?.get(key),
            None => resource.get(camel_case(&self.field)),
        }
    }
}

fn ordered(operator: &str, found: &str, wanted: &str) -> bool {
    let times = (found.parse::<Timestamp>(), wanted.parse::<Timestamp>());
    let (Ok(found), Ok(wanted)) = times else {
        return false;
    };
    match operator {
        "<" => found < wanted,
        "<=" => found <= wanted,
        ">" => found > wanted,
        _ => found >= wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn matches(filter: &str) -> bool {
        let resource = json!({
            "name": "projects/1/secrets/app-db",
            "state": "ENABLED",
            "labels": {"managed-by": "rolewright", "env": "prod"},
            "createTime": "2026-11-21T00:00:00.000000Z",
        });
        match Filter::parse(filter) {
            Ok(filter) => filter.matches(&resource),
            Err(error) => panic!("{filter}: {}", error.message),
        }
    }

    #[test]
    fn comparisons_hold_as_documented() {
        for filter in [
            "",
            "state:ENABLED",
            "state=ENABLED",
            "labels.managed-by=rolewright",
            "labels.managed-by:*",
            "labels:env",
            "name:APP",
            "create_time>2026-01-01T00:00:00Z",
            "state!=DISABLED",
            "NOT state:DISABLED",
            "-state:DISABLED",
            "state:DISABLED OR labels.env=prod",
            "labels.env=dev OR labels.env=prod AND state:ENABLED",
            "(state:ENABLED) AND (name:app OR name:web)",
        ] {
            assert!(matches(filter), "{filter}");
        }
        for filter in [
            "state:DISABLED",
            "labels.env=pro",
            "labels.team:*",
            "labels:team",
            "create_time<2026-01-01T00:00:00Z",
            "state:ENABLED labels.env=dev",
        ] {
            assert!(!matches(filter), "{filter}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for filter in [
            "AND",
            "(state:ENABLED",
            "state:ENABLED)",
            "ENABLED",
            "state:A OR",
        ] {
            assert!(Filter::parse(filter).is_err(), "{filter}");
        }
    }
}
