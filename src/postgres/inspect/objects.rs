//! Objects in groups, of the instance and of a database.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::ColumnName;
use super::acl::Items;
use super::rows::{self, Columns};
use crate::model::{
    Dependence, Group, Object, ObjectKind, RelationKind, RoleName, RoutineKind, SchemaName,
    numbered_name,
};
use crate::postgres::error::Cause;
use crate::postgres::names::{Catalog, Names, Raw};
use crate::postgres::sql::{OBJECTS, SHARED_OBJECTS, for_major};

/// Databases, tablespaces and parameters.
pub async fn shared(client: &Catalog, major: u32) -> Result<Vec<Group>, Cause> {
    read(client, &for_major(SHARED_OBJECTS, major), &[]).await
}

/// Everything in the database, with the named columns though they may have no ACL of their own.
pub async fn of_database(
    client: &Catalog,
    major: u32,
    columns: &BTreeSet<ColumnName>,
) -> Result<Vec<Group>, Cause> {
    let part = |of: fn(&ColumnName) -> &str| {
        columns
            .iter()
            .map(|column| of(column).to_owned())
            .collect::<Vec<_>>()
    };
    let (schemas, relations, names) = (
        part(|one| one.0.as_str()),
        part(|one| &one.1),
        part(|one| &one.2),
    );
    read(
        client,
        &for_major(OBJECTS, major),
        &[&schemas, &relations, &names],
    )
    .await
}

async fn read(
    client: &Catalog,
    statement: &str,
    parameters: &[&[String]],
) -> Result<Vec<Group>, Cause> {
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
    owners: HashMap<Vec<u8>, RoleName>,
    schemas: HashMap<Vec<u8>, SchemaName>,
}

impl Reader {
    /// The columns are described in `objects.sql`.
    fn group(&mut self, columns: &Columns<'_>) -> Result<Group, Cause> {
        let kind = kind(columns.get(0)?)?;
        let schema = columns.get::<Option<Raw<'_>>>(1)?;
        let schema = schema
            .map(|text| once(&mut self.schemas, text, |name| name.schema()))
            .transpose()?;
        let owner = once(&mut self.owners, columns.get(2)?, |name| {
            columns.names().role(name)
        })?;
        let (acl, owner_holds) =
            self.items
                .acl(columns.names(), kind.class(), &owner, columns.get(3)?)?;
        let names: Vec<Raw<'_>> = columns.get(6)?;
        let details: Option<Vec<Raw<'_>>> = columns.get(7)?;
        let details = details
            .into_iter()
            .flatten()
            .map(Some)
            .chain(std::iter::repeat(None));
        let mut members: Vec<_> = names
            .into_iter()
            .zip(details)
            .map(|(name, detail)| object(columns.names(), kind, schema.as_ref(), name, detail))
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
    seen: &mut HashMap<Vec<u8>, T>,
    text: Raw<'_>,
    parse: impl FnOnce(Raw<'_>) -> Result<T, Cause>,
) -> Result<T, Cause> {
    if let Some(known) = seen.get(text.0) {
        return Ok(known.clone());
    }
    let parsed = parse(text)?;
    seen.insert(text.0.to_owned(), parsed.clone());
    Ok(parsed)
}

/// The object of a kind that `schema`, name and detail tell. What is not UTF-8 in them has its number in the place of the name.
pub fn object(
    names: &Names,
    kind: ObjectKind,
    schema: Option<&SchemaName>,
    text: Raw<'_>,
    detail: Option<Raw<'_>>,
) -> Result<Object, Cause> {
    match kind {
        ObjectKind::Database => return Ok(Object::Database(names.database(text)?)),
        ObjectKind::Tablespace => {
            return Ok(Object::Bare {
                kind,
                name: names.tablespace(text)?.into(),
            });
        }
        _ => {}
    }
    let name: Arc<str> = text.spelt("with OID")?.into();
    let detail = match (kind, detail, text.numbered().1) {
        (ObjectKind::Column, Some(column), _) => Some(column.spelt("number")?),
        (_, Some(arguments), Some(oid)) if arguments.utf8().is_none() => {
            let ObjectKind::Routine(kind) = kind else {
                return Err(Cause::unknown("the object", text.readable()));
            };
            let schema = schema
                .cloned()
                .ok_or_else(|| Cause::unknown("the routine", text.readable()))?;
            let name = numbered_name("with OID", oid).into();
            return Ok(Object::Routine {
                kind,
                schema,
                name,
                arguments: "".into(),
            });
        }
        (_, Some(detail), _) => Some(detail.spelt("number")?),
        (_, None, _) => None,
    };
    Ok(match (kind, schema, detail) {
        (ObjectKind::Schema, Some(schema), None) => Object::Schema(schema.clone()),
        (ObjectKind::Column, Some(schema), Some(column)) => Object::Column {
            schema: schema.clone(),
            relation: name,
            column: column.into_owned().into(),
        },
        (ObjectKind::Routine(kind), Some(schema), Some(arguments)) => Object::Routine {
            kind,
            schema: schema.clone(),
            name,
            arguments: arguments.into_owned().into(),
        },
        (kind, Some(schema), None) => Object::InSchema {
            kind,
            schema: schema.clone(),
            name,
        },
        (kind, None, None) => Object::Bare { kind, name },
        _ => return Err(Cause::unknown("the object", text.readable())),
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
