//! Whatever the world is like: what the plan does is enough, possible, and done once.

use proptest::prelude::*;
use rolewright::model::{Acl, AclItem, Grantee, Group, PrivilegeClass, Privileges, State};
use rolewright::plan::{Direction, Options, Plan, diff};

use super::interpret::make;
use super::world::{policy, role, world};

const POLICY: &str = "version: 1
databases: { shop: { schemas: [app, audit] } }
roles:
  mig: { access: ddl }
  app: { access: { dml: [app], read: [audit] }, member_of: [reader] }
  reader:
    access: { read: [app] }
    grants:
      - { privileges: [UPDATE], object: column app.t(note), grantable: true }
      - { privileges: [SELECT], object: sequence app.s, grantable: true }
";

const OBJECTS: [(&str, &str); 11] = [
    ("schema", "app"),
    ("schema", "other"),
    ("table", "app.t"),
    ("table", "app.u"),
    ("table", "other.x"),
    ("view", "app.v"),
    ("sequence", "app.s"),
    ("function", "app.f"),
    ("definer", "app.d"),
    ("type", "app.k"),
    ("column", "app.t.note"),
];

const OWNERS: [&str; 6] = ["mig", "mig", "app", "csadmin", "cloudsqlsuperuser", "leaker"];
const GRANTEES: [&str; 7] = ["", "mig", "app", "reader", "leaker", "csadmin", "cloudsqladmin"];

/// A state that is shown in a few lines.
struct World(State);

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(state) = self;
        writeln!(f, "PostgreSQL {}", state.server.major())?;
        for edge in &state.memberships {
            let options = format!("admin {} inherit {} set {}", edge.admin, edge.inherit, edge.set);
            writeln!(f, "{} in {} by {} {options}", edge.member, edge.role, edge.grantor)?;
        }
        for group in state.databases.values().flat_map(|database| &database.groups) {
            writeln!(f, "{} of {}", group.members[0], group.owner)?;
            for AclItem { grantee, grantor, privileges, grantable } in group.acl.items() {
                writeln!(f, "  {grantee}: {privileges} by {grantor}, grantable {grantable}")?;
            }
        }
        for one in state.databases.values().flat_map(|database| &database.defaults) {
            writeln!(f, "{}: {} for {}, grantable {}", one.describe(), one.privileges, one.grantee, one.grantable)?;
        }
        Ok(())
    }
}

/// One GRANT: whose (by number among those who may), to whom, which privileges, with grant option for which.
type Granted = (usize, usize, u16, u16);

fn some(class: PrivilegeClass, major: u32, bits: u16) -> Privileges {
    class.applicable(major).iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1).map(|(_, one)| one).collect()
}

/// Grants as PostgreSQL lets people make them: by the owner, or by who has the option.
fn granted(group: &mut Group, major: u32, grants: &[Granted]) {
    let class = group.kind.class();
    for (by, to, bits, option) in grants {
        let holders = group.acl.items().iter().filter(|item| !item.grantable.is_empty());
        let mut grantors: Vec<_> = holders.map(|item| (item.grantee.role().cloned(), item.grantable)).collect();
        grantors.push((Some(group.owner.clone()), class.applicable(major)));
        let (Some(grantor), may) = grantors.swap_remove(by % grantors.len()) else { continue };
        let name = GRANTEES[to % GRANTEES.len()];
        let grantee = if name.is_empty() { Grantee::Public } else { Grantee::Role(role(name)) };
        let privileges = some(class, major, *bits).intersection(may);
        let grantable =
            if name.is_empty() { Privileges::NONE } else { some(class, major, *option).intersection(privileges) };
        // PostgreSQL refuses circles.
        let from_it = |item: &AclItem| item.grantor.as_str() == name;
        if name != grantor.as_str() && (grantable.is_empty() || !group.acl.items().iter().any(from_it)) {
            let item = AclItem { grantee, grantor, privileges, grantable };
            group.acl = Acl::new(&group.owner, group.acl.items().iter().cloned().chain([item]));
        }
    }
}

