//! Every format of every result.

use std::collections::BTreeSet;

use proptest::prelude::*;
use quick_junit::TestCaseStatus;
use rolewright::cli::{ApplyFormat, CheckFormat, PlanFormat};
use rolewright::output::{self, Applied, Outcome, Planned, PlannedInstance, Rendered, Stop};
use rolewright::plan::{Batch, Failure, Plan, Report, Rule, Transaction, Verdict};
use serde_json::Value;

use crate::sample;

/// A result as it is in a pipe.
fn plain(result: &Rendered) -> String {
    result.unstyled().into_owned()
}

fn planned(plan: &Plan, format: PlanFormat) -> String {
    let transaction = |database, statement: &str| {
        let statements = ["BEGIN ISOLATION LEVEL READ COMMITTED", statement, "COMMIT"]
            .map(String::from)
            .to_vec();
        Transaction {
            database,
            changes: Vec::new(),
            statements,
            batch: Batch { number: 1, of: 1 },
        }
    };
    let script = vec![
        transaction(
            None,
            "CREATE ROLE \"app_user_a\" NOINHERIT CONNECTION LIMIT 20",
        ),
        transaction(
            Some(sample::plan().pending[0].database.clone()),
            "COMMENT ON TABLE \"public\".\"orders\" IS '```'",
        ),
    ];
    let script = if plan.is_empty() { &[][..] } else { &script };
    plain(&output::plan(
        &Planned {
            digest: "6f1d0c2a",
            instances: vec![PlannedInstance { plan, script }],
        },
        format,
    ))
}

fn applied(plan: Plan, done: usize, stop: Option<Stop>) -> Applied {
    let events = vec!["published version 1 of projects/acme/secrets/db-app-url".into()];
    let instance = plan.instance.clone();
    let events = if plan.is_empty() { Vec::new() } else { events };
    Applied {
        instances: vec![Outcome {
            instance,
            report: Some(Report { plan, done, events }),
            stop,
        }],
    }
}

fn lost_connection() -> Stop {
    let causes = vec![
        "cannot commit in database `payments`".into(),
        "connection closed".into(),
    ];
    Stop::Failed(Failure {
        causes,
        hint: Some("run it again: it goes on where it ended".into()),
    })
}

fn checked(verdict: &Verdict, format: CheckFormat) -> String {
    plain(&output::check(verdict, format))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_plan_for_people() {
    insta::assert_snapshot!(planned(&sample::plan(), PlanFormat::Text));
}

#[test]
fn a_plan_without_changes_for_people() {
    insta::assert_snapshot!(planned(&sample::nothing(), PlanFormat::Text));
}

#[test]
fn a_plan_that_cannot_be_applied() {
    insta::assert_snapshot!(
        "refused_plan_for_people",
        planned(&sample::refused(), PlanFormat::Text)
    );
    insta::assert_snapshot!(
        "refused_plan_for_a_pull_request",
        planned(&sample::refused(), PlanFormat::Markdown)
    );
    let document = json(&planned(&sample::refused(), PlanFormat::Json));
    assert_eq!(
        document["instances"][0]["refusals"][0]["message"],
        "database `ledger` does not exist"
    );
}

#[test]
fn a_plan_for_programs() {
    insta::assert_snapshot!(planned(&sample::plan(), PlanFormat::Json));
}

#[test]
fn a_plan_for_psql() {
    insta::assert_snapshot!(planned(&sample::plan(), PlanFormat::Sql));
}

#[test]
fn a_plan_for_a_pull_request() {
    insta::assert_snapshot!(planned(&sample::plan(), PlanFormat::Markdown));
}

#[test]
fn everything_applied() {
    let mut plan = sample::plan();
    plan.withheld.clear();
    let all = plan.steps.len();
    insta::assert_snapshot!(plain(&output::apply(
        &applied(plan, all, None),
        ApplyFormat::Text
    )));
}

#[test]
fn nothing_to_apply() {
    insta::assert_snapshot!(plain(&output::apply(
        &applied(sample::nothing(), 0, None),
        ApplyFormat::Text
    )));
}

#[test]
fn applied_half_way() {
    let half = applied(sample::plan(), 2, Some(lost_connection()));
    insta::assert_snapshot!(
        "applied_half_way_for_people",
        plain(&output::apply(&half, ApplyFormat::Text))
    );
    let document = json(&plain(&output::apply(&half, ApplyFormat::Json)));
    assert_eq!(document["status"], "failed");
    let one = &document["instances"][0];
    assert_eq!(one["changes"].as_array().unwrap().len(), 2);
    assert_eq!(
        one["remaining"].as_array().unwrap().len(),
        sample::plan().steps.len() - 2
    );
    assert_eq!(
        one["errors"][0]["message"],
        "cannot commit in database `payments`: connection closed"
    );
}

#[test]
fn how_an_apply_ended_is_its_status() {
    let status = |applied: Applied| {
        json(&plain(&output::apply(&applied, ApplyFormat::Json)))["status"].clone()
    };
    let without = |withheld: usize| {
        let mut plan = sample::plan();
        plan.withheld.truncate(withheld);
        plan
    };
    assert_eq!(status(applied(sample::nothing(), 0, None)), "nothing_to_do");
    assert_eq!(status(applied(sample::refused(), 0, None)), "failed");
    assert_eq!(status(applied(without(0), 18, None)), "applied");
    assert_eq!(status(applied(without(1), 18, None)), "held");
    assert_eq!(status(applied(without(2), 18, None)), "failed");
    let locked = Failure {
        causes: vec!["another run holds the lock".into()],
        hint: None,
    };
    let held = Outcome {
        instance: None,
        report: None,
        stop: Some(Stop::Held(locked)),
    };
    assert_eq!(
        status(Applied {
            instances: vec![held]
        }),
        "held"
    );
}

#[test]
fn a_verdict_for_people() {
    insta::assert_snapshot!(
        "drift_for_people",
        checked(&sample::drift(), CheckFormat::Text)
    );
    insta::assert_snapshot!(
        "in_sync_for_people",
        checked(&sample::in_sync(), CheckFormat::Text)
    );
    insta::assert_snapshot!(
        "unknown_for_people",
        checked(&sample::unknown(), CheckFormat::Text)
    );
}

#[test]
fn a_verdict_for_programs() {
    insta::assert_snapshot!(
        "drift_for_programs",
        checked(&sample::drift(), CheckFormat::Json)
    );
    insta::assert_snapshot!(
        "unknown_for_programs",
        checked(&sample::unknown(), CheckFormat::Json)
    );
}

#[test]
fn a_finding_has_all_its_keys_and_no_other() {
    let document = json(&checked(&sample::drift(), CheckFormat::Json));
    let keys: Vec<_> = document.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["version", "status", "errors", "findings", "credentials"]
    );
    for finding in document["findings"].as_array().unwrap() {
        let keys: Vec<_> = finding.as_object().unwrap().keys().collect();
        assert_eq!(
            keys,
            [
                "rule",
                "severity",
                "instance",
                "database",
                "plane",
                "role",
                "object",
                "privilege",
                "path",
                "message",
                "fix",
                "file",
                "line",
                "column",
                "fingerprint",
                "allowed"
            ]
        );
    }
}

