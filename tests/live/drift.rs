//! Whatever somebody changes behind the policy's back: `check` names it, `apply` mends it or says why it may not.
//!
//! The cases are data, one a line of `cases/*.tsv`: add yours there. `sql` is run by the bootstrap superuser in `shop`
//! (`SET ROLE x;` in front: as `x`) on the majors of `pg` (`15`: from 15 on; `14-15`: up to 15); `undo` takes back what
//! is not of that database (`fresh`: the database is made anew); `rule` lists the rules of which `check` must report one: as drift,
//! or, where `warning` is expected, as what is said and left. `apply` says what comes of it: `mends`; `--prune` or `--take-over`: only with that flag;
//! `decision` (exit 3), `impossible` (exit 1) or `refused` (exit 1, nothing touched): it is left, and named. `<16` behind it:
//! from 16 on it is impossible. `ROLEWRIGHT_TEST_CASES=own-` runs only cases with that in their id.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use serde_json::Value;

use crate::support::{Cluster, Options, Outcome, Rolewright, each_major};

const BEFORE: &str = include_str!("cases/before.sql");
const MIGRATIONS: &str = include_str!("cases/migrations.sql");

mod elsewhere;
mod fixes;
mod matrix;

/// The name of a role that is gone cannot be said in SQL: nobody mends what names it but by a superuser's hand in the catalogs.
const BEYOND_SQL: &str = "dangling";

const TABLES: [&str; 10] = [
    include_str!("cases/drift.tsv"),
    include_str!("cases/grants.tsv"),
    include_str!("cases/roles.tsv"),
    include_str!("cases/owners.tsv"),
    include_str!("cases/belongings.tsv"),
    include_str!("cases/code.tsv"),
    include_str!("cases/effective.tsv"),
    include_str!("cases/views.tsv"),
    include_str!("cases/kinds.tsv"),
    include_str!("cases/innocent.tsv"),
];

each_major! {
    async fn tampering_is_found_and_mended(major: u32) {
        every_case(major, "drift").await;
    }
}

fn cases(major: u32) -> impl Iterator<Item = Case<'static>> {
    let lines = TABLES.iter().flat_map(|table| table.lines().skip(1));
    let only = chosen_cases();
    let chosen = move |case: &Case<'_>| {
        only.as_ref()
            .is_none_or(|only| case.id.contains(only.as_str()))
    };
    lines
        .map(Case::parse)
        .filter(move |case| case.majors.contains(&major))
        .filter(chosen)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a short loop runs the cases at hand"
)]
fn chosen_cases() -> Option<String> {
    std::env::var("ROLEWRIGHT_TEST_CASES").ok()
}