prop_compose! {
    fn any_world()(
        major in 14u32..=18,
        owners in prop::collection::vec(0..OWNERS.len(), OBJECTS.len()),
        grants in prop::collection::vec(prop::collection::vec(any::<Granted>(), 0..6), OBJECTS.len()),
        members in prop::collection::vec((0usize..4, 0usize..4, any::<[bool; 4]>()), 0..5),
        defaults in prop::collection::vec((0usize..4, 0usize..3, 0usize..6, any::<[bool; 2]>()), 0..4),
    ) -> World {
        let mut lines = String::from("role leaker login\n");
        for name in ["mig", "app", "reader"] {
            lines += &format!("role {name} createdb\nmember cloudsqlsuperuser in {name} by cloudsqladmin admin noinherit noset\n");
            if major < 16 {
                lines.truncate(lines.rfind("member").unwrap());
            }
        }
        for ((kind, name), owner) in OBJECTS.iter().zip(&owners) {
            // A column belongs to whom its table does.
            let owner = if *kind == "column" { owners[2] } else { *owner };
            lines += &format!("{kind} {name} of {}\n", OWNERS[owner]);
        }
        let groups = ["mig", "app", "reader", "leaker"];
        for (member, of, [admin, inherit, set, ours]) in members {
            if member != of {
                let word = |on: bool, word: &'static str| if on { word } else { "" };
                let (inherit, set) = if major < 16 { ("", "") } else { (word(inherit, "noinherit"), word(set, "noset")) };
                let by = if ours { "cloudsqlsuperuser" } else { "cloudsqladmin" };
                lines += &format!("member {} in {} by {by} {} {inherit} {set}\n", groups[member], groups[of], word(admin, "admin"));
            }
        }
        for (owner, place, kind, [write, option]) in defaults {
            let place = ["", "in app", "in other"][place];
            let kind = ["tables", "sequences", "routines", "types", "tables", "routines"][kind];
            let letter = match kind { "tables" => 'r', "sequences" | "types" => 'U', _ => 'X' };
            let owner = ["mig", "app", "csadmin", "cloudsqladmin"][owner];
            let star = if option { "*" } else { "" };
            let public = if write { format!("={letter}/{owner}") } else { String::new() };
            lines += &format!("defaults {owner} {place} for {kind} {{ app={letter}{star}/{owner} {public} }}\n");
        }
        let mut state = world(major, &lines);
        let database = state.databases.values_mut().next().unwrap();
        let made = database.groups.iter_mut().skip(1);
        made.zip(&grants).for_each(|(group, grants)| granted(group, major, grants));
        World(state)
    }
}

fn carried_out(state: &State, plan: &Plan) -> State {
    let mut after = state.clone();
    plan.steps.iter().for_each(|step| make(&mut after, &step.change));
    after
}

fn texts(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{} [{}]", step.change, step.rule)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn one_run_is_enough(World(state) in any_world(), prune: bool, take_over: bool) {
        let policy = policy(POLICY);
        let options = Options { prune, take_over, ..Options::default() };
        let plan = diff(&policy, &state, &options);
        let again = diff(&policy, &carried_out(&state, &plan), &options);
        // What the plan left may have become possible by what it did.
        let left: Vec<_> = again.steps.iter().filter(|step| !plan.left(step)).map(|step| step.change.to_string()).collect();
        prop_assert!(left.is_empty(), "first {:#?}\nthen {left:#?}", texts(&plan));
    }

    #[test]
    fn expanding_takes_nothing_and_contracting_finishes(World(state) in any_world(), prune: bool) {
        let policy = policy(POLICY);
        let options = |phase| Options { prune, phase, ..Options::default() };
        let expand = diff(&policy, &state, &options(Direction::Expand));
        prop_assert!(expand.steps.iter().all(|step| !step.change.removes_access()));
        let expanded = carried_out(&state, &expand);
        let again = diff(&policy, &expanded, &options(Direction::Expand));
        prop_assert!(again.steps.is_empty(), "first {:#?}\nthen {:#?}", texts(&expand), texts(&again));
        let contract = diff(&policy, &expanded, &options(Direction::Contract));
        prop_assert!(contract.steps.iter().all(|step| step.change.removes_access()));
    }

    #[test]
    fn nothing_is_taken_from_roles_the_policy_does_not_declare(World(state) in any_world()) {
        let policy = policy(POLICY);
        let after = carried_out(&state, &diff(&policy, &state, &Options::default()));
        let leaker = Grantee::Role(role("leaker"));
        let held = |state: &State| -> Vec<(String, Privileges)> {
            let groups = state.databases.values().flat_map(|database| &database.groups);
            let mut held: Vec<_> = groups.map(|group| (group.members[0].to_string(), group.acl.held_by(&leaker))).collect();
            held.retain(|(_, privileges)| !privileges.is_empty());
            held.sort();
            held
        };
        prop_assert_eq!(held(&state), held(&after));
    }
}
