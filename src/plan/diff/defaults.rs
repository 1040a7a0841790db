//! What future objects will be granted: default privileges of every `ddl` role.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::emit::{Part, Reason, step};
use super::{Diff, Phase};
use crate::model::{
    Database, DatabaseName, DefaultPrivilege, DefaultsFor, Grantee, Group, Lifecycle, Object,
    ObjectKind, Preset, Privilege, Privileges, PublicAccess, RoleName, SchemaName,
};
use crate::plan::expected::Expectations;
use crate::plan::standing::Standing;
use crate::plan::{ApplyOption, Change, Extent, Rule, Step};

/// The kinds of object that presets speak of.
const BY_PRESET: [DefaultsFor; 3] = [
    DefaultsFor::Tables,
    DefaultsFor::Sequences,
    DefaultsFor::Routines,
];

impl Diff<'_> {
    /// Default privileges in one managed database.
    pub(super) fn defaults(
        &mut self,
        name: &DatabaseName,
        database: &Database,
        made: &[Group],
        expectations: &Expectations<'_>,
    ) {
        let schemas = database
            .groups
            .iter()
            .chain(made)
            .filter(|group| group.kind == ObjectKind::Schema);
        let there: HashSet<_> = schemas
            .flat_map(|group| &group.members)
            .filter_map(Object::schema)
            .collect();
        let makers = self.ddl_roles(name);
        let wanted = self.wanted_defaults(name, &there, expectations);
        let wanted_by_key: HashMap<_, _> = wanted.iter().map(|want| (key(want), want)).collect();
        self.built_in(name, database, &makers);
        for actual in &database.defaults {
            let want = wanted_by_key.get(&key(actual)).copied();
            self.excess_default(name, actual, want, makers.contains(&actual.owner));
        }
        let mut held = HashMap::<_, Vec<_>>::new();
        for actual in &database.defaults {
            held.entry(key(actual)).or_default().push(actual);
        }
        for want in &wanted {
            self.missing_default(name, want, held.get(&key(want)).map_or(&[], Vec::as_slice));
        }
    }

    /// The roles that make objects in `database`.
    pub(super) fn ddl_roles(&self, database: &DatabaseName) -> BTreeSet<RoleName> {
        let present = self
            .policy
            .roles
            .iter()
            .filter(|(_, role)| role.lifecycle == Lifecycle::Present);
        let makers = present.filter(|(_, role)| role.presets.contain(Preset::Ddl, database));
        makers.map(|(name, _)| name.clone()).collect()
    }

    /// The defaults that the policy gives in the schemas that are `there` or are being made: a schema that is neither is a
    /// finding of its own.
    fn wanted_defaults(
        &self,
        database: &DatabaseName,
        there: &HashSet<&SchemaName>,
        expectations: &Expectations<'_>,
    ) -> Vec<DefaultPrivilege> {
        let mut wanted = Vec::new();
        let schemas = self
            .policy
            .databases
            .get(database)
            .into_iter()
            .flat_map(|one| one.schemas.keys());
        for schema in schemas.filter(|schema| there.contains(schema)) {
            for owner in self.cast.with_preset(Preset::Ddl, database, schema) {
                for objects in BY_PRESET {
                    let wants = expectations.of_future(schema, objects.class());
                    let of_others = wants.into_iter().filter(|(role, _)| role != owner);
                    wanted.extend(of_others.map(|(role, want)| DefaultPrivilege {
                        owner: owner.clone(),
                        schema: Some(schema.clone()),
                        objects,
                        grantee: Grantee::Role(role),
                        privileges: want.privileges,
                        grantable: want.grantable,
                    }));
                }
            }
        }
        wanted
    }

    /// A new routine can be called by everybody, by a default that only the global form takes away; per schema it cannot.
    /// <https://www.postgresql.org/docs/current/sql-alterdefaultprivileges.html#SQL-ALTERDEFAULTPRIVILEGES-NOTES>
    fn built_in(&mut self, name: &DatabaseName, database: &Database, makers: &BTreeSet<RoleName>) {
        if self
            .policy
            .databases
            .get(name)
            .is_none_or(|one| one.public == PublicAccess::Keep)
        {
            return;
        }
        for owner in makers {
            // Where only taking away is asked for, nobody makes the role.
            let there =
                self.options.phase != Phase::Contract || self.state.roles.contains_key(owner);
            if there
                && !database
                    .global_defaults
                    .contains(&(owner.clone(), DefaultsFor::Routines))
            {
                let default = DefaultPrivilege {
                    owner: owner.clone(),
                    schema: None,
                    objects: DefaultsFor::Routines,
                    grantee: Grantee::Public,
                    privileges: Privileges::of(&[Privilege::Execute]),
                    grantable: Privileges::NONE,
                };
                self.revoke_default(name, default, Extent::Privileges, None);
            }
        }
    }

    pub(super) fn excess_default(
        &mut self,
        name: &DatabaseName,
        actual: &DefaultPrivilege,
        want: Option<&DefaultPrivilege>,
        by_maker: bool,
    ) {
        if self.cast.going(&actual.owner).is_some() {
            // They go with it.
            return;
        }
        // Whoever makes large objects keeps data in them, whatever it may make else.
        let is_ddl = by_maker
            || actual.objects == DefaultsFor::LargeObjects
                && self.cast.standing(&actual.owner).is_managed();
        let standing = self.cast.standing_of(&actual.grantee);
        let (privileges, blocked) = match standing {
            None if is_ddl => (self.excess_default_of_public(name, actual), None),
            Some(Standing::Declared | Standing::Login | Standing::Iam) => {
                let kept = want.map_or(Privileges::NONE, |want| want.privileges);
                (actual.privileges.minus(kept), None)
            }
            Some(Standing::Undeclared)
                if is_ddl && self.speaks_of(name, actual.schema.as_ref()) =>
            {
                let reason = Reason::option(
                    ApplyOption::Prune,
                    format!("`{}` is not declared", actual.grantee),
                    "declare it, put it under `ignore` or `admins`, or use ",
                );
                (actual.privileges, (!self.options.prune).then_some(reason))
            }
            Some(Standing::Retiring)
                if !actual
                    .grantee
                    .role()
                    .is_some_and(|role| self.is_stuck(role, name)) =>
            {
                (actual.privileges, None)
            }
            _ => (Privileges::NONE, None),
        };
        let kept = actual.privileges.minus(privileges);
        if !privileges.is_empty() {
            let default = DefaultPrivilege {
                privileges,
                grantable: Privileges::NONE,
                ..actual.clone()
            };
            self.revoke_default(name, default, Extent::Privileges, blocked);
        }
        let option = actual
            .grantable
            .intersection(kept)
            .minus(want.map_or(Privileges::NONE, |want| want.grantable));
        if standing.is_some_and(Standing::is_managed) && !option.is_empty() {
            let default = DefaultPrivilege {
                privileges: option,
                grantable: option,
                ..actual.clone()
            };
            self.revoke_default(name, default, Extent::GrantOption, None);
        }
    }

    fn speaks_of(&self, database: &DatabaseName, schema: Option<&SchemaName>) -> bool {
        let managed = self.policy.databases.get(database);
        schema.is_none_or(|schema| managed.is_some_and(|one| one.schemas.contains_key(schema)))
    }

    fn excess_default_of_public(
        &self,
        name: &DatabaseName,
        actual: &DefaultPrivilege,
    ) -> Privileges {
        let built_in = if actual.schema.is_none() {
            actual.objects.class().public_default()
        } else {
            Privileges::NONE
        };
        let spoken_of =
            BY_PRESET.contains(&actual.objects) || actual.objects == DefaultsFor::LargeObjects;
        let judged = spoken_of && self.speaks_of(name, actual.schema.as_ref());
        match self
            .policy
            .databases
            .get(name)
            .map(|database| database.public)
        {
            Some(PublicAccess::None) if judged => actual.privileges,
            Some(_) if judged || actual.objects == DefaultsFor::Schemas => {
                actual.privileges.minus(built_in)
            }
            _ => Privileges::NONE,
        }
    }

    fn missing_default(
        &mut self,
        name: &DatabaseName,
        want: &DefaultPrivilege,
        held: &[&DefaultPrivilege],
    ) {
        let (mut privileges, mut grantable) = (Privileges::NONE, Privileges::NONE);
        for one in held {
            privileges = privileges.union(one.privileges);
            grantable = grantable.union(one.grantable);
        }
        let with_option = want.grantable.minus(grantable);
        let plain = want.privileges.minus(privileges).minus(with_option);
        // Of an unproven role only what it would lose is given back.
        let back = plain.intersection(self.would_lose_by_default(want));
        let all = [
            (back, Privileges::NONE, Part::Keeps),
            (plain.minus(back), Privileges::NONE, Part::ByChange),
            (with_option, with_option, Part::ByChange),
        ];
        for (privileges, grantable, part) in all {
            if !privileges.is_empty() {
                let default = DefaultPrivilege {
                    privileges,
                    grantable,
                    ..want.clone()
                };
                let blocked = self.out_of_reach(&want.owner);
                let origin = want.grantee.role().and_then(|role| self.origin(role));
                let change = Change::GrantDefault {
                    database: name.clone(),
                    default,
                };
                let asked = want.grantee.role().map(|role| {
                    self.asked_in(role, name, want.schema.as_ref(), want.objects.class())
                });
                let step = Step {
                    asked,
                    ..step(change, Rule::DefaultMissing, origin.as_ref())
                };
                self.push_part_or(step, part, blocked);
            }
        }
    }

    fn revoke_default(
        &mut self,
        database: &DatabaseName,
        default: DefaultPrivilege,
        extent: Extent,
        blocked: Option<Reason>,
    ) {
        let origin = self.origin(&default.owner);
        let blocked = self.out_of_reach(&default.owner).or(blocked);
        let default_grantee = default.grantee.role().cloned();
        let path = vec![
            default.grantee.to_string(),
            format!("default privileges of {}", default.owner),
        ];
        let change = Change::RevokeDefault {
            database: database.clone(),
            default,
            extent,
        };
        let going = default_grantee
            .as_ref()
            .filter(|role| self.cast.going(role).is_some());
        let rule = if going.is_some() {
            Rule::RoleUndeclared
        } else {
            Rule::DefaultUnexpected
        };
        let mut taken = step(change, rule, origin.as_ref());
        taken.path = path;
        if let Some(role) = going {
            self.note_unfinished(role, Some(database), blocked.as_ref());
        }
        self.push_or(taken, blocked);
    }
}

/// Whose default it is, where, for what, and for whom.
fn key(default: &DefaultPrivilege) -> (&RoleName, Option<&SchemaName>, DefaultsFor, &Grantee) {
    (
        &default.owner,
        default.schema.as_ref(),
        default.objects,
        &default.grantee,
    )
}
