//! Rows of a statement whose columns are all of built-in types, so that the driver asks nothing about them.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql, Type};

use crate::model::{DatabaseName, ExtensionName, NameError, RoleName, SchemaName};
use crate::postgres::error::Cause;
use crate::postgres::names::{Catalog, Names, Raw};
use crate::postgres::sql::with_numbers;

/// Runs `statement` and hands over row after row, so that no answer is in memory as a whole.
pub async fn each(
    client: &Catalog,
    statement: &str,
    parameters: &[&[String]],
    mut take: impl FnMut(Columns<'_>) -> Result<(), Cause>,
) -> Result<(), Cause> {
    let parameters = parameters
        .iter()
        .map(|list| (list as &(dyn ToSql + Sync), Type::TEXT_ARRAY));
    let numbered = client
        .names()
        .is_unchecked()
        .then(|| with_numbers(statement));
    let statement = numbered.as_deref().unwrap_or(statement);
    let mut rows = pin!(client.query_typed_raw(statement, parameters).await?);
    while let Some(row) = rows.try_next().await? {
        take(Columns {
            row: &row,
            names: client.names(),
        })?;
    }
    Ok(())
}

/// The columns of one row.
pub struct Columns<'a> {
    row: &'a Row,
    names: &'a Names,
}

impl<'a> Columns<'a> {
    pub fn get<T: FromSql<'a>>(&self, column: usize) -> Result<T, Cause> {
        Ok(self.row.try_get(column)?)
    }

    pub fn role(&self, column: usize) -> Result<RoleName, Cause> {
        self.names.role(self.get(column)?)
    }

    pub fn role_or_none(&self, column: usize) -> Result<Option<RoleName>, Cause> {
        self.get::<Option<Raw<'_>>>(column)?
            .map(|text| self.names.role(text))
            .transpose()
    }

    pub fn extension(&self, column: usize) -> Result<ExtensionName, Cause> {
        name(self.get(column)?, ExtensionName::new)
    }

    pub fn schema(&self, column: usize) -> Result<SchemaName, Cause> {
        self.get::<Raw<'_>>(column)?.schema()
    }

    pub fn schema_or_none(&self, column: usize) -> Result<Option<SchemaName>, Cause> {
        self.get::<Option<Raw<'_>>>(column)?
            .map(Raw::schema)
            .transpose()
    }

    pub fn database_or_none(&self, column: usize) -> Result<Option<DatabaseName>, Cause> {
        self.get::<Option<Raw<'_>>>(column)?
            .map(|text| self.names.database(text))
            .transpose()
    }

    /// A text that names nothing, or to be read only.
    pub fn text(&self, column: usize) -> Result<String, Cause> {
        Ok(self.get::<Raw<'_>>(column)?.readable())
    }

    /// How names are read.
    pub fn names(&self) -> &'a Names {
        self.names
    }
}

/// A name that came out of a catalog.
pub fn name<T>(text: &str, parse: impl FnOnce(&str) -> Result<T, NameError>) -> Result<T, Cause> {
    parse(text).map_err(|_| Cause::unknown("the name", text))
}
