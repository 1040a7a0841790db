//! Who could do what this admin cannot, and how. On Cloud SQL nobody logs in as a superuser: what one granted or owns is
//! changed by the Admin API, by a login that has the rights, or not at all.

use super::Diff;
use super::emit::Reason;
use crate::model::{Membership, ReadOnlySetting, RoleName};
use crate::plan::advice;
use crate::plan::iam_only::is_iam_only;
use crate::plan::reach::CLOUD_SQL_SUPERUSER;
use crate::plan::standing::Standing;
use crate::plan::statement;

/// What remains where nobody could.
const NOBODY: &str = "on Cloud SQL no login can change that: leave it out of the policy, or accept it with `allow`";

impl Diff<'_> {
    /// This admin cannot act as `role`.
    pub(super) fn unreachable(&self, role: &RoleName) -> Reason {
        let admin = self.reach.admin();
        let is_superuser = self.state.roles.get(role).is_some_and(|role| role.superuser);
        let reason = match role {
            _ if role == admin => format!("`{admin}` may not change its own role"),
            _ if is_superuser => format!("`{admin}` cannot act as `{role}`, which is a superuser"),
            _ => format!("`{admin}` cannot act as `{role}`"),
        };
        Reason::impossible(reason, self.way_to(role, is_superuser))
    }

    fn way_to(&self, role: &RoleName, is_superuser: bool) -> String {
        let admin = self.reach.admin();
        if is_superuser || !self.state.roles.contains_key(role) {
            return NOBODY.into();
        }
        if role.as_str() == CLOUD_SQL_SUPERUSER {
            let assign = self.assign_roles(admin, &format!("--database-roles={CLOUD_SQL_SUPERUSER}"));
            return format!("connect as one of its members, or: {assign}");
        }
        if self.state.server.major() < 16 {
            return "connect as an admin with CREATEROLE".into();
        }
        if let Some(giver) = self.giver(role) {
            let (quoted, to) = (statement::name(role.as_str()), statement::name(admin.as_str()));
            return format!("{giver} runs: GRANT {quoted} TO {to} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE");
        }
        self.way_as(role)
    }

    /// Who has the role WITH ADMIN and can log in, this admin aside. The admin is made a member of no role that leads to an IAM
    /// user: its password would not let it in any more.
    fn giver(&self, role: &RoleName) -> Option<String> {
        if self.cast.standing(role) == Standing::Iam || is_iam_only(self.state, role) {
            return None;
        }
        let mut holders = self.state.memberships.iter().filter(|edge| edge.role == *role && edge.admin);
        let holder = holders.find_map(|edge| self.state.roles.get(&edge.member).filter(|member| !member.superuser))?;
        Some(match holder.login {
            true => format!("`{}`", holder.name),
            false => format!("a member of `{}`", holder.name),
        })
    }

    /// Nobody else has rights on the role: what belongs to it changes in its own name.
    fn way_as(&self, role: &RoleName) -> String {
        let logs_in = self.state.roles.get(role).is_some_and(|role| role.login);
        let is_admin = RoleName::new(CLOUD_SQL_SUPERUSER).is_ok_and(|group| self.reach.inherits(role, &group));
        match (role == self.reach.admin(), logs_in, is_admin) {
            (true, ..) | (_, false, _) => NOBODY.into(),
            (_, _, true) => format!("run this command as `{role}`, which is a member of `{CLOUD_SQL_SUPERUSER}`"),
            (_, _, false) => format!(
                "run this command as `{role}`, once it is an admin: {}",
                self.assign_roles(role, &format!("--database-roles={CLOUD_SQL_SUPERUSER}"))
            ),
        }
    }

    /// How a membership ends that this admin cannot revoke.
    pub(super) fn way_to_end(&self, edge: &Membership) -> String {
        let quote = |role: &RoleName| statement::name(role.as_str());
        let grantor = self.state.roles.get(&edge.grantor);
        if let Some(grantor) = grantor.filter(|grantor| !grantor.superuser) {
            // What the member granted on hangs on it, and goes with it.
            let granted_on = |one: &Membership| one.role == edge.role && one.grantor == edge.member;
            let cascade = if self.state.memberships.iter().any(granted_on) { " CASCADE" } else { "" };
            let who = if grantor.login { "" } else { "a member of " };
            let (role, member, by) = (quote(&edge.role), quote(&edge.member), quote(&edge.grantor));
            return format!("{who}`{}` runs: REVOKE {role} FROM {member} GRANTED BY {by}{cascade}", grantor.name);
        }
        let logs_in = self.state.roles.get(&edge.member).is_some_and(|member| member.login);
        match logs_in {
            true => format!(
                "{} (it ends every membership of `{}`; apply grants the declared ones again)",
                self.assign_roles(&edge.member, "--revoke-existing-roles"),
                edge.member
            ),
            false => NOBODY.into(),
        }
    }

    /// <https://cloud.google.com/sdk/gcloud/reference/sql/users/assign-roles>
    fn assign_roles(&self, user: &RoleName, what: &str) -> String {
        let kind = match user.as_str() {
            name if name.ends_with(".iam") => "CLOUD_IAM_SERVICE_ACCOUNT",
            name if name.contains('@') => "CLOUD_IAM_USER",
            _ => "BUILT_IN",
        };
        let instance = self.policy.instance.as_ref();
        let place = instance.map_or(vec!["--instance=INSTANCE".to_owned()], |instance| {
            vec![format!("--instance={}", instance.instance()), format!("--project={}", instance.project())]
        });
        let (start, kind) = (["gcloud", "sql", "users", "assign-roles", user.as_str()], format!("--type={kind}"));
        advice::command(start.into_iter().chain(place.iter().map(String::as_str)).chain([kind.as_str(), what]))
    }

    /// What a new admin needs that cannot make roles.
    pub(super) fn way_to_make_roles(&self) -> String {
        let assign = self.assign_roles(self.reach.admin(), &format!("--database-roles={CLOUD_SQL_SUPERUSER}"));
        format!("connect as an admin with CREATEROLE, or: {assign}")
    }
}

/// Where a setting of an admin's sessions stands, in words and as the beginning of the statement that changes it.
pub(super) fn read_only_place(admin: &RoleName, setting: &ReadOnlySetting) -> (String, String) {
    let role = statement::name(admin.as_str());
    match (&setting.database, setting.of_admin) {
        (Some(name), true) => {
            let quoted = statement::name(name.as_str());
            (format!("role `{admin}` in that database"), format!("ALTER ROLE {role} IN DATABASE {quoted}"))
        }
        (None, true) => (format!("role `{admin}`"), format!("ALTER ROLE {role}")),
        (Some(name), false) => ("the database".into(), format!("ALTER DATABASE {}", statement::name(name.as_str()))),
        (None, false) => ("every role".into(), "ALTER ROLE ALL".into()),
    }
}
