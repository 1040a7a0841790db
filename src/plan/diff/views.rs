//! Views are a way past the ACLs of what they show: they read with the rights of their owners, and rules act with them.
//! What the `ddl` role of a schema shows there is its to choose; what anybody else shows is judged as a SECURITY DEFINER
//! routine is.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Diff;
use super::emit::Reason;
use super::fence::not_declared;
use super::objects::Lot;
use super::owners::{Judged, Verdict};
use crate::access::{Access, Behind, Predefined, Views};
use crate::model::{
    AclItem, Database, DatabaseName, Dependence, Grantee, Group, Object, ObjectKind, Preset,
    Privilege, Privileges, PublicAccess, RelationKind, RoleName,
};
use crate::plan::expected::{Expectations, Wants};
use crate::plan::reach::Reach;
use crate::plan::standing::Standing;
use crate::plan::{Change, Extent, Finding, Grounds, Rule, Severity, fix};

/// Tables named before the rest is only counted.
const NAMED: usize = 3;

/// A view, and what whoever holds something on it comes to.
struct Passage<'v> {
    database: &'v DatabaseName,
    view: &'v Object,
    owner: &'v RoleName,
    /// Who granted it on the view; `None`: the policy does.
    grantor: Option<&'v RoleName>,
    behind: Vec<Behind<'v>>,
}

impl<'a> Diff<'a> {
    /// What the policy gives managed roles on views of others than the schema's `ddl` role, and leads where it gives nothing.
    pub(super) fn past_views(
        &mut self,
        lot: &Lot<'_>,
        judged: &Judged,
        wants: &Wants,
        expectations: &Expectations<'_>,
    ) {
        let stays = judged.owner == lot.group.owner && !judged.waits && may_lead(lot.group);
        let views = self
            .views
            .get(lot.database)
            .cloned()
            .filter(|views| stays && !views.is_empty());
        let Some(views) = views else { return };
        let makers = lot.members[0]
            .schema()
            .map(|schema| self.cast.with_preset(Preset::Ddl, lot.database, schema));
        let makers = makers.unwrap_or_default();
        if makers.contains(&&judged.owner) {
            return;
        }
        for view in lot
            .members
            .iter()
            .filter(|view| views.owner(view).is_some())
        {
            for (role, wanted) in wants.iter().filter(|(role, _)| **role != judged.owner) {
                let held = self.of_this_run(lot, judged, role, *wanted).privileges;
                let mut behind = views.behind(view, held);
                behind.retain_mut(|one| self.keep_beyond(&views, one, role, expectations));
                let owner = &judged.owner;
                let passage = Passage {
                    database: lot.database,
                    view,
                    owner,
                    grantor: None,
                    behind,
                };
                let Some(finding) = passage.finding(Rule::PrivilegeEffective, role.to_string())
                else {
                    continue;
                };
                let finding = Finding {
                    origin: self.origin(role),
                    ..finding
                };
                // Where a schema has no `ddl` role nobody judges owners, and what a grant names is meant.
                if makers.is_empty() || expectations.singles_out(view) {
                    self.note(Finding {
                        severity: Severity::Warning,
                        ..finding
                    });
                } else {
                    // The statement that a plan withholds is no fix.
                    let reason = self.not_the_makers(lot);
                    let fix = given_to(&passage, &makers)
                        .filter(|_| !self.stays_with_its_owner(lot))
                        .and_then(|change| self.owner_fix(&change));
                    self.withhold_findings(vec![Finding { fix, ..finding }], reason);
                }
            }
        }
    }

    /// Leaves of what is behind a view what the policy does not give `role` anyhow.
    fn keep_beyond(
        &self,
        views: &Views<'_>,
        behind: &mut Behind<'_>,
        role: &RoleName,
        expectations: &Expectations<'_>,
    ) -> bool {
        let major = self.state.server.major();
        let roles = self.declared_memberships(role);
        let shown = behind.shown;
        behind.privileges = behind
            .privileges
            .iter()
            .filter(|privilege| {
                !views.covers(shown, |group, object| {
                    let wants = expectations.of(group, object, true);
                    let makes = |role: &RoleName| match object.schema() {
                        Some(schema) => self
                            .cast
                            .with_preset(Preset::Ddl, expectations.database(), schema)
                            .contains(&role),
                        None => false,
                    };
                    roles.iter().any(|role| {
                        wants
                            .get(*role)
                            .is_some_and(|wanted| wanted.privileges.contains(*privilege))
                            || group.owner == **role
                            || makes(role)
                            || Predefined::find(role, major)
                                .is_some_and(|one| one.on(object).contains(*privilege))
                    })
                })
            })
            .collect();
        !behind.privileges.is_empty()
    }

