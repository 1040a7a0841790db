//! Roles, their attributes and settings.

use std::collections::BTreeSet;

use super::emit::{Reason, step};
use super::{Diff, Phase};
use crate::model::{
    IamPrincipal, Lifecycle, Login, Origin, Role, RoleName, RolePolicy, Setting, Strategy,
    VersionState, shell_command,
};
use crate::plan::expected::is_ddl;
use crate::plan::gcloud;
use crate::plan::list::normal_value;
use crate::plan::{
    ApplyOption, Attribute, Change, Finding, RefusalCause, Rule, Severity, Step, fix, statement,
};
use crate::rotation::Reading;

/// One role or login as the policy wants it.
struct Wanted<'p> {
    name: RoleName,
    /// NOINHERIT: one of the pair of logins of a `ddl` role.
    inherit: bool,
    /// It logs in, so that its settings and its connection limit matter.
    logs_in: bool,
    /// What it turns into at login.
    becomes: Option<&'p RoleName>,
    policy: &'p RolePolicy,
}

impl Diff<'_> {
    pub(super) fn roles(&mut self) {
        let policy = self.policy;
        for (name, role) in policy
            .roles
            .iter()
            .filter(|(_, role)| role.lifecycle == Lifecycle::Present)
        {
            for wanted in wanted_roles(name, role) {
                self.role(&wanted);
            }
            for principal in &role.iam {
                self.iam_user(principal, &role.origin);
            }
        }
    }

    fn role(&mut self, wanted: &Wanted<'_>) {
        let state = self.state;
        let actual = state.roles.get(&wanted.name);
        match actual {
            None => self.create_role(wanted),
            Some(actual) => self.attributes(actual, wanted),
        }
        match actual {
            _ if wanted.logs_in => self.settings(wanted, actual),
            Some(group) if !group.login => self.group_settings(wanted, group),
            Some(_) | None => {}
        }
    }

    fn create_role(&mut self, wanted: &Wanted<'_>) {
        if !self.reach.can_create_roles() {
            let admin = self.reach.admin().clone();
            self.refuse(
                RefusalCause::Admin,
                format!("`{admin}` cannot create roles: it has no CREATEROLE"),
                self.way_to_make_roles(),
            );
        }
        let login = wanted.policy.has_external_login();
        let change = Change::CreateRole {
            role: wanted.name.clone(),
            login,
            inherit: wanted.inherit,
            connection_limit: wanted.connection_limit(),
        };
        if self.push(step(change, Rule::RoleMissing, Some(&wanted.policy.origin))) && login {
            self.needs_password(wanted);
        }
    }

    /// A password that is kept elsewhere is set from there.
    fn needs_password(&mut self, wanted: &Wanted<'_>) {
        let (name, quoted) = (&wanted.name, statement::name(wanted.name.as_str()));
        self.note(Finding {
            severity: Severity::Info,
            role: Some(name.to_string()),
            origin: Some(wanted.policy.origin.clone()),
            fix: Some(shell_command([
                "psql",
                "-c",
                &format!("\\password {quoted}"),
            ])),
            ..Finding::new(
                Rule::RoleMissing,
                format!("{name} is created without a password, which is kept elsewhere"),
            )
        });
    }

    fn attributes(&mut self, actual: &Role, wanted: &Wanted<'_>) {
        let mut differing = forbidden(actual);
        // Cutting a live role off from what it inherits, or giving it more, is the policy's word only for the logins we lay
        // out.
        if wanted.becomes.is_some() && actual.inherit != wanted.inherit {
            differing.push(Attribute::Inherit(wanted.inherit));
        }
        let limit = wanted.connection_limit();
        if wanted.logs_in && limit != actual.connection_limit {
            differing.push(Attribute::ConnectionLimit(limit));
        }
        if self.is_to_be_valid(actual, wanted) {
            differing.push(Attribute::ValidForEver);
        }
        differing.extend(self.login(actual, wanted));
        self.alter(
            &actual.name,
            actual.superuser,
            differing,
            &wanted.policy.origin,
        );
    }

    /// Whether VALID UNTIL goes. A password past its date is refused like a wrong one; that of a password kept elsewhere is not ours
    /// to judge, and one that nobody stored would work again.
    fn is_to_be_valid(&mut self, actual: &Role, wanted: &Wanted<'_>) -> bool {
        let judged = wanted.logs_in && !wanted.policy.has_external_login();
        if !judged || actual.valid_until.is_none() || self.is_before(wanted) {
            return false;
        }
        let role = wanted.becomes.unwrap_or(&actual.name);
        let is_stored = self.options.reset_passwords || !self.nothing_stored(role, wanted.policy);
        if !actual.login || (wanted.policy.secret.is_some() && is_stored) {
            return true;
        }
        if wanted.policy.secret.is_some() {
            let attributes = vec![Attribute::ValidForEver];
            let change = Change::AlterRole {
                role: actual.name.clone(),
                attributes,
            };
            let reason = Reason::option(
                ApplyOption::ResetPasswords,
                "its password has an end, and is one that nobody stored: it would work for ever",
                "store a credential that works in the secret, or replace the password with ",
            );
            self.withhold(
                step(change, Rule::RoleAttribute, Some(&wanted.policy.origin)),
                reason,
            );
        }
        false
    }

    /// Whether the role logs in as declared: of a pair, only the login that the published credential is for.
    fn login(&mut self, actual: &Role, wanted: &Wanted<'_>) -> Option<Attribute> {
        let policy = wanted.policy;
        let is_it = |login: &Login| *login.name() == actual.name;
        let expected = || {
            self.stored_logins(wanted)
                .is_none_or(|logins| logins.iter().any(is_it))
        };
        // Only the first of a pair gets a new password.
        let spare = |role: &RoleName| {
            self.options.reset_passwords
                && self.nothing_stored(role, policy)
                && policy.logins(role).first() != Some(&actual.name)
        };
        match (actual.login, wanted.becomes) {
            (on, _) if policy.has_external_login() => (!on).then_some(Attribute::Login(true)),
            (false, _) => None,
            (true, Some(role)) if spare(role) => Some(Attribute::Login(false)),
            (true, _) if policy.secret.is_some() && expected() => None,
            (true, Some(_)) => match self.may_serve(actual, wanted) {
                None => Some(Attribute::Login(false)),
                Some(why) => {
                    self.leave_open(actual, wanted, why);
                    None
                }
            },
            (true, None) if policy.declares_login() => {
                self.note_old_password(actual, wanted);
                None
            }
            (true, None) => {
                self.close(actual, wanted);
                None
            }
        }
    }

    /// Why the login of a pair may be in use, although the secret does not say so: it has sessions, or the secret was written
    /// by others, and leaves open what each of its versions is for. `None`: nothing can be for it.
    fn may_serve(&self, actual: &Role, wanted: &Wanted<'_>) -> Option<String> {
        if let Some(open) = self.open_sessions(&actual.name) {
            return Some(format!("`{}` has {open}", actual.name));
        }
        let secret = self
            .state
            .secrets
            .get(&wanted.policy.secret.as_ref()?.name)?;
        if secret.versions.is_empty() {
            return None;
        }
        if let Some(version) = self.state.tried.carried.get(&actual.name) {
            return Some(format!(
                "version {version} of {} may hold the credential of `{}`",
                secret.name, actual.name
            ));
        }
        let ledger = self.remembered(wanted)?.ledger;
        let Some(current) = ledger.current().filter(|_| ledger.login.is_some()) else {
            return Some(format!(
                "{} does not tell which login its versions are for",
                secret.name
            ));
        };
        let is_retired = |version: i64| {
            ledger
                .retired
                .as_ref()
                .is_some_and(|retired| retired.versions.contains(&version))
        };
        let other = secret.versions.iter().find(|version| {
            version.number != current
                && version.state == VersionState::Enabled
                && !is_retired(version.number)
        });
        other.map(|version| {
            format!(
                "version {} of {} may be for `{}`",
                version.number, secret.name, actual.name
            )
        })
    }

    /// The login of a pair that may be in use is closed by its rotation only, which waits until it is not.
    fn leave_open(&mut self, actual: &Role, wanted: &Wanted<'_>, why: String) {
        let finding = Finding {
            role: Some(actual.name.to_string()),
            origin: Some(wanted.policy.origin.clone()),
            path: vec![actual.name.to_string(), "attribute LOGIN".into()],
            ..Finding::new(
                Rule::RoleAttribute,
                format!("{} can log in, and is not the login in use", actual.name),
            )
        };
        let advice =
            "`rotate` closes it after `grace`; where others changed the secret, undo that first";
        self.withhold_findings(vec![finding], Reason::decision(why, advice));
    }

    /// The role moves to another way to log in: the old one is closed by rotation, or by the people who use it.
    fn note_old_password(&mut self, actual: &Role, wanted: &Wanted<'_>) {
        let message = format!(
            "{} can log in, with a password that no secret of the policy holds",
            actual.name
        );
        self.note(Finding {
            severity: Severity::Warning,
            role: Some(actual.name.to_string()),
            origin: Some(wanted.policy.origin.clone()),
            ..Finding::new(Rule::RoleAttribute, message)
        });
    }

    /// Nothing declares that the role logs in. Applications may depend on it.
    fn close(&mut self, actual: &Role, wanted: &Wanted<'_>) {
        let change = Change::AlterRole {
            role: actual.name.clone(),
            attributes: vec![Attribute::Login(false)],
        };
        let mut closing = step(change, Rule::RoleAttribute, Some(&wanted.policy.origin));
        closing.path = vec![actual.name.to_string(), "attribute LOGIN".into()];
        closing.path.extend(self.open_sessions(&actual.name));
        let blocked = match self.options.prune {
            true => self.not_administered(&actual.name),
            false => Some(self.undeclared_login(&actual.name)),
        };
        self.push_or(closing, blocked);
    }

    /// Whether sessions are open changes from run to run: they are part of the advice, which no digest covers.
    pub(super) fn undeclared_login(&self, role: &RoleName) -> Reason {
        let open = self
            .open_sessions(role)
            .map(|open| format!(" ({open})"))
            .unwrap_or_default();
        let option = ApplyOption::Prune;
        Reason {
            advice: format!(
                "declare `login: external` or a `secret`, or use {option} to make it NOLOGIN{open}"
            ),
            ..Reason::option(
                option,
                format!(
                    "the policy declares no login for `{role}`, and applications may depend on it"
                ),
                "",
            )
        }
    }

    /// How many sessions a login has, in words.
    fn open_sessions(&self, login: &RoleName) -> Option<String> {
        match self.state.sessions.get(login)? {
            1 => Some("1 open session".into()),
            number => Some(format!("{number} open sessions")),
        }
    }

    /// The logins inside the published version and the one before it; `None` while a credential is on its way or is adopted, or
    /// where the secret is not trusted to tell.
    fn stored_logins(&self, wanted: &Wanted<'_>) -> Option<Vec<Login>> {
        let Reading { ledger, problems } = self.remembered(wanted)?;
        let before = ledger.previous().map(|previous| previous.login.clone());
        let stored: Vec<_> = ledger.login.iter().cloned().chain(before).collect();
        (problems.is_empty() && ledger.pending.is_none() && ledger.is_told()).then_some(stored)
    }

    /// What the secret of the role remembers.
    fn remembered(&self, wanted: &Wanted<'_>) -> Option<Reading> {
        let secret = self
            .state
            .secrets
            .get(&wanted.policy.secret.as_ref()?.name)?;
        Some(self.reading(wanted.becomes.unwrap_or(&wanted.name), secret))
    }

    /// Whether the login may be that of the credential before: its end may be set.
    fn is_before(&self, wanted: &Wanted<'_>) -> bool {
        self.remembered(wanted)
            .is_some_and(|Reading { ledger, problems }| {
                let before = ledger
                    .previous()
                    .is_some_and(|previous| *previous.login.name() == wanted.name);
                before || !problems.is_empty()
            })
    }

    /// Splits what this admin may change from what only a superuser may.
    fn alter(
        &mut self,
        role: &RoleName,
        superuser: bool,
        differing: Vec<Attribute>,
        origin: &Origin,
    ) {
        let admin_is_superuser = self
            .state
            .roles
            .get(self.reach.admin())
            .is_some_and(|admin| admin.superuser);
        let (reserved, ordinary): (Vec<_>, Vec<_>) = differing.into_iter().partition(|attribute| {
            !admin_is_superuser && superuser || !self.reach.may_set(attribute)
        });
        // One statement, unless giving and taking belong to two parts of a deployment.
        let (given, taken): (Vec<_>, Vec<_>) = ordinary
            .into_iter()
            .partition(|one| self.options.phase != Phase::Both && one.widens());
        for attributes in [given, taken]
            .into_iter()
            .filter(|attributes| !attributes.is_empty())
        {
            // A login of a pair: a version may be for it, whatever the secret says beside.
            let by_run = attributes.contains(&Attribute::Login(false));
            let change = Change::AlterRole {
                role: role.clone(),
                attributes,
            };
            let blocked = self.not_administered(role);
            self.push_or(
                Step {
                    by_run,
                    ..step(change, Rule::RoleAttribute, Some(origin))
                },
                blocked,
            );
        }
        if !reserved.is_empty() {
            let change = Change::AlterRole {
                role: role.clone(),
                attributes: reserved,
            };
            let advice = "if it needs that (replication does), accept it with `allow` or put the role under `ignore`; \
                          otherwise declare another role and retire this one";
            let reason =
                Reason::impossible("PostgreSQL lets nobody but a superuser change it", advice);
            self.withhold(step(change, Rule::RoleAttribute, Some(origin)), reason);
        }
    }

    pub(super) fn not_administered(&self, role: &RoleName) -> Option<Reason> {
        match self.reach.administrator(role) {
            Some(_) => None,
            None => Some(self.unadministered(role)),
        }
    }

    /// Settings apply at login, to the login alone: on a group they do nothing.
    fn group_settings(&mut self, wanted: &Wanted<'_>, group: &Role) {
        for setting in &group.settings {
            let change = Change::ResetParameter {
                role: group.name.clone(),
                setting: setting.clone(),
            };
            let message = format!(
                "{} does not log in, so that {} of it applies to nobody: declare it under `settings`, for its logins",
                group.name, setting.parameter
            );
            self.note(Finding {
                severity: Severity::Warning,
                database: setting.database.clone(),
                role: Some(group.name.to_string()),
                object: Some(format!("setting {}", setting.parameter)),
                origin: Some(wanted.policy.origin.clone()),
                fix: fix::fix(&change, &self.reach),
                ..Finding::new(Rule::RoleSetting, message)
            });
        }
    }

    fn settings(&mut self, wanted: &Wanted<'_>, actual: Option<&Role>) {
        let declared = wanted.settings();
        let present = actual.map(|role| role.settings.clone()).unwrap_or_default();
        let same = |a: &Setting, b: &Setting| {
            a.database == b.database
                && a.parameter == b.parameter
                && normal_value(&a.parameter, &a.value) == normal_value(&b.parameter, &b.value)
        };
        for setting in &declared {
            if !present.iter().any(|one| same(one, setting)) {
                let change = Change::SetParameter {
                    role: wanted.name.clone(),
                    setting: setting.clone(),
                };
                let blocked = self.setting_blocked(&wanted.name, setting);
                self.push_or(
                    step(change, Rule::RoleSetting, Some(&wanted.policy.origin)),
                    blocked,
                );
            }
        }
        for setting in &present {
            let replaced = declared
                .iter()
                .any(|one| one.database == setting.database && one.parameter == setting.parameter);
            if !replaced {
                let change = Change::ResetParameter {
                    role: wanted.name.clone(),
                    setting: setting.clone(),
                };
                let blocked = self.setting_blocked(&wanted.name, setting);
                self.push_or(
                    step(change, Rule::RoleSetting, Some(&wanted.policy.origin)),
                    blocked,
                );
            }
        }
    }

    /// Parameters of superusers, and custom ones whose extension is not loaded, are refused to an ordinary admin.
    fn setting_blocked(&self, role: &RoleName, setting: &Setting) -> Option<Reason> {
        let known =
            setting.parameter == ROLE || self.state.server.settable.contains(&setting.parameter);
        let parameter = &setting.parameter;
        let unsettable = || {
            Reason::impossible(
                format!(
                    "this admin may not set `{parameter}`: only superusers may, or the server does not know it"
                ),
                "on Cloud SQL, set it as a database flag of the instance, or leave it out",
            )
        };
        self.not_administered(role)
            .or_else(|| (!known).then(unsettable))
    }

    /// Database users of IAM principals are made by the Cloud SQL Admin API, never by SQL.
    fn iam_user(&mut self, principal: &IamPrincipal, origin: &Origin) {
        let (state, user) = (self.state, principal.user());
        if let Some(actual) = state.roles.get(user) {
            self.alter(user, actual.superuser, forbidden(actual), origin);
            return;
        }
        let finding = Finding {
            role: Some(user.to_string()),
            origin: Some(origin.clone()),
            ..Finding::new(
                Rule::RoleMissing,
                format!("the database user `{user}` of an IAM principal does not exist"),
            )
        };
        let advice = gcloud::create_user(self.policy.instance.as_ref(), principal);
        let finding = Finding {
            fix: Some(advice.clone()),
            ..finding
        };
        let reason = Reason::impossible(
            "only the Cloud SQL Admin API makes users for IAM principals",
            advice,
        );
        self.withhold_findings(vec![finding], reason);
    }
}

