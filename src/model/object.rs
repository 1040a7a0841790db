//! Objects of a database or of the instance: everything that has an owner or an ACL.

use std::fmt;
use std::sync::Arc;

use super::{
    DatabaseName, PrivilegeClass, SchemaName, number_of, quote_identifier, shown_name, visible_sql,
};

/// What kind of relation it is (`pg_class.relkind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelationKind {
    /// `r`
    Table,
    /// `p`
    PartitionedTable,
    /// `v`
    View,
    /// `m`
    MaterializedView,
    /// `f`
    ForeignTable,
}

/// What kind of routine it is (`pg_proc.prokind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoutineKind {
    /// `f`
    Function,
    /// `p`
    Procedure,
    /// `a`
    Aggregate,
    /// `w`
    WindowFunction,
}

/// The kind of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A database.
    Database,
    /// A schema.
    Schema,
    /// A relation that is no sequence.
    Relation(RelationKind),
    /// A column.
    Column,
    /// A sequence.
    Sequence,
    /// A routine.
    Routine(RoutineKind),
    /// A base, composite, enum, range or multirange type.
    Type,
    /// A domain.
    Domain,
    /// A procedural language.
    Language,
    /// A foreign data wrapper.
    ForeignDataWrapper,
    /// A foreign server.
    ForeignServer,
    /// A large object.
    LargeObject,
    /// A configuration parameter (15 and later).
    Parameter,
    /// A tablespace.
    Tablespace,
    /// A collation (an owner, no ACL; so are all that follow).
    Collation,
    /// A conversion.
    Conversion,
    /// Extended statistics.
    Statistics,
    /// An operator.
    Operator,
    /// An operator class.
    OperatorClass,
    /// An operator family.
    OperatorFamily,
    /// A text search configuration.
    TextSearchConfiguration,
    /// A text search dictionary.
    TextSearchDictionary,
}

impl ObjectKind {
    /// The class that determines which privileges exist.
    pub fn class(self) -> PrivilegeClass {
        match self {
            Self::Database => PrivilegeClass::Database,
            Self::Schema => PrivilegeClass::Schema,
            Self::Relation(_) => PrivilegeClass::Relation,
            Self::Column => PrivilegeClass::Column,
            Self::Sequence => PrivilegeClass::Sequence,
            Self::Routine(_) => PrivilegeClass::Routine,
            Self::Type | Self::Domain => PrivilegeClass::Type,
            Self::Language => PrivilegeClass::Language,
            Self::ForeignDataWrapper => PrivilegeClass::ForeignDataWrapper,
            Self::ForeignServer => PrivilegeClass::ForeignServer,
            Self::LargeObject => PrivilegeClass::LargeObject,
            Self::Parameter => PrivilegeClass::Parameter,
            Self::Tablespace => PrivilegeClass::Tablespace,
            Self::Collation
            | Self::Conversion
            | Self::Statistics
            | Self::Operator
            | Self::OperatorClass
            | Self::OperatorFamily
            | Self::TextSearchConfiguration
            | Self::TextSearchDictionary => PrivilegeClass::Owned,
        }
    }

    /// The words of `ALTER <words> name OWNER TO`, in lower case: also how the kind reads in a message.
    pub fn words(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Schema => "schema",
            Self::Relation(RelationKind::Table | RelationKind::PartitionedTable) => "table",
            Self::Relation(RelationKind::View) => "view",
            Self::Relation(RelationKind::MaterializedView) => "materialized view",
            Self::Relation(RelationKind::ForeignTable) => "foreign table",
            Self::Column => "column",
            Self::Sequence => "sequence",
            Self::Routine(RoutineKind::Function | RoutineKind::WindowFunction) => "function",
            Self::Routine(RoutineKind::Procedure) => "procedure",
            Self::Routine(RoutineKind::Aggregate) => "aggregate",
            Self::Type => "type",
            Self::Domain => "domain",
            Self::Language => "language",
            Self::ForeignDataWrapper => "foreign data wrapper",
            Self::ForeignServer => "foreign server",
            Self::LargeObject => "large object",
            Self::Parameter => "parameter",
            Self::Tablespace => "tablespace",
            Self::Collation => "collation",
            Self::Conversion => "conversion",
            Self::Statistics => "statistics",
            Self::Operator => "operator",
            Self::OperatorClass => "operator class",
            Self::OperatorFamily => "operator family",
            Self::TextSearchConfiguration => "text search configuration",
            Self::TextSearchDictionary => "text search dictionary",
        }
    }
}

