//! Whatever the world is like: what the plan does is enough, possible, and done once.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rolewright::model::{
    Acl, AclItem, Grantee, Group, Membership, PrivilegeClass, Privileges, State,
};
use rolewright::plan::{Direction, Options, Plan, Step, TakeOver, diff};

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

const OWNERS: [&str; 6] = [
    "mig",
    "mig",
    "app",
    "csadmin",
    "cloudsqlsuperuser",
    "leaker",
];
const GRANTEES: [&str; 7] = [
    "",
    "mig",
    "app",
    "reader",
    "leaker",
    "csadmin",
    "cloudsqladmin",
];

/// A state that is shown in a few lines.
struct World(State);

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(state) = self;
        writeln!(f, "PostgreSQL {}", state.server.major())?;
        for edge in &state.memberships {
            let options = format!(
                "admin {} inherit {} set {}",
                edge.admin, edge.inherit, edge.set
            );
            writeln!(
                f,
                "{} in {} by {} {options}",
                edge.member, edge.role, edge.grantor
            )?;
        }
        for group in state
            .databases
            .values()
            .flat_map(|database| &database.groups)
        {
            writeln!(f, "{} of {}", group.members[0], group.owner)?;
            for item in group.acl.items() {
                let AclItem {
                    grantee,
                    grantor,
                    privileges,
                    grantable,
                } = &**item;
                writeln!(
                    f,
                    "  {grantee}: {privileges} by {grantor}, grantable {grantable}"
                )?;
            }
        }
        for one in state
            .databases
            .values()
            .flat_map(|database| &database.defaults)
        {
            writeln!(
                f,
                "{}: {} for {}, grantable {}",
                one.describe(),
                one.privileges,
                one.grantee,
                one.grantable
            )?;
        }
        Ok(())
    }
}

/// One GRANT: whose (by number among those who may), to whom, which privileges, with grant option for which.
type Granted = (usize, usize, u16, u16);

fn some(class: PrivilegeClass, major: u32, bits: u16) -> Privileges {
    class
        .applicable(major)
        .iter()
        .enumerate()
        .filter(|(n, _)| bits >> n & 1 == 1)
        .map(|(_, one)| one)
        .collect()
}

/// Grants as PostgreSQL lets people make them: by the owner, or by who has the option.
fn granted(group: &mut Group, major: u32, grants: &[Granted]) {
    let class = group.kind.class();
    for (by, to, bits, option) in grants {
        let holders = group
            .acl
            .items()
            .iter()
            .filter(|item| !item.grantable.is_empty());
        let mut grantors: Vec<_> = holders
            .map(|item| (item.grantee.role().cloned(), item.grantable))
            .collect();
        grantors.push((Some(group.owner.clone()), class.applicable(major)));
        let (Some(grantor), may) = grantors.swap_remove(by % grantors.len()) else {
            continue;
        };
        let name = GRANTEES[to % GRANTEES.len()];
        let grantee = if name.is_empty() {
            Grantee::Public
        } else {
            Grantee::Role(role(name))
        };
        let privileges = some(class, major, *bits).intersection(may);
        let grantable = if name.is_empty() {
            Privileges::NONE
        } else {
            some(class, major, *option).intersection(privileges)
        };
        // PostgreSQL refuses circles.
        let from_it = |item: &Arc<AclItem>| item.grantor.as_str() == name;
        if name != grantor.as_str()
            && (grantable.is_empty() || !group.acl.items().iter().any(from_it))
        {
            let item = AclItem {
                grantee,
                grantor,
                privileges,
                grantable,
            };
            group.acl = Acl::new(
                &group.owner,
                group.acl.items().iter().cloned().chain([Arc::new(item)]),
            );
        }
    }
}

fn any_world() -> impl Strategy<Value = World> {
    any_world_with(&OWNERS)
}

/// The schema `app` belongs to somebody who has to let go of it.
fn any_world_to_be_had() -> impl Strategy<Value = World> {
    any_world_with(&OWNERS[..5])
}

prop_compose! {
    fn any_world_with(owners_of_app: &'static [&'static str])(
        major in 14u32..=18,
        owner_of_app in 0..owners_of_app.len(),
        owners in prop::collection::vec(0..OWNERS.len(), OBJECTS.len() - 1),
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
        let owners: Vec<_> = std::iter::once(owner_of_app).chain(owners).collect();
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
    plan.steps
        .iter()
        .for_each(|step| make(&mut after, &step.change));
    after
}

