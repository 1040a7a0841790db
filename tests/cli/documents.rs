//! What the documents show is so.

use rolewright::plan::Rule;
use rolewright::policy::{self, Source, Variables};

#[test]
fn the_policy_of_the_readme_is_one() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("```yaml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let mut variables = Variables::default();
    variables.assign("PROJECT=acme").unwrap();
    let policies = policy::load(
        &[Source {
            name: "README.md".into(),
            text: text.into(),
        }],
        &variables,
    )
    .unwrap();
    assert!(policy::warnings(&policies[0]).is_empty());
}

#[test]
fn every_rule_is_in_the_documents() {
    let document = include_str!("../../docs/output.md");
    for rule in Rule::every() {
        let row = format!("| `{rule}` | {} |", rule.description());
        assert!(document.contains(&row), "docs/output.md lacks: {row}");
    }
}
