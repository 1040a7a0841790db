//! Who could do what this admin cannot, and how. On Cloud SQL nobody logs in as a superuser: what one granted or owns is
//! changed by the Admin API, by a login that has the rights, or not at all.

use super::Diff;
use super::emit::Reason;
use crate::model::{IamKind, Membership, ReadOnlySetting, RoleName};
use crate::plan::gcloud::{self, UserKind};
use crate::plan::iam_only::is_iam_group;
use crate::plan::reach::CLOUD_SQL_SUPERUSER;
use crate::plan::standing::Standing;
use crate::plan::statement;

/// What remains where only a superuser has ADMIN on a role.
const UNCHANGEABLE: &str = "from PostgreSQL 16 on no login of Cloud SQL can change a role that the Admin API made: accept it with \
                            `allow`, or declare a role that is not there yet";

/// What remains where nobody could.
const NOBODY: &str =
    "on Cloud SQL no login can change that: leave it out of the policy, or accept it with `allow`";

impl Diff<'_> {
    /// This admin cannot act as `role`.
    pub(super) fn unreachable(&self, role: &RoleName) -> Reason {
        let admin = self.reach.admin();
        let is_superuser = self
            .state
            .roles
            .get(role)
            .is_some_and(|role| role.superuser);
        let reason = match role {
            _ if role == admin => format!("`{admin}` may not change its own role"),
            _ if is_superuser => format!("`{admin}` cannot act as `{role}`, which is a superuser"),
            _ => format!("`{admin}` cannot act as `{role}`"),
        };
        Reason::impossible(
            reason,
            self.way_to(role).unwrap_or_else(|| self.way_as(role)),
        )
    }

    /// This admin cannot change what `role` is: that takes ADMIN on it from 16 on, and a membership that the Admin API grants
    /// does not bring that.
    pub(super) fn unadministered(&self, role: &RoleName) -> Reason {
        let advice = self.way_to(role).unwrap_or_else(|| UNCHANGEABLE.into());
        Reason {
            advice,
            ..self.unreachable(role)
        }
    }

    /// What gives this admin the rights of `role` and on it, where that can be given.
    fn way_to(&self, role: &RoleName) -> Option<String> {
        let admin = self.reach.admin();
        let Some(known) = self.state.roles.get(role).filter(|known| !known.superuser) else {
            return Some(NOBODY.into());
        };
        if known.name.as_str() == CLOUD_SQL_SUPERUSER {
            let assign =
                self.assign_roles(admin, &format!("--database-roles={CLOUD_SQL_SUPERUSER}"));
            return Some(format!("connect as one of its members, or: {assign}"));
        }
        if self.state.server.major() < 16 {
            return Some("connect as an admin with CREATEROLE".into());
        }
        let giver = self.giver(role)?;
        let (quoted, to) = (
            statement::name(role.as_str()),
            statement::name(admin.as_str()),
        );
        Some(format!(
            "{giver} runs: GRANT {quoted} TO {to} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"
        ))
    }

    /// Who has the role WITH ADMIN and can log in, this admin aside. The admin is made a member of no role that leads to an IAM
    /// user: its password would not let it in any more.
    fn giver(&self, role: &RoleName) -> Option<String> {
        if self.is_iam_user(role) {
            return None;
        }
        let mut holders = self
            .state
            .memberships
            .iter()
            .filter(|edge| edge.role == *role && edge.admin);
        let holder = holders.find_map(|edge| {
            self.state
                .roles
                .get(&edge.member)
                .filter(|member| !member.superuser)
        })?;
        Some(match holder.login {
            true => format!("`{}`", holder.name),
            false => format!("a member of `{}`", holder.name),
        })
    }

    /// Whether whoever becomes a member of it logs in by no password any more.
    fn is_iam_user(&self, role: &RoleName) -> bool {
        self.cast.standing(role) == Standing::Iam || self.reach.leads_to(role, is_iam_group)
    }

    /// Nobody has rights on the role: the Admin API makes the admin a member of it. Nobody is made a member of an IAM user: what
    /// belongs to that changes in its own name.
    fn way_as(&self, role: &RoleName) -> String {
        let admin = self.reach.admin();
        let is_admin =
            RoleName::new(CLOUD_SQL_SUPERUSER).is_ok_and(|group| self.reach.inherits(role, &group));
        if role == admin || role.is_system() {
            return NOBODY.into();
        }
        let is_member = self.reach.inherits(admin, role);
        match (self.is_iam_user(role) || is_member, is_admin) {
            (false, false) => self.assign_roles(admin, &format!("--database-roles={role}")),
            (_, true) => format!(
                "run this command as `{role}`, which is a member of `{CLOUD_SQL_SUPERUSER}`"
            ),
            (true, false) => format!(
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
            let cascade = if self.state.memberships.iter().any(granted_on) {
                " CASCADE"
            } else {
                ""
            };
            let who = if grantor.login { "" } else { "a member of " };
            let (role, member, by) = (quote(&edge.role), quote(&edge.member), quote(&edge.grantor));
            return format!(
                "{who}`{}` runs: REVOKE {role} FROM {member} GRANTED BY {by}{cascade}",
                grantor.name
            );
        }
        let logs_in = self
            .state
            .roles
            .get(&edge.member)
            .is_some_and(|member| member.login);
        match logs_in {
            true => format!(
                "{} (it ends every membership of `{}`; apply grants the declared ones again)",
                self.assign_roles(&edge.member, "--revoke-existing-roles"),
                edge.member
            ),
            false => NOBODY.into(),
        }
    }

    fn assign_roles(&self, user: &RoleName, what: &str) -> String {
        gcloud::assign_roles(
            self.policy.instance.as_ref(),
            user,
            self.user_kind(user),
            what,
        )
    }

    /// As the policy declares the principal; else by the groups in which Cloud SQL puts users of each kind.
    fn user_kind(&self, user: &RoleName) -> UserKind {
        let mut principals = self.policy.roles.values().flat_map(|role| &role.iam);
        if let Some(declared) = principals.find(|principal| principal.user() == user) {
            return UserKind::Iam(declared.kind());
        }
        let groups = self
            .state
            .memberships
            .iter()
            .filter(|edge| edge.member == *user);
        let kind = |edge: &Membership| match edge.role.as_str() {
            "cloudsqliamserviceaccount" | "cloudsqliamgroupserviceaccount" => {
                Some(IamKind::ServiceAccount)
            }
            "cloudsqliamuser" | "cloudsqliamgroupuser" => Some(IamKind::User),
            "cloudsqliamgroup" => Some(IamKind::Group),
            _ => None,
        };
        groups
            .filter_map(kind)
            .min()
            .map_or(UserKind::BuiltIn, UserKind::Iam)
    }

    /// What a new admin needs that cannot make roles.
    pub(super) fn way_to_make_roles(&self) -> String {
        let assign = self.assign_roles(
            self.reach.admin(),
            &format!("--database-roles={CLOUD_SQL_SUPERUSER}"),
        );
        format!("connect as an admin with CREATEROLE, or: {assign}")
    }
}

/// Where a setting of an admin's sessions stands, in words and as the beginning of the statement that changes it.
pub(super) fn read_only_place(admin: &RoleName, setting: &ReadOnlySetting) -> (String, String) {
    let role = statement::name(admin.as_str());
    match (&setting.database, setting.of_admin) {
        (Some(name), true) => {
            let quoted = statement::name(name.as_str());
            (
                format!("role `{admin}` in that database"),
                format!("ALTER ROLE {role} IN DATABASE {quoted}"),
            )
        }
        (None, true) => (format!("role `{admin}`"), format!("ALTER ROLE {role}")),
        (Some(name), false) => (
            "the database".into(),
            format!("ALTER DATABASE {}", statement::name(name.as_str())),
        ),
        (None, false) => ("every role".into(), "ALTER ROLE ALL".into()),
    }
}
