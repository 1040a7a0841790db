//! What is typed against a finding whose change is withheld: never the statement that makes the change.

use std::collections::{BTreeMap, BTreeSet};

use rolewright::model::State;
use rolewright::plan::{ApplyOption, Direction, Finding, Grounds, Options, Plan, TakeOver, diff};

use super::world::{policy, role, world};

/// A world in which something is withheld.
struct Case {
    what: &'static str,
    roles: &'static str,
    lines: &'static str,
    phase: Direction,
    /// Words of the finding.
    found: &'static str,
    /// Words of the statement that makes the change.
    statement: &'static str,
    grounds: fn() -> Grounds,
}

const BASE: &str = "
    role mig
    role app
    member cloudsqlsuperuser in mig by cloudsqladmin admin noinherit noset
    member cloudsqlsuperuser in app by cloudsqladmin admin noinherit noset
    defaults mig for routines { }
    defaults mig in app for tables { app=arwd/mig }
    defaults mig in app for sequences { app=U/mig }
    defaults mig in app for routines { app=X/mig }
";
const SCHEMA: &str =
    "schema app of cloudsqlsuperuser { mig=UC/cloudsqlsuperuser app=U/cloudsqlsuperuser }\n";
const PLAIN: &str = "mig: { access: ddl }, app: { access: dml }";

fn cases() -> Vec<Case> {
    let case = |what, lines, found, statement, grounds| Case {
        what,
        roles: PLAIN,
        lines,
        phase: Direction::Both,
        found,
        statement,
        grounds,
    };
    let prune = || Grounds::Option(ApplyOption::Prune);
    let take_over = || Grounds::Option(ApplyOption::TakeOver([TakeOver::Foreign].into()));
    let views = || Grounds::Option(ApplyOption::TakeOver([TakeOver::Views].into()));
    vec![
        case(
            "a privilege of an undeclared role",
            "role bob login\n table app.t of mig { app=arwd/mig bob=r/mig }",
            "bob holds SELECT on table app.t",
            "REVOKE SELECT",
            prune,
        ),
        case(
            "what hangs on a privilege",
            "role bob login\n table app.t of mig { app=arwd*/mig bob=d/app }",
            "DELETE on table app.t WITH GRANT OPTION",
            "REVOKE",
            prune,
        ),
        case(
            "default privileges of an undeclared role",
            "role bob login\n defaults mig in app for tables { app=arwd/mig bob=r/mig }",
            "bob will hold SELECT",
            "ALTER DEFAULT PRIVILEGES",
            prune,
        ),
        case(
            "a membership of an undeclared role",
            "role bob login\n member bob in app by cloudsqlsuperuser",
            "bob is a member of app",
            "REVOKE \"app\" FROM \"bob\"",
            prune,
        ),
        case(
            "a login that nothing declares",
            "role app login",
            "app",
            "NOLOGIN",
            prune,
        ),
        case(
            "CONNECT of a guest",
            "role bob login\n table app.t of mig { app=arwd/mig bob=r/mig }\n database shop of cloudsqlsuperuser { mig=cT/cloudsqlsuperuser app=c/cloudsqlsuperuser =c/cloudsqlsuperuser }",
            "CONNECT on database shop",
            "REVOKE CONNECT",
            prune,
        ),
        case(
            "an object of an undeclared role",
            "role bob login\n member cloudsqlsuperuser in bob by cloudsqladmin admin noinherit noset\n table app.t of bob",
            "table app.t belongs to bob",
            "OWNER TO",
            take_over,
        ),
        case(
            "a view",
            "view app.v of csadmin",
            "view app.v belongs to csadmin",
            "OWNER TO",
            views,
        ),
        case(
            "rights that this admin lacks",
            "role boss superuser login\n table app.t of boss",
            "table app.t belongs to boss",
            "OWNER TO",
            || Grounds::Rights,
        ),
        Case {
            roles: "mig: { access: ddl }, app: { access: dml, secret: { name: s } }",
            ..case(
                "a password that nobody stored",
                "role app login\n table app.t of mig",
                "on table app.t",
                "GRANT",
                || Grounds::Unproven(role("app")),
            )
        },
        Case {
            roles: "mig: { access: ddl }, app: { access: dml, secret: { name: s } }",
            ..case(
                "the end of a password that nobody stored",
                "role app login expiring",
                "a password that expires",
                "VALID UNTIL",
                || Grounds::Option(ApplyOption::ResetPasswords),
            )
        },
        Case {
            phase: Direction::Contract,
            ..case(
                "what an earlier part of a deployment gives",
                "no schema\n schema app of cloudsqlsuperuser { app=U/cloudsqlsuperuser }\n table app.t of mig { app=arwdD/mig }",
                "TRUNCATE on table app.t",
                "REVOKE TRUNCATE",
                || Grounds::Option(ApplyOption::ExpandFirst),
            )
        },
        Case {
            roles: "mig: { access: ddl }, app: { access: dml }, late: { access: { read: [later] } }",
            ..case(
                "a schema that others make",
                "role late\n member cloudsqlsuperuser in late by cloudsqladmin admin noinherit noset",
                "schema later",
                "CREATE SCHEMA",
                || Grounds::Decision,
            )
        },
    ]
}

