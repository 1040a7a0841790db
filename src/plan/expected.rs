//! What every role is to hold on an object: presets and declared grants, resolved against what is there.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use crate::model::{
    Database, DatabaseName, DeclaredGrant, Dependence, ExtensionPolicy, Group, Lifecycle, Naming,
    Object, ObjectKind, Policy, Preset, Privilege, PrivilegeClass, Privileges, RoleName,
    RolePolicy, SchemaName, Strategy, Target,
};

/// What one role is to hold on one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The privileges.
    pub privileges: Privileges,
    /// Those of them with grant option.
    pub grantable: Privileges,
}

/// What every role is to hold on one object.
pub type Wants = BTreeMap<RoleName, Wanted>;

/// The schema an extension is made in when the policy names none.
const DEFAULT_EXTENSION_SCHEMA: &str = "public";

const DML: Privileges = Privileges::of(&[
    Privilege::Select,
    Privilege::Insert,
    Privilege::Update,
    Privilege::Delete,
]);

/// The privileges of a preset on an object of `class` in a managed schema; owners need none.
pub fn preset_privileges(preset: Preset, class: PrivilegeClass) -> Privileges {
    use Privilege::{Connect, Create, Execute, Select, Temporary, Usage};
    match (preset, class) {
        (Preset::Ddl, PrivilegeClass::Database) => Privileges::of(&[Connect, Temporary]),
        (Preset::Dml | Preset::Read, PrivilegeClass::Database) => Privileges::of(&[Connect]),
        (Preset::Ddl, PrivilegeClass::Schema) => Privileges::of(&[Usage, Create]),
        (Preset::Dml | Preset::Read, PrivilegeClass::Schema) => Privileges::of(&[Usage]),
        (Preset::Dml, PrivilegeClass::Relation) => DML,
        (Preset::Read, PrivilegeClass::Relation | PrivilegeClass::Sequence) => {
            Privileges::of(&[Select])
        }
        (Preset::Dml, PrivilegeClass::Sequence) => Privileges::of(&[Usage]),
        (Preset::Dml | Preset::Read, PrivilegeClass::Routine) => Privileges::of(&[Execute]),
        _ => Privileges::NONE,
    }
}

/// The expectations of one managed database.
pub struct Expectations<'a> {
    name: &'a DatabaseName,
    roles: Vec<(&'a RoleName, &'a RolePolicy)>,
    /// The roles with a preset on each schema.
    presets: HashMap<&'a SchemaName, Vec<(&'a RoleName, Preset)>>,
    extension_schemas: BTreeSet<SchemaName>,
    /// Grants on one object each.
    named: HashMap<Naming<'a>, Vec<Declared<'a>>>,
    /// Grants on all objects of a schema.
    wide: HashMap<&'a SchemaName, Vec<Declared<'a>>>,
    /// The roles with a grant on something in each schema.
    granted: HashMap<&'a SchemaName, BTreeSet<&'a RoleName>>,
    major: u32,
    known: RefCell<HashMap<Alike, Rc<Wants>>>,
}

type Declared<'a> = (&'a RoleName, &'a DeclaredGrant);

/// What objects have in common of which no grant names one: the policy wants the same of all of them.
#[derive(PartialEq, Eq, Hash)]
struct Alike {
    kind: ObjectKind,
    schema: SchemaName,
    dependence: Dependence,
    security_definer: bool,
    trusted_owner: bool,
}

impl<'a> Expectations<'a> {
    /// What `policy` says of the database called `name`, which is as `actual`, on a server of `major`.
    pub fn new(policy: &'a Policy, name: &'a DatabaseName, actual: &Database, major: u32) -> Self {
        let present = |(_, role): &(&RoleName, &RolePolicy)| role.lifecycle == Lifecycle::Present;
        let roles: Vec<_> = policy.roles.iter().filter(present).collect();
        let mut presets = HashMap::<_, Vec<_>>::new();
        for (role, declared) in &roles {
            for (schema, preset) in declared.presets.in_database(name) {
                presets.entry(schema).or_default().push((*role, preset));
            }
        }
        let mut named = HashMap::<_, Vec<_>>::new();
        let mut wide = HashMap::<_, Vec<_>>::new();
        let mut granted = HashMap::<_, BTreeSet<_>>::new();
        for (role, grant) in grants(&roles, name) {
            match &grant.target {
                Target::Object(object) => named
                    .entry(object.naming())
                    .or_default()
                    .push((role, grant)),
                Target::AllInSchema(_, schema) => {
                    wide.entry(schema).or_default().push((role, grant))
                }
            }
            if let Some(schema) = grant.target.needs_usage_on() {
                granted.entry(schema).or_default().insert(role);
            }
        }
        let declared = policy
            .databases
            .get(name)
            .and_then(|database| database.extensions.as_ref());
        let extension_schemas = declared
            .into_iter()
            .flatten()
            .flat_map(|(extension, wanted)| {
                // One that was moved by hand is a finding; nobody loses access to either place meanwhile.
                let installed = actual
                    .extensions
                    .get(extension)
                    .map(|installed| installed.schema.clone());
                let declared = if installed.is_some() {
                    wanted.schema.clone()
                } else {
                    extension_schema(wanted)
                };
                installed.into_iter().chain(declared)
            })
            .collect();
        let known = RefCell::default();
        Self {
            name,
            roles,
            presets,
            extension_schemas,
            named,
            wide,
            granted,
            major,
            known,
        }
    }