/// Who can do what, by whatever entry, as owner, or through PUBLIC; memberships; what future objects bring.
fn rights(state: &State) -> BTreeSet<(String, String, String)> {
    let mut rights = BTreeSet::new();
    let named = GRANTEES
        .iter()
        .filter(|name| !name.is_empty())
        .map(|name| role(name));
    let roles: Vec<_> = named
        .chain([role("cloudsqlsuperuser")])
        .filter(|role| state.roles.contains_key(role))
        .collect();
    for group in state
        .databases
        .values()
        .flat_map(|database| &database.groups)
        .chain(&state.shared)
    {
        let object = group.members[0].to_string();
        let all = group.kind.class().applicable(state.server.major());
        for who in &roles {
            let mine = group
                .acl
                .items()
                .iter()
                .filter(|item| item.grantee.role().is_none_or(|role| role == who));
            let held = mine.fold(Privileges::NONE, |sum, item| sum.union(item.privileges));
            let held = if group.owner == *who { all } else { held };
            rights.extend(
                held.iter()
                    .map(|one| (who.to_string(), object.clone(), one.keyword().to_owned())),
            );
        }
    }
    for edge in &state.memberships {
        for (option, held) in [
            ("admin", edge.admin),
            ("inherit", edge.inherit),
            ("set", edge.set),
            ("member", true),
        ] {
            rights.extend(held.then(|| {
                (
                    edge.member.to_string(),
                    format!("role {}", edge.role),
                    option.to_owned(),
                )
            }));
        }
    }
    for one in state
        .databases
        .values()
        .flat_map(|database| &database.defaults)
    {
        rights.extend(one.privileges.iter().map(|held| {
            (
                one.grantee.to_string(),
                one.describe(),
                held.keyword().to_owned(),
            )
        }));
    }
    rights
}

/// What `who` can do with objects, and what future ones bring it, by whatever role that it inherits from, or with `any` also
/// may become or let itself into.
fn effective(state: &State, who: &str, any: bool) -> BTreeSet<(String, String)> {
    let left_by_create_role = |edge: &Membership| {
        edge.grantor.as_str() == "cloudsqladmin" && edge.admin && !edge.inherit && !edge.set
    };
    let mut reached = BTreeSet::from([who.to_owned()]);
    loop {
        let leads = |edge: &&Membership| {
            reached.contains(edge.member.as_str())
                && (edge.inherit || any && !left_by_create_role(edge))
        };
        let further: BTreeSet<_> = state
            .memberships
            .iter()
            .filter(leads)
            .map(|edge| edge.role.to_string())
            .collect();
        if further.is_subset(&reached) {
            break;
        }
        reached.extend(further);
    }
    let held = rights(state).into_iter().filter(|(role, object, _)| {
        !object.starts_with("role ") && (reached.contains(role) || role == "PUBLIC")
    });
    held.map(|(_, object, privilege)| (object, privilege))
        .collect()
}

fn owner_of<'s>(state: &'s State, object: &str) -> Option<&'s rolewright::model::RoleName> {
    let mut groups = state
        .databases
        .values()
        .flat_map(|database| &database.groups);
    groups
        .find(|group| group.members[0].to_string() == object)
        .map(|group| &group.owner)
}

/// The table that a column is of.
fn table_of(object: &str) -> Option<String> {
    object
        .strip_prefix("column ")
        .and_then(|rest| rest.split('(').next())
        .map(|name| format!("table {name}"))
}

/// Whether it is left, or the table it is a column of.
fn is_left(left: &BTreeSet<String>, object: &str) -> bool {
    left.contains(object) || table_of(object).is_some_and(|table| left.contains(&table))
}

/// Whether a default privilege in one schema was held before in all of them.
fn is_held_everywhere(
    before: &BTreeSet<(String, String, String)>,
    right: &(String, String, String),
) -> bool {
    let (who, object, privilege) = right;
    let everywhere = object
        .split_once(" in schema ")
        .filter(|(future, _)| future.starts_with("future "));
    everywhere.is_some_and(|(future, _)| {
        before.contains(&(who.clone(), future.to_owned(), privilege.clone()))
    })
}

