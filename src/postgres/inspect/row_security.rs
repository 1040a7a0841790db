//! Row security, out of the rows that `row_security.sql` adds to those of `belongings.sql`.

use std::collections::BTreeSet;

use super::objects::{kind, object};
use super::rows::Columns;
use crate::model::{Grantee, Object, Privilege, RowPolicy, RowSecurity, SecuredTable, SecuredView};
use crate::postgres::error::Cause;
use crate::postgres::names::Raw;

/// Takes a row; `false`: it is about something else.
pub fn take(columns: &Columns<'_>, found: &mut RowSecurity) -> Result<bool, Cause> {
    let words: &str = columns.get(0)?;
    let Some((what, letter)) = words
        .strip_prefix("row ")
        .and_then(|rest| rest.split_once(' '))
    else {
        return Ok(false);
    };
    match what {
        "security" => {
            let table = found
                .tables
                .entry(here(columns, letter)?)
                .or_insert(secured(columns)?);
            table.forced = columns.get::<Option<&str>>(4)?.is_some();
        }
        "policy" => {
            let table = found
                .tables
                .entry(here(columns, letter)?)
                .or_insert(secured(columns)?);
            table.policies.push(policy(columns)?);
        }
        "view" => {
            let view = found.views.entry(here(columns, "v")?);
            let owner = columns.role(2)?;
            let invoker = columns.get::<Option<&str>>(4)?.is_some();
            let view = view.or_insert(SecuredView {
                owner,
                invoker,
                relations: BTreeSet::new(),
            });
            let [schema, relation] = columns.get::<Vec<Raw<'_>>>(5)?[..] else {
                return Err(Cause::unknown("what a view reads", words));
            };
            let schema = schema.schema()?;
            view.relations.insert(object(
                columns.names(),
                relation_kind(letter)?,
                Some(&schema),
                relation,
                None,
            )?);
        }
        other => return Err(Cause::unknown("the row", other)),
    }
    Ok(true)
}

fn relation_kind(letter: &str) -> Result<crate::model::ObjectKind, Cause> {
    kind(&format!("relation {letter}"))
}

fn here(columns: &Columns<'_>, letter: &str) -> Result<Object, Cause> {
    object(
        columns.names(),
        relation_kind(letter)?,
        Some(&columns.schema(3)?),
        columns.get(1)?,
        None,
    )
}

fn secured(columns: &Columns<'_>) -> Result<SecuredTable, Cause> {
    Ok(SecuredTable {
        owner: columns.role(2)?,
        forced: false,
        policies: Vec::new(),
    })
}

fn policy(columns: &Columns<'_>) -> Result<RowPolicy, Cause> {
    let parts: Vec<Option<Raw<'_>>> = columns.get(5)?;
    let [
        Some(command),
        Some(permissive),
        Some(shows_nothing),
        Some(admits_nothing),
        roles @ ..,
    ] = &parts[..]
    else {
        return Err(Cause::unknown("the policy", columns.text(4)?));
    };
    let role = |role: &Option<Raw<'_>>| match role {
        None => Ok(Grantee::Public),
        Some(name) => columns.names().role(*name).map(Grantee::Role),
    };
    Ok(RowPolicy {
        name: columns.text(4)?.into(),
        command: command_of(&command.readable())?,
        permissive: permissive.0 == b"true",
        shows_nothing: shows_nothing.0 == b"true",
        admits_nothing: admits_nothing.0 == b"true",
        roles: roles.iter().map(role).collect::<Result<_, _>>()?,
    })
}

/// `pg_policy.polcmd`
fn command_of(letter: &str) -> Result<Option<Privilege>, Cause> {
    Ok(match letter {
        "*" => None,
        "r" => Some(Privilege::Select),
        "a" => Some(Privilege::Insert),
        "w" => Some(Privilege::Update),
        "d" => Some(Privilege::Delete),
        other => return Err(Cause::unknown("the command of a policy", other)),
    })
}