    /// The database.
    pub fn database(&self) -> &'a DatabaseName {
        self.name
    }

    /// Whether a declared grant names this very object, so that it is judged apart from its group.
    pub fn singles_out(&self, object: &Object) -> bool {
        self.named.contains_key(&object.naming())
    }

    /// Declared grants in this database, with their roles.
    pub fn grants(&self) -> impl Iterator<Item = Declared<'a>> {
        grants(&self.roles, self.name)
    }

    /// What every role is to hold on `object`, one of `group`'s. `trusted_owner`: it belongs to a `ddl` role of its schema,
    /// or nobody judges owners there.
    pub fn of(&self, group: &Group, object: &Object, trusted_owner: bool) -> Rc<Wants> {
        let Some(schema) = object.schema().filter(|_| !self.singles_out(object)) else {
            return Rc::new(self.resolve(group, object, trusted_owner));
        };
        let alike = Alike {
            kind: group.kind,
            schema: schema.clone(),
            dependence: group.dependence,
            security_definer: group.security_definer,
            trusted_owner,
        };
        let resolve = || Rc::new(self.resolve(group, object, trusted_owner));
        self.known
            .borrow_mut()
            .entry(alike)
            .or_insert_with(resolve)
            .clone()
    }

    fn resolve(&self, group: &Group, object: &Object, trusted_owner: bool) -> Wants {
        let mut wants = Wants::new();
        match (group.kind, object.schema()) {
            (ObjectKind::Database, _) => self.add_on_database(object, &mut wants),
            (ObjectKind::Schema, Some(schema)) => self.add_on_schema(schema, &mut wants),
            (_, Some(schema)) if group.dependence != Dependence::Extension => {
                let class = group.kind.class();
                for (name, preset) in self
                    .presets_on(schema)
                    .filter(|(_, one)| callable(*one, group, trusted_owner))
                {
                    add(
                        &mut wants,
                        name,
                        preset_privileges(preset, class),
                        Privileges::NONE,
                    );
                }
            }
            _ => {}
        }
        let wide = object.schema().and_then(|schema| self.wide.get(schema));
        let named = self.named.get(&object.naming());
        for (name, grant) in wide.into_iter().chain(named).flatten() {
            if grant.target.covers(object)
                && (group.dependence != Dependence::Extension || names_it(grant))
            {
                let privileges = grant
                    .privileges
                    .intersection(object.kind().class().applicable(self.major));
                let grantable = if grant.grantable {
                    privileges
                } else {
                    Privileges::NONE
                };
                add(&mut wants, name, privileges, grantable);
            }
        }
        wants
    }

    fn presets_on(&self, schema: &SchemaName) -> impl Iterator<Item = (&'a RoleName, Preset)> {
        self.presets.get(schema).into_iter().flatten().copied()
    }

    /// What roles are to hold on future objects of a class in `schema`.
    pub fn of_future(&self, schema: &SchemaName, class: PrivilegeClass) -> Wants {
        let mut wants = Wants::new();
        let applicable = class.applicable(self.major);
        for (name, preset) in self.presets_on(schema) {
            add(
                &mut wants,
                name,
                preset_privileges(preset, class).intersection(applicable),
                Privileges::NONE,
            );
        }
        for (name, grant) in self.wide.get(schema).into_iter().flatten() {
            if grant.target.class() == class {
                let privileges = grant.privileges.intersection(applicable);
                let grantable = if grant.grantable {
                    privileges
                } else {
                    Privileges::NONE
                };
                add(&mut wants, name, privileges, grantable);
            }
        }
        wants
    }

    fn add_on_database(&self, object: &Object, wants: &mut Wants) {
        if !matches!(object, Object::Database(name) if name == self.name) {
            return;
        }
        for (name, role) in &self.roles {
            let privileges = self.on_database(role);
            add(wants, name, privileges, Privileges::NONE);
            if logins_need_connect(role) {
                // CONNECT is asked of the login itself, and a login that does not inherit has none of its role's.
                let connect = privileges.intersection(Privileges::of(&[Privilege::Connect]));
                role.logins(name)
                    .iter()
                    .for_each(|login| add(wants, login, connect, Privileges::NONE));
            }
        }
    }

    fn add_on_schema(&self, schema: &SchemaName, wants: &mut Wants) {
        let usage = Privileges::of(&[Privilege::Usage]);
        for (name, preset) in self.presets_on(schema) {
            add(
                wants,
                name,
                preset_privileges(preset, PrivilegeClass::Schema),
                Privileges::NONE,
            );
        }
        for name in self.granted.get(schema).into_iter().flatten() {
            add(wants, name, usage, Privileges::NONE);
        }
        if self.extension_schemas.contains(schema) {
            for (name, _) in self
                .roles
                .iter()
                .filter(|(_, role)| role.presets.cover(self.name))
            {
                add(wants, name, usage, Privileges::NONE);
            }
        }
    }

    fn on_database(&self, role: &RolePolicy) -> Privileges {
        let presets = role.presets.in_database(self.name);
        let presets =
            presets.map(|(_, preset)| preset_privileges(preset, PrivilegeClass::Database));
        let mut privileges = presets.fold(Privileges::NONE, Privileges::union);
        if role
            .grants
            .iter()
            .any(|grant| grant.database == *self.name && needs_connect(grant))
        {
            privileges = privileges.union(Privileges::of(&[Privilege::Connect]));
        }
        if role.create_schemas && !privileges.is_empty() {
            privileges = privileges.union(Privileges::of(&[Privilege::Create]));
        }
        privileges
    }
}