/// What a second run would do that the first should have: not what that left, nor what comes along with it.
fn overlooked(plan: &Plan, again: &Plan) -> Vec<String> {
    let (possible, others): (Vec<_>, Vec<_>) = again.steps.iter().partition(|step| plan.left(step));
    let along: BTreeSet<_> = possible
        .iter()
        .filter_map(|step| step.change.objects())
        .flatten()
        .collect();
    let comes_along = |step: &&Step| {
        step.change
            .objects()
            .is_some_and(|objects| objects.iter().all(|one| along.contains(one)))
    };
    others
        .into_iter()
        .filter(|step| !comes_along(step))
        .map(|step| step.change.to_string())
        .collect()
}

fn texts(plan: &Plan) -> Vec<String> {
    plan.steps
        .iter()
        .map(|step| format!("{} [{}]", step.change, step.rule))
        .collect()
}

/// The same worlds in every run, so that what a change breaks is what it is told of. `PROPTEST_RNG_SEED` and
/// `PROPTEST_CASES` look at others, and at more of them.
fn worlds() -> ProptestConfig {
    let from_environment = ProptestConfig::default();
    let rng_seed = match from_environment.rng_seed {
        RngSeed::Random => RngSeed::Fixed(2026),
        fixed @ RngSeed::Fixed(_) => fixed,
    };
    let max_global_rejects = from_environment
        .max_global_rejects
        .max(from_environment.cases);
    ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 4000,
        rng_seed,
        max_global_rejects,
        ..from_environment
    }
}

