//! Statements on relations. EXPLAIN checks the privileges of a statement and does not run it: no trigger fires, no sequence
//! moves on. <https://www.postgresql.org/docs/current/sql-explain.html>

use super::{Expected, Held, Right, Trial};
use crate::model::{Object, ObjectKind, Privilege, RelationKind};
use crate::plan::statement::{literal, name, reference};

const VERBS: [Privilege; 4] = [
    Privilege::Select,
    Privilege::Insert,
    Privilege::Update,
    Privilege::Delete,
];

/// What is tried on the object of `right`, of which the session holds `held`: everything that must work, and on one of the
/// objects that are alike what must be refused. EXPLAIN plans before it checks privileges: what is not to be planned is not
/// explained, whatever comes of it. What row security leaves without rows is not shown by EXPLAIN.
pub(super) fn trials(right: &Right, held: Option<&Held>, planned: bool, major: u32) -> Vec<Trial> {
    let (ObjectKind::Relation(kind), Some(held)) = (right.object.kind(), held) else {
        return Vec::new();
    };
    let mut trials = Vec::new();
    for verb in VERBS
        .into_iter()
        .filter(|verb| planned && !right.without_rows.contains(*verb))
    {
        let expected = if right.must.contains(verb) && held.privileges.contains(verb) {
            Expected::Works
        } else if right.representative
            && right.must_not.contains(verb)
            && !held.privileges.contains(verb)
        {
            Expected::Refused
        } else {
            continue;
        };
        if let Some(statement) = explained(verb, kind, &right.object, held) {
            trials.push(trial(
                right,
                verb.keyword(),
                Some(verb),
                expected,
                None,
                statement,
            ));
        }
    }
    if right.representative
        && kind == RelationKind::Table
        && !right.must.contains(Privilege::Trigger)
    {
        trials.extend(only_owners(right, held, major));
    }
    trials
}

/// A foreign table is left out: planning may ask the other server. So is writing to what may not be written to.
fn explained(verb: Privilege, kind: RelationKind, object: &Object, held: &Held) -> Option<String> {
    let place = reference(object);
    let writable = matches!(kind, RelationKind::Table | RelationKind::PartitionedTable);
    Some(match verb {
        Privilege::Select if kind != RelationKind::ForeignTable => {
            format!("EXPLAIN SELECT * FROM {place}")
        }
        Privilege::Insert if writable => format!("EXPLAIN INSERT INTO {place} DEFAULT VALUES"),
        Privilege::Delete if writable => format!("EXPLAIN DELETE FROM {place} WHERE false"),
        Privilege::Update if writable => {
            let column = name(held.column.as_ref()?);
            format!("EXPLAIN UPDATE {place} SET {column} = {column} WHERE false")
        }
        _ => return None,
    })
}

/// What the owner alone may do, and is refused to others before any lock is taken. CREATE TRIGGER, CREATE RULE and COMMENT are
/// not among them: they wait for the lock first.
fn only_owners(right: &Right, held: &Held, major: u32) -> Vec<Trial> {
    let place = reference(&right.object);
    let owns = format!("pg_has_role({}, 'USAGE')", literal(right.owner.as_str()));
    let refused = |what, privilege, statement| {
        trial(
            right,
            what,
            privilege,
            Expected::Refused,
            Some(owns.clone()),
            statement,
        )
    };
    let mut trials = vec![
        refused(
            "ALTER",
            None,
            format!("ALTER TABLE {place} RESET (fillfactor)"),
        ),
        refused("DROP", None, format!("DROP TABLE {place}")),
        refused("index", None, format!("CREATE INDEX ON {place} ((1))")),
        refused(
            "write policies for",
            None,
            format!("CREATE POLICY rolewright_proof ON {place}"),
        ),
    ];
    if !held.privileges.contains(Privilege::Truncate) {
        trials.push(refused(
            "TRUNCATE",
            Some(Privilege::Truncate),
            format!("TRUNCATE {place}"),
        ));
    }
    // From 18 on a GRANT waits for whoever has the table locked.
    // <https://www.postgresql.org/docs/18/release-18.html>
    if major < 18 {
        trials.push(refused(
            "GRANT on",
            None,
            format!("GRANT SELECT ON TABLE {place} TO PUBLIC"),
        ));
    }
    trials
}

