//! JUnit XML, for test reports: a rule that holds is a test that passed. XML knows no control characters, not even escaped:
//! all text is made [`plain`] first. <https://www.w3.org/TR/xml/#charsets>

use std::collections::BTreeSet;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::style::plain;
use super::{Diagnostic, Validation};
use crate::plan::{Failure, Finding, InstanceVerdict, Rule, Severity, Verdict};

/// A suite for every instance.
pub(super) fn check(verdict: &Verdict) -> String {
    let mut report = Report::new("rolewright check");
    report.add_test_suites(verdict.instances.iter().map(suite));
    document(&report)
}

/// One suite, a test for every file.
pub(super) fn validate(validation: &Validation) -> String {
    let mut suite = TestSuite::new("policy");
    suite.add_test_cases(
        validation
            .clean_files()
            .map(|file| TestCase::new(plain(file).as_ref(), TestCaseStatus::success())),
    );
    suite.add_test_cases(validation.diagnostics.iter().map(diagnosed));
    let mut report = Report::new("rolewright validate");
    report.add_test_suite(suite);
    document(&report)
}

fn document(report: &Report) -> String {
    report.to_string().expect("XML is written to memory")
}

fn suite(verdict: &InstanceVerdict) -> TestSuite {
    let name = verdict
        .instance
        .as_ref()
        .map_or_else(|| "instance".into(), ToString::to_string);
    let mut suite = TestSuite::new(plain(&name).as_ref());
    let broken: BTreeSet<Rule> = verdict
        .findings
        .iter()
        .map(|finding| finding.rule)
        .collect();
    // A rule that nothing speaks against holds only if everything could be looked at.
    if verdict.errors.is_empty() {
        let holds = Rule::every().filter(|rule| !broken.contains(rule));
        suite.add_test_cases(
            holds.map(|rule| case(rule.id(), rule.description(), TestCaseStatus::success())),
        );
    }
    suite.add_test_cases(verdict.findings.iter().map(found));
    suite.add_test_cases(verdict.errors.iter().map(failed));
    suite
}

fn case(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(plain(name).as_ref(), status);
    case.set_classname(plain(class).as_ref());
    case
}

fn found(finding: &Finding) -> TestCase {
    let mut status = if finding.is_drift() {
        TestCaseStatus::non_success(NonSuccessKind::Failure)
    } else {
        TestCaseStatus::skipped()
    };
    status
        .set_message(plain(&finding.message).as_ref())
        .set_type(finding.rule.id());
    let path = (!finding.path.is_empty()).then(|| finding.path.join(" → "));
    let lines = [
        ("path", &path),
        ("accepted", &finding.allowed),
        ("fix", &finding.fix),
    ];
    let lines: Vec<_> = lines
        .iter()
        .filter_map(|(label, text)| {
            text.as_ref()
                .map(|text| format!("{label}: {}", plain(text)))
        })
        .collect();
    status.set_description(lines.join("\n"));
    let about: Vec<_> = [&finding.role, &finding.privilege, &finding.object]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let name = if about.is_empty() {
        finding.message.clone()
    } else {
        about.join(" ")
    };
    let mut case = case(finding.rule.id(), &name, status);
    if let Some(origin) = &finding.origin {
        case.extra
            .insert("file".into(), plain(&origin.file).as_ref().into());
        case.extra
            .insert("line".into(), origin.line.to_string().into());
    }
    case
}

fn failed(failure: &Failure) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(plain(&failure.message()).as_ref());
    if let Some(hint) = &failure.hint {
        status.set_description(format!("hint: {}", plain(hint)));
    }
    case(
        super::annotation::UNKNOWN_RULE,
        "everything could be looked at",
        status,
    )
}

fn diagnosed(diagnostic: &Diagnostic) -> TestCase {
    let Diagnostic {
        severity,
        origin,
        message,
        hint,
    } = diagnostic;
    let mut status = match severity {
        Severity::Error => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Severity::Warning | Severity::Info => TestCaseStatus::skipped(),
    };
    status.set_message(plain(message).as_ref());
    if let Some(hint) = hint {
        status.set_description(format!("hint: {}", plain(hint)));
    }
    let mut case = case(
        &origin.file,
        &format!("{}:{}:{}", origin.file, origin.line, origin.column),
        status,
    );
    case.extra
        .insert("file".into(), plain(&origin.file).as_ref().into());
    case.extra
        .insert("line".into(), origin.line.to_string().into());
    case
}
