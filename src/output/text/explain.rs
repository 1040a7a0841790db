//! What a role can do, as a tree.

use crate::access::{Answer, Explanation, Lot, Manner, Place, Reserve, Route, Rows, Way};
use crate::model::{Object, RoleName, quote_identifier};
use crate::output::style::{ERROR, FAINT, GOOD, HEADING, WARNING, paint, plain};
use crate::output::{Explained, Why};

/// Objects named before the rest is only counted.
const NAMED: usize = 4;

/// A line and what hangs on it.
struct Branch {
    line: String,
    below: Vec<Branch>,
}

impl Branch {
    fn new(line: impl Into<String>, below: Vec<Branch>) -> Self {
        Self {
            line: line.into(),
            below,
        }
    }

    fn leaf(line: impl Into<String>) -> Self {
        Self::new(line, Vec::new())
    }

    /// The branch at `depth`, whose lines begin with `indent`.
    fn draw(&self, indent: &str, out: &mut String) {
        out.push_str(&self.line);
        out.push('\n');
        for (index, branch) in self.below.iter().enumerate() {
            let last = index + 1 == self.below.len();
            let (mark, more) = if last {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            out.push_str(&format!("{indent}{}", paint(FAINT, mark)));
            branch.draw(&format!("{indent}{}", paint(FAINT, more)), out);
        }
    }
}

/// Everything, or the answer to one question.
pub(in crate::output) fn explain(explained: &Explained) -> String {
    let mut out = String::new();
    match &explained.why {
        Why::Everything(all) => everything(all).draw("", &mut out),
        Why::One(answer) => one(answer).draw("", &mut out),
    }
    out
}

fn everything(all: &Explanation) -> Branch {
    let mut below = Vec::new();
    if !all.acts_as.is_empty() {
        let routes = all
            .acts_as
            .iter()
            .map(|route| Branch::leaf(plain(&route_line(route)).into_owned()));
        below.push(Branch::new(paint(HEADING, "acts as"), routes.collect()));
    }
    if !all.powers.is_empty() {
        let powers = all
            .powers
            .iter()
            .map(|power| power_branch(power, &all.role));
        below.push(Branch::new(
            paint(HEADING, "beyond any grant"),
            powers.collect(),
        ));
    }
    below.extend(
        all.places
            .iter()
            .map(|place| place_branch(place, &all.role)),
    );
    if below.is_empty() {
        below.push(Branch::leaf("holds nothing, and is a member of nothing"));
    }
    Branch::new(paint(HEADING, &all.role), below)
}

fn place_branch(place: &Place, role: &RoleName) -> Branch {
    let heading = match &place.database {
        Some(name) => format!("in database {name}"),
        None => "on the instance".into(),
    };
    let mut below: Vec<Branch> = Vec::new();
    let mut schema = None;
    for lot in &place.lots {
        let here = lot.objects.first().and_then(Object::schema);
        let branch = lot_branch(lot, role);
        match below
            .last_mut()
            .filter(|_| here.is_some() && schema == here)
        {
            Some(above) => above.below.push(branch),
            None => match here {
                Some(name) => below.push(Branch::new(
                    paint(HEADING, format!("schema {name}")),
                    vec![branch],
                )),
                None => below.push(branch),
            },
        }
        schema = here;
    }
    for one in &place.belongings {
        let path = Branch::leaf(plain(&one.path[1..].join(" → ")).into_owned());
        below.push(Branch::new(plain(&one.object).into_owned(), vec![path]));
    }
    for limit in &place.limits {
        let line = plain(&format!("{} on {}", limit.privileges, limit.object)).into_owned();
        below.push(Branch::new(
            line,
            rows_line(&limit.rows)
                .map(Branch::leaf)
                .into_iter()
                .collect(),
        ));
    }
    Branch::new(paint(HEADING, heading), below)
}

/// What row security leaves; `None`: everything.
fn rows_line(rows: &Rows) -> Option<String> {
    match rows {
        Rows::All => None,
        Rows::SubjectTo(policies) => {
            let names: Vec<_> = policies.iter().map(|name| quote_identifier(name)).collect();
            let line = format!("subject to row security policies: {}", names.join(", "));
            Some(paint(WARNING, plain(&line)))
        }
        Rows::None(why) => Some(paint(ERROR, plain(&format!("reaches no row: {why}")))),
    }
}

fn lot_branch(lot: &Lot, role: &RoleName) -> Branch {
    let mut line = plain(&objects_line(&lot.objects)).into_owned();
    if let Some(owner) = &lot.runs_as {
        line.push_str(&paint(WARNING, format!(", SECURITY DEFINER as {owner}")));
    }
    let on = match lot.objects.as_slice() {
        [one] => one.to_string(),
        _ => "each".into(),
    };
    Branch::new(
        line,
        lot.ways
            .iter()
            .map(|way| way_branch(way, role, &on))
            .collect(),
    )
}

/// `table public.orders`, or `12 objects of kind table: public.a, public.b, …`.
fn objects_line(objects: &[Object]) -> String {
    match objects {
        [one] => one.to_string(),
        many => {
            let words = many[0].kind().words();
            let name = |object: &Object| {
                object
                    .to_string()
                    .split_at(object.kind().words().len())
                    .1
                    .trim()
                    .to_owned()
            };
            let named: Vec<_> = many.iter().take(NAMED).map(name).collect();
            let more = if many.len() > NAMED { ", …" } else { "" };
            format!("{words} × {}: {}{more}", many.len(), named.join(", "))
        }
    }
}

fn way_branch(way: &Way, role: &RoleName, on: &str) -> Branch {
    let path = way.path(role, on);
    let mut line = plain(&path[1..].join(" → ")).into_owned();
    if !way.grantable.is_empty() && way.grantable == way.privileges {
        line.push_str(&paint(FAINT, ", may grant it on"));
    } else if !way.grantable.is_empty() {
        line.push_str(&paint(FAINT, format!(", may grant {} on", way.grantable)));
    }
    Branch::leaf(line)
}

fn route_line(route: &Route) -> String {
    let name = route
        .hops
        .last()
        .map(|hop| hop.role.to_string())
        .unwrap_or_default();
    format!("{name}: {}", route.lines().collect::<Vec<_>>().join(" → "))
}

fn power_branch(power: &Reserve, role: &RoleName) -> Branch {
    Branch::leaf(plain(&power.path(role)[1..].join(" → ")).into_owned())
}

fn one(answer: &Answer) -> Branch {
    let Answer {
        role,
        privilege,
        object,
        database,
        manner,
        lacks,
        ways,
        routines,
        views,
        powers,
        rows,
    } = answer;
    let place = database
        .as_ref()
        .map(|name| format!(" in database {name}"))
        .unwrap_or_default();
    let verdict = match manner {
        Some(Manner::Inherits) => paint(GOOD, "yes"),
        Some(Manner::BySetRole) => paint(GOOD, "yes, after SET ROLE"),
        Some(Manner::ByAdminOption) => paint(WARNING, "yes, once it has granted it to itself"),
        None => paint(ERROR, "no"),
    };
    let question = plain(&format!("{role}: {privilege} on {object}{place}")).into_owned();
    let mut below: Vec<_> = ways
        .iter()
        .map(|(on, way)| way_branch(way, role, &on.to_string()))
        .collect();
    below.extend(
        lacks
            .iter()
            .map(|lack| Branch::leaf(paint(ERROR, format!("but it lacks {lack}")))),
    );
    below.extend(rows_line(rows).map(Branch::leaf));
    if ways.is_empty() {
        below.push(Branch::leaf("nothing gives it this privilege"));
    }
    below.extend(powers.iter().map(|power| power_branch(power, role)));
    below.extend(routines.iter().map(|(routine, owner)| {
        let line = format!(
            "may call {routine}, which runs with the rights of {owner}, who has this privilege"
        );
        Branch::leaf(paint(WARNING, line))
    }));
    below.extend(views.iter().map(|path| {
        let line = format!("may come to it through a view: {}", path[1..].join(" → "));
        Branch::leaf(paint(WARNING, plain(&line)))
    }));
    Branch::new(format!("{question}: {verdict}"), below)
}
