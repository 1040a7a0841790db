//! `PATCH …/jobs/J` and `PATCH …/services/S`.

use serde_json::{Map, Value, json};

use super::super::call::Call;
use super::super::error::{Answer, ApiError, Code};
use super::super::shape::camel_case;
use super::super::world::World;
use super::v2::{Collection, create_named, operation};
use super::{Kind, RunName, acting, defaults, revisions, secret_access};

/// Replaces a job, or what the mask names of a service (all of it without one): an operation that is done at once.
pub fn patch(world: &mut World, call: &Call, of: Collection<'_>, id: &str) -> Answer {
    call.only_query(match of.kind {
        Kind::Job => &["validateOnly", "allowMissing"],
        Kind::Service => &["validateOnly", "allowMissing", "updateMask", "forceNewRevision"],
    })?;
    let given = call.body(of.kind.shape(), "")?;
    let (name, number) = of.name(world, call, "update", id)?;
    let Some(current) = world.run.resources.get(&name).cloned() else {
        return match call.query("allowMissing") {
            Some("true") => create_named(world, call, &name, number, given),
            _ => Err(name.not_found()),
        };
    };
    check_etag(&name, &current, given["etag"].as_str().unwrap_or_default())?;
    let wanted = wanted(of.kind, call.query("updateMask").unwrap_or_default(), &current, &given)?;
    let mut next = defaults::updated(world, &name, number, &current, wanted)?;
    acting::check(world, call, of.kind, &next)?;
    secret_access::check(world, &name, &next)?;
    if of.kind == Kind::Service {
        let forced = call.query("forceNewRevision") == Some("true");
        if forced || next["template"] != current["template"] {
            revisions::name_new(world, &name, &mut next)?;
        }
        revisions::check_traffic(world, &name, &next)?;
    }
    if call.query("validateOnly") != Some("true") {
        revisions::keep_newest(world, &name, &next);
        world.run.resources.insert(name.clone(), next.clone());
    }
    Ok(operation(world, &name, next))
}

/// "May be used to detect modification conflict during updates."
fn check_etag(name: &RunName, current: &Value, given: &str) -> Result<(), ApiError> {
    if given.is_empty() || current["etag"] == given {
        return Ok(());
    }
    let id = &name.id;
    let message = format!(
        "Conflict for resource '{id}': version '{given}' was specified but current version is {}.",
        current["etag"]
    );
    Err(ApiError::new(Code::Aborted, message))
}

/// What can be written, as the update wants it.
fn wanted(kind: Kind, mask: &str, current: &Value, given: &Value) -> Result<Value, ApiError> {
    let only = |from: &Value| -> Map<String, Value> {
        let fields = kind.writable().iter().filter(|field| !from[**field].is_null());
        fields.map(|field| ((*field).to_owned(), from[*field].clone())).collect()
    };
    if mask.is_empty() || mask == "*" {
        return Ok(Value::Object(only(given)));
    }
    let mut wanted = Value::Object(only(current));
    for path in mask.split(',').map(|path| camel_case(path.trim())) {
        let parts: Vec<&str> = path.split('.').collect();
        if !kind.writable().contains(&parts[0]) {
            return Err(ApiError::malformed(
                "update_mask",
                format!("Invalid value at 'update_mask' (type.googleapis.com/google.protobuf.FieldMask), \"{path}\""),
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
