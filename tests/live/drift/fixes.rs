//! Every finding says how the role comes to it, and the statement that mends it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::*;

/// Written before 16 as they are after it, but for those about roles.
const BEFORE_16: [&str; 2] = ["membership.", "role."];

#[test]
fn what_a_finding_prints_mends_it() {
    crate::support::run(18, |major| every_fix(major, |_| true));
}

#[test]
fn what_a_finding_about_roles_prints_mends_it_before_16() {
    crate::support::run(15, |major| every_fix(major, is_about_roles));
}

fn is_about_roles(case: &Case<'_>) -> bool {
    case.rules.iter().any(|rule| BEFORE_16.iter().any(|prefix| rule.starts_with(prefix)))
}

fn every_fix(major: u32, chosen: impl Fn(&Case<'_>) -> bool) {
    crate::support::on_a_runtime(async {
        let world = World::make(major, "drift").await;
        let mut wrong = String::new();
        let drifting = cases(major).filter(|case| case.expect == "drift" && case.id != BEYOND_SQL && chosen(case));
        for case in drifting {
            let superuser = world.cluster.connect_superuser("shop").await;
            superuser.batch_execute(case.sql).await.unwrap_or_else(|error| panic!("{}: {error:?}", case.id));
            drop(superuser);
            let result = world.mend_by_hand().await;
            if let Err(why) = &result {
                writeln!(wrong, "{} on {major} ({}): {why}", case.id, case.what).unwrap();
            }
            if let Err(why) = world.restore(&case, result.is_ok()).await {
                writeln!(wrong, "{} on {major}: not undone: {why}", case.id).unwrap();
            }
        }
        assert!(wrong.is_empty(), "\n{wrong}");
    });
}

impl World {
    /// Runs what `check` prints until there is nothing left: a former owner lacks afterwards what it had as the owner.
    async fn mend_by_hand(&self) -> Verdict {
        let mut checked = self.check();
        exits(&checked, 2, "check")?;
        let mut before = BTreeSet::new();
        for _round in 0..2 {
            let findings = drift(&checked);
            before.extend(fingerprints(&findings));
            let (containers, objects): (Vec<_>, Vec<_>) = findings.iter().partition(|one| takes_schema_away(one));
            for finding in objects.into_iter().chain(containers) {
                self.run_fix(finding).await?;
            }
            checked = self.check();
            let same: Vec<_> = drift(&checked).into_iter().filter(|one| before.contains(&fingerprint(one))).collect();
            if !same.is_empty() {
                return Err(format!("still there: {same:#?}"));
            }
            if checked.status == 0 {
                return Ok(());
            }
        }
        exits(&checked, 0, "check after all of it")
    }

    pub(super) async fn run_fix(&self, finding: &Value) -> Verdict {
        let fix = finding["fix"].as_str().ok_or_else(|| format!("no fix: {finding:#}"))?;
        let superuser = self.cluster.connect_superuser(finding["database"].as_str().unwrap_or("postgres")).await;
        superuser.batch_execute(fix).await.map_err(|error| format!("{fix}: {error:?}"))
    }
}

/// Whoever loses a schema can no longer name what is in it, and so take back what it granted on there.
fn takes_schema_away(finding: &Value) -> bool {
    finding["rule"] == "role.undeclared"
        && finding["object"].as_str().is_some_and(|object| object.starts_with("schema "))
}

pub(super) fn drift(checked: &Outcome) -> Vec<Value> {
    let json = checked.json();
    json["findings"].as_array().into_iter().flatten().filter(|one| one["severity"] == "error").cloned().collect()
}

fn fingerprint(finding: &Value) -> String {
    finding["fingerprint"].as_str().unwrap_or_default().to_owned()
}

fn fingerprints(findings: &[Value]) -> impl Iterator<Item = String> + '_ {
    findings.iter().map(fingerprint)
}