    /// The role, and whatever the policy makes it a member of.
    fn declared_memberships(&self, role: &RoleName) -> BTreeSet<&'a RoleName> {
        let policy = self.policy;
        let mut found = BTreeSet::new();
        let mut frontier: Vec<&RoleName> = policy
            .roles
            .get_key_value(role)
            .map(|(name, _)| name)
            .into_iter()
            .collect();
        while let Some(next) = frontier.pop() {
            if found.insert(next) {
                frontier.extend(
                    policy
                        .roles
                        .get(next)
                        .into_iter()
                        .flat_map(|role| &role.member_of)
                        .map(|one| &one.role),
                );
            }
        }
        found
    }

    /// Whether a new owner is withheld.
    fn stays_with_its_owner(&self, lot: &Lot<'_>) -> bool {
        let verdict = self.heir(lot);
        matches!(&verdict, Verdict::Wrong { blocked, .. } if blocked.is_some())
    }

    /// What keeps the view with its owner keeps the way open.
    fn not_the_makers(&self, lot: &Lot<'_>) -> Reason {
        let reason = format!(
            "it shows what `{}` may read, who is no `ddl` role of the schema",
            lot.group.owner
        );
        let alter = match self.state.server.major() {
            ..15 => "",
            15.. => ", or: ALTER VIEW … SET (security_invoker = true)",
        };
        if let Verdict::Wrong {
            blocked: Some(blocked),
            ..
        } = self.heir(lot)
        {
            let advice = match &blocked.grounds {
                Grounds::Rights => blocked.advice,
                Grounds::Option(_) | Grounds::Decision | Grounds::Unproven(_) => {
                    format!("{}{alter}", blocked.advice)
                }
            };
            return Reason::on(blocked.grounds, reason, advice);
        }
        Reason::decision(
            reason,
            format!("read its definition, then use --take-over{alter}"),
        )
    }

    /// What undeclared roles hold on views outside the managed schemas, and leads them to managed tables.
    pub(super) fn open_by_views(&mut self, name: &DatabaseName, database: &Database) {
        let Some(views) = self
            .views
            .get(name)
            .cloned()
            .filter(|views| !views.is_empty())
        else {
            return;
        };
        let elsewhere =
            |view: &&Object| views.owner(view).is_some() && !self.in_managed_schema(name, view);
        let mut held = Vec::new();
        for group in database.groups.iter().filter(|group| may_lead(group)) {
            for view in group.members.iter().filter(elsewhere) {
                let items = group
                    .acl
                    .items()
                    .iter()
                    .filter(|item| self.is_outsider(name, view, item));
                held.extend(items.map(|item| (group, view, view, item)));
            }
        }
        // A column of a view shows what is behind it as well.
        for group in database
            .groups
            .iter()
            .filter(|group| group.kind == ObjectKind::Column)
        {
            for column in &group.members {
                let Some(view) = views.relation_of(column).filter(|view| elsewhere(view)) else {
                    continue;
                };
                let items = group
                    .acl
                    .items()
                    .iter()
                    .filter(|item| self.is_outsider(name, view, item));
                held.extend(items.map(|item| (group, view, column, item)));
            }
        }
        for (group, view, through, item) in held {
            self.open_by_view(name, group, (view, through), item, &views);
        }
    }

    /// What views outside the managed schemas show `roles` of managed tables, as a step of a path.
    pub(super) fn past_views_of<'r>(
        &self,
        roles: &BTreeSet<&'r RoleName>,
    ) -> Vec<(&'r RoleName, String)> {
        let mut found = Vec::new();
        for (name, database) in self.state.databases.iter().filter(|_| !roles.is_empty()) {
            let Some(views) = self.views.get(name).filter(|views| !views.is_empty()) else {
                continue;
            };
            let leads = |group: &&Group| may_lead(group) || group.kind == ObjectKind::Column;
            for group in database.groups.iter().filter(leads) {
                for (through, item) in group
                    .members
                    .iter()
                    .flat_map(|object| group.acl.items().iter().map(move |item| (object, item)))
                {
                    let Some(role) = item.grantee.role().and_then(|role| roles.get(role)) else {
                        continue;
                    };
                    let view = if group.kind == ObjectKind::Column {
                        views.relation_of(through)
                    } else {
                        Some(through)
                    };
                    let Some(view) = view else { continue };
                    let behind = views.behind(view, item.privileges);
                    let managed = behind
                        .iter()
                        .find(|one| self.in_managed_schema(name, &one.shown.relation));
                    found.extend(managed.filter(|_| !self.in_managed_schema(name, view)).map(
                        |one| {
                            let privileges = item.privileges;
                            (
                                *role,
                                format!(
                                    "{privileges} on {through} granted by {}, {}",
                                    item.grantor,
                                    one.path.join(", ")
                                ),
                            )
                        },
                    ));
                }
            }
        }
        found
    }

    fn in_managed_schema(&self, database: &DatabaseName, object: &Object) -> bool {
        let policy = self.policy.databases.get(database);
        policy.is_some_and(|one| {
            object
                .schema()
                .is_some_and(|schema| one.schemas.contains_key(schema))
        })
    }

    /// Whether an entry is for somebody who is not to reach what is managed: where it is for PUBLIC, one of those must be able
    /// to use the schema.
    fn is_outsider(&self, name: &DatabaseName, view: &Object, item: &AclItem) -> bool {
        if item.grantee != Grantee::Public {
            return self.cast.standing_of(&item.grantee) == Some(Standing::Undeclared);
        }
        let outsider = |grantee: &Grantee| {
            matches!(
                self.cast.standing_of(grantee),
                None | Some(Standing::Undeclared)
            )
        };
        let uses = |one: &Arc<AclItem>| {
            one.privileges.contains(Privilege::Usage) && outsider(&one.grantee)
        };
        let schema = view
            .schema()
            .and_then(|schema| self.reach.schema(name, schema));
        self.policy
            .databases
            .get(name)
            .is_some_and(|one| one.public == PublicAccess::None)
            && schema.is_some_and(|schema| schema.acl.items().iter().any(uses))
    }

    fn open_by_view(
        &mut self,
        name: &DatabaseName,
        group: &Group,
        (view, through): (&Object, &Object),
        item: &AclItem,
        views: &Views<'_>,
    ) {
        let holder = item.grantee.role();
        let access = holder.map(|role| Access::new(self.state, role, Some(name)));
        let holds = |group: &Group, object: &Object, one| {
            access.as_ref().is_some_and(|access| {
                access
                    .to(group, object)
                    .iter()
                    .any(|way| way.privileges.contains(one))
            })
        };
        let mut behind = views.behind(view, item.privileges);
        behind.retain_mut(|one| {
            let shown = one.shown;
            one.privileges = one
                .privileges
                .iter()
                .filter(|p| !views.covers(shown, |group, object| holds(group, object, *p)))
                .collect();
            self.in_managed_schema(name, &shown.relation) && !one.privileges.is_empty()
        });
        let grantor = Some(&item.grantor);
        let passage = Passage {
            database: name,
            view: through,
            owner: &group.owner,
            grantor,
            behind,
        };
        let rule = if holder.is_some() {
            Rule::RoleUndeclared
        } else {
            Rule::PublicUnexpected
        };
        let Some(finding) = passage.finding(rule, item.grantee.to_string()) else {
            return;
        };
        let reason = match holder {
            Some(role) => not_declared(role),
            None => Reason::decision(
                "the policy does not speak of the view's schema",
                "revoke it from PUBLIC, or accept it with `allow`",
            ),
        };
        self.withhold_findings(
            vec![Finding {
                fix: passage.fix_entry(item, &self.reach),
                ..finding
            }],
            reason,
        );
    }
}

