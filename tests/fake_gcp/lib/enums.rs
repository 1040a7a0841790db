//! Enums: names in JSON, numbers too in what is asked, and numbers in the answers to clients that ask for
//! `enum-encoding=int`. Numbers are those of <https://github.com/googleapis/googleapis>.

use serde_json::Value;

/// An enum of a Google API.
pub struct Enum {
    /// `google.cloud.run.v2.ExecutionEnvironment`, as refusals name it.
    pub name: &'static str,
    /// Each value with its number; that of 0 is what is not said.
    values: &'static [(&'static str, u8)],
}

pub static LAUNCH_STAGE: Enum = Enum {
    name: "google.api.LaunchStage",
    values: &[
        ("LAUNCH_STAGE_UNSPECIFIED", 0),
        ("EARLY_ACCESS", 1),
        ("ALPHA", 2),
        ("BETA", 3),
        ("GA", 4),
        ("DEPRECATED", 5),
        ("UNIMPLEMENTED", 6),
        ("PRELAUNCH", 7),
    ],
};

pub static EXECUTION_ENVIRONMENT: Enum = Enum {
    name: "google.cloud.run.v2.ExecutionEnvironment",
    values: &[
        ("EXECUTION_ENVIRONMENT_UNSPECIFIED", 0),
        ("EXECUTION_ENVIRONMENT_GEN1", 1),
        ("EXECUTION_ENVIRONMENT_GEN2", 2),
    ],
};

pub static INGRESS: Enum = Enum {
    name: "google.cloud.run.v2.IngressTraffic",
    values: &[
        ("INGRESS_TRAFFIC_UNSPECIFIED", 0),
        ("INGRESS_TRAFFIC_ALL", 1),
        ("INGRESS_TRAFFIC_INTERNAL_ONLY", 2),
        ("INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", 3),
        ("INGRESS_TRAFFIC_NONE", 4),
    ],
};

pub static TRAFFIC_TARGET: Enum = Enum {
    name: "google.cloud.run.v2.TrafficTargetAllocationType",
    values: &[
        ("TRAFFIC_TARGET_ALLOCATION_TYPE_UNSPECIFIED", 0),
        ("TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", 1),
        ("TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", 2),
    ],
};

pub static VPC_EGRESS: Enum = Enum {
    name: "google.cloud.run.v2.VpcAccess.VpcEgress",
    values: &[
        ("VPC_EGRESS_UNSPECIFIED", 0),
        ("ALL_TRAFFIC", 1),
        ("PRIVATE_RANGES_ONLY", 2),
    ],
};

pub static MEDIUM: Enum = Enum {
    name: "google.cloud.run.v2.EmptyDirVolumeSource.Medium",
    values: &[("MEDIUM_UNSPECIFIED", 0), ("MEMORY", 1)],
};

pub static REVOCATION: Enum = Enum {
    name: "google.cloud.run.v2.EncryptionKeyRevocationAction",
    values: &[
        ("ENCRYPTION_KEY_REVOCATION_ACTION_UNSPECIFIED", 0),
        ("PREVENT_NEW", 1),
        ("SHUTDOWN", 2),
    ],
};

pub static SECRET_TYPE: Enum = Enum {
    name: "google.cloud.secretmanager.v1.Secret.SecretType",
    values: &[
        ("SECRET_TYPE_UNSPECIFIED", 0),
        ("CLOUD_SQL_DB_CREDENTIALS", 1),
        ("ACCESS_KEY", 2),
        ("CERTIFICATE", 3),
        ("OTHER_DB_CREDENTIALS", 4),
        ("OTHER", 50),
    ],
};

/// What nobody writes.
static STATE: Enum = Enum {
    name: "state",
    values: &[
        ("ACTIVE", 1),
        ("ENABLED", 1),
        ("DISABLED", 2),
        ("DESTROYED", 3),
        ("CONDITION_PENDING", 1),
        ("CONDITION_RECONCILING", 2),
        ("CONDITION_FAILED", 3),
        ("CONDITION_SUCCEEDED", 4),
    ],
};

static SEVERITY: Enum = Enum {
    name: "google.cloud.run.v2.Condition.Severity",
    values: &[("ERROR", 1), ("WARNING", 2), ("INFO", 3)],
};

static REASON: Enum = Enum {
    name: "google.cloud.run.v2.Condition.CommonReason",
    values: &[("UNKNOWN", 1), ("SECRETS_ACCESS_CHECK_FAILED", 12)],
};

static REVISION_REASON: Enum = Enum {
    name: "google.cloud.run.v2.Condition.RevisionReason",
    values: &[
        ("PENDING", 1),
        ("RESERVE", 2),
        ("RETIRED", 3),
        ("RETIRING", 4),
    ],
};

/// The fields of answers that hold one.
static FIELDS: [(&str, &Enum); 12] = [
    ("egress", &VPC_EGRESS),
    ("encryptionKeyRevocationAction", &REVOCATION),
    ("executionEnvironment", &EXECUTION_ENVIRONMENT),
    ("ingress", &INGRESS),
    ("launchStage", &LAUNCH_STAGE),
    ("medium", &MEDIUM),
    ("reason", &REASON),
    ("revisionReason", &REVISION_REASON),
    ("secretType", &SECRET_TYPE),
    ("severity", &SEVERITY),
    ("state", &STATE),
    ("type", &TRAFFIC_TARGET),
];

impl Enum {
    /// The name of the value that a request gives by name or number: `null` for what is not said, nothing for what is none.
    pub fn read(&self, given: &Value) -> Option<Value> {
        let is_given = |(name, number): &&(&str, u8)| {
            given == name || given.as_u64() == Some(u64::from(*number))
        };
        let (name, number) = self.values.iter().find(is_given)?;
        Some(if *number == 0 {
            Value::Null
        } else {
            Value::from(*name)
        })
    }

    fn number(&self, name: &str) -> Option<u8> {
        self.values
            .iter()
            .find(|(value, _)| *value == name)
            .map(|(_, number)| *number)
    }
}

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
    let (_, found) = FIELDS.iter().find(|(in_field, _)| *in_field == field)?;
    found.number(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_enums_become_numbers() {
        let mut answer = json!({
            "versions": [{"state": "DISABLED", "name": "ENABLED"}],
            "conditions": [{"type": "Ready", "state": "CONDITION_FAILED", "reason": "SECRETS_ACCESS_CHECK_FAILED"}],
            "labels": {"state": "ENABLED"},
        });
        to_numbers(&mut answer);
        let expected = json!({
            "versions": [{"state": 2, "name": "ENABLED"}],
            "conditions": [{"type": "Ready", "state": 3, "reason": 12}],
            "labels": {"state": "ENABLED"},
        });
        assert_eq!(answer, expected);
    }

    #[test]
    fn a_value_is_read_by_name_and_by_number_and_none_is_not_said() {
        for (given, read) in [
            (json!("GA"), Some(json!("GA"))),
            (json!(4), Some(json!("GA"))),
            (json!(0), Some(Value::Null)),
            (json!("LAUNCH_STAGE_UNSPECIFIED"), Some(Value::Null)),
            (json!(99), None),
            (json!("ga"), None),
            (json!("4"), None),
        ] {
            assert_eq!(LAUNCH_STAGE.read(&given), read, "{given}");
        }
    }
}
