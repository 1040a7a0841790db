//! Server, roles and memberships.

use std::collections::{BTreeMap, BTreeSet};

use super::rows::{self, Columns};
use crate::model::{
    DatabaseName, Elsewhere, Membership, ReadOnlySetting, Role, RoleName, RoleUse, RoleUseKind,
    Server, Setting,
};
use crate::postgres::error::Cause;
use crate::postgres::names::{Catalog, Raw};
use crate::postgres::sql::{MEMBERSHIPS, ROLES, SERVER, for_major};

pub async fn server(
    client: &Catalog,
    major: u32,
    parameters: &BTreeSet<String>,
) -> Result<Server, Cause> {
    let asked: Vec<String> = parameters.iter().cloned().collect();
    let mut server = Server::default();
    rows::each(client, &for_major(SERVER, major), &[&asked], |columns| {
        let version = columns.get::<i64>(0)?;
        server = Server {
            version: u32::try_from(version)
                .map_err(|_| Cause::unknown("the version", version.to_string()))?,
            lock_slots: usize::try_from(columns.get::<i64>(1)?).unwrap_or(usize::MAX),
            admin: Some(columns.role(2)?),
            bootstrap: Some(columns.role(3)?),
            read_only: columns.get(4)?,
            now: jiff::Timestamp::from_millisecond(columns.get(5)?).ok(),
            encoding: client.names().encoding(),
            settable: columns
                .get::<Vec<String>>(6)?
                .into_iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            replica: columns.get(7)?,
            identity: None,
            read_only_settings: read_only_settings(&columns)?,
            scheduler: columns.database_or_none(11)?,
        };
        Ok(())
    })
    .await?;
    Ok(server)
}

fn read_only_settings(columns: &Columns<'_>) -> Result<Vec<ReadOnlySetting>, Cause> {
    let databases: Vec<Option<Raw<'_>>> = columns.get::<Option<_>>(8)?.unwrap_or_default();
    let of_admin: Vec<bool> = columns.get::<Option<_>>(9)?.unwrap_or_default();
    let on: Vec<bool> = columns.get::<Option<_>>(10)?.unwrap_or_default();
    let rows = databases.into_iter().zip(of_admin).zip(on);
    rows.map(|((database, of_admin), on)| {
        let database = database
            .map(|name| columns.names().database(name))
            .transpose()?;
        Ok(ReadOnlySetting {
            database,
            of_admin,
            on,
        })
    })
    .collect()
}

/// Every role, what is known of it in other databases than those that are looked into, and how many sessions it has.
#[derive(Default)]
pub struct Roles {
    pub roles: BTreeMap<RoleName, Role>,
    pub elsewhere: Elsewhere,
    pub sessions: BTreeMap<RoleName, u64>,
    pub uses: BTreeSet<RoleUse>,
}

/// Every role; `databases` are looked into.
pub async fn roles(client: &Catalog, databases: &BTreeSet<DatabaseName>) -> Result<Roles, Cause> {
    let mut found = Roles::default();
    let databases: Vec<String> = databases.iter().map(ToString::to_string).collect();
    rows::each(client, ROLES, &[&databases], |columns| {
        let name = columns.role(0)?;
        found.elsewhere.extend(held_elsewhere(&name, &columns)?);
        let sessions = columns
            .get::<Option<i64>>(15)?
            .and_then(|number| u64::try_from(number).ok());
        found
            .sessions
            .extend(sessions.map(|number| (name.clone(), number)));
        found.uses.extend(uses(&name, &columns)?);
        found.roles.insert(name.clone(), role(name, &columns)?);
        Ok(())
    })
    .await?;
    Ok(found)
}

fn held_elsewhere(role: &RoleName, columns: &Columns<'_>) -> Result<Elsewhere, Cause> {
    let databases: Vec<Raw<'_>> = columns.get::<Option<_>>(12)?.unwrap_or_default();
    let counts = |at| Ok::<_, Cause>(columns.get::<Option<Vec<i64>>>(at)?.unwrap_or_default());
    let counts = counts(13)?.into_iter().zip(counts(14)?);
    let held = databases
        .into_iter()
        .zip(counts)
        .map(|(database, (owned, named))| {
            let count = |number| u64::try_from(number).unwrap_or_default();
            Ok((
                (role.clone(), columns.names().database(database)?),
                (count(owned), count(named)),
            ))
        });
    held.collect()
}

fn uses(role: &RoleName, columns: &Columns<'_>) -> Result<BTreeSet<RoleUse>, Cause> {
    let kinds: Vec<&str> = columns.get::<Option<_>>(16)?.unwrap_or_default();
    let names: Vec<Raw<'_>> = columns.get::<Option<_>>(17)?.unwrap_or_default();
    let databases: Vec<Raw<'_>> = columns.get::<Option<_>>(18)?.unwrap_or_default();
    let all = kinds
        .into_iter()
        .zip(names)
        .zip(databases)
        .map(|((kind, name), database)| {
            let kind = match kind {
                "subscription" => RoleUseKind::Subscription,
                "prepared" => RoleUseKind::Prepared,
                "prepared on roles" => RoleUseKind::PreparedOnRoles,
                other => return Err(Cause::unknown("what works as a role", other)),
            };
            let database = columns.names().database(database)?;
            Ok(RoleUse {
                role: role.clone(),
                database,
                kind,
                name: name.readable(),
            })
        });
    all.collect()
}

fn role(name: RoleName, columns: &Columns<'_>) -> Result<Role, Cause> {
    Ok(Role {
        name,
        login: columns.get(1)?,
        superuser: columns.get(2)?,
        create_db: columns.get(3)?,
        create_role: columns.get(4)?,
        replication: columns.get(5)?,
        bypass_rls: columns.get(6)?,
        inherit: columns.get(7)?,
        connection_limit: columns.get(8)?,
        valid_until: columns.get(11)?,
        settings: settings(columns)?,
    })
}

fn settings(columns: &Columns<'_>) -> Result<BTreeSet<Setting>, Cause> {
    let databases: Vec<Option<Raw<'_>>> = columns.get::<Option<_>>(9)?.unwrap_or_default();
    let settings: Vec<Raw<'_>> = columns.get::<Option<_>>(10)?.unwrap_or_default();
    databases
        .into_iter()
        .zip(settings)
        .map(|(database, setting)| {
            let setting = setting.readable();
            let (parameter, value) = setting
                .split_once('=')
                .ok_or_else(|| Cause::unknown("the role setting", setting.as_str()))?;
            Ok(Setting {
                database: database
                    .map(|database| columns.names().database(database))
                    .transpose()?,
                // The catalog keeps `TimeZone` as the server spells it; names of parameters fold.
                parameter: parameter.to_ascii_lowercase(),
                value: value.to_owned(),
            })
        })
        .collect()
}

pub async fn memberships(client: &Catalog, major: u32) -> Result<BTreeSet<Membership>, Cause> {
    let mut memberships = BTreeSet::new();
    rows::each(client, &for_major(MEMBERSHIPS, major), &[], |columns| {
        memberships.insert(Membership {
            role: columns.role(0)?,
            member: columns.role(1)?,
            grantor: columns.role(2)?,
            admin: columns.get(3)?,
            inherit: columns.get(4)?,
            set: columns.get(5)?,
        });
        Ok(())
    })
    .await?;
    Ok(memberships)
}