/// One object. Names are exact; nothing here stands for "all".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// A database.
    Database(DatabaseName),
    /// A schema.
    Schema(SchemaName),
    /// A column of a relation.
    Column {
        /// Schema of the relation.
        schema: SchemaName,
        /// The relation.
        relation: Arc<str>,
        /// The column.
        column: Arc<str>,
    },
    /// A routine; its argument types distinguish overloads.
    Routine {
        /// Function, procedure, aggregate or window function.
        kind: RoutineKind,
        /// Its schema.
        schema: SchemaName,
        /// Its name.
        name: Arc<str>,
        /// `oidvectortypes(proargtypes)` under `search_path = pg_catalog`: type names of SQL, user types qualified.
        arguments: Arc<str>,
    },
    /// Any other object that lives in a schema.
    InSchema {
        /// Relation, sequence, type, domain, or one that only has an owner.
        kind: ObjectKind,
        /// Its schema.
        schema: SchemaName,
        /// Its name; for operators and operator classes with what SQL wants behind it, for example `=(integer,integer)`.
        name: Arc<str>,
    },
    /// An object without a schema: language, wrapper, server, large object (by OID), parameter, tablespace.
    Bare {
        /// Its kind.
        kind: ObjectKind,
        /// Its name, or the OID of a large object.
        name: Arc<str>,
    },
}

impl Object {
    /// The object's kind.
    pub fn kind(&self) -> ObjectKind {
        match self {
            Self::Database(_) => ObjectKind::Database,
            Self::Schema(_) => ObjectKind::Schema,
            Self::Column { .. } => ObjectKind::Column,
            Self::Routine { kind, .. } => ObjectKind::Routine(*kind),
            Self::InSchema { kind, .. } | Self::Bare { kind, .. } => *kind,
        }
    }

    /// Whether all databases of the instance share it.
    pub fn is_shared(&self) -> bool {
        matches!(
            self.kind(),
            ObjectKind::Database | ObjectKind::Tablespace | ObjectKind::Parameter
        )
    }

    /// The schema it lives in; of a schema, itself.
    pub fn schema(&self) -> Option<&SchemaName> {
        match self {
            Self::Schema(schema)
            | Self::Column { schema, .. }
            | Self::Routine { schema, .. }
            | Self::InSchema { schema, .. } => Some(schema),
            Self::Database(_) | Self::Bare { .. } => None,
        }
    }
}

/// An object as a policy and GRANT name it: TABLE stands for every relation, ROUTINE for every routine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Naming<'a> {
    class: PrivilegeClass,
    schema: Option<&'a SchemaName>,
    name: &'a str,
    detail: &'a str,
}

impl Object {
    /// What names it, whatever its exact kind.
    pub fn naming(&self) -> Naming<'_> {
        let (name, detail): (&str, &str) = match self {
            Self::Database(name) => (name.as_str(), ""),
            Self::Schema(_) => ("", ""),
            Self::Column {
                relation, column, ..
            } => (relation, column),
            Self::Routine {
                name, arguments, ..
            } => (name, arguments),
            Self::InSchema { name, .. } | Self::Bare { name, .. } => (name, ""),
        };
        Naming {
            class: self.kind().class(),
            schema: self.schema(),
            name,
            detail,
        }
    }
}

