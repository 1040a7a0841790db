//! What Google accepts in the settings of a secret. The limits are those of the reference,
//! <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets#Secret>.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::super::error::ApiError;
use super::super::shape::duration;
use super::input::Topic;
use super::settings::{Bounds, Settings};

const ANNOTATION_BYTES: usize = 16 * 1024;
const LABELS: usize = 64;
const ALIASES: usize = 50;
const TOPICS: usize = 10;
const HUNDRED_YEARS: SignedDuration = SignedDuration::from_secs(3_153_600_000);

type Texts = BTreeMap<String, String>;

/// Keys are 1 to 63 characters of `[A-Za-z0-9._-]` between alphanumerics; all together less than 16 KiB.
pub fn annotations(given: &Texts) -> Result<Texts, ApiError> {
    for key in given.keys() {
        let inner = key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        let ends = |c: char| c.is_ascii_alphanumeric();
        if !inner || !key.starts_with(ends) || !key.ends_with(ends) || key.len() > 63 {
            return Err(ApiError::invalid(format!(
                "The annotation key [{key}] does not match the expected format [[a-zA-Z0-9]([-_.a-zA-Z0-9]{{0,61}}[a-zA-Z0-9])?]"
            )));
        }
    }
    let size: usize = given
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if size >= ANNOTATION_BYTES {
        return Err(ApiError::invalid(format!(
            "The total size of annotations is [{size}] bytes; it must be less than 16KiB."
        )));
    }
    Ok(given.clone())
}

/// At most 64; keys `[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}`, values `[\p{Ll}\p{Lo}\p{N}_-]{0,63}`, 128 bytes each.
pub fn labels(given: &Texts) -> Result<Texts, ApiError> {
    if given.len() > LABELS {
        return Err(ApiError::invalid(format!(
            "No more than {LABELS} labels can be assigned to a secret."
        )));
    }
    let lower = |c: char| c.is_alphabetic() && !c.is_uppercase();
    let fits = |text: &str| {
        text.chars().count() <= 63
            && text.len() <= 128
            && text
                .chars()
                .all(|c| lower(c) || c.is_numeric() || matches!(c, '_' | '-'))
    };
    for (key, value) in given {
        if !key.starts_with(lower) || !fits(key) {
            return Err(ApiError::invalid(format!(
                "The label key [{key}] is invalid."
            )));
        }
        if !fits(value) {
            return Err(ApiError::invalid(format!(
                "The label value [{value}] is invalid."
            )));
        }
    }
    Ok(given.clone())
}

/// At most 50; a letter, then letters, digits, `-` and `_`, 63 characters; neither `latest` nor `NEW`. An alias
/// names a version that exists.
pub fn aliases(
    given: &BTreeMap<String, i64>,
    bounds: &Bounds<'_>,
) -> Result<BTreeMap<String, i64>, ApiError> {
    if given.len() > ALIASES {
        return Err(ApiError::invalid(format!(
            "No more than {ALIASES} aliases can be assigned to a secret."
        )));
    }
    for (alias, number) in given {
        if !is_alias(alias) {
            return Err(ApiError::invalid(format!(
                "The version alias [{alias}] is invalid."
            )));
        }
        if !(1..=bounds.newest).contains(number) {
            let version = bounds.name.version(number);
            return Err(ApiError::not_found(format!(
                "Secret Version [{version}] not found."
            )));
        }
    }
    Ok(given.clone())
}

fn is_alias(alias: &str) -> bool {
    alias.starts_with(|c: char| c.is_ascii_alphabetic())
        && alias.len() <= 63
        && alias
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        && !matches!(alias, "latest" | "NEW")
}

pub fn topics(given: &[Topic]) -> Result<Vec<String>, ApiError> {
    if given.len() > TOPICS {
        return Err(ApiError::invalid(format!(
            "No more than {TOPICS} topics can be configured on a secret."
        )));
    }
    let check = |topic: &Topic| {
        let parts: Vec<&str> = topic.name.split('/').collect();
        match parts.as_slice() {
            ["projects", project, "topics", name] if !project.is_empty() && !name.is_empty() => {
                Ok(topic.name.clone())
            }
            _ => Err(ApiError::invalid(format!(
                "The topic name [{}] is invalid.",
                topic.name
            ))),
        }
    };
    given.iter().map(check).collect()
}

pub fn expire_time(
    given: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Timestamp>, ApiError> {
    match given {
        Some(time) if time <= now => Err(ApiError::invalid("expire_time must be in the future.")),
        given => Ok(given),
    }
}

pub fn ttl(given: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    match given.and_then(duration) {
        None => Ok(None),
        Some(ttl) if ttl.is_positive() && ttl <= HUNDRED_YEARS => Ok(Some(now + ttl)),
        Some(_) => Err(ApiError::invalid(
            "ttl must be positive and at most 100 years.",
        )),
    }
}

/// "Cannot be set to less than 300s (5 min) in the future".
pub fn next_rotation(
    given: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Timestamp>, ApiError> {
    let soonest = now + SignedDuration::from_secs(300);
    match given {
        Some(time) if time < soonest || time > now + HUNDRED_YEARS => Err(ApiError::invalid(
            "next_rotation_time must be at least 300s and at most 3153600000s in the future.",
        )),
        given => Ok(given),
    }
}

pub fn rotation_period(given: Option<String>) -> Result<Option<String>, ApiError> {
    let range = SignedDuration::from_hours(1)..=HUNDRED_YEARS;
    match given.as_deref().and_then(duration) {
        Some(period) if !range.contains(&period) => Err(ApiError::invalid(
            "rotation_period must be at least 3600s and at most 3153600000s.",
        )),
        _ => Ok(given),
    }
}

/// "If rotation_period is set, next_rotation_time must be set"; "Secret.topics must be set to configure rotation".
pub fn rotation(settings: &Settings) -> Result<(), ApiError> {
    if settings.rotation_period.is_some() && settings.next_rotation_time.is_none() {
        return Err(ApiError::invalid(
            "next_rotation_time must be set if rotation_period is set.",
        ));
    }
    if settings.next_rotation_time.is_some() && settings.topics.is_empty() {
        return Err(ApiError::invalid(
            "topics must be set to configure rotation.",
        ));
    }
    Ok(())
}

/// 24 hours to 1000 days, <https://cloud.google.com/secret-manager/docs/delay-destruction-of-secret-versions>.
pub fn destroy_ttl(given: Option<&str>) -> Result<Option<SignedDuration>, ApiError> {
    let range = SignedDuration::from_hours(24)..=SignedDuration::from_hours(24 * 1000);
    match given.and_then(duration) {
        None => Ok(None),
        Some(ttl) if range.contains(&ttl) => Ok(Some(ttl)),
        Some(_) => Err(ApiError::invalid(
            "version_destroy_ttl must be at least 24 hours and at most 1000 days.",
        )),
    }
}
