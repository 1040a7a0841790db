use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::call::tests::call;
use super::super::clock::Clock;
use super::Faults;

const ADD: &str = "/v1/projects/p/secrets/app:addVersion";

fn with(rule: Value) -> Faults {
    let mut faults = Faults::default();
    faults.put("it", rule, Clock::default().now()).unwrap();
    faults
}

/// Which of five additions, one after the other, meet the rule.
fn meeting(rule: Value) -> Vec<usize> {
    let mut faults = with(rule);
    let mut meets = |_: &usize| {
        !faults
            .meet(&call("POST", ADD, ""), Timestamp::UNIX_EPOCH)
            .is_empty()
    };
    (1..=5).filter(|number| meets(number)).collect()
}

fn meets(rule: Value, method: &str, uri: &str) -> bool {
    !with(rule)
        .meet(&call(method, uri, ""), Timestamp::UNIX_EPOCH)
        .is_empty()
}

#[test]
fn a_rule_is_met_once_unless_it_says_how_often() {
    assert_eq!(meeting(json!({"effect": "drop"})), [1]);
    assert_eq!(meeting(json!({"effect": "drop", "nth": 3})), [3]);
    assert_eq!(
        meeting(json!({"effect": "drop", "nth": 2, "times": 3})),
        [2, 3, 4]
    );
    assert_eq!(
        meeting(json!({"effect": "drop", "nth": 4, "times": "always"})),
        [4, 5]
    );
    assert_eq!(
        meeting(json!({"effect": "drop", "for": "5s"})),
        [1, 2, 3, 4, 5]
    );
    assert_eq!(
        meeting(json!({"effect": "drop", "for": "5s", "times": 2})),
        [1, 2]
    );
}

#[test]
fn a_rule_ends_with_its_time() {
    let mut faults = Faults::default();
    let made: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    faults
        .put("it", json!({"effect": "hang", "for": "1.5s"}), made)
        .unwrap();
    let mut meets_after = |millis| {
        let now = made + SignedDuration::from_millis(millis);
        !faults.meet(&call("POST", ADD, ""), now).is_empty()
    };
    assert!(meets_after(1499));
    assert!(!meets_after(1500));
    assert_eq!(faults.met("it"), 1);
}

#[test]
fn methods_have_a_short_name_and_a_whole_one() {
    for method in ["addVersion", "secrets.addVersion"] {
        assert!(meets(
            json!({"method": method, "effect": "drop"}),
            "POST",
            ADD
        ));
        assert!(!meets(
            json!({"method": method, "effect": "drop"}),
            "GET",
            "/v1/projects/p/secrets/app"
        ));
    }
    let versions = json!({"method": "versions.get", "effect": "drop"});
    assert!(!meets(
        versions.clone(),
        "GET",
        "/v1/projects/p/secrets/app"
    ));
    assert!(meets(
        versions,
        "GET",
        "/v1/projects/p/secrets/app/versions/1"
    ));
}

#[test]
fn a_resource_is_everything_below_it_and_what_is_created_as_it() {
    let rule = |resource: &str| json!({"resource": resource, "effect": "drop"});
    for resource in [
        "projects/p/secrets/app",
        "projects/*/secrets/app",
        "projects/p",
        "*",
    ] {
        assert!(meets(rule(resource), "POST", ADD), "{resource}");
        assert!(
            meets(
                rule(resource),
                "GET",
                "/v1/projects/p/secrets/app/versions/1:access"
            ),
            "{resource}"
        );
        assert!(
            meets(
                rule(resource),
                "POST",
                "/v1/projects/p/secrets?secretId=app"
            ),
            "{resource}"
        );
    }
    for resource in [
        "projects/p/secrets/ap",
        "projects/q",
        "projects/p/secrets/app/versions",
    ] {
        assert!(!meets(rule(resource), "POST", ADD), "{resource}");
    }
    assert!(meets(
        rule("projects/p/locations/*/jobs/j"),
        "POST",
        "/v2/projects/p/locations/r/jobs?jobId=j"
    ));
}

#[test]
fn a_caller_is_told_from_others() {
    assert!(meets(
        json!({"caller": "anonymous", "effect": "deny"}),
        "POST",
        ADD
    ));
    assert!(!meets(
        json!({"caller": "ann", "effect": "deny"}),
        "POST",
        ADD
    ));
}

#[test]
fn what_is_no_rule_is_refused_and_changes_nothing() {
    for (rule, word) in [
        (json!({}), "effect"),
        (
            json!([null, null, null, null, null, null, null, "drop"]),
            "an object",
        ),
        (json!({"effect": "explode"}), "explode"),
        (json!({"effect": "drop", "verb": "addVersion"}), "verb"),
        (
            json!({"effect": "drop", "method": "addVersions"}),
            "`addVersions` is no method",
        ),
        (
            json!({"effect": "drop", "method": "POST"}),
            "`POST` is no method",
        ),
        (json!({"effect": "drop", "nth": 0}), "nonzero"),
        (json!({"effect": "drop", "times": "often"}), "Times"),
        (json!({"effect": "drop", "when": "later"}), "later"),
        (json!({"effect": "stale"}), "newtype variant"),
        (json!({"effect": {"stale": "1h"}}), "no duration"),
        (json!({"effect": {"delay": "-1s"}}), "no duration"),
        (json!({"effect": {"drop": "now"}}), "expected unit"),
        (
            json!({"effect": {"answer": {"status": 200}}}),
            "200 is not one of",
        ),
        (
            json!({"effect": {"answer": {"status": 503, "body": "xml"}}}),
            "xml",
        ),
        (
            json!({"effect": {"answer": {"status": 503, "retry_after": 1}}}),
            "retry_after",
        ),
        (json!({"effect": "cut", "when": "before"}), "`when`"),
        (json!({"effect": "frozen", "when": "after"}), "`when`"),
    ] {
        let mut faults = with(json!({"effect": "hang"}));
        let refused = faults
            .put("it", rule.clone(), Timestamp::UNIX_EPOCH)
            .unwrap_err();
        assert!(
            refused.message.contains(word),
            "{rule}: {}",
            refused.message
        );
        assert_eq!(
            faults.json()[0]["fault"],
            json!({"effect": "hang"}),
            "{rule}"
        );
    }
}

#[test]
fn one_request_meets_every_rule_that_is_due() {
    let mut faults = with(json!({"effect": {"stale": "5s"}, "times": "always"}));
    faults
        .put(
            "second",
            json!({"effect": "drop", "nth": 2}),
            Timestamp::UNIX_EPOCH,
        )
        .unwrap();
    let mut names = || -> Vec<String> {
        let met = faults.meet(
            &call("GET", "/v1/projects/p/secrets/app", ""),
            Timestamp::UNIX_EPOCH,
        );
        met.into_iter().map(|met| met.name).collect()
    };
    assert_eq!(names(), ["it"]);
    assert_eq!(names(), ["it", "second"]);
    assert_eq!(names(), ["it"]);
}
