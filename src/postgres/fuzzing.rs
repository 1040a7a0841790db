//! What the fuzz targets reach and nobody else.

use super::keywords::Values;
use super::{RouteError, conninfo, passfile};
use crate::model::Password;

pub use super::conninfo::Keywords;

/// A connection string, taken apart.
///
/// # Errors
/// It cannot be read.
pub fn keywords(text: &str) -> Result<Keywords, RouteError> {
    conninfo::parse(text)
}

/// Judges everything about `keywords` that needs no file: neither certificates nor the password file.
///
/// # Errors
/// A keyword or a value is wrong.
pub fn judge(keywords: &Keywords) -> Result<(), RouteError> {
    let values = Values(keywords);
    values.check_known()?;
    values.check_supported()?;
    values.terms(&values.address()?)?;
    values.tls_versions()?;
    values.server_name()?;
    values.negotiation()?;
    values.connect_timeout()?;
    values.session_attributes()?;
    Ok(())
}

/// The password that the text of a password file has for host, port, database and user.
pub fn password(text: &str, wanted: &[&str; 4]) -> Option<Password> {
    passfile::find(text, wanted)
}