/// The grants that `roles` are declared to have in `database`.
fn grants<'a, 'r>(
    roles: &'r [(&'a RoleName, &'a RolePolicy)],
    database: &'r DatabaseName,
) -> impl Iterator<Item = Declared<'a>> + use<'a, 'r> {
    let of_role = |&(name, role): &(&'a RoleName, &'a RolePolicy)| {
        role.grants.iter().map(move |grant| (name, grant))
    };
    roles
        .iter()
        .flat_map(of_role)
        .filter(move |(_, grant)| grant.database == *database)
}

/// The schema a missing extension is made in.
pub fn extension_schema(wanted: &ExtensionPolicy) -> Option<SchemaName> {
    wanted
        .schema
        .clone()
        .or_else(|| SchemaName::new(DEFAULT_EXTENSION_SCHEMA).ok())
}

fn add(wants: &mut Wants, role: &RoleName, privileges: Privileges, grantable: Privileges) {
    if !privileges.is_empty() {
        let wanted = wants.entry(role.clone()).or_default();
        wanted.privileges = wanted.privileges.union(privileges);
        wanted.grantable = wanted.grantable.union(grantable);
    }
}

/// A SECURITY DEFINER routine runs with its owner's rights: `read` may call none, `dml` only those of the schema's own
/// `ddl` role.
fn callable(preset: Preset, group: &Group, trusted_owner: bool) -> bool {
    !group.security_definer || (preset != Preset::Read && trusted_owner)
}

/// Extension members keep their initial privileges; only a grant that names one touches it.
fn names_it(grant: &DeclaredGrant) -> bool {
    matches!(grant.target, Target::Object(_))
}

fn logins_need_connect(role: &RolePolicy) -> bool {
    role.rotation.strategy == Strategy::Alternate && is_ddl(role)
}

/// Whether the role has `ddl` anywhere: then its logins do not inherit, so that nothing can come to belong to a login.
pub fn is_ddl(role: &RolePolicy) -> bool {
    role.presets
        .iter()
        .any(|(.., preset)| preset == Preset::Ddl)
}

/// Objects of the instance can be used from any database.
fn needs_connect(grant: &DeclaredGrant) -> bool {
    match &grant.target {
        Target::AllInSchema(..) => true,
        Target::Object(object) => !matches!(
            object.kind(),
            ObjectKind::Database | ObjectKind::Parameter | ObjectKind::Tablespace
        ),
    }
}
