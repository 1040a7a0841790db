//! Worlds from a seed: statements of the bootstrap superuser, some of them in the name of others.

use rolewright::model::PrivilegeClass;

/// Roles of a world.
const ROLES: usize = 12;
/// Random memberships, grants and revokes of a world.
const MEMBERSHIPS: usize = 26;
const GRANTS: usize = 160;
const REVOKES: usize = 40;

/// SplitMix64: the same seed makes the same world everywhere. <https://prng.di.unimi.it/splitmix64.c>
pub struct Generator {
    state: u64,
    seed: u64,
    major: u32,
}

/// What can be granted: the words of GRANT … ON, and its class.
type Target = (String, PrivilegeClass);

impl Generator {
    pub fn new(seed: u64, major: u32) -> Self {
        Self {
            state: seed,
            seed,
            major,
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn role(&mut self) -> String {
        let number = self.below(ROLES);
        format!("w{}_r{number}", self.seed)
    }

    /// The statements that make the world in `database`.
    pub fn world(mut self, database: &str) -> Vec<String> {
        let mut statements = self.roles();
        statements.extend(self.memberships());
        statements.extend(self.objects(database));
        let targets = self.targets(database);
        statements.extend(
            (0..GRANTS)
                .map(|_| self.grant(&targets))
                .collect::<Vec<_>>(),
        );
        statements.extend(
            (0..REVOKES)
                .map(|_| self.revoke(&targets))
                .collect::<Vec<_>>(),
        );
        statements
    }

    fn roles(&mut self) -> Vec<String> {
        let create = |number| {
            let login = self.pick(&["LOGIN", "NOLOGIN"]);
            let inherit = self.pick(&["INHERIT", "INHERIT", "NOINHERIT"]);
            let special = self.pick(&["", "", "", "", "", "CREATEROLE", "BYPASSRLS", "SUPERUSER"]);
            format!(
                "CREATE ROLE w{}_r{number} {login} {inherit} {special}",
                self.seed
            )
        };
        (0..ROLES).map(create).collect()
    }

    fn memberships(&mut self) -> Vec<String> {
        const SYSTEM: [&str; 5] = [
            "pg_read_all_data",
            "pg_write_all_data",
            "pg_monitor",
            "cloudsqlsuperuser",
            "pg_execute_server_program",
        ];
        let mut made = Vec::new();
        for _ in 0..MEMBERSHIPS {
            let granted = match self.one_in(4) {
                true if self.major >= 17 && self.one_in(4) => "pg_maintain".to_owned(),
                true => self.pick(&SYSTEM).to_owned(),
                false => self.role(),
            };
            let member = self.role();
            let options = self.options();
            let grant = format!("GRANT {granted} TO {member}{options}");
            made.push(if self.one_in(3) {
                self.in_the_name_of_somebody(&grant)
            } else {
                grant
            });
        }
        // NOINHERIT counts at once up to 15, and for later memberships only from 16 on.
        made.push(format!("ALTER ROLE {} NOINHERIT", self.role()));
        made
    }

    fn options(&mut self) -> String {
        let mut on_off = || self.pick(&["TRUE", "FALSE"]);
        let (admin, inherit, set) = (on_off(), on_off(), on_off());
        match (self.major, admin) {
            (16.., _) => format!(" WITH ADMIN {admin}, INHERIT {inherit}, SET {set}"),
            (_, "TRUE") => " WITH ADMIN OPTION".into(),
            _ => String::new(),
        }
    }

    fn objects(&mut self, database: &str) -> Vec<String> {
        let mut made = vec![format!(
            "ALTER DATABASE {database} OWNER TO {}",
            self.role()
        )];
        for schema in ["s0", "s1", "s2"] {
            made.push(format!("CREATE SCHEMA {schema}"));
            for (create, alter, name) in [
                ("TABLE {} (a int, b int, c text)", "TABLE", "t1"),
                ("TABLE {} (a int, b int, c text)", "TABLE", "t2"),
                (
                    "TABLE {} (a int, b int, c text) PARTITION BY LIST (a)",
                    "TABLE",
                    "parted",
                ),
                (
                    "VIEW {} AS SELECT 1 AS a, 2 AS b, 'x'::text AS c",
                    "VIEW",
                    "v",
                ),
                (
                    "MATERIALIZED VIEW {} AS SELECT 1 AS a, 2 AS b, 'x'::text AS c",
                    "MATERIALIZED VIEW",
                    "m",
                ),
                ("SEQUENCE {}", "SEQUENCE", "q"),
                (
                    "FUNCTION {}(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
                    "FUNCTION",
                    "f",
                ),
                (
                    "PROCEDURE {}() LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
                    "PROCEDURE",
                    "p",
                ),
                (
                    "AGGREGATE {}(int) (sfunc = int4pl, stype = int)",
                    "AGGREGATE",
                    "g",
                ),
                ("TYPE {} AS ENUM ('x')", "TYPE", "e"),
                ("TYPE {} AS (a int)", "TYPE", "k"),
                ("DOMAIN {} AS int", "DOMAIN", "d"),
            ] {
                let name = format!("{schema}.{name}");
                made.push(format!("CREATE {}", create.replace("{}", &name)));
                let arguments = if alter == "AGGREGATE" { "(int)" } else { "" };
                made.push(format!(
                    "ALTER {alter} {name}{arguments} OWNER TO {}",
                    self.role()
                ));
            }
            let owner = if self.one_in(4) {
                "pg_database_owner".into()
            } else {
                self.role()
            };
            made.push(format!("ALTER SCHEMA {schema} OWNER TO {owner}"));
        }
        made.push("CREATE FOREIGN DATA WRAPPER wrapper".into());
        made.push("CREATE SERVER remote FOREIGN DATA WRAPPER wrapper".into());
        made.push(format!("ALTER SERVER remote OWNER TO {}", self.role()));
        made.push("CREATE FOREIGN TABLE s0.foreigner (a int, b int, c text) SERVER remote".into());
        made.push(format!(
            "SELECT lo_create(1001), lo_create(1002); ALTER LARGE OBJECT 1001 OWNER TO {}",
            self.role()
        ));
        made.push("CREATE TRUSTED LANGUAGE tongue HANDLER plpgsql_call_handler".into());
        made.push("REVOKE USAGE ON LANGUAGE tongue FROM PUBLIC".into());
        made.push(format!(
            "CREATE TABLESPACE disk_{database} OWNER {} LOCATION ''",
            self.role()
        ));
        made
    }

    fn targets(&self, database: &str) -> Vec<Target> {
        use PrivilegeClass as C;
        let mut targets = Vec::new();
        for schema in ["s0", "s1", "s2"] {
            for name in ["t1", "t2", "parted", "v", "m"] {
                targets.push((format!("TABLE {schema}.{name}"), C::Relation));
                targets.push((format!("TABLE {schema}.{name}"), C::Column));
            }
            targets.extend([
                (format!("SCHEMA {schema}"), C::Schema),
                (format!("SEQUENCE {schema}.q"), C::Sequence),
                (format!("FUNCTION {schema}.f(int, text)"), C::Routine),
                (format!("PROCEDURE {schema}.p()"), C::Routine),
                (format!("FUNCTION {schema}.g(int)"), C::Routine),
                (format!("TYPE {schema}.e"), C::Type),
                (format!("TYPE {schema}.k"), C::Type),
                (format!("DOMAIN {schema}.d"), C::Type),
            ]);
        }
        let mut other = |words: &str, class| targets.push((words.to_owned(), class));
        other(&format!("DATABASE {database}"), C::Database);
        other("DATABASE postgres", C::Database);
        other("SCHEMA public", C::Schema);
        other("TABLE s0.foreigner", C::Relation);
        other("TABLE pg_authid", C::Relation);
        other("LANGUAGE tongue", C::Language);
        other("LANGUAGE plpgsql", C::Language);
        other("FOREIGN DATA WRAPPER wrapper", C::ForeignDataWrapper);
        other("FOREIGN SERVER remote", C::ForeignServer);
        other(&format!("TABLESPACE disk_{database}"), C::Tablespace);
        other("LARGE OBJECT 1001", C::LargeObject);
        other("LARGE OBJECT 1002", C::LargeObject);
        if self.major >= 15 {
            other("PARAMETER work_mem", C::Parameter);
            other("PARAMETER log_statement", C::Parameter);
        }
        targets
    }

    /// Some privileges of a target, in the words of GRANT.
    fn what(&mut self, (words, class): &Target) -> String {
        let column = if *class == PrivilegeClass::Column {
            format!(" ({})", self.pick(&["a", "b"]))
        } else {
            String::new()
        };
        let all: Vec<_> = class.applicable(self.major).iter().collect();
        let mut some: Vec<_> = all
            .iter()
            .filter(|_| self.one_in(2))
            .map(|one| format!("{one}{column}"))
            .collect();
        if some.is_empty() {
            some.push(format!("{}{column}", all[0]));
        }
        format!("{} ON {words}", some.join(", "))
    }

    fn grantee(&mut self) -> String {
        if self.one_in(6) {
            "PUBLIC".into()
        } else {
            self.role()
        }
    }

    fn grant(&mut self, targets: &[Target]) -> String {
        let target = targets[self.below(targets.len())].clone();
        let (what, grantee) = (self.what(&target), self.grantee());
        let option = if grantee != "PUBLIC" && self.one_in(2) {
            " WITH GRANT OPTION"
        } else {
            ""
        };
        let grant = format!("GRANT {what} TO {grantee}{option}");
        if self.one_in(3) {
            self.in_the_name_of_somebody(&grant)
        } else {
            grant
        }
    }

    fn revoke(&mut self, targets: &[Target]) -> String {
        let target = targets[self.below(targets.len())].clone();
        format!(
            "REVOKE {} FROM {} CASCADE",
            self.what(&target),
            self.grantee()
        )
    }

    /// One message, so that a refusal takes the SET ROLE back too.
    fn in_the_name_of_somebody(&mut self, statement: &str) -> String {
        format!("SET ROLE {}; {statement}; RESET ROLE", self.role())
    }
}
