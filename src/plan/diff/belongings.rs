//! Publications, subscriptions, event triggers and extensions of roles that should own none.

use super::Diff;
use super::emit::Reason;
use super::fence::not_declared;
use crate::model::{
    Belonging, BelongingKind, Database, DatabaseName, ExtensionName, Preset, PublicationExtent,
    RoleName,
};
use crate::plan::standing::Standing;
use crate::plan::{Finding, Rule, Severity, script, statement};

/// Whoever the policy makes a member of it may make subscriptions.
/// <https://www.postgresql.org/docs/current/predefined-roles.html>
const SUBSCRIBERS: &str = "pg_create_subscription";

impl Diff<'_> {
    /// Everything of that kind in one managed database.
    pub(super) fn belongings(&mut self, name: &DatabaseName, database: &Database) {
        for one in &database.belongings {
            match self.cast.standing(&one.owner) {
                Standing::Declared | Standing::Login | Standing::Iam
                    if !self.may_own(name, one) =>
                {
                    self.owned_belonging(name, one)
                }
                Standing::Undeclared if self.names_managed(name, one) => {
                    self.opens_belonging(name, one)
                }
                _ => {}
            }
        }
        for (extension, installed) in &database.extensions {
            let owner = &installed.owner;
            let makes = self
                .policy
                .roles
                .get(owner)
                .is_some_and(|role| role.create_schemas);
            if self.cast.standing(owner).is_managed() && !makes && !self.has_ddl(name, owner) {
                self.owned_extension(name, extension, owner);
            } else if self.cast.standing(owner) == Standing::Undeclared {
                self.foreign_extension(name, extension, owner);
            }
        }
    }

    fn has_ddl(&self, database: &DatabaseName, role: &RoleName) -> bool {
        self.policy
            .roles
            .get(role)
            .is_some_and(|role| role.presets.contain(Preset::Ddl, database))
    }

    /// What a role with `ddl` can make itself.
    fn may_own(&self, database: &DatabaseName, one: &Belonging) -> bool {
        let declared = self
            .policy
            .roles
            .get(&one.owner)
            .into_iter()
            .flat_map(|role| &role.member_of);
        let subscribes = || {
            declared
                .into_iter()
                .any(|edge| edge.role.as_str() == SUBSCRIBERS)
        };
        self.has_ddl(database, &one.owner)
            && match one.kind {
                BelongingKind::Publication(extent) => extent == PublicationExtent::Tables,
                BelongingKind::Subscription => subscribes(),
                BelongingKind::EventTrigger => false,
            }
    }

    /// Whether it publishes or writes managed tables. An event trigger runs as whoever changes an object: its owner has no
    /// more of it than of its function.
    fn names_managed(&self, database: &DatabaseName, one: &Belonging) -> bool {
        let managed = self.policy.databases.get(database);
        let named = || {
            one.schemas
                .iter()
                .any(|schema| managed.is_some_and(|one| one.schemas.contains_key(schema)))
        };
        match one.kind {
            BelongingKind::Publication(PublicationExtent::Everything) => true,
            BelongingKind::Publication(_) | BelongingKind::Subscription => named(),
            BelongingKind::EventTrigger => false,
        }
    }

    fn owned_belonging(&mut self, database: &DatabaseName, one: &Belonging) {
        let finding = Finding {
            origin: self.origin(&one.owner),
            ..self.belonging(Rule::PrivilegeEffective, database, one)
        };
        let advice = match self.given_away(one) {
            Some(_) => "give it to an admin".to_owned(),
            None => format!(
                "accept it with `allow`, or let `{}` make it anew as an admin",
                one.owner
            ),
        };
        let reason = "no access that the policy gives makes such objects";
        self.withhold_findings(vec![finding], Reason::decision(reason, advice));
    }

    fn opens_belonging(&mut self, database: &DatabaseName, one: &Belonging) {
        let finding = self.belonging(Rule::RoleUndeclared, database, one);
        self.withhold_findings(vec![finding], not_declared(&one.owner));
    }

    fn belonging(&self, rule: Rule, database: &DatabaseName, one: &Belonging) -> Finding {
        let (owner, does) = (&one.owner, does(one));
        Finding {
            database: Some(database.clone()),
            role: Some(owner.to_string()),
            object: Some(one.to_string()),
            path: vec![owner.to_string(), format!("owner of {one}"), does.clone()],
            fix: self.given_away(one),
            ..Finding::new(rule, format!("{owner} owns {one}, which {does}"))
        }
    }

    /// To whom schemas belong, where this admin can and may: what is not of named tables, and event triggers, belong to
    /// superusers. <https://www.postgresql.org/docs/current/sql-alterpublication.html>
    fn given_away(&self, one: &Belonging) -> Option<String> {
        let to = self.reach.maker_name();
        let tables = one.kind == BelongingKind::Publication(PublicationExtent::Tables);
        if !tables || !self.reach.can_become(&one.owner) || !self.reach.can_become(to) {
            return None;
        }
        let (words, name) = (one.words().to_uppercase(), statement::name(&one.name));
        let alter = format!(
            "ALTER {words} {name} OWNER TO {}",
            statement::name(to.as_str())
        );
        Some(script::handing_over(&self.reach, &one.owner, to, alter).join("; "))
    }

    /// There is no ALTER EXTENSION … OWNER TO, and REASSIGN OWNED moves all else that the role owns by then: also tables whose code
    /// would run as their new owner. So there is no statement for it.
    /// <https://www.postgresql.org/docs/current/sql-reassign-owned.html>
    fn owned_extension(
        &mut self,
        database: &DatabaseName,
        extension: &ExtensionName,
        owner: &RoleName,
    ) {
        let object = format!("extension {extension}");
        let finding = Finding {
            database: Some(database.clone()),
            role: Some(owner.to_string()),
            object: Some(object.clone()),
            path: vec![owner.to_string(), format!("owner of {object}")],
            origin: self.origin(owner),
            ..Finding::new(
                Rule::PrivilegeEffective,
                format!("{owner} owns {object}, and has no ddl"),
            )
        };
        let reason = Reason::decision(
            "only a role with ddl makes such objects, and an extension cannot be given to another owner",
            format!(
                "drop the extension and make it again as `{}`, or accept it in `allow`",
                self.reach.maker_name()
            ),
        );
        self.withhold_findings(vec![finding], reason);
    }
}

impl Diff<'_> {
    /// Its members keep their owners, whom the walk of the code judges; what the owner of the extension has is DROP, with all that
    /// depends on a member.
    fn foreign_extension(
        &mut self,
        database: &DatabaseName,
        extension: &ExtensionName,
        owner: &RoleName,
    ) {
        let object = format!("extension {extension}");
        let finding = Finding {
            severity: Severity::Warning,
            database: Some(database.clone()),
            role: Some(owner.to_string()),
            object: Some(object.clone()),
            path: vec![owner.to_string(), format!("owner of {object}")],
            ..Finding::new(
                Rule::RoleUndeclared,
                format!(
                    "{owner} owns {object}: it can drop what depends on a member of it, and add members"
                ),
            )
        };
        self.note(finding);
    }
}

/// What there is to fear of it.
fn does(one: &Belonging) -> String {
    match one.kind {
        BelongingKind::Publication(PublicationExtent::Everything) => "publishes every table".into(),
        BelongingKind::Publication(_) => "publishes tables".into(),
        BelongingKind::Subscription => "writes what another server sends".into(),
        BelongingKind::EventTrigger => "runs code whenever an object is changed".into(),
    }
}
