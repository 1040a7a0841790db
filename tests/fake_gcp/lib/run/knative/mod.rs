//! The v1 form of the same jobs and services: `gcloud run jobs describe` and `gcloud run services describe`
//! read nothing else. The region stands in the host name (`europe-west1-run.googleapis.com`), not in the path.

mod metadata;
mod spec;
mod status;

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::error::{Answer, ApiError};
use super::super::world::World;
use super::{Kind, RunName};

/// `GET /apis/run.googleapis.com/v1/namespaces/P/jobs/J`, `GET /apis/serving.knative.dev/v1/namespaces/P/services/S`.
pub fn get(world: &mut World, call: &Call, kind: Kind, namespace: &str, id: &str) -> Answer {
    call.only_query(&[])?;
    let found = found(world, call, kind, namespace, "get")?;
    let mut found = found.into_iter().filter(|(name, _)| name.id == id);
    let one = found.next().map(|(_, resource)| resource);
    one.ok_or_else(|| {
        ApiError::not_found(format!(
            "Resource '{id}' of kind '{}' does not exist.",
            kind_word(kind).to_uppercase()
        ))
    })
}

/// The same without a name: of the region in the host name, of all regions where there is none.
pub fn list(world: &mut World, call: &Call, kind: Kind, namespace: &str) -> Answer {
    call.only_query(&[
        "limit",
        "continue",
        "fieldSelector",
        "labelSelector",
        "includeUninitialized",
    ])?;
    let found = found(world, call, kind, namespace, "list")?;
    let items: Vec<Value> = found.into_iter().map(|(_, resource)| resource).collect();
    Ok(
        json!({ "apiVersion": api_version(kind), "kind": format!("{}List", kind_word(kind)), "items": items }),
    )
}

fn found(
    world: &mut World,
    call: &Call,
    kind: Kind,
    namespace: &str,
    action: &str,
) -> Result<Vec<(RunName, Value)>, ApiError> {
    let project = world.project(
        call,
        &format!("run.{}.{action}", kind.collection()),
        namespace,
    )?;
    let region = call.host.split_once("-run.").map(|(region, _)| region);
    let resources = world.run.resources.iter().filter(|(name, _)| {
        name.kind == kind
            && name.project == project.id
            && region.is_none_or(|region| region == name.region)
    });
    let shown =
        resources.map(|(name, resource)| (name.clone(), converted(name, project.number, resource)));
    Ok(shown.collect())
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Job => "Job",
        Kind::Service => "Service",
    }
}

fn api_version(kind: Kind) -> &'static str {
    match kind {
        Kind::Job => "run.googleapis.com/v1",
        Kind::Service => "serving.knative.dev/v1",
    }
}

fn converted(name: &RunName, number: u64, resource: &Value) -> Value {
    json!({
        "apiVersion": api_version(name.kind),
        "kind": kind_word(name.kind),
        "metadata": metadata::of_resource(name, number, resource),
        "spec": match name.kind {
            Kind::Job => spec::of_job(resource),
            Kind::Service => spec::of_service(resource),
        },
        "status": match name.kind {
            Kind::Job => status::of_job(resource),
            Kind::Service => status::of_service(resource),
        },
    })
}

/// 64-bit integers are strings in v2, and numbers in v1.
fn generation(value: &Value) -> i64 {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

/// `CONSTANTS_LIKE_THIS` of v2 are `WordsLikeThis` in v1.
fn words(constant: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_owned() + &rest.to_lowercase()
    };
    constant.split('_').map(word).collect()
}
