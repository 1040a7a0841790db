//! Objects in groups, of the instance and of a database.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokio_postgres::Client;

use super::ColumnName;
use super::acl::Items;
use super::rows::{self, Columns, name};
use crate::model::{
    DatabaseName, Dependence, Group, Object, ObjectKind, RelationKind, RoleName, RoutineKind, SchemaName,
};
use crate::postgres::error::Cause;
use crate::postgres::sql::{OBJECTS, SHARED_OBJECTS, for_major};

/// Databases, tablespaces and parameters.
pub async fn shared(client: &Client, major: u32) -> Result<Vec<Group>, Cause> {
    read(client, &for_major(SHARED_OBJECTS, major), &[]).await
}

/// Everything in the database, with the named columns though they may have no ACL of their own.
pub async fn of_database(client: &Client, major: u32, columns: &BTreeSet<ColumnName>) -> Result<Vec<Group>, Cause> {
    let part = |of: fn(&ColumnName) -> &str| columns.iter().map(|column| of(column).to_owned()).collect::<Vec<_>>();
    let (schemas, relations, names) = (part(|one| one.0.as_str()), part(|one| &one.1), part(|one| &one.2));
    read(client, &for_major(OBJECTS, major), &[&schemas, &relations, &names]).await
}

async fn read(client: &Client, statement: &str, parameters: &[&[String]]) -> Result<Vec<Group>, Cause> {
    let (mut groups, mut reader) = (Vec::new(), Reader::default());
    rows::each(client, statement, parameters, |columns| {
        groups.push(reader.group(&columns)?);
        Ok(())
    })
    .await?;
    groups.shrink_to_fit();
    // The server groups by hash: the same world has to be read, and planned, in the same order.
    groups.sort_unstable_by(|a, b| a.members.first().cmp(&b.members.first()));
    Ok(groups)
}

/// What stands in many groups is kept once.
#[derive(Default)]
struct Reader {
    items: Items,
    owners: HashMap<String, RoleName>,
    schemas: HashMap<String, SchemaName>,
}

impl Reader {
    /// The columns are described in `objects.sql`.
    fn group(&mut self, columns: &Columns<'_>) -> Result<Group, Cause> {
        let kind = kind(columns.get(0)?)?;
        let schema = columns.get::<Option<&str>>(1)?;
        let schema = schema.map(|text| once(&mut self.schemas, text, SchemaName::new)).transpose()?;
        let owner = once(&mut self.owners, columns.get(2)?, RoleName::new)?;
        let (acl, owner_holds) = self.items.acl(kind.class(), &owner, columns.get(3)?)?;
        let names: Vec<&str> = columns.get(6)?;
        let details: Option<Vec<&str>> = columns.get(7)?;
        let details = details.into_iter().flatten().map(Some).chain(std::iter::repeat(None));
        let mut members: Vec<_> = names
            .into_iter()
            .zip(details)
            .map(|(name, detail)| object(kind, schema.as_ref(), name, detail))
            .collect::<Result<_, _>>()?;
        members.sort_unstable();
        Ok(Group {
            kind,
            owner,
            acl,
            owner_holds,
            dependence: dependence(columns.get(4)?)?,
            security_definer: columns.get(5)?,
            members,
        })
    }
}

fn once<T: Clone>(
    seen: &mut HashMap<String, T>,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, crate::model::NameError>,
) -> Result<T, Cause> {
    if let Some(known) = seen.get(text) {
        return Ok(known.clone());
    }
    let parsed = name(text, parse)?;
    seen.insert(text.to_owned(), parsed.clone());
    Ok(parsed)
}

/// The object of a kind that `schema`, name and detail tell.
pub fn object(
    kind: ObjectKind,
    schema: Option<&SchemaName>,
    text: &str,
    detail: Option<&str>,
) -> Result<Object, Cause> {
    let name: Arc<str> = text.into();
    Ok(match (kind, schema, detail) {
        (ObjectKind::Database, None, None) => Object::Database(self::name(text, DatabaseName::new)?),
        (ObjectKind::Schema, Some(schema), None) => Object::Schema(schema.clone()),
        (ObjectKind::Column, Some(schema), Some(column)) => {
            Object::Column { schema: schema.clone(), relation: name, column: column.into() }
        }
        (ObjectKind::Routine(kind), Some(schema), Some(arguments)) => {
            Object::Routine { kind, schema: schema.clone(), name, arguments: arguments.into() }
        }
        (kind, Some(schema), None) => Object::InSchema { kind, schema: schema.clone(), name },
        (kind, None, None) => Object::Bare { kind, name },
        _ => return Err(Cause::unknown("the object", text)),
    })
}

fn dependence(text: &str) -> Result<Dependence, Cause> {
    Ok(match text {
        "free" => Dependence::Free,
        "table" => Dependence::Table,
        "extension" => Dependence::Extension,
        "initial" => Dependence::Initial,
        other => return Err(Cause::unknown("the dependence", other)),
    })
}

/// The kind as the statements write it: a word, and the letter of `relkind` or `prokind`.
pub fn kind(text: &str) -> Result<ObjectKind, Cause> {
    Ok(match text {
        "database" => ObjectKind::Database,
        "tablespace" => ObjectKind::Tablespace,
        "parameter" => ObjectKind::Parameter,
        "schema" => ObjectKind::Schema,
        "relation r" => ObjectKind::Relation(RelationKind::Table),
        "relation p" => ObjectKind::Relation(RelationKind::PartitionedTable),
        "relation v" => ObjectKind::Relation(RelationKind::View),
        "relation m" => ObjectKind::Relation(RelationKind::MaterializedView),
        "relation f" => ObjectKind::Relation(RelationKind::ForeignTable),
        "sequence" => ObjectKind::Sequence,
        "column" => ObjectKind::Column,
        "routine f" => ObjectKind::Routine(RoutineKind::Function),
        "routine p" => ObjectKind::Routine(RoutineKind::Procedure),
        "routine a" => ObjectKind::Routine(RoutineKind::Aggregate),
        "routine w" => ObjectKind::Routine(RoutineKind::WindowFunction),
        "type" => ObjectKind::Type,
        "domain" => ObjectKind::Domain,
        "language" => ObjectKind::Language,
        "foreign data wrapper" => ObjectKind::ForeignDataWrapper,
        "foreign server" => ObjectKind::ForeignServer,
        "large object" => ObjectKind::LargeObject,
        "collation" => ObjectKind::Collation,
        "conversion" => ObjectKind::Conversion,
        "statistics" => ObjectKind::Statistics,
        "operator" => ObjectKind::Operator,
        "operator class" => ObjectKind::OperatorClass,
        "operator family" => ObjectKind::OperatorFamily,
        "text search configuration" => ObjectKind::TextSearchConfiguration,
        "text search dictionary" => ObjectKind::TextSearchDictionary,
        other => return Err(Cause::unknown("the kind of object", other)),
    })
}