async fn every_case(major: u32, policy: &str) {
    let world = World::make(major, policy).await;
    let mut wrong = String::new();
    for case in cases(major) {
        if let Err(why) = world.try_case(&case).await {
            writeln!(wrong, "{} on {major} ({}): {why}", case.id, case.what).unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// One line of a table of cases.
#[derive(Clone, Debug)]
struct Case<'a> {
    id: &'a str,
    majors: RangeInclusive<u32>,
    what: &'a str,
    sql: &'a str,
    undo: Undo<'a>,
    expect: &'a str,
    /// The rules of which one must be found; none of them: it must stay in sync.
    rules: Vec<&'a str>,
    apply: &'a str,
}

impl<'a> Case<'a> {
    fn parse(line: &'a str) -> Self {
        let fields: Vec<_> = line.split('\t').collect();
        let [id, majors, what, sql, undo, expect, rule, apply] = fields[..] else {
            panic!("not eight fields: {line}");
        };
        let rules: Vec<_> = rule.split('|').filter(|rule| *rule != "-").collect();
        assert!(["in-sync", "warning", "drift"].contains(&expect), "{line}");
        assert_eq!(rules.is_empty(), expect == "in-sync", "{line}");
        let undo = match undo {
            "-" => Undo::Nothing,
            "fresh" => Undo::Database,
            sql => Undo::Sql(sql),
        };
        let (from, to) = majors.split_once('-').unwrap_or((majors, "99"));
        Self {
            id,
            majors: major(from)..=major(to),
            what,
            sql,
            undo,
            expect,
            rules,
            apply,
        }
    }

    /// What `apply` is to come to on this major, and the flag it needs.
    fn outcome(&self, on: u32) -> &'a str {
        match self.apply.split_once(" <") {
            Some((_, limit)) if on >= major(limit) => "impossible",
            Some((outcome, _)) => outcome,
            None => self.apply,
        }
    }
}

/// Everything that mending could have dropped, roles included.
async fn objects(superuser: &tokio_postgres::Client) -> Result<BTreeSet<String>, String> {
    let rows = superuser
        .query(OBJECTS, &[])
        .await
        .map_err(|error| format!("the objects: {error:?}"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

const OBJECTS: &str = "
SELECT 'role ' || rolname FROM pg_roles
UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
UNION ALL SELECT 'relation ' || oid FROM pg_class WHERE relpersistence <> 't' AND relkind <> 't'
UNION ALL SELECT 'routine ' || oid FROM pg_proc
UNION ALL SELECT 'type ' || typname FROM pg_type WHERE typrelid = 0 AND typelem = 0
UNION ALL SELECT 'large object ' || oid FROM pg_largeobject_metadata
UNION ALL SELECT 'extension ' || extname FROM pg_extension
UNION ALL SELECT 'policy ' || oid FROM pg_policy
UNION ALL SELECT 'server ' || srvname FROM pg_foreign_server";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Undo<'a> {
    Nothing,
    Sql(&'a str),
    /// The database is made anew.
    Database,
}

fn major(text: &str) -> u32 {
    text.parse()
        .unwrap_or_else(|_| panic!("`{text}` is no major version"))
}

type Verdict = Result<(), String>;

/// How the world is left.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    InSync,
    Drift,
}

struct World {
    major: u32,
    cluster: Cluster,
    rolewright: Rolewright,
    policy: String,
}

impl World {
    /// A server on which everything is as the policy says, and a copy of its database to begin each case from.
    async fn make(major: u32, policy: &str) -> Self {
        let cluster = Cluster::with(major, Options::default().database("shop"));
        let rolewright = Rolewright::new(&cluster, "http://127.0.0.1:1");
        let world = Self {
            major,
            cluster,
            rolewright,
            policy: format!("tests/live/cases/{policy}.yaml"),
        };
        world.cluster.batch("shop", BEFORE).await;
        world.apply(&[]).assert_status(0);
        world.cluster.batch("shop", MIGRATIONS).await;
        world.apply(&[]).assert_status(0);
        world.check().assert_status(0);
        world
            .cluster
            .batch(
                "postgres",
                "CREATE DATABASE pristine TEMPLATE shop OWNER cloudsqlsuperuser",
            )
            .await;
        world
    }

    async fn try_case(&self, case: &Case<'_>) -> Verdict {
        let superuser = self.cluster.connect_superuser("shop").await;
        superuser
            .batch_execute(case.sql)
            .await
            .map_err(|error| format!("the case itself: {error:?}"))?;
        let before = objects(&superuser).await?;
        let mut result = match case.expect {
            "in-sync" => self.stays_in_sync(),
            "warning" => self.is_said(case),
            _ => self.drifts(case),
        };
        let gone: Vec<_> = before
            .difference(&objects(&superuser).await?)
            .cloned()
            .collect();
        if !gone.is_empty() {
            result = result.and_then(|_| Err(format!("dropped: {gone:?}")));
        }
        drop(superuser);
        let in_sync = result == Ok(End::InSync);
        // A case that passes because the world was wrong before it is no proof.
        if let Err(why) = self.restore(case, in_sync).await {
            let before = result.err().unwrap_or_default();
            result = Err(format!("{before}\n  not undone: {why}"));
        }
        result.map(drop)
    }

    fn stays_in_sync(&self) -> Result<End, String> {
        exits(&self.check(), 0, "check")?;
        Ok(End::InSync)
    }

    /// `check` warns of it, and `apply` leaves it.
    fn is_said(&self, case: &Case<'_>) -> Result<End, String> {
        exits(&self.apply(&[]), 0, "apply")?;
        let checked = self.check();
        exits(&checked, 0, "check")?;
        has_rule(&checked.json()["findings"], "warning", &case.rules)?;
        is_explained(case, &checked.json()["findings"], "warning")?;
        Ok(End::Drift)
    }

    fn drifts(&self, case: &Case<'_>) -> Result<End, String> {
        let checked = self.check();
        exits(&checked, 2, "check")?;
        has_rule(&checked.json()["findings"], "error", &case.rules)?;
        is_explained(case, &checked.json()["findings"], "error")?;
        let outcome = case.outcome(self.major);
        match outcome {
            "mends" => self.mends(&[]),
            flag if flag.starts_with("--") => {
                self.withheld(case, 3, "decision")?;
                self.mends(&[flag])
            }
            "decision" => self.withheld(case, 3, "decision"),
            "impossible" => self.withheld(case, 1, "impossible"),
            "refused" => exits(&self.apply(&[]), 1, "apply").map(|()| End::Drift),
            other => panic!("{}: `{other}` is no outcome", case.id),
        }
    }

    fn mends(&self, flags: &[&str]) -> Result<End, String> {
        exits(&self.apply(flags), 0, &format!("apply {}", flags.join(" ")))?;
        exits(&self.check(), 0, "check after it")?;
        Ok(End::InSync)
    }

    /// `apply` leaves it, with a reason and advice, and `check` goes on naming it.
    fn withheld(&self, case: &Case<'_>, status: i32, kind: &str) -> Result<End, String> {
        let applied = self.apply(&["--format", "json"]);
        exits(&applied, status, "apply")?;
        let json = applied.json();
        let named = json["instances"][0]["withheld"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|one| {
                one["kind"] == kind
                    && has_rule(&one["findings"], "error", &case.rules).is_ok()
                    && [&one["reason"], &one["advice"]]
                        .iter()
                        .all(|text| text.as_str().is_some_and(|text| !text.is_empty()))
            });
        if !named {
            return Err(format!(
                "apply did not name it as {kind}: {}",
                applied.stdout
            ));
        }
        exits(&self.check(), 2, "check after it")?;
        Ok(End::Drift)
    }

    /// Brings the world back in sync: by what the case says, else with a new copy of the database.
    async fn restore(&self, case: &Case<'_>, in_sync: bool) -> Verdict {
        match case.undo {
            Undo::Nothing if in_sync => return Ok(()),
            Undo::Sql(undo) => {
                let superuser = self.cluster.connect_superuser("shop").await;
                superuser
                    .batch_execute(undo)
                    .await
                    .map_err(|error| format!("{error:?}"))?;
                if self.check().status == 0 {
                    return Ok(());
                }
            }
            Undo::Nothing | Undo::Database => {}
        }
        self.cluster
            .batch("postgres", "DROP DATABASE shop WITH (FORCE)")
            .await;
        self.cluster
            .batch(
                "postgres",
                "CREATE DATABASE shop TEMPLATE pristine OWNER cloudsqlsuperuser",
            )
            .await;
        exits(&self.apply(&[]), 0, "apply")?;
        exits(&self.check(), 0, "check")
    }

    fn apply(&self, flags: &[&str]) -> Outcome {
        self.rolewright
            .run([&["apply", "--yes", self.policy.as_str()][..], flags].concat())
    }

    fn check(&self) -> Outcome {
        self.rolewright
            .run(["check", "--format", "json", self.policy.as_str()])
    }
}

fn exits(outcome: &Outcome, expected: i32, what: &str) -> Verdict {
    let Outcome {
        status,
        stdout,
        stderr,
    } = outcome;
    if *status == expected {
        return Ok(());
    }
    Err(format!(
        "{what} exits {status}, not {expected}\n{stdout}{stderr}"
    ))
}

/// Every finding says how the role comes to it, and what mends it.
fn is_explained(case: &Case<'_>, findings: &Value, severity: &str) -> Verdict {
    for finding in findings
        .as_array()
        .into_iter()
        .flatten()
        .filter(|one| one["severity"] == severity)
    {
        let path = finding["path"].as_array().map_or(0, Vec::len);
        if path < 2 || finding["path"][0] == "" {
            return Err(format!("no path: {finding:#}"));
        }
        // No statement of an admin's ends what a superuser granted or owns: drift then says who could.
        let is_mended = finding["fix"].as_str().is_some_and(|fix| !fix.is_empty());
        if !is_mended && severity == "error" && case.id != BEYOND_SQL {
            fixes::says_who_could(finding)?;
        }
    }
    Ok(())
}

fn has_rule(findings: &Value, severity: &str, rules: &[&str]) -> Verdict {
    let found: Vec<_> = findings
        .as_array()
        .into_iter()
        .flatten()
        .filter(|one| one["severity"] == severity)
        .collect();
    if found
        .iter()
        .any(|one| rules.iter().any(|rule| one["rule"] == *rule))
    {
        return Ok(());
    }
    let found: Vec<_> = found
        .iter()
        .map(|one| format!("{}: {}", one["rule"], one["message"]))
        .collect();
    Err(format!("none of {} among {found:#?}", rules.join(", ")))
}
