//! Enums as numbers, for clients that ask for `enum-encoding=int`.

use serde_json::Value;

/// Field, name and number of the enums in what this fake answers.
const ENUMS: [(&str, &str, u8); 15] = [
    ("secretType", "CLOUD_SQL_DB_CREDENTIALS", 1),
    ("state", "ENABLED", 1),
    ("state", "DISABLED", 2),
    ("state", "DESTROYED", 3),
    ("state", "ACTIVE", 1),
    ("state", "CONDITION_SUCCEEDED", 4),
    ("launchStage", "GA", 4),
    ("ingress", "INGRESS_TRAFFIC_ALL", 1),
    ("executionEnvironment", "EXECUTION_ENVIRONMENT_GEN1", 1),
    ("executionEnvironment", "EXECUTION_ENVIRONMENT_GEN2", 2),
    ("type", "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", 1),
    ("type", "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", 2),
    ("state", "CONDITION_FAILED", 3),
    ("severity", "INFO", 3),
    ("revisionReason", "RETIRED", 3),
];

/// Replaces the names by the numbers. Maps of the user's own (labels, annotations) are left alone.
pub fn to_numbers(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(to_numbers),
        Value::Object(fields) => {
            for (field, value) in fields {
                let number = value.as_str().and_then(|name| number(field, name));
                match number {
                    Some(number) => *value = Value::from(number),
                    None if matches!(field.as_str(), "labels" | "annotations") => {}
                    None => to_numbers(value),
                }
            }
        }
        _ => {}
    }
}

fn number(field: &str, name: &str) -> Option<u8> {
    let mut enums = ENUMS.iter();
    let found = enums.find(|(in_field, with_name, _)| *in_field == field && *with_name == name);
    found.map(|(_, _, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_enums_become_numbers() {
        let mut answer = json!({
            "versions": [{"state": "DISABLED", "name": "ENABLED"}],
            "labels": {"state": "ENABLED"},
        });
        to_numbers(&mut answer);
        assert_eq!(answer, json!({"versions": [{"state": 2, "name": "ENABLED"}], "labels": {"state": "ENABLED"}}));
    }
}
