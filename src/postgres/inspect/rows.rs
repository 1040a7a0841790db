//! Rows of a statement whose columns are all of built-in types, so that the driver asks nothing about them.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::model::{ExtensionName, NameError, RoleName, SchemaName};
use crate::postgres::error::Cause;

/// Runs `statement` and hands over row after row, so that no answer is in memory as a whole.
pub async fn each(
    client: &Client,
    statement: &str,
    parameters: &[&[String]],
    mut take: impl FnMut(Columns<'_>) -> Result<(), Cause>,
) -> Result<(), Cause> {
    let parameters = parameters.iter().map(|list| (list as &(dyn ToSql + Sync), Type::TEXT_ARRAY));
    let mut rows = pin!(client.query_typed_raw(statement, parameters).await?);
    while let Some(row) = rows.try_next().await? {
        take(Columns(&row))?;
    }
    Ok(())
}

/// The columns of one row.
pub struct Columns<'a>(&'a Row);

impl<'a> Columns<'a> {
    pub fn get<T: FromSql<'a>>(&self, column: usize) -> Result<T, Cause> {
        Ok(self.0.try_get(column)?)
    }

    pub fn role(&self, column: usize) -> Result<RoleName, Cause> {
        name(self.get(column)?, RoleName::new)
    }

    pub fn role_or_none(&self, column: usize) -> Result<Option<RoleName>, Cause> {
        self.get::<Option<&str>>(column)?.map(|text| name(text, RoleName::new)).transpose()
    }

    pub fn extension(&self, column: usize) -> Result<ExtensionName, Cause> {
        name(self.get(column)?, ExtensionName::new)
    }

    pub fn schema(&self, column: usize) -> Result<SchemaName, Cause> {
        name(self.get(column)?, SchemaName::new)
    }

    pub fn schema_or_none(&self, column: usize) -> Result<Option<SchemaName>, Cause> {
        self.get::<Option<&str>>(column)?.map(|text| name(text, SchemaName::new)).transpose()
    }
}

/// A name that came out of a catalog.
pub fn name<T>(text: &str, parse: impl FnOnce(&str) -> Result<T, NameError>) -> Result<T, Cause> {
    parse(text).map_err(|_| Cause::unknown("the name", text))
}