fn trial(
    right: &Right,
    verb: &str,
    privilege: Option<Privilege>,
    expected: Expected,
    question: Option<String>,
    statement: String,
) -> Trial {
    let object = right.object.to_string();
    Trial {
        what: format!("{verb} {object}"),
        object: Some(object),
        privilege,
        question,
        statement: Some(statement),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Privileges, RoleName, SchemaName};

    const DML: Privileges = Privileges::of(&VERBS);

    fn right(kind: RelationKind, must: Privileges, must_not: Privileges) -> Right {
        let schema = SchemaName::new("app").unwrap();
        let object = Object::InSchema {
            kind: ObjectKind::Relation(kind),
            schema,
            name: "my t".into(),
        };
        Right {
            object,
            owner: RoleName::new("migration").unwrap(),
            must,
            must_not,
            without_rows: Privileges::NONE,
            representative: true,
        }
    }

    fn held(privileges: Privileges) -> Held {
        Held {
            privileges,
            column: Some("a\"b".into()),
        }
    }

    fn statements(right: &Right, held: &Held, major: u32) -> Vec<(Expected, String)> {
        let statement = |trial: Trial| (trial.expected, trial.statement.unwrap());
        trials(right, Some(held), true, major)
            .into_iter()
            .map(statement)
            .collect()
    }

    #[test]
    fn every_verb_is_explained_and_never_run() {
        let shown = statements(
            &right(RelationKind::PartitionedTable, DML, Privileges::NONE),
            &held(DML),
            17,
        );
        let expected = [
            "EXPLAIN SELECT * FROM \"app\".\"my t\"",
            "EXPLAIN INSERT INTO \"app\".\"my t\" DEFAULT VALUES",
            "EXPLAIN UPDATE \"app\".\"my t\" SET \"a\"\"b\" = \"a\"\"b\" WHERE false",
            "EXPLAIN DELETE FROM \"app\".\"my t\" WHERE false",
        ];
        assert_eq!(
            shown,
            expected.map(|text| (Expected::Works, text.to_owned()))
        );
    }

    #[test]
    fn what_the_catalogs_call_otherwise_is_not_tried() {
        let all = statements(
            &right(RelationKind::View, DML, Privileges::NONE),
            &held(Privileges::NONE),
            17,
        );
        assert_eq!(all, []);
        let excess = statements(
            &right(RelationKind::View, Privileges::NONE, DML),
            &held(DML),
            17,
        );
        assert_eq!(excess, []);
    }

    #[test]
    fn only_what_is_refused_before_any_lock_is_tried() {
        let refused = |major| {
            let table = right(
                RelationKind::Table,
                DML,
                Privileges::of(&[Privilege::Truncate]),
            );
            let tried = statements(&table, &held(DML), major);
            let refused = tried
                .into_iter()
                .filter(|(expected, _)| *expected == Expected::Refused);
            refused
                .map(|(_, text)| text.split(' ').take(2).collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>()
        };
        let always = [
            "ALTER TABLE",
            "DROP TABLE",
            "CREATE INDEX",
            "CREATE POLICY",
            "TRUNCATE \"app\".\"my",
        ];
        assert_eq!(refused(18), always);
        assert_eq!(refused(17), [&always[..], &["GRANT SELECT"]].concat());
    }

    #[test]
    fn another_server_is_not_asked() {
        let shown = statements(
            &right(RelationKind::ForeignTable, DML, Privileges::NONE),
            &held(DML),
            17,
        );
        assert_eq!(shown, []);
    }

    #[test]
    fn what_runs_the_code_of_others_is_not_planned() {
        let table = right(
            RelationKind::Table,
            DML,
            Privileges::of(&[Privilege::Truncate]),
        );
        let tried = trials(&table, Some(&held(DML)), false, 17);
        assert!(tried.iter().all(|trial| {
            !trial
                .statement
                .as_deref()
                .unwrap_or_default()
                .starts_with("EXPLAIN")
        }));
        assert!(
            !tried.is_empty(),
            "what is refused before anything is planned is tried"
        );
    }
}
