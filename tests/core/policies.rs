//! Policy files: what they resolve to, and what is said of those that are wrong.

mod credentials;
mod examples;
mod grants;
mod lifecycle;
mod mutations;
mod names;
mod objects;
mod references;
mod resolved;
mod schema;
mod syntax;
mod together;
mod types;
mod variables;

use rolewright::model::Policy;
use rolewright::policy::{Problems, Source, Variables, load};

/// A file that begins all right: one instance, one database, two schemas.
const SHOP: &str =
    "version: 1\ninstance: p:r:i\ndatabases:\n  shop:\n    schemas: [public, audit]\n";

fn read(texts: &[&str]) -> Result<Vec<Policy>, Problems> {
    let name = |index: usize| match texts {
        [_] => "p.yaml".to_owned(),
        _ => format!("{}.yaml", ["a", "b", "c"][index]),
    };
    let sources: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| Source {
            name: name(index),
            text: (*text).into(),
        })
        .collect();
    load(&sources, &given())
}

fn given() -> Variables {
    let mut variables = Variables::default();
    for assignment in [
        "PROJECT=my-project",
        "PROJECT_NUMBER=123456789012",
        "N=10",
        "EMPTY=",
        "YAML=a, b]: {c",
    ] {
        variables.assign(assignment).unwrap();
    }
    variables
}

/// What is said of files `a.yaml`, `b.yaml`, … read together.
fn of_files(texts: &[&str]) -> String {
    read(texts).map_or_else(|problems| problems.to_string(), |_| "OK".into())
}

/// What is said of one file.
fn of(text: &str) -> String {
    of_files(&[text])
}

/// What is said of the shop's file with `rest` behind its databases (line 6 on).
fn of_shop(rest: &str) -> String {
    of(&format!("{SHOP}{rest}"))
}

/// What is said of the shop's file with one role, whose keys are `lines` (line 8 on).
fn of_role(lines: &str) -> String {
    let indented: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    of_shop(&format!("roles:\n  app:\n{indented}"))
}

/// The only policy of the shop's file with `rest` behind its databases.
fn shop(rest: &str) -> Policy {
    match read(&[&format!("{SHOP}{rest}")]) {
        Ok(policies) => policies.into_iter().next().unwrap(),
        Err(problems) => panic!("{problems}"),
    }
}
