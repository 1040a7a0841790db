//! What the fuzz targets reach and nobody else.

use super::{object, resolve};
use crate::model::Target;

/// What the `object:` of a grant names, or the problem and the hint that the user is told.
///
/// # Errors
/// It names nothing.
pub fn object(text: &str) -> Result<Vec<Target>, (String, Option<String>)> {
    object::parse(text).map(|named| named.targets).map_err(|error| (error.to_string(), error.hint()))
}

/// Whether a secret may have this host, and this text with places in it as its payload.
pub fn is_payload(host: &str, template: Option<&str>) -> bool {
    resolve::is_payload(host, template)
}
