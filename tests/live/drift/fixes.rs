//! Every finding says how the role comes to it, and the statement by which the admin mends it, who is no superuser; where
//! no statement of an admin could, it says why and who could.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::*;
use crate::advice::options_in;

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
    case.rules
        .iter()
        .any(|rule| BEFORE_16.iter().any(|prefix| rule.starts_with(prefix)))
}

fn every_fix(major: u32, chosen: impl Fn(&Case<'_>) -> bool) {
    crate::support::on_a_runtime(async {
        let world = World::make(major, "drift").await;
        let mut wrong = String::new();
        let by_hand = |case: &Case<'_>| {
            case.id != BEYOND_SQL && case.outcome(major) != "refused" && chosen(case)
        };
        let drifting = cases(major).filter(|case| case.expect == "drift" && by_hand(case));
        for case in drifting {
            let superuser = world.cluster.connect_superuser("shop").await;
            superuser
                .batch_execute(case.sql)
                .await
                .unwrap_or_else(|error| panic!("{}: {error:?}", case.id));
            drop(superuser);
            let result = world.mend_by_hand().await;
            if let Err(why) = &result {
                writeln!(wrong, "{} on {major} ({}): {why}", case.id, case.what).unwrap();
            }
            if let Err(why) = world.restore(&case, result == Ok(End::InSync)).await {
                writeln!(wrong, "{} on {major}: not undone: {why}", case.id).unwrap();
            }
        }
        assert!(wrong.is_empty(), "\n{wrong}");
    });
}

impl World {
    /// Runs what `check` prints until there is nothing left: a former owner lacks afterwards what it had as the owner.
    async fn mend_by_hand(&self) -> Result<End, String> {
        let mut checked = self.check();
        exits(&checked, 2, "check")?;
        let mut before = BTreeSet::new();
        for _round in 0..2 {
            let findings = drift(&checked);
            let (mended, left): (Vec<_>, Vec<_>) =
                findings.into_iter().partition(|one| one["fix"].is_string());
            for finding in &left {
                says_who_could(finding)?;
            }
            let said = left.iter().filter_map(|one| one["message"].as_str());
            let options: BTreeSet<&str> = said.flat_map(options_in).collect();
            before.extend(fingerprints(&mended));
            let (containers, objects): (Vec<_>, Vec<_>) =
                mended.iter().partition(|one| takes_schema_away(one));
            for finding in objects.into_iter().chain(containers) {
                self.run_fix(finding).await?;
            }
            // What is withheld is done with the options that its findings name.
            if !options.is_empty() {
                self.apply(&options.into_iter().collect::<Vec<_>>());
            }
            checked = self.check();
            let again = |one: &Value| one["fix"].is_string() && before.contains(&fingerprint(one));
            let same: Vec<_> = drift(&checked).into_iter().filter(again).collect();
            if !same.is_empty() {
                return Err(format!("still there: {same:#?}"));
            }
            match (checked.status, left.is_empty()) {
                (0, _) => return Ok(End::InSync),
                (_, true) => {}
                (_, false) => return Ok(End::Drift),
            }
        }
        exits(&checked, 0, "check after all of it").map(|()| End::InSync)
    }

    async fn run_fix(&self, finding: &Value) -> Verdict {
        let fix = finding["fix"]
            .as_str()
            .ok_or_else(|| format!("no fix: {finding:#}"))?;
        if fix.starts_with("rolewright apply ") {
            return exits(&self.apply(&[]), 0, fix);
        }
        let admin = self
            .cluster
            .connect_admin(finding["database"].as_str().unwrap_or("postgres"))
            .await;
        admin
            .batch_execute(fix)
            .await
            .map_err(|error| format!("{fix}: {error:?}\n{finding:#}"))
    }
}

/// What no statement of this admin's mends gives the reason, and who could.
pub(super) fn says_who_could(finding: &Value) -> Verdict {
    let message = finding["message"].as_str().unwrap_or_default();
    let said = message
        .split_once(": ")
        .is_some_and(|(_, why)| why.contains("; "))
        && !message.contains("a superuser runs");
    if said {
        Ok(())
    } else {
        Err(format!("no fix: {finding:#}"))
    }
}

/// Whoever loses a schema can no longer name what is in it, and so take back what it granted on there.
fn takes_schema_away(finding: &Value) -> bool {
    finding["rule"] == "role.undeclared"
        && finding["object"]
            .as_str()
            .is_some_and(|object| object.starts_with("schema "))
}

pub(super) fn drift(checked: &Outcome) -> Vec<Value> {
    let json = checked.json();
    json["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|one| one["severity"] == "error")
        .cloned()
        .collect()
}

fn fingerprint(finding: &Value) -> String {
    finding["fingerprint"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn fingerprints(findings: &[Value]) -> impl Iterator<Item = String> + '_ {
    findings.iter().map(fingerprint)
}