proptest! {
    #![proptest_config(worlds())]

    #[test]
    fn one_run_is_enough(World(state) in any_world(), prune: bool, take_over: bool) {
        let policy = policy(POLICY);
        let options = Options { prune, take_over: kinds(take_over), ..Options::default() };
        let plan = diff(&policy, &state, &options);
        let again = diff(&policy, &carried_out(&state, &plan), &options);
        // What the plan left may have become possible by what it did.
        let left = overlooked(&plan, &again);
        prop_assert!(left.is_empty(), "first {:#?}\nthen {left:#?}", texts(&plan));
    }

    #[test]
    fn expanding_takes_nothing(World(state) in any_world(), prune: bool, take_over: bool) {
        let policy = policy(POLICY);
        let options = Options { prune, take_over: kinds(take_over), phase: Direction::Expand, ..Options::default() };
        let plan = diff(&policy, &state, &options);
        prop_assert!(plan.steps.iter().all(|step| !step.change.removes_access()));
        let expanded = carried_out(&state, &plan);
        let lost: Vec<_> = rights(&state).difference(&rights(&expanded)).cloned().collect();
        prop_assert!(lost.is_empty(), "{:#?}\nlost {lost:#?}", texts(&plan));
        let again = diff(&policy, &expanded, &options);
        let left = overlooked(&plan, &again);
        prop_assert!(left.is_empty(), "first {:#?}\nthen {left:#?}", texts(&plan));
    }

    /// But to whoever becomes the owner of something, and what that owner is to give.
    #[test]
    fn contracting_gives_nothing(World(state) in any_world(), prune: bool, take_over: bool) {
        let policy = policy(POLICY);
        let options = Options { prune, take_over: kinds(take_over), phase: Direction::Contract, ..Options::default() };
        let plan = diff(&policy, &state, &options);
        let contracted = carried_out(&state, &plan);
        let of_kept: BTreeSet<_> = rights(&contracted).into_iter().filter(|(_, object, _)| owner_of(&state, object) == owner_of(&contracted, object)).collect();
        let before = rights(&state);
        let gained: Vec<_> = of_kept.difference(&before).filter(|one| !is_held_everywhere(&before, one)).cloned().collect();
        prop_assert!(gained.is_empty(), "{:#?}\ngained {gained:#?}", texts(&plan));
        let again = diff(&policy, &contracted, &options);
        let left = overlooked(&plan, &again);
        prop_assert!(left.is_empty(), "first {:#?}\nthen {left:#?}", texts(&plan));
    }

    /// What one run would leave somebody, no part of a deployment takes: nothing flips for whoever is connected.
    #[test]
    fn neither_part_takes_what_is_to_stay(World(state) in any_world_to_be_had(), prune: bool) {
        let policy = policy(POLICY);
        let part = |phase| Options { prune, phase, ..Options::default() };
        let after = |state: &State, phase| carried_out(state, &diff(&policy, state, &part(phase)));
        let plans = [Direction::Both, Direction::Contract].map(|phase| diff(&policy, &state, &part(phase)));
        let withheld = plans.iter().flat_map(|plan| &plan.withheld).flat_map(|one| &one.findings);
        let left: BTreeSet<_> = withheld.filter_map(|one| one.object.clone()).collect();
        prop_assume!(!left.contains("schema app"));
        let both = rights(&after(&state, Direction::Both));
        let kept: BTreeSet<_> = rights(&state).intersection(&both).cloned().collect();
        let expanded = after(&state, Direction::Expand);
        for (path, end) in [("contract", after(&state, Direction::Contract)), ("expand, contract", after(&expanded, Direction::Contract))] {
            let lost: Vec<_> = kept.difference(&rights(&end)).filter(|(_, object, _)| !is_left(&left, object)).cloned().collect();
            prop_assert!(lost.is_empty(), "{path} lost {lost:#?}\n{:#?}", texts(&diff(&policy, &state, &part(Direction::Contract))));
        }
    }

    #[test]
    fn both_parts_come_to_one_run(World(state) in any_world_to_be_had(), prune: bool) {
        let policy = policy(POLICY);
        let part = |phase| Options { prune, phase, ..Options::default() };
        let after = |state: &State, phase| carried_out(state, &diff(&policy, state, &part(phase)));
        let at_once = rights(&after(&state, Direction::Both));
        let expanded = after(&state, Direction::Expand);
        let in_parts = rights(&after(&expanded, Direction::Contract));
        // What one of them left may have become possible for another.
        let plans = [(&state, Direction::Both), (&state, Direction::Expand), (&expanded, Direction::Contract)]
            .map(|(state, phase)| diff(&policy, state, &part(phase)));
        let withheld = plans.iter().flat_map(|plan| &plan.withheld).flat_map(|one| &one.findings);
        let left: BTreeSet<_> = withheld.filter_map(|finding| finding.object.clone()).collect();
        // Where a schema stays with somebody else, what its owner lets others do depends on memberships of the moment.
        prop_assume!(!left.contains("schema app"));
        let apart = |one: &BTreeSet<(String, String, String)>, other| -> Vec<_> {
            one.difference(other).filter(|(_, object, _)| !is_left(&left, object)).cloned().collect()
        };
        let (more, less) = (apart(&in_parts, &at_once), apart(&at_once, &in_parts));
        prop_assert!(more.is_empty() && less.is_empty(), "more {more:#?}\nless {less:#?}\nboth {:#?}\nexpand {:#?}\ncontract {:#?}",
            texts(&diff(&policy, &state, &part(Direction::Both))), texts(&diff(&policy, &state, &part(Direction::Expand))),
            texts(&diff(&policy, &expanded, &part(Direction::Contract))));
    }

    /// Whatever an undeclared role is a member of, and however: no run gives it more by that.
    #[test]
    fn undeclared_members_gain_nothing(World(state) in any_world(), prune: bool, take_over: bool, phase in 0usize..3) {
        let phase = [Direction::Both, Direction::Expand, Direction::Contract][phase];
        let options = Options { prune, take_over: kinds(take_over), phase, ..Options::default() };
        let plan = diff(&policy(POLICY), &state, &options);
        let after = carried_out(&state, &plan);
        let before = effective(&state, "leaker", true);
        // What is given for every schema is given for each.
        let had = |(object, privilege): &(String, String)| {
            let everywhere = object.split(" in schema ").next().unwrap_or_default().to_owned();
            before.contains(&(object.clone(), privilege.clone())) || before.contains(&(everywhere, privilege.clone()))
        };
        let gained: Vec<_> = effective(&after, "leaker", true).into_iter().filter(|one| !had(one)).collect();
        prop_assert!(gained.is_empty(), "gained {gained:#?}\n{:#?}", texts(&plan));
    }

    /// What waits for an undeclared member to go costs the role nothing that it would keep if the member were accepted.
    #[test]
    fn unproven_roles_keep_what_they_have(World(mut state) in any_world(), take_over: bool) {
        // What a role has by a membership that nothing declares is not its to keep.
        state.memberships.retain(|edge| !["mig", "app", "reader"].contains(&edge.member.as_str()));
        let options = Options { take_over: kinds(take_over), ..Options::default() };
        // A membership that waits gives nothing back.
        let declared = POLICY.replace(", member_of: [reader]", "");
        let accepting = format!("{declared}allow: [{{ rule: role.undeclared, role: leaker, reason: known }}]\n");
        let plan = diff(&policy(&declared), &state, &options);
        let after = carried_out(&state, &plan);
        let usual = carried_out(&state, &diff(&policy(&accepting), &state, &options));
        for who in ["mig", "app", "reader"] {
            let (had, has) = (effective(&state, who, false), effective(&after, who, false));
            let own = rights(&usual).into_iter().filter(|(role, ..)| role == who).map(|(_, object, one)| (object, one));
            let kept: BTreeSet<_> = had.intersection(&own.collect()).cloned().collect();
            // Whose a thing would be needs no entry for what PUBLIC gives it until then; a table's privileges are its columns'.
            let lost = kept.difference(&has).filter(|(object, privilege)| {
                let covered = table_of(object).is_some_and(|table| has.contains(&(table, privilege.clone())));
                !covered && owner_of(&after, object) == owner_of(&usual, object)
            });
            let lost: Vec<_> = lost.collect();
            prop_assert!(lost.is_empty(), "{who} lost {lost:#?}\n{:#?}", texts(&plan));
        }
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

/// Worlds that chance seldom comes to: everything that may let the `ddl` role take over what runs as the app, in a schema of
/// somebody whom the policy does not declare.
#[test]
fn what_runs_as_the_app_in_somebody_elses_schema_is_taken_over_in_one_run() {
    let schemas = [
        "",
        "mig=UC/leaker",
        "=UC/leaker",
        "mig=UC*/leaker =C/mig =U/leaker",
        "mig=U*C*/leaker app=UC/mig",
        "app=U*C*/leaker mig=UC/app",
        "reader=UC/leaker =U/leaker",
        "mig=U/leaker =C/leaker",
    ];
    let routines = [
        "",
        "=X/app",
        "reader=X*/app =X/reader",
        "mig=X*/app reader=X/mig",
        "leaker=X*/app mig=X/leaker",
        "reader=X/app =X/app",
    ];
    let members = [
        "",
        "member csadmin in leaker by cloudsqladmin",
        "member mig in reader by cloudsqlsuperuser",
        "member mig in leaker by cloudsqladmin",
        "member app in mig by cloudsqlsuperuser",
        "member mig in app by cloudsqladmin admin",
        "member leaker in app by cloudsqlsuperuser admin",
    ];
    let policy = policy(POLICY);
    for major in [15, 18] {
        let logins = ["mig", "app", "reader"].map(|name| match major {
            ..16 => format!("role {name}"),
            16.. => format!("role {name}\nmember cloudsqlsuperuser in {name} by cloudsqladmin admin noinherit noset"),
        });
        for ((schema, routine), membership) in schemas
            .iter()
            .flat_map(|schema| routines.map(|routine| (schema, routine)))
            .flat_map(|pair| members.map(|one| (pair, one)))
        {
            let lines = format!(
                "role leaker login\n{}\n{membership}\nschema app of leaker {{ {schema} }}\ndefiner app.d of app {{ {routine} }}",
                logins.join("\n")
            );
            let state = world(major, &lines);
            for take_over in [false, true] {
                let options = Options {
                    take_over: kinds(take_over),
                    ..Options::default()
                };
                let plan = diff(&policy, &state, &options);
                let again = diff(&policy, &carried_out(&state, &plan), &options);
                let left = overlooked(&plan, &again);
                assert!(
                    left.is_empty(),
                    "{major}, {options:?}\n{lines}\nfirst {:#?}\nthen {left:#?}",
                    texts(&plan)
                );
            }
        }
    }
}

/// Every kind that `--take-over` names, or none.
fn kinds(all: bool) -> BTreeSet<TakeOver> {
    TakeOver::ALL.into_iter().filter(|_| all).collect()
}