#[test]
fn a_verdict_for_code_scanning() {
    let text = checked(&sample::drift(), CheckFormat::Sarif);
    let log: serde_sarif::sarif::Sarif = serde_json::from_str(&text).unwrap();
    let run = &log.runs[0];
    let rules = run.tool.driver.rules.as_ref().unwrap();
    let declared: Vec<_> = rules.iter().map(|rule| rule.id.as_str()).collect();
    assert!(Rule::every().all(|rule| declared.contains(&rule.id())));
    let results = run.results.as_ref().unwrap();
    assert_eq!(results.len(), 5);
    for result in results {
        assert!(declared.contains(&result.rule_id.as_deref().unwrap()));
        let place = result.locations.as_ref().unwrap()[0]
            .physical_location
            .as_ref()
            .unwrap();
        assert_eq!(
            place.artifact_location.as_ref().unwrap().uri.as_deref(),
            Some("policies/payments.yaml")
        );
        assert!(place.region.as_ref().unwrap().start_line >= Some(1));
        assert_eq!(
            result.partial_fingerprints.as_ref().unwrap()["rolewright/v1"].len(),
            32
        );
    }
    let suppressed: Vec<_> = results
        .iter()
        .map(|result| result.suppressions.is_some())
        .collect();
    assert_eq!(suppressed, [false, false, false, false, true]);
    assert_eq!(json(&text)["version"], "2.1.0");
    let mut result = json(&text)["runs"][0]["results"][0].clone();
    result["partialFingerprints"] = Value::Null;
    insta::assert_snapshot!(
        "drift_for_code_scanning",
        serde_json::to_string_pretty(&result).unwrap()
    );
}

#[test]
fn a_verdict_for_test_reports() {
    let text = checked(&sample::drift(), CheckFormat::Junit);
    let report = quick_junit::Report::deserialize_from_str(&text).unwrap();
    assert_eq!((report.failures, report.errors), (3, 0));
    let cases = &report.test_suites[0].test_cases;
    let passed = cases
        .iter()
        .filter(|case| matches!(case.status, TestCaseStatus::Success { .. }))
        .count();
    let broken: BTreeSet<_> = sample::drift()
        .findings()
        .map(|finding| finding.rule)
        .collect();
    assert_eq!(passed, Rule::every().count() - broken.len());
    insta::assert_snapshot!("drift_for_test_reports", without_passes(&text));
    let unknown = checked(&sample::unknown(), CheckFormat::Junit);
    insta::assert_snapshot!("unknown_for_test_reports", unknown);
}

