//! From what a session holds and what came of its trials to findings.

use std::collections::BTreeSet;

use super::{Charter, Expected, Holdings, Proof, Trial, Tried};
use crate::model::Privilege;
use crate::plan::{Finding, Rule};

impl Charter {
    /// The verdict over `trials` and what came of them, in order.
    pub fn judge(&self, holdings: &Holdings, trials: &[Trial], outcomes: &[Tried]) -> Proof {
        let mut proof = self.by_catalogs(holdings);
        for (trial, outcome) in trials.iter().zip(outcomes) {
            match (trial.expected, outcome) {
                (Expected::Works, Tried::Done) => proof.works += 1,
                (Expected::Refused, Tried::Denied(_)) => proof.refused += 1,
                (_, Tried::Open) => {}
                (Expected::Works, Tried::Denied(words)) => {
                    proof.findings.push(self.cannot(trial, words))
                }
                (Expected::Refused, Tried::Done) => proof.findings.push(self.can(trial)),
            }
        }
        // The same thing may show in several ways: once is enough.
        let mut seen = BTreeSet::new();
        proof
            .findings
            .retain(|finding| finding.object.is_none() || seen.insert(finding.fingerprint()));
        proof
    }

    /// What the server's own functions say: they know every path. <https://www.postgresql.org/docs/current/functions-info.html>
    fn by_catalogs(&self, holdings: &Holdings) -> Proof {
        let mut proof = Proof::default();
        for right in &self.rights {
            // What was dropped meanwhile proves nothing.
            let Some(held) = holdings.get(&right.object) else {
                continue;
            };
            let (missing, excess) = (
                right.must.minus(held.privileges),
                held.privileges.intersection(right.must_not),
            );
            let held_as_told = right.must.minus(missing);
            proof.works += held_as_told.minus(right.without_rows).iter().count();
            proof.without_rows += held_as_told.intersection(right.without_rows).iter().count();
            proof.refused += right.must_not.minus(excess).iter().count();
            let object = right.object.to_string();
            let finding = |rule, verb: &str, privilege: Privilege| {
                let message = format!("{} {verb} {privilege} {}", self.role, right.object);
                self.finding(rule, Some(object.clone()), Some(privilege), message)
            };
            proof.findings.extend(
                missing
                    .iter()
                    .map(|one| finding(Rule::GrantMissing, "cannot", one)),
            );
            proof.findings.extend(
                excess
                    .iter()
                    .map(|one| finding(Rule::PrivilegeEffective, "can", one)),
            );
        }
        proof
    }

    fn cannot(&self, trial: &Trial, words: &str) -> Finding {
        let message = format!("{} cannot {}: {words}", self.role, trial.what);
        self.finding(
            Rule::GrantMissing,
            trial.object.clone(),
            trial.privilege,
            message,
        )
    }

    fn can(&self, trial: &Trial) -> Finding {
        let message = format!("{} can {}", self.role, trial.what);
        self.finding(
            Rule::PrivilegeEffective,
            trial.object.clone(),
            trial.privilege,
            message,
        )
    }

    pub(super) fn finding(
        &self,
        rule: Rule,
        object: Option<String>,
        privilege: Option<Privilege>,
        message: String,
    ) -> Finding {
        let finding = Finding {
            database: Some(self.database.clone()),
            role: Some(self.role.to_string()),
            object,
            privilege: privilege.map(|privilege| privilege.keyword().to_owned()),
            origin: Some(self.policy_origin.clone()),
            fix: Some(self.given.command("apply", &[])),
            ..Finding::new(rule, message)
        };
        finding.with_path()
    }
}
