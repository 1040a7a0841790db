//! Findings that differ in their object only are shown as one: a role with two hundred grants is not two hundred blocks.
//! What other formats say, and what is counted, stays one for each.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::plan::{Finding, Plane, Rule};

/// So many are shown one by one.
const FEW: usize = 3;

/// What stands for the object where findings are compared.
const BLANK: &str = "\u{0}";

/// The findings in order, each with all that are like it.
pub(super) fn alike<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Vec<Cow<'f, Finding>> {
    let (mut lots, mut known) = (Vec::<Vec<&Finding>>::new(), HashMap::new());
    for finding in findings {
        let at = likeness(finding).map_or(lots.len(), |likeness| {
            *known.entry(likeness).or_insert(lots.len())
        });
        match lots.get_mut(at) {
            Some(lot) => lot.push(finding),
            None => lots.push(vec![finding]),
        }
    }
    lots.into_iter().flat_map(shown).collect()
}

fn shown(lot: Vec<&Finding>) -> Vec<Cow<'_, Finding>> {
    if lot.len() > FEW {
        vec![Cow::Owned(together(&lot))]
    } else {
        lot.into_iter().map(Cow::Borrowed).collect()
    }
}

/// Everything but the name of the object; of that, what comes before its last part: kind and schema.
fn likeness(finding: &Finding) -> Option<String> {
    let object = finding.object.as_deref()?;
    let place = object.rsplit_once('.').map_or(object, |(place, _)| place);
    let message = finding.message.replace(object, BLANK);
    let path = finding.path.join(BLANK).replace(object, BLANK);
    let Finding {
        rule,
        severity,
        instance,
        database,
        role,
        privilege,
        origin,
        allowed,
        ..
    } = finding;
    let rest = format!(
        "{rule}{severity:?}{instance:?}{database:?}{role:?}{privilege:?}{origin:?}{allowed:?}"
    );
    message
        .contains(BLANK)
        .then(|| [place, &message, &path, &rest].join(BLANK))
}

fn together(lot: &[&Finding]) -> Finding {
    let [first, others @ ..] = lot else {
        unreachable!("a lot has a first finding")
    };
    let object = first.object.as_deref().unwrap_or_default();
    let more = format!("{object} and {} more", others.len());
    let listed = |parts: Vec<&str>, separator: &str, rest: &str| {
        let named = parts
            .iter()
            .take(FEW)
            .copied()
            .collect::<Vec<_>>()
            .join(separator);
        format!("{named}{rest}{} more", parts.len() - FEW)
    };
    let objects = lot.iter().filter_map(|one| one.object.as_deref()).collect();
    let mut fixes: Vec<_> = lot.iter().filter_map(|one| one.fix.as_deref()).collect();
    // One command may mend all of them.
    fixes.dedup();
    Finding {
        message: first.message.replace(object, &more),
        path: first
            .path
            .iter()
            .map(|line| line.replace(object, &more))
            .collect(),
        object: Some(listed(objects, ", ", " and ")),
        fix: if fixes.len() > FEW {
            Some(first_of(&fixes, first.rule))
        } else {
            first.fix.clone()
        },
        ..(*first).clone()
    }
}

/// The first statements or commands; what is left out stands in a comment, so that the line can be pasted.
fn first_of(fixes: &[&str], rule: Rule) -> String {
    let comment = if rule.plane() == Plane::Database {
        "--"
    } else {
        "#"
    };
    let shown = fixes
        .iter()
        .take(FEW)
        .copied()
        .collect::<Vec<_>>()
        .join("; ");
    format!(
        "{shown}; {comment} and {} more, which --format json lists",
        fixes.len() - FEW
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(object: &str) -> Finding {
        Finding {
            role: Some("old".into()),
            object: Some(object.into()),
            path: vec!["old".into(), format!("SELECT on {object} granted by mig")],
            fix: Some(format!("REVOKE {object}")),
            ..Finding::new(
                Rule::GrantUnexpected,
                format!("old holds SELECT on {object}"),
            )
        }
    }

    #[test]
    fn many_are_one_and_few_are_not() {
        let tables: Vec<_> = ["a", "b", "c", "d", "e"]
            .map(|name| finding(&format!("table s.{name}")))
            .into();
        let others: Vec<_> = ["x.a", "x.b", "x.c"]
            .map(|name| finding(&format!("table {name}")))
            .into();
        let mixed = [&tables[..2], &others, &tables[2..]].concat();
        let shown = alike(&mixed);
        let messages: Vec<_> = shown.iter().map(|one| one.message.as_str()).collect();
        let each = ["x.a", "x.b", "x.c"].map(|name| format!("old holds SELECT on table {name}"));
        assert_eq!(
            messages,
            [
                "old holds SELECT on table s.a and 4 more",
                &each[0],
                &each[1],
                &each[2]
            ]
        );
        assert_eq!(
            shown[0].object.as_deref(),
            Some("table s.a, table s.b, table s.c and 2 more")
        );
        assert_eq!(
            shown[0].path[1],
            "SELECT on table s.a and 4 more granted by mig"
        );
        assert_eq!(
            shown[0].fix.as_deref(),
            Some(
                "REVOKE table s.a; REVOKE table s.b; REVOKE table s.c; -- and 2 more, which --format json lists"
            )
        );
    }

    #[test]
    fn what_differs_otherwise_stays_apart() {
        let other = |grantor: &str| Finding {
            path: vec![grantor.into()],
            ..finding("table s.a")
        };
        assert_eq!(alike(&["a", "b", "c", "d", "e"].map(other)).len(), 5);
    }
}
