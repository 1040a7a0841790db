//! Entry points of the fuzz targets.

use super::{ObjectError, object, resolve};
use crate::model::Target;

/// What the `object:` of a grant names.
///
/// # Errors
/// It names nothing.
pub fn targets(text: &str) -> Result<Vec<Target>, ObjectError> {
    object::parse(text).map(|named| named.targets)
}

/// Whether a secret may have this host, and this text with places in it as its payload.
pub fn is_payload(host: &str, template: Option<&str>) -> bool {
    resolve::is_payload(host, template)
}