/// CONNECTION LIMIT of a role without one.
const NO_LIMIT: i32 = -1;

/// The parameter that makes a login turn into its role.
const ROLE: &str = "role";

/// Attributes no managed role may have, where it has them.
fn forbidden(actual: &Role) -> Vec<Attribute> {
    let held = [
        (actual.superuser, Attribute::Superuser(false)),
        (actual.create_db, Attribute::CreateDb(false)),
        (actual.create_role, Attribute::CreateRole(false)),
        (actual.replication, Attribute::Replication(false)),
        (actual.bypass_rls, Attribute::BypassRls(false)),
    ];
    held.into_iter()
        .filter(|(held, _)| *held)
        .map(|(_, attribute)| attribute)
        .collect()
}

fn wanted_roles<'p>(name: &'p RoleName, policy: &'p RolePolicy) -> Vec<Wanted<'p>> {
    let pair = policy.rotation.strategy == Strategy::Alternate;
    let role = Wanted {
        name: name.clone(),
        inherit: true,
        logs_in: !pair,
        becomes: None,
        policy,
    };
    let logins = policy
        .logins(name)
        .into_iter()
        .filter(|login| login != name)
        .map(|login| Wanted {
            name: login,
            inherit: !is_ddl(policy),
            logs_in: true,
            becomes: Some(name),
            policy,
        });
    std::iter::once(role).chain(logins).collect()
}

impl Wanted<'_> {
    /// As for settings, what the policy does not say is PostgreSQL's default.
    fn connection_limit(&self) -> i32 {
        self.policy
            .connection_limit
            .filter(|_| self.logs_in)
            .unwrap_or(NO_LIMIT)
    }

    fn settings(&self) -> BTreeSet<Setting> {
        let plain = |parameter: &str, value: &str| Setting {
            database: None,
            parameter: parameter.to_owned(),
            value: value.to_owned(),
        };
        let declared = self
            .policy
            .settings
            .iter()
            .map(|(parameter, value)| plain(parameter, value));
        declared
            .chain(self.becomes.map(|role| plain(ROLE, role.as_str())))
            .collect()
    }
}
