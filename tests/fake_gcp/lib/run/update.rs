//! `PATCH …/jobs/J` and `PATCH …/services/S`.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::error::{Answer, ApiError};
use super::super::shape::camel_case;
use super::super::world::World;
use super::v2::{Collection, create_named, keep, operation};
use super::{Kind, acting, defaults, readiness, revisions};

/// Replaces a job, or what the mask names of a service (all of it without one): an operation that is done at once.
pub fn patch(world: &mut World, call: &Call, of: Collection<'_>, id: &str) -> Answer {
    call.only_query(match of.kind {
        Kind::Job => &["validateOnly", "allowMissing"],
        Kind::Service => &[
            "validateOnly",
            "allowMissing",
            "updateMask",
            "forceNewRevision",
        ],
    })?;
    let given = call.body(of.kind.shape(), "")?;
    let (name, number) = of.name(world, call, "update", id)?;
    let Some(current) = world.run.resources.get(&name).cloned() else {
        return match call.query("allowMissing") {
            Some("true") => create_named(world, call, &name, number, &given),
            _ => Err(name.not_found()),
        };
    };
    name.check_etag(&current, given["etag"].as_str().unwrap_or_default())?;
    let wanted = wanted(
        of.kind,
        call.query("updateMask").unwrap_or_default(),
        &current,
        &given,
    )?;
    let mut next = defaults::updated(world, &name, number, &call.caller, &current, wanted)?;
    acting::check(world, call, of.kind, &next)?;
    let forced = call.query("forceNewRevision") == Some("true");
    let is_new = of.kind == Kind::Job || forced || next["template"] != current["template"];
    if of.kind == Kind::Service {
        if is_new {
            revisions::name_new(world, &name, &mut next)?;
        }
        revisions::check_traffic(world, &name, &next)?;
    }
    if call.query("validateOnly") == Some("true") {
        return Ok(operation(world, &name, next, None));
    }
    let failure = readiness::reconcile(world, &name, &mut next, is_new);
    Ok(keep(world, &name, next, failure))
}

/// What can be written, as the update wants it.
fn wanted(kind: Kind, mask: &str, current: &Value, given: &Value) -> Result<Value, ApiError> {
    if mask.is_empty() || mask == "*" {
        return Ok(defaults::writable(kind, given));
    }
    let mut wanted = defaults::writable(kind, current);
    for path in mask.split(',').map(|path| camel_case(path.trim())) {
        let parts: Vec<&str> = path.split('.').collect();
        if !kind.writable().contains(&parts[0]) {
            return Err(ApiError::malformed(
                "update_mask",
                format!(
                    "Invalid value at 'update_mask' (type.googleapis.com/google.protobuf.FieldMask), \"{path}\""
                ),
            ));
        }
        copy(&parts, given, &mut wanted);
    }
    Ok(wanted)
}

/// What the path leads to in `from`, also if that is nothing.
fn copy(path: &[&str], from: &Value, to: &mut Value) {
    let [first, rest @ ..] = path else { return };
    match (rest.is_empty(), from[*first].is_null()) {
        (true, true) => {
            if let Some(fields) = to.as_object_mut() {
                fields.remove(*first);
            }
        }
        (true, false) => to[*first] = from[*first].clone(),
        (false, _) => {
            if !to[*first].is_object() {
                to[*first] = json!({});
            }
            copy(rest, &from[*first], &mut to[*first]);
        }
    }
}

#[cfg(test)]
mod tests;
