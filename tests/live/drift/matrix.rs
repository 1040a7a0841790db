//! Every kind of object that can carry a privilege, with one too many of every sort at once: `check` finds these and nothing
//! else, each with who granted it; `apply --prune` leaves what is a superuser's, and what is printed mends that too.
//!
//! A line of `cases/matrix.tsv`: what a declared role holds beyond the policy, what it may hold and gets the option to grant
//! on, what PUBLIC and an undeclared role get (`-`: nothing that would be found), and what comes of it. On all of them an
//! undeclared delegate grants on. What `migration_user` grants on future objects is granted by nobody else.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fixes::drift;
use super::*;

each_major! {
    async fn every_kind_with_every_sort_of_grantee(major: u32) {
        let world = World::make(major, "matrix").await;
        world.cluster.batch("shop", include_str!("../cases/matrix.sql")).await;
        world.apply(&[]).assert_status(0);
        world.check().assert_status(0);
        let rows: Vec<_> = include_str!("../cases/matrix.tsv").lines().skip(1).map(Row::parse).collect();
        let rows: Vec<_> = rows.into_iter().filter(|row| row.from <= major).collect();
        let mut expected = BTreeSet::from([Expected::of("role.undeclared", "agent", "schema appdata", "USAGE", "cloudsqlsuperuser")]);
        world.cluster.batch("shop", "GRANT USAGE ON SCHEMA appdata TO agent; GRANT USAGE ON SCHEMA hr TO agent").await;
        for row in &rows {
            for (statement, finding) in row.tampering() {
                world.cluster.batch("shop", &statement).await;
                expected.extend(finding);
            }
        }
        same(&found(&world.check()), &expected);
        world.apply(&["--prune"]).assert_status(1);
        let impossible: BTreeSet<&str> = rows.iter().filter(|row| row.apply == "impossible").map(|row| row.object).collect();
        // Before 16 the admin may become the delegate.
        let reachable = |one: &Expected| major < 16 && one.grantor == "agent";
        expected.retain(|one| impossible.contains(one.object.as_str()) && !reachable(one));
        let left = world.check();
        same(&found(&left), &expected);
        // What this admin cannot mend has no statement, and says who could.
        for finding in drift(&left) {
            assert!(finding["fix"].is_null(), "{finding:#}");
            super::fixes::says_who_could(&finding).unwrap();
        }
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Expected {
    rule: String,
    role: String,
    object: String,
    privilege: String,
    grantor: String,
}

impl Expected {
    fn of(rule: &str, role: &str, object: &str, privilege: &str, grantor: &str) -> Self {
        let [rule, role, object, privilege, grantor] =
            [rule, role, object, privilege, grantor].map(str::to_owned);
        Self {
            rule,
            role,
            object,
            privilege,
            grantor,
        }
    }
}

fn found(checked: &Outcome) -> BTreeSet<Expected> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let of = |finding: Value| {
        let [rule, role, object, privilege] =
            ["rule", "role", "object", "privilege"].map(|key| text(&finding, key));
        let path = finding["path"][1].as_str().unwrap_or_default();
        let grantor = path
            .strip_prefix(&format!("{privilege} on {object} granted by "))
            .unwrap_or(path)
            .to_owned();
        Expected {
            rule,
            role,
            object,
            privilege,
            grantor,
        }
    };
    drift(checked).into_iter().map(of).collect()
}

#[track_caller]
fn same(found: &BTreeSet<Expected>, expected: &BTreeSet<Expected>) {
    let missed: Vec<_> = expected.difference(found).collect();
    let beyond: Vec<_> = found.difference(expected).collect();
    assert!(
        missed.is_empty() && beyond.is_empty(),
        "not found: {missed:#?}\nfound besides: {beyond:#?}"
    );
}

struct Row<'a> {
    from: u32,
    object: &'a str,
    owner: &'a str,
    on: &'a str,
    excess: &'a str,
    declared: &'a str,
    public: &'a str,
    undeclared: &'a str,
    apply: &'a str,
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Self {
        let fields: Vec<_> = line.split('\t').collect();
        let [
            from,
            object,
            owner,
            on,
            excess,
            declared,
            public,
            undeclared,
            apply,
        ] = fields[..]
        else {
            panic!("not nine fields: {line}");
        };
        Self {
            from: super::major(from),
            object,
            owner,
            on,
            excess,
            declared,
            public,
            undeclared,
            apply,
        }
    }

    /// The statements, each with what it is found as.
    fn tampering(&self) -> Vec<(String, Vec<Expected>)> {
        let unexpected = match self.object.split(' ').next() {
            Some("column") => "column.unexpected",
            Some("future") => "default.unexpected",
            _ => "grant.unexpected",
        };
        let by_owner = |rule, role, privilege| {
            (
                self.grant(privilege, role),
                vec![self.found(rule, role, privilege)],
            )
        };
        let mut all = Vec::new();
        if self.excess != "-" {
            all.push(by_owner(unexpected, "app_user", self.excess));
        }
        if self.declared != "-" {
            let option = self.grant(self.declared, "app_user") + " WITH GRANT OPTION";
            all.push((
                option,
                vec![self.found("grant.grantable", "app_user", self.declared)],
            ));
        }
        if self.public != "-" {
            all.push(by_owner("public.unexpected", "PUBLIC", self.public));
        }
        if self.undeclared != "-" {
            all.push(by_owner("role.undeclared", "leaker", self.undeclared));
        }
        all.push(self.delegated(unexpected));
        all
    }

    fn delegated(&self, unexpected: &str) -> (String, Vec<Expected>) {
        if self.default().is_some() {
            // Only its owner says what its future objects are granted: who may grant on does so once they are there.
            let statement = self.grant(self.undeclared, "agent") + " WITH GRANT OPTION";
            return (
                statement,
                vec![self.found(unexpected, "agent", self.undeclared)],
            );
        }
        let (privilege, to, rule) = match self.excess {
            "-" => (self.undeclared, "outsider", "role.undeclared"),
            excess => (excess, "reader", unexpected),
        };
        let statement = format!(
            "{} WITH GRANT OPTION; SET ROLE agent; {}; RESET ROLE",
            self.grant(privilege, "agent"),
            self.grant(privilege, to)
        );
        let mut found = vec![Expected::of(rule, to, self.object, privilege, "agent")];
        if self.undeclared != "-" {
            found.push(self.found("role.undeclared", "agent", privilege));
        }
        (statement, found)
    }

    fn found(&self, rule: &str, role: &str, privilege: &str) -> Expected {
        let rule = if self.default().is_some() {
            "default.unexpected"
        } else {
            rule
        };
        Expected::of(rule, role, self.object, privilege, self.owner)
    }

    /// The schema, with the words in front of it, and the kind of future objects that default privileges are for.
    fn default(&self) -> Option<(&str, &str)> {
        let rest = self.on.strip_prefix("DEFAULT ")?;
        let schema = " IN SCHEMA appdata".len() - 1;
        Some(if rest.starts_with("IN SCHEMA ") {
            rest.split_at(schema)
        } else {
            ("", rest)
        })
    }

    fn grant(&self, privilege: &str, to: &str) -> String {
        if let Some((schema, kind)) = self.default() {
            return format!(
                "ALTER DEFAULT PRIVILEGES FOR ROLE migration_user {schema} GRANT {privilege} ON {kind} TO {to}"
            );
        }
        let column = self
            .object
            .strip_prefix("column ")
            .and_then(|name| name.find('(').map(|at| &name[at..]));
        format!(
            "GRANT {privilege} {} ON {} TO {to}",
            column.unwrap_or_default(),
            self.on
        )
    }
}
