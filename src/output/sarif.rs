//! SARIF 2.1.0, for code scanning. <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_sarif::sarif::{
    ArtifactLocation, Location, LogicalLocation, Message, MultiformatMessageString,
    PhysicalLocation, Region, ReportingDescriptor, Result, ResultLevel, Run, SCHEMA_URL, Sarif,
    Suppression, Tool, ToolComponent, Version,
};

use super::annotation::{Annotation, POLICY_RULE, UNKNOWN_RULE, of_validation, of_verdict};
use super::{Validation, json};
use crate::model::Origin;
use crate::plan::{Finding, Rule, Severity, Verdict};

/// Characters that a path holds and a URI reference does not; a colon in the first part would read as a scheme.
const NOT_IN_URI: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b':')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Every finding.
pub(super) fn check(verdict: &Verdict) -> String {
    let mut rules: Vec<_> = Rule::every()
        .map(|rule| descriptor(rule.id(), rule.description()))
        .collect();
    rules.push(descriptor(UNKNOWN_RULE, "something could not be looked at"));
    document(rules, &of_verdict(verdict))
}

/// Every problem of a policy.
pub(super) fn validate(validation: &Validation) -> String {
    document(
        vec![descriptor(
            POLICY_RULE,
            "a policy file says something it must not",
        )],
        &of_validation(validation),
    )
}

fn document(rules: Vec<ReportingDescriptor>, annotations: &[Annotation<'_>]) -> String {
    let driver = ToolComponent::builder()
        .name("rolewright")
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .rules(rules)
        .build();
    let run = Run::builder()
        .tool(Tool::builder().driver(driver).build())
        .column_kind("unicodeCodePoints")
        .results(annotations.iter().map(result).collect::<Vec<_>>())
        .build();
    json::document(
        &Sarif::builder()
            .schema(SCHEMA_URL)
            .version(Version::V2_1_0.to_string())
            .runs(vec![run])
            .build(),
    )
}

fn descriptor(id: &str, description: &str) -> ReportingDescriptor {
    let description = MultiformatMessageString::builder()
        .text(description)
        .build();
    ReportingDescriptor::builder()
        .id(id)
        .short_description(description)
        .build()
}

fn result(annotation: &Annotation<'_>) -> Result {
    let Annotation {
        rule,
        severity,
        message,
        hint,
        origin,
        finding,
    } = annotation;
    let label = if finding.is_some() { "Fix" } else { "Hint" };
    let text = hint.as_ref().map_or_else(
        || message.clone(),
        |hint| format!("{message}\n{label}: {hint}"),
    );
    let mut result = Result::builder()
        .rule_id(*rule)
        .level(level(*severity))
        .message(Message::builder().text(message_text(&text)).build())
        .locations(vec![location(origin.as_ref(), *finding)])
        .build();
    if let Some(finding) = finding {
        result.partial_fingerprints = Some(BTreeMap::from([(
            "rolewright/v1".into(),
            finding.fingerprint(),
        )]));
        result.suppressions = finding.allowed.as_ref().map(|reason| {
            vec![
                Suppression::builder()
                    .kind("external")
                    .justification(reason.clone())
                    .build(),
            ]
        });
    }
    result
}

/// Text as a plain text message, sections 3.11.5 and 3.11.6: braces would be placeholders, and `[text](target)` a link.
fn message_text(text: &str) -> String {
    let text = text.replace('{', "{{").replace('}', "}}");
    if !text.contains("](") {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if matches!(c, '[' | ']' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn level(severity: Severity) -> ResultLevel {
    match severity {
        Severity::Error => ResultLevel::Error,
        Severity::Warning => ResultLevel::Warning,
        Severity::Info => ResultLevel::Note,
    }
}

fn location(origin: Option<&Origin>, finding: Option<&Finding>) -> Location {
    let mut location = Location::builder().build();
    location.physical_location = origin.map(|Origin { file, line, column }| {
        let region = Region::builder()
            .start_line(number(*line))
            .start_column(number(*column))
            .build();
        let artifact = ArtifactLocation::builder().uri(uri(file)).build();
        PhysicalLocation::builder()
            .artifact_location(artifact)
            .region(region)
            .build()
    });
    location.logical_locations = finding.and_then(|finding| {
        let database = finding.database.as_ref().map(ToString::to_string);
        let name = [database, finding.object.clone()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("/");
        (!name.is_empty()).then(|| {
            vec![
                LogicalLocation::builder()
                    .fully_qualified_name(name)
                    .build(),
            ]
        })
    });
    location
}

/// Lines and columns count from 1.
fn number(count: usize) -> i64 {
    i64::try_from(count.max(1)).unwrap_or(i64::MAX)
}

/// A path as a URI reference: relative ones stay relative to the root of the checkout.
fn uri(path: &str) -> String {
    let encoded = |path: &str| utf8_percent_encode(path, NOT_IN_URI).to_string();
    match path.strip_prefix("./") {
        // Behind `./` more slashes mean nothing, and would begin a host.
        Some(relative) => encoded(relative.trim_start_matches('/')),
        None if path.starts_with('/') => {
            format!("file:///{}", encoded(path.trim_start_matches('/')))
        }
        None => encoded(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_uri_reference() {
        assert_eq!(uri("./policies/a b.yaml"), "policies/a%20b.yaml");
        assert_eq!(uri("/srv/p#1.yaml"), "file:///srv/p%231.yaml");
        assert_eq!(uri("a:b.yaml"), "a%3Ab.yaml");
        assert_eq!(uri(".//host/a\u{1b}.yaml"), "host/a%1B.yaml");
        assert_eq!(uri("//host/a.yaml"), "file:///host/a.yaml");
        assert_eq!(uri("größe.yaml"), "gr%C3%B6%C3%9Fe.yaml");
    }

    #[test]
    fn a_name_is_neither_a_link_nor_a_placeholder() {
        assert_eq!(message_text("a {0} [b]"), "a {{0}} [b]");
        assert_eq!(message_text("[a\\](http://b)"), "\\[a\\\\\\](http://b)");
    }
}
