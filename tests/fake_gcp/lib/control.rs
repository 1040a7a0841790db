//! The control endpoint under `/_fake/`: what tests ask of the fake and Google has no method for.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::Call;
use super::clock::rfc3339;
use super::error::{Answer, ApiError};
use super::permissions::Restriction;
use super::run::{self, Collection, Kind};
use super::shape::{Shape, duration};
use super::world::World;

pub fn dispatch(world: &mut World, call: &Call, rest: &[&str]) -> Option<Answer> {
    let answer = match (call.method.as_str(), rest) {
        ("GET", ["requests"]) => Ok(json!({ "requests": world.requests })),
        ("DELETE", ["requests"]) => forget_requests(world),
        ("GET", ["payloads"]) => Ok(json!({ "payloads": world.payloads })),
        ("GET", ["faults"]) => Ok(json!({ "faults": world.faults.json() })),
        ("PUT", ["faults", name]) => put_fault(world, call, name),
        ("DELETE", ["faults"]) => remove_faults(world, None),
        ("DELETE", ["faults", name]) => remove_faults(world, Some(name)),
        ("GET", ["clock"]) => Ok(json!({ "now": rfc3339(world.clock.now()) })),
        ("PUT", ["clock"]) => set_clock(world, call),
        ("PUT", ["callers", caller]) => restrict(world, call, caller),
        ("DELETE", ["callers", caller]) => lift(world, caller),
        (
            _,
            [
                "v2",
                "projects",
                project,
                "locations",
                region,
                collection,
                rest @ ..,
            ],
        ) => {
            let kind = Kind::from_collection(collection)?;
            let of = Collection {
                project,
                region,
                kind,
            };
            return seed(world, call, of, rest);
        }
        _ => return None,
    };
    Some(answer)
}

fn forget_requests(world: &mut World) -> Answer {
    world.requests.clear();
    Ok(json!({}))
}

fn put_fault(world: &mut World, call: &Call, name: &str) -> Answer {
    let given = call.body(&Shape::Any, "")?;
    world.faults.put(name, given, world.clock.now())?;
    Ok(json!({ "faults": world.faults.json() }))
}

fn remove_faults(world: &mut World, name: Option<&str>) -> Answer {
    match name {
        Some(name) => world.faults.remove(name),
        None => world.faults.clear(),
    }
    Ok(json!({}))
}

/// Both at once: set, then advanced.
fn set_clock(world: &mut World, call: &Call) -> Answer {
    let shape = Shape::Message(&[("now", Shape::Timestamp), ("advance", Shape::Duration)]);
    let body = call.body(&shape, "")?;
    if let Some(now) = body["now"]
        .as_str()
        .and_then(|now| now.parse::<Timestamp>().ok())
    {
        world.clock.set(now);
    }
    if let Some(by) = body["advance"].as_str().and_then(duration) {
        world.clock.advance(by);
    }
    world.settle();
    Ok(json!({ "now": rfc3339(world.clock.now()) }))
}

/// All that the caller may do, or what it may not.
fn restrict(world: &mut World, call: &Call, caller: &str) -> Answer {
    let shape = Shape::Message(&[
        ("permissions", Shape::List(&Shape::Str)),
        ("denied", Shape::List(&Shape::Str)),
    ]);
    let body = call.body(&shape, "")?;
    let listed = |field: &str| -> Option<BTreeSet<String>> {
        let listed = body.get(field)?.as_array().into_iter().flatten();
        Some(
            listed
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        )
    };
    let (answer, restriction) = match (listed("permissions"), listed("denied")) {
        (Some(held), None) => (
            json!({ "caller": caller, "permissions": held }),
            Restriction::Holds(held),
        ),
        (None, Some(denied)) => (
            json!({ "caller": caller, "denied": denied }),
            Restriction::Lacks(denied),
        ),
        _ => {
            return Err(ApiError::invalid(
                "Exactly one of [permissions, denied] is required.",
            ));
        }
    };
    world.permissions.restrict(caller, restriction);
    Ok(answer)
}

fn lift(world: &mut World, caller: &str) -> Answer {
    world.permissions.lift(caller);
    Ok(json!({}))
}

/// The paths of the real resources, below `/_fake`.
fn seed(world: &mut World, call: &Call, of: Collection<'_>, rest: &[&str]) -> Option<Answer> {
    let body = match call.body(&Shape::Any, "") {
        Ok(body) => body,
        Err(error) => return Some(Err(error)),
    };
    match (call.method.as_str(), rest) {
        ("PUT", [id]) => Some(run::seed(world, of, id, body)),
        ("PUT", [above, collection, id]) => {
            run::seed_below(world, of, above, [collection, id], &body)
        }
        _ => None,
    }
}
