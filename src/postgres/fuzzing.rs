//! Entry points of the fuzz targets.

use super::auth::{Admission, Binding, Terms, UntrustedServer};
use super::backend::Backend;
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

/// Whether a server that sends these parts has let a login in, if all of them may be read.
///
/// # Errors
/// They must not be read.
pub fn hear<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Result<bool, UntrustedServer> {
    let mut backend = Backend::new(Terms {
        admission: Admission::Scram,
        binding: Binding::Prefer,
    });
    for part in parts {
        backend.hear(part)?;
    }
    Ok(backend.is_session())
}

/// The password that the text of a password file has for host, port, database and user.
pub fn password(text: &str, wanted: &[&str; 4]) -> Option<Password> {
    passfile::find(text, wanted)
}
