//! Policy files with their variables. A seed has a file a part; a part that begins with `# variables` is a variable file.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use rolewright::model::{Database, Origin, Policy, RoleName, Server, State};
use rolewright::plan::{Options, diff};
use rolewright::policy::{Problems, Source, Variables, load, warnings};

fuzz_target!(|text: &str| {
    let (variables, files): (Vec<_>, Vec<_>) =
        rolewright_fuzz::parts(text).partition(|part| part.starts_with("# variables\n"));
    let mut given = Variables::default();
    for (index, text) in variables.into_iter().enumerate() {
        let source = Source {
            name: format!("variables{index}"),
            text: text.into(),
        };
        if let Err(problems) = given.read_file(&source) {
            all_have_a_place(&problems, std::slice::from_ref(&source));
        }
    }
    let files: Vec<_> = (0..)
        .zip(files)
        .map(|(n, text)| Source {
            name: format!("file{n}"),
            text: text.into(),
        })
        .collect();
    let again: Vec<_> = files.iter().rev().cloned().collect();
    match (load(&files, &given), load(&again, &given)) {
        (Ok(policies), Ok(reversed)) => {
            let planned: Vec<_> = policies.iter().map(plan).collect();
            assert_eq!(
                planned,
                reversed.iter().map(plan).collect::<Vec<_>>(),
                "the order of the files counts"
            );
        }
        (Err(problems), Err(_)) => all_have_a_place(&problems, &files),
        (one, other) => panic!("read in one order only: {one:?} {other:?}"),
    }
});

/// Every problem is told once, in order, and at a place that an editor can jump to.
fn all_have_a_place(problems: &Problems, files: &[Source]) {
    assert!(!problems.0.is_empty());
    assert!(problems.0.is_sorted());
    for problem in &problems.0 {
        let Origin { file, line, column } = &problem.origin;
        let source = files
            .iter()
            .find(|source| source.name == *file)
            .expect("a file that was given");
        // To YAML a carriage return alone ends a line too, <https://yaml.org/spec/1.2.2/#54-line-break-characters>.
        let text = source.text.replace("\r\n", "\n").replace('\r', "\n");
        let lines: Vec<_> = text.split('\n').collect();
        let length = line
            .checked_sub(1)
            .and_then(|at| lines.get(at))
            .map(|line| line.chars().count());
        assert!(
            length.is_some_and(|length| (1..=length + 1).contains(column)),
            "outside of the file: {problem:?}"
        );
        assert!(!problem.message.is_empty());
    }
}

/// What is to be done on an instance that has the databases and nothing else, without its order.
fn plan(policy: &Policy) -> Vec<String> {
    warnings(policy);
    let admin = Some(RoleName::new("postgres").expect("a name"));
    let databases: BTreeMap<_, _> = policy
        .databases
        .keys()
        .map(|name| (name.clone(), Database::default()))
        .collect();
    let server = Server {
        version: 170_000,
        admin,
        ..Server::default()
    };
    let state = State {
        server,
        databases,
        ..State::default()
    };
    let plan = diff(policy, &state, &Options::default());
    let mut shown: Vec<_> = plan
        .steps
        .iter()
        .map(|step| step.change.to_string())
        .collect();
    shown.extend(
        plan.findings(&state)
            .into_iter()
            .map(|finding| finding.message),
    );
    shown.sort();
    shown
}