/// Rules that hold are tests that passed: too many to read.
fn without_passes(text: &str) -> String {
    let mut lines = text.lines().peekable();
    let mut kept = Vec::new();
    while let Some(line) = lines.next() {
        if line.contains("<testcase")
            && lines.next_if(|next| next.contains("</testcase>")).is_some()
        {
            continue;
        }
        kept.push(line);
    }
    kept.join("\n")
}

#[test]
fn a_verdict_for_a_pull_request() {
    insta::assert_snapshot!(
        "drift_for_a_pull_request",
        checked(&sample::drift(), CheckFormat::Markdown)
    );
    insta::assert_snapshot!(
        "unknown_for_a_pull_request",
        checked(&sample::unknown(), CheckFormat::Markdown)
    );
}

#[test]
fn a_verdict_for_github() {
    insta::assert_snapshot!(
        "drift_for_github",
        checked(&sample::drift(), CheckFormat::Github)
    );
    insta::assert_snapshot!(
        "unknown_for_github",
        checked(&sample::unknown(), CheckFormat::Github)
    );
}

#[test]
fn a_policy_in_every_format() {
    use clap::ValueEnum as _;
    for format in CheckFormat::value_variants() {
        let name = format!("{format:?}").to_lowercase();
        insta::assert_snapshot!(
            format!("invalid_{name}"),
            plain(&output::validate(&sample::validation(), *format))
        );
        insta::assert_snapshot!(
            format!("valid_{name}"),
            plain(&output::validate(&sample::valid(), *format))
        );
    }
}

/// What a name could be made of to become something else somewhere.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "\n",
        "\r\n",
        " ",
        "\t",
        "::error::x",
        "::add-mask::x",
        "##[error]x",
        "##",
        "#",
        "[",
        "\u{1b}[2J",
        "\u{9b}",
        "\u{7f}",
        "\u{202e}",
        "\u{fffe}",
        "{0}",
        "[x](http://e.vil)",
        "`",
        "@octocat",
        "<img>",
        "]]>",
        "\"",
        "%0A",
        "a",
        "é",
    ]);
    prop_oneof![
        prop::collection::vec(pieces, 0..6).prop_map(|all| all.concat()),
        any::<String>()
    ]
}

/// Findings and errors in which every text is `name`.
fn named(name: &str) -> Verdict {
    let mut verdict = sample::drift();
    for instance in &mut verdict.instances {
        instance.errors.push(Failure {
            causes: vec![name.into(), name.into()],
            hint: Some(name.into()),
        });
        for finding in &mut instance.findings {
            (finding.message, finding.fix, finding.path) =
                (name.into(), Some(name.into()), vec![name.into()]);
            (finding.role, finding.object, finding.privilege) =
                (Some(name.into()), Some(name.into()), Some(name.into()));
            finding.allowed = finding.allowed.as_ref().map(|_| name.into());
            if let Some(origin) = &mut finding.origin {
                origin.file = name.into();
            }
        }
    }
    verdict
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_name_stays_a_name_in_every_format(name in hostile()) {
        use clap::ValueEnum as _;
        let verdict = named(&name);
        let commands = verdict.findings().count() + verdict.instances.iter().map(|one| one.errors.len()).sum::<usize>();
        for format in CheckFormat::value_variants() {
            let said = checked(&verdict, *format);
            let begun = said.lines().filter(|line| line.trim_start().starts_with("::")).count();
            prop_assert_eq!(begun, if *format == CheckFormat::Github { commands } else { 0 }, "{:?}: {}", format, said);
            prop_assert!(!said.contains("##["), "{:?}: {}", format, said);
            let hidden = said.chars().find(|c| *c != '\n' && (c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}')));
            prop_assert_eq!(hidden, None, "{:?}: {:?}", format, said);
        }
        let document = json(&checked(&verdict, CheckFormat::Json));
        prop_assert_eq!(document["findings"][0]["object"].as_str(), Some(name.as_str()));
        let log = json(&checked(&verdict, CheckFormat::Sarif));
        let message = log["runs"][0]["results"][0]["message"]["text"].as_str().unwrap_or_default().to_owned();
        prop_assert!(!message.replace("\\]", "").contains("]("), "{}", message);
        prop_assert_eq!(message.replace("{{", "").replace("}}", "").find(['{', '}']), None, "{}", message);
        quick_junit::Report::deserialize_from_str(&checked(&verdict, CheckFormat::Junit)).unwrap();
    }
}

#[test]
fn no_format_lets_an_escape_sequence_through() {
    use clap::ValueEnum as _;
    for format in CheckFormat::value_variants() {
        let (Rendered::Text(whole) | Rendered::Exact(whole)) =
            output::check(&sample::drift(), *format);
        assert!(!whole.contains("\u{1b}[2J"), "{format:?}");
    }
}