impl Passage<'_> {
    /// `None` where it leads nowhere.
    fn finding(&self, rule: Rule, who: String) -> Option<Finding> {
        let first = self.behind.first()?;
        let privileges = self
            .behind
            .iter()
            .fold(Privileges::NONE, |sum, one| sum.union(one.privileges));
        let held = self
            .behind
            .iter()
            .fold(Privileges::NONE, |sum, one| sum.union(one.by));
        let named: Vec<_> = self
            .behind
            .iter()
            .take(NAMED)
            .map(|one| one.shown.relation.to_string())
            .collect();
        let more = self.behind.len().saturating_sub(NAMED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let by = self
            .grantor
            .map(|grantor| format!(" granted by {grantor}"))
            .unwrap_or_default();
        let message = format!(
            "{who} can {privileges} on {}{more} through {}, with the rights of {}",
            named.join(", "),
            self.view,
            self.owner
        );
        Some(Finding {
            database: Some(self.database.clone()),
            role: Some(who.clone()),
            object: Some(self.view.to_string()),
            privilege: Some(privileges.to_string()),
            path: [who, format!("{held} on {}{by}", self.view)]
                .into_iter()
                .chain(first.path.iter().cloned())
                .collect(),
            ..Finding::new(rule, message)
        })
    }

    fn fix_entry(&self, item: &AclItem, reach: &Reach<'_>) -> Option<String> {
        let change = Change::Revoke {
            database: self.database.clone(),
            objects: [self.view.clone()].into(),
            owner: self.owner.clone(),
            grantor: item.grantor.clone(),
            grantee: item.grantee.clone(),
            privileges: item.privileges,
            extent: Extent::Privileges,
            cascade: Vec::new(),
            via: None,
        };
        fix::fix(&change, reach)
    }
}

/// Views, and tables, which may have rules.
fn may_lead(group: &Group) -> bool {
    use RelationKind::{PartitionedTable, Table, View};
    matches!(
        group.kind,
        ObjectKind::Relation(View | Table | PartitionedTable)
    ) && group.dependence != Dependence::Extension
}

/// The view given to the one role that is to own what is in its schema.
fn given_to(passage: &Passage<'_>, makers: &[&RoleName]) -> Option<Change> {
    let [to] = makers else { return None };
    Some(Change::ChangeOwner {
        database: passage.database.clone(),
        objects: [passage.view.clone()].into(),
        from: passage.owner.clone(),
        to: (*to).clone(),
        creates_by: None,
    })
}
