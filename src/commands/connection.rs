//! What the environment says about the connection.

use super::Usage;
use crate::cli::{AdminUrl, ConnectionArgs};

/// The admin URL of the arguments, else that of the environment, which other users cannot read.
///
/// # Errors
/// There is a password in the one of the arguments.
#[allow(clippy::disallowed_methods, reason = "commands read the environment")]
pub fn admin_url(args: &ConnectionArgs) -> Result<Option<AdminUrl>, Usage> {
    match &args.admin_url {
        Some(url) if url.has_password() => Err(Usage::PasswordInAdminUrl),
        Some(url) => Ok(Some(url.clone())),
        None => Ok(std::env::var("ROLEWRIGHT_ADMIN_URL").ok().map(|text| AdminUrl::new(&text))),
    }
}
