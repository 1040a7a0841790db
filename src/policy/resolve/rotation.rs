//! `rotate:`: strategy and times.

use super::super::file::Rotate;
use super::super::read::{Located, given};
use super::Problems;
use crate::model::Rotation;

const DAY: i64 = 24 * 60 * 60;

/// Units of a duration in seconds.
const UNITS: [(char, i64); 5] = [
    ('s', 1),
    ('m', 60),
    ('h', 60 * 60),
    ('d', DAY),
    ('w', 7 * DAY),
];

/// The longest time that is a plan and no slip.
const LONGEST: i64 = 10 * 365 * DAY;

/// The rotation of a role.
pub(super) fn rotation(field: Option<&Rotate>, problems: &mut Problems) -> Rotation {
    let defaults = Rotation {
        strategy: Default::default(),
        every: None,
        grace: DAY,
        deadline: None,
    };
    let Some(Rotate {
        strategy,
        every,
        grace,
        deadline,
    }) = field
    else {
        return defaults;
    };
    let mut seconds = |field: &Option<Located<String>>| {
        field.as_ref().and_then(|field| duration(field, problems))
    };
    let (every_seconds, grace_seconds, deadline_seconds) =
        (seconds(every), seconds(grace), seconds(deadline));
    let rotation = Rotation {
        strategy: given(strategy).copied().unwrap_or_default(),
        every: every_seconds,
        grace: grace_seconds.unwrap_or(DAY),
        deadline: deadline_seconds,
    };
    let readable = grace.is_none() == grace_seconds.is_none();
    if let (Some(limit), Some(field)) = (rotation.every, every)
        && readable
        && rotation.grace >= limit
    {
        let place = grace.as_ref().map_or(&field.origin, |grace| &grace.origin);
        problems.push_hint(
            place,
            "`grace` is not shorter than `every`: the next rotation would begin before the last one ends",
            "make `grace` shorter (it is 24h unless set)",
        );
    }
    if let (Some(limit), Some(field)) = (rotation.deadline, deadline)
        && readable
        && limit < rotation.grace
    {
        problems.push_hint(
            &field.origin,
            "`deadline` is shorter than `grace`",
            "the old password stays valid for `grace` (24h unless set) at least; `deadline` is when it ends at the latest",
        );
    }
    rotation
}

fn duration(field: &Located<String>, problems: &mut Problems) -> Option<i64> {
    let text = field.get()?;
    let seconds = UNITS.iter().find_map(|(unit, seconds)| {
        let number = text.strip_suffix(*unit)?;
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| number.parse::<i64>().ok()?.checked_mul(*seconds))?
    });
    match seconds {
        Some(seconds @ 1..=LONGEST) => return seconds.into(),
        Some(0) => problems.push(&field.origin, format!("`{text}` is no time at all")),
        Some(_) => problems.push(&field.origin, format!("`{text}` is longer than ten years")),
        None => problems.push_hint(
            &field.origin,
            format!("`{text}` is not a duration"),
            "a number and a unit: `90m`, `24h`, `30d`, `4w`, `3600s`",
        ),
    }
    None
}
