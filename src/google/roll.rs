//! Jobs and services are brought to another version of a secret. They are written back as they were read, field by field
//! unknown to us too, guarded by their etag.
//! <https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs/patch>

use serde_json::{Value, json};

use super::request::{Body, Request, Service};
use super::{Call, Google, GoogleError, Operation};
use crate::model::{CloudRunHolder, SecretName};

impl Google {
    /// Names version `number` of `secret` wherever the job or service `resource` names a number of it. A service gets a new
    /// revision in any case: only that reads the secret again. It says that it came after that version was published, which
    /// no clock could.
    ///
    /// # Errors
    /// Refused; [`GoogleError::is_stale`] where it has changed since; [`GoogleError::Failed`] where it names the version
    /// by now and is not ready; unreachable.
    pub async fn move_reference(
        &self,
        resource: &str,
        secret: &SecretName,
        number: i64,
    ) -> Result<(), GoogleError> {
        let project = resource.split('/').nth(1).unwrap_or_default();
        let is_service = resource.contains("/services/");
        let (read, write) = if is_service {
            (Operation::GetService, Operation::UpdateService)
        } else {
            (Operation::GetJob, Operation::UpdateJob)
        };
        let mut found: Value = self.http.json(&request(read, resource)).await?;
        found
            .get_mut("template")
            .into_iter()
            .for_each(|template| point_at(template, (secret, project), number));
        let mut update = request(write, resource);
        if is_service {
            // A revision that names itself could not be made again.
            found["template"]
                .as_object_mut()
                .into_iter()
                .for_each(|template| drop(template.remove("revision")));
            note(&mut found["template"], secret, number);
            found = json!({"name": found["name"], "etag": found["etag"], "template": found["template"]});
            update.query = vec![
                ("updateMask", "template".into()),
                ("forceNewRevision", "true".into()),
            ];
        }
        update.body = Body::Patch(found);
        let operation = self.http.json(&update).await?;
        self.done(update.call, operation).await
    }
}

pub(super) fn request(operation: Operation, object: &str) -> Request {
    let project = object.split('/').nth(1).unwrap_or_default().to_owned();
    let path = std::iter::once("v2")
        .chain(object.split('/'))
        .map(String::from)
        .collect();
    Request::read(
        Call {
            operation,
            project,
            object: object.to_owned(),
        },
        Service::CloudRun,
        path,
    )
}

fn note(template: &mut Value, secret: &SecretName, number: i64) {
    let annotations = &mut template["annotations"];
    if !annotations.is_object() {
        *annotations = json!({});
    }
    let before = annotations[CloudRunHolder::NOTE].as_str();
    annotations[CloudRunHolder::NOTE] = CloudRunHolder::noted(before, &secret.id, number).into();
}

/// Replaces every number behind the secret's name, in variables and volumes; `latest` and aliases stay.
/// The job or service is one of `project`.
fn point_at(value: &mut Value, (secret, project): (&SecretName, &str), number: i64) {
    let names_it = value
        .get("secret")
        .and_then(Value::as_str)
        .is_some_and(|name| secret.may_be_meant(name, project));
    if names_it {
        let items = value.get_mut("items").and_then(Value::as_array_mut);
        items
            .into_iter()
            .flatten()
            .for_each(|item| pin(item, number));
        pin(value, number);
    }
    match value {
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| point_at(field, (secret, project), number)),
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| point_at(item, (secret, project), number)),
        _ => {}
    }
}

fn pin(place: &mut Value, number: i64) {
    let is_pinned = place
        .get("version")
        .and_then(Value::as_str)
        .is_some_and(|text| text.parse::<i64>().is_ok());
    if is_pinned {
        place["version"] = json!(number.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ProjectId, SecretId};

    #[test]
    fn only_numbers_of_the_secret_move() {
        let mut template = json!({
            "containers": [{"env": [
                {"name": "A", "valueSource": {"secretKeyRef": {"secret": "app", "version": "1"}}},
                {"name": "B", "valueSource": {"secretKeyRef": {"secret": "projects/1/secrets/app", "version": "latest"}}},
                {"name": "C", "valueSource": {"secretKeyRef": {"secret": "other", "version": "1"}}}]}],
            "volumes": [{"secret": {"secret": "app", "items": [{"path": "x", "version": "1"}, {"path": "y"}]}}],
        });
        let secret = SecretName {
            project: ProjectId::new("p").unwrap(),
            id: SecretId::new("app").unwrap(),
        };
        let mut expected = template.clone();
        expected["containers"][0]["env"][0]["valueSource"]["secretKeyRef"]["version"] = json!("2");
        expected["volumes"][0]["secret"]["items"][0]["version"] = json!("2");
        let before = template.clone();
        point_at(&mut template, (&secret, "elsewhere"), 2);
        assert_eq!(template, before, "secrets of another project");
        point_at(&mut template, (&secret, "p"), 2);
        assert_eq!(template, expected);
    }
}
