//! What a role can do, for programs.

use serde::Serialize;

use super::{VERSION, document};
use crate::access::{
    Answer, Explanation, Lot, Manner, Place, Reserve, RowLimit, Rows, Source, Way,
};
use crate::model::{DatabaseName, Grantee, InstanceName, Object, Privilege, Privileges, RoleName};
use crate::output::{Explained, Why};

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    instance: Option<&'a InstanceName>,
    role: &'a RoleName,
    acts_as: Vec<RouteEntry>,
    powers: Vec<PowerEntry<'a>>,
    places: Vec<PlaceEntry<'a>>,
}

#[derive(Serialize)]
struct AnswerDocument<'a> {
    version: u32,
    instance: Option<&'a InstanceName>,
    role: &'a RoleName,
    privilege: String,
    object: &'a Object,
    database: Option<&'a DatabaseName>,
    allowed: bool,
    manner: Option<&'static str>,
    lacks: &'a [String],
    ways: Vec<WayEntry>,
    powers: Vec<PowerEntry<'a>>,
    routines: Vec<RoutineEntry<'a>>,
    views: &'a [Vec<String>],
    row_security: Option<RowsEntry<'a>>,
}

#[derive(Serialize)]
struct RouteEntry {
    role: String,
    manner: Option<&'static str>,
    path: Vec<String>,
}

#[derive(Serialize)]
struct PowerEntry<'a> {
    name: &'a str,
    allows: &'static str,
    path: Vec<String>,
}

#[derive(Serialize)]
struct PlaceEntry<'a> {
    database: Option<&'a DatabaseName>,
    objects: Vec<LotEntry<'a>>,
    belongings: Vec<OwnedEntry<'a>>,
    row_security: Vec<LimitEntry<'a>>,
}

#[derive(Serialize)]
struct LimitEntry<'a> {
    object: &'a Object,
    privileges: Privileges,
    #[serde(flatten)]
    rows: Option<RowsEntry<'a>>,
}

/// The rows that row security leaves: `none`, or those of `policies`.
#[derive(Serialize)]
struct RowsEntry<'a> {
    rows: &'static str,
    policies: Vec<&'a str>,
    reason: Option<String>,
}

#[derive(Serialize)]
struct OwnedEntry<'a> {
    object: &'a str,
    path: &'a [String],
}

#[derive(Serialize)]
struct LotEntry<'a> {
    objects: &'a [Object],
    security_definer: Option<&'a RoleName>,
    ways: Vec<WayEntry>,
}

#[derive(Serialize)]
struct WayEntry {
    privileges: Privileges,
    grantable: Privileges,
    manner: Option<&'static str>,
    source: &'static str,
    path: Vec<String>,
}

#[derive(Serialize)]
struct RoutineEntry<'a> {
    routine: &'a Object,
    owner: &'a RoleName,
}

/// Everything, or the answer to one question.
pub(in crate::output) fn explain(explained: &Explained) -> String {
    let instance = explained.instance.as_ref();
    match &explained.why {
        Why::Everything(all) => everything(instance, all),
        Why::One(answer) => one(instance, answer),
    }
}

fn everything(instance: Option<&InstanceName>, all: &Explanation) -> String {
    let Explanation {
        role,
        acts_as,
        powers,
        places,
    } = all;
    let route = |route: &crate::access::Route| RouteEntry {
        role: route.end(role).to_string(),
        manner: route.ways.manner().map(manner),
        path: [role.to_string()]
            .into_iter()
            .chain(route.lines())
            .collect(),
    };
    document(&Document {
        version: VERSION,
        instance,
        role,
        acts_as: acts_as.iter().map(route).collect(),
        powers: powers
            .iter()
            .map(|power| power_entry(power, role))
            .collect(),
        places: places
            .iter()
            .map(|place| place_entry(place, role))
            .collect(),
    })
}

fn one(instance: Option<&InstanceName>, answer: &Answer) -> String {
    let Answer {
        role,
        privilege,
        object,
        database,
        manner: how,
        lacks,
        ways,
        routines,
        views,
        powers,
        rows,
    } = answer;
    document(&AnswerDocument {
        version: VERSION,
        instance,
        role,
        privilege: Privilege::keyword(*privilege).to_owned(),
        object,
        database: database.as_ref(),
        allowed: how.is_some(),
        manner: how.map(manner),
        lacks,
        ways: ways
            .iter()
            .map(|(on, way)| way_entry(way, role, &on.to_string()))
            .collect(),
        powers: powers
            .iter()
            .map(|power| power_entry(power, role))
            .collect(),
        routines: routines
            .iter()
            .map(|(routine, owner)| RoutineEntry { routine, owner })
            .collect(),
        views,
        row_security: rows_entry(rows),
    })
}

fn place_entry<'a>(place: &'a Place, role: &RoleName) -> PlaceEntry<'a> {
    let lot = |lot: &'a Lot| {
        let on = match lot.objects.as_slice() {
            [one] => one.to_string(),
            _ => "each".into(),
        };
        LotEntry {
            objects: &lot.objects,
            security_definer: lot.runs_as.as_ref(),
            ways: lot
                .ways
                .iter()
                .map(|way| way_entry(way, role, &on))
                .collect(),
        }
    };
    let belongings = place.belongings.iter().map(|one| OwnedEntry {
        object: &one.object,
        path: &one.path,
    });
    PlaceEntry {
        database: place.database.as_ref(),
        objects: place.lots.iter().map(lot).collect(),
        belongings: belongings.collect(),
        row_security: place.limits.iter().map(limit_entry).collect(),
    }
}

fn limit_entry(limit: &RowLimit) -> LimitEntry<'_> {
    LimitEntry {
        object: &limit.object,
        privileges: limit.privileges,
        rows: rows_entry(&limit.rows),
    }
}

fn rows_entry(rows: &Rows) -> Option<RowsEntry<'_>> {
    match rows {
        Rows::All => None,
        Rows::SubjectTo(policies) => {
            let policies = policies.iter().map(|name| &**name).collect();
            Some(RowsEntry {
                rows: "policies",
                policies,
                reason: None,
            })
        }
        Rows::None(why) => Some(RowsEntry {
            rows: "none",
            policies: Vec::new(),
            reason: Some(why.to_string()),
        }),
    }
}

fn way_entry(way: &Way, role: &RoleName, on: &str) -> WayEntry {
    let source = match &way.source {
        Source::Grant {
            grantee: Grantee::Public,
            ..
        } => "public",
        Source::Grant { .. } => "grant",
        Source::Owner => "owner",
        Source::Predefined(_) => "predefined",
        Source::Superuser(_) => "superuser",
    };
    WayEntry {
        privileges: way.privileges,
        grantable: way.grantable,
        manner: way.manner().map(manner),
        source,
        path: way.path(role, on),
    }
}

fn power_entry<'a>(power: &'a Reserve, role: &RoleName) -> PowerEntry<'a> {
    PowerEntry {
        name: &power.name,
        allows: power.allows,
        path: power.path(role),
    }
}

fn manner(manner: Manner) -> &'static str {
    match manner {
        Manner::Inherits => "inherit",
        Manner::BySetRole => "set_role",
        Manner::ByAdminOption => "grant_itself",
    }
}
