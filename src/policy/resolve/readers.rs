//! `secret.readers`.

use super::super::choice::Reader as ReaderShape;
use super::super::file::{CloudRun, List};
use super::super::problem::place;
use super::super::read::{Located, given};
use super::Problems;
use crate::model::{CloudRunKind, Origin, ProjectId, Reader, is_email, is_label};

/// The readers of a secret, each once. A job or service runs in the `project` of the secret by default.
pub(super) fn readers(
    list: Option<&List<ReaderShape>>,
    project: Option<&ProjectId>,
    problems: &mut Problems,
) -> Vec<Reader> {
    let mut found: Vec<(Reader, &Origin)> = Vec::new();
    for item in list.into_iter().flatten() {
        let reader = match item.get() {
            Some(ReaderShape::Member(member)) => member_reader(member, &item.origin, problems),
            Some(ReaderShape::CloudRun(shape)) => cloud_run(shape, &item.origin, project, problems),
            None => None,
        };
        let Some(reader) = reader else { continue };
        match found.iter().find(|(first, _)| *first == reader) {
            Some((_, first)) => problems.push(
                &item.origin,
                format!("this reader is named at {} already", place(first)),
            ),
            None => found.push((reader, &item.origin)),
        }
    }
    found.into_iter().map(|(reader, _)| reader).collect()
}

/// Checks an IAM member. <https://cloud.google.com/iam/docs/principal-identifiers>
fn member_reader(member: &str, origin: &Origin, problems: &mut Problems) -> Option<Reader> {
    let readable = match member.split_once(':') {
        _ if ["allUsers", "allAuthenticatedUsers"]
            .iter()
            .any(|all| member.eq_ignore_ascii_case(all)) =>
        {
            problems.push_hint(
                origin,
                format!("`{member}` would let the whole internet read the secret"),
                "name the service account of the job that needs it",
            );
            return None;
        }
        // `PROJECT.svc.id.goog[NAMESPACE/ACCOUNT]` is a service account of GKE.
        Some(("serviceAccount", account)) => {
            is_email(account) || account.contains(".svc.id.goog[") && account.ends_with(']')
        }
        Some(("user" | "group", email)) => is_email(email),
        Some(("principal" | "principalSet", name)) => {
            name.starts_with("//") && name.len() > 2 && !name.contains(char::is_whitespace)
        }
        _ => {
            problems.push_hint(
                origin,
                format!("`{member}` is not an IAM member"),
                "write `serviceAccount:E-MAIL`, `group:E-MAIL`, `principal://…`, or `cloud_run_job: REGION/JOB`",
            );
            return None;
        }
    };
    if !readable {
        problems.push(
            origin,
            format!("`{member}` is not an IAM member: what follows its kind is malformed"),
        );
    }
    readable.then(|| Reader::Member(member.to_owned()))
}

fn cloud_run(
    shape: &CloudRun,
    origin: &Origin,
    default_project: Option<&ProjectId>,
    problems: &mut Problems,
) -> Option<Reader> {
    let CloudRun {
        cloud_run_job,
        cloud_run_service,
        service_account,
    } = shape;
    let (kind, field) = match (cloud_run_job, cloud_run_service) {
        (Some(job), None) => (CloudRunKind::Job, job),
        (None, Some(service)) => (CloudRunKind::Service, service),
        (Some(_), Some(service)) => {
            problems.push(&service.origin, "a reader is a job or a service, not both");
            return None;
        }
        (None, None) => {
            problems.push(
                origin,
                "a reader is an IAM member, a `cloud_run_job` or a `cloud_run_service`",
            );
            return None;
        }
    };
    let service_account = account(service_account, problems);
    let parts: Vec<_> = field.get()?.split('/').collect();
    let (project, region, name) = match parts.as_slice() {
        [region, name] => (default_project.cloned(), *region, *name),
        [project, region, name] => (
            problems.keep(&field.origin, ProjectId::new(project)),
            *region,
            *name,
        ),
        _ => (None, "", ""),
    };
    if !is_id(region) || !is_id(name) {
        let message = format!("`{}` is not [PROJECT/]REGION/NAME", parts.join("/"));
        let lower = [region, name].map(str::to_ascii_lowercase);
        let hint = match lower.iter().all(|part| is_id(part)) {
            true => format!("did you mean `{}`?", parts.join("/").to_ascii_lowercase()),
            false => "for example `us-central1/run-migrations`".into(),
        };
        problems.push_hint(&field.origin, message, hint);
        return None;
    }
    Some(Reader::CloudRun {
        kind,
        project: project?,
        region: region.into(),
        name: name.into(),
        service_account,
    })
}

fn account(field: &Option<Located<String>>, problems: &mut Problems) -> Option<String> {
    let email = given(field)?;
    let origin = &field.as_ref()?.origin;
    if !is_email(email) {
        problems.push_hint(
            origin,
            format!("`{email}` is not the e-mail address of a service account"),
            "for example `migrate@PROJECT.iam.gserviceaccount.com`, without `serviceAccount:`",
        );
        return None;
    }
    Some(email.clone())
}

/// Regions, jobs and services. <https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs/create>
pub(super) fn is_id(text: &str) -> bool {
    is_label(text, 63)
}