fn state(case: &Case) -> State {
    let mut lines: Vec<&str> = case.lines.lines().map(str::trim).collect();
    let schema = match lines.first() {
        Some(&"no schema") => {
            lines.remove(0);
            ""
        }
        _ => SCHEMA,
    };
    let expires = lines.iter().any(|line| line.ends_with(" expiring"));
    let lines = lines.join("\n").replace(" expiring", "");
    let own = match lines.contains("database shop") {
        true => "",
        false => {
            "database shop of cloudsqlsuperuser { mig=cT/cloudsqlsuperuser app=c/cloudsqlsuperuser }\n"
        }
    };
    // Defaults and the entry of the database that a case gives replace those of every world.
    let base: String = BASE
        .lines()
        .filter(|line| {
            !lines.contains("defaults mig in app for tables") || !line.contains("for tables")
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let mut state = world(17, &format!("{base}{schema}{own}{lines}"));
    state.shared = state.shared.split_off(1);
    if expires {
        state.roles.get_mut(&role("app")).unwrap().valid_until =
            Some("2999-01-01 00:00:00+00".into());
    }
    state
}

fn planned(case: &Case, state: &State, option: Option<&ApplyOption>) -> Plan {
    let text = format!(
        "{{version: 1, project: p, databases: {{ shop: {{ schemas: [app, {{name: later, create: false}}] }} }}, roles: {{ {} }} }}",
        case.roles
    );
    let mut options = Options {
        phase: case.phase,
        ..Options::default()
    };
    match option {
        None => {}
        Some(ApplyOption::Prune) => options.prune = true,
        Some(ApplyOption::ResetPasswords) => options.reset_passwords = true,
        Some(ApplyOption::ExpandFirst) => options.phase = Direction::Both,
        Some(ApplyOption::TakeOver(kinds)) => options.take_over = kinds.clone(),
    }
    diff(&policy(&text), state, &options)
}

/// One for each kind of grounds: a new one needs a row of the table.
fn index(grounds: &Grounds) -> usize {
    match grounds {
        Grounds::Option(ApplyOption::Prune) => 0,
        Grounds::Option(ApplyOption::ResetPasswords) => 1,
        Grounds::Option(ApplyOption::ExpandFirst) => 2,
        Grounds::Option(ApplyOption::TakeOver(_)) => 3,
        Grounds::Decision => 4,
        Grounds::Unproven(_) => 5,
        Grounds::Rights => 6,
    }
}

#[test]
fn no_fix_is_the_statement_that_is_withheld_on_whatever_grounds() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        let state = state(&case);
        let plan = planned(&case, &state, None);
        let grounds = (case.grounds)();
        let told = |found: &Finding| found.message.contains(case.found);
        let is_it = |one: &&rolewright::plan::Withheld| {
            one.grounds == grounds && one.findings.iter().any(told)
        };
        let withheld = plan.withheld.iter().find(is_it);
        let withheld = withheld.unwrap_or_else(|| panic!("{}: {:#?}", case.what, plan.withheld));
        seen.insert(index(&grounds));
        for one in plan.withheld.iter().flat_map(|one| &one.findings) {
            let fix = one.fix.as_deref().unwrap_or_default();
            assert!(!fix.contains(case.statement), "{}: {fix}", case.what);
        }
        for one in &withheld.findings {
            assert_eq!(one.fix, None, "{}: {}", case.what, one.message);
        }
        let findings = plan.findings(&state);
        for one in &withheld.findings {
            let shown = findings
                .iter()
                .find(|shown| shown.fingerprint() == one.fingerprint());
            let message = &shown.unwrap_or_else(|| panic!("{}", case.what)).message;
            let ending = format!(": {}; {}", withheld.reason, withheld.advice);
            assert!(message.ends_with(&ending), "{}: {message}", case.what);
        }
        let Grounds::Option(option) = &grounds else {
            continue;
        };
        let advice = &withheld.advice;
        assert!(
            advice.contains(&option.to_string()),
            "{}: {advice}",
            case.what
        );
        decides(
            &case,
            &state,
            option,
            withheld.findings.iter().filter(|one| told(one)),
        );
    }
    assert_eq!(seen, (0..=6).collect());
}

/// With the option the change is a step. Where this admin could type it at once, its statement is the fix then.
fn decides<'f>(
    case: &Case,
    state: &State,
    option: &ApplyOption,
    found: impl Iterator<Item = &'f Finding>,
) {
    let plan = planned(case, state, Some(option));
    let withheld = plan.withheld.iter().flat_map(|one| &one.findings);
    let withheld: BTreeSet<_> = withheld.map(Finding::fingerprint).collect();
    let fixes: BTreeMap<_, _> = plan
        .findings(state)
        .into_iter()
        .map(|one| (one.fingerprint(), one.fix))
        .collect();
    let by_hand = match option {
        ApplyOption::Prune | ApplyOption::ResetPasswords | ApplyOption::TakeOver(_) => true,
        ApplyOption::ExpandFirst => false,
    };
    for one in found.map(Finding::fingerprint) {
        assert!(!withheld.contains(&one), "{}", case.what);
        let fix = fixes.get(&one).cloned().flatten();
        let is_it = fix.as_ref().is_some_and(|fix| fix.contains(case.statement));
        assert_eq!(is_it, by_hand, "{}: {fix:?}", case.what);
    }
}
