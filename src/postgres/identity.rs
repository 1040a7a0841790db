//! Which server this is: a restored copy has the same catalogs.

use super::error::PostgresError;
use super::session::Session;
use super::sql::IDENTITY;

/// SQLSTATE of a function that this admin may not call.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// What tells the server from others and from copies that were recovered from a backup of it; `None` where this admin may not
/// read it.
///
/// # Errors
/// The server is gone.
pub async fn identity(session: &mut Session) -> Result<Option<String>, PostgresError> {
    let read = session.read("the identity of the server", |client, _| async move {
        Ok(client.query_typed_one(IDENTITY, &[]).await?.try_get(0)?)
    });
    match read.await {
        Ok(identity) => Ok(Some(identity)),
        Err(error) if error.sqlstate() == Some(INSUFFICIENT_PRIVILEGE) => Ok(None),
        Err(error) => Err(error),
    }
}
