//! Before a login of a pair is closed, the versions that can be read are looked into: what the secret says beside them is the
//! input of others, and the login that a payload names may be the one that applications use.

use std::collections::BTreeMap;

use super::{readable, shape};
use crate::apply::{ApplyError, Run};
use crate::model::{Identity, Login, RoleName, SecretPolicy};
use crate::plan::{Attribute, Change};

impl Run<'_> {
    /// Looks into the versions of each secret a login of which the plan closes, and plans again where one may hold the credential
    /// of that login.
    pub(in crate::apply) async fn look_before_closing(&mut self) -> Result<(), ApplyError> {
        let mut carried = BTreeMap::new();
        for (role, wanted, login) in self.closings() {
            let Some(secret) = self.state.secrets.get(&wanted.name) else {
                continue;
            };
            let (logins, shape) = (self.logins(role), shape(secret));
            for number in readable(secret) {
                let payload = match self.google()?.access(&wanted.name, number).await {
                    Ok(payload) => payload,
                    // Lists may lag: it was disabled or destroyed meanwhile.
                    Err(error) if error.is_failed_precondition() || error.is_not_found() => {
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                let is_of_another = match wanted.identify(&payload, &logins, shape.as_ref()) {
                    Identity::Of(of) => of != login,
                    Identity::Generated | Identity::Unknown | Identity::Foreign => false,
                };
                if !is_of_another {
                    carried.insert(login.name().clone(), number);
                }
            }
        }
        if !carried.is_empty() {
            self.state.tried.carried.extend(carried);
            self.report.plan = self.replan(&self.state);
        }
        Ok(())
    }

    /// The logins of pairs that the plan closes, each with its role and secret.
    fn closings(&self) -> Vec<(&RoleName, &SecretPolicy, Login)> {
        let mut closings = Vec::new();
        for step in &self.report.plan.steps {
            let Change::AlterRole {
                role: name,
                attributes,
            } = &step.change
            else {
                continue;
            };
            if !attributes.contains(&Attribute::Login(false)) {
                continue;
            }
            for (role, policy) in &self.policy.roles {
                let login = self
                    .logins(role)
                    .parse(name.as_str())
                    .filter(|login| login.name() != role);
                closings.extend(
                    policy
                        .secret
                        .as_ref()
                        .zip(login)
                        .map(|(wanted, login)| (role, wanted, login)),
                );
            }
        }
        closings
    }
}