impl fmt::Display for Object {
    /// The kind, then the name as it reads in SQL: `table public.orders`, `function audit.log(text)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.kind().words();
        let quoted = quote_identifier;
        match self {
            Self::Database(name) if name.oid().is_some() => write!(f, "{name}"),
            Self::Schema(name) if name.oid().is_some() => write!(f, "{name}"),
            Self::Column {
                relation, column, ..
            } if number_of(relation).is_some() => {
                write!(
                    f,
                    "{words} {} of relation {}",
                    quoted(column),
                    shown_name(relation)
                )
            }
            Self::Routine { name, .. } | Self::InSchema { name, .. } | Self::Bare { name, .. }
                if number_of(name).is_some() =>
            {
                write!(f, "{words} {}", shown_name(name))
            }
            Self::Database(name) => write!(f, "{words} {}", quoted(name.as_str())),
            Self::Schema(name) => write!(f, "{words} {}", quoted(name.as_str())),
            Self::Column {
                schema,
                relation,
                column,
            } => {
                write!(
                    f,
                    "{words} {}.{}({})",
                    quoted(schema.as_str()),
                    quoted(relation),
                    quoted(column)
                )
            }
            Self::Routine {
                schema,
                name,
                arguments,
                ..
            } => {
                write!(
                    f,
                    "{words} {}.{}({})",
                    quoted(schema.as_str()),
                    quoted(name),
                    visible_sql(arguments)
                )
            }
            Self::InSchema { schema, name, .. } if self.named_by_sql_text() => {
                write!(
                    f,
                    "{words} {}.{}",
                    quoted(schema.as_str()),
                    visible_sql(name)
                )
            }
            Self::InSchema { schema, name, .. } => {
                write!(f, "{words} {}.{}", quoted(schema.as_str()), quoted(name))
            }
            Self::Bare {
                kind: ObjectKind::LargeObject | ObjectKind::Parameter,
                name,
            } => write!(f, "{words} {name}"),
            Self::Bare { name, .. } => write!(f, "{words} {}", quoted(name)),
        }
    }
}

impl Object {
    /// Whether a statement can name it. A name that is not UTF-8 cannot be spelt.
    pub fn has_name(&self) -> bool {
        let spelt = |name: &str| number_of(name).is_none();
        match self {
            Self::Database(name) => name.oid().is_none(),
            Self::Schema(schema) => schema.oid().is_none(),
            Self::Column {
                schema,
                relation,
                column,
            } => schema.oid().is_none() && spelt(relation) && spelt(column),
            Self::Routine { schema, name, .. } | Self::InSchema { schema, name, .. } => {
                schema.oid().is_none() && spelt(name)
            }
            Self::Bare { name, .. } => spelt(name),
        }
    }

    /// Its OID where its own name cannot be spelt.
    pub fn oid(&self) -> Option<u32> {
        match self {
            Self::Database(name) => name.oid(),
            Self::Schema(schema) => schema.oid(),
            Self::Column { .. } => None,
            Self::Routine { name, .. } | Self::InSchema { name, .. } | Self::Bare { name, .. } => {
                number_of(name)
            }
        }
    }

    /// Whether `name` already is SQL text (operators carry their operands, classes and families their access method).
    pub fn named_by_sql_text(&self) -> bool {
        matches!(
            self.kind(),
            ObjectKind::Operator | ObjectKind::OperatorClass | ObjectKind::OperatorFamily
        )
    }
}

impl serde::Serialize for Object {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_in_sql() {
        let schema = SchemaName::new("App").unwrap();
        let table = Object::InSchema {
            kind: ObjectKind::Relation(RelationKind::PartitionedTable),
            schema: schema.clone(),
            name: "t".into(),
        };
        assert_eq!(table.to_string(), "table \"App\".t");
        let routine = Object::Routine {
            kind: RoutineKind::Procedure,
            schema,
            name: "p".into(),
            arguments: "integer, text".into(),
        };
        assert_eq!(routine.to_string(), "procedure \"App\".p(integer, text)");
        let large = Object::Bare {
            kind: ObjectKind::LargeObject,
            name: "4242".into(),
        };
        assert_eq!(large.to_string(), "large object 4242");
    }
}
