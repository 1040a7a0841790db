//! The catalogs as the program reads them, on each major.

use rolewright::model::{
    AclItem, Database, DatabaseName, DefaultPrivilege, DefaultsFor, Dependence, ExtensionName,
    Group, Membership, RoleName, SchemaName, Setting,
};
use rolewright::postgres::{
    ApplicationName, Asked, ColumnName, Environment, Route, Session, Shared, inspect_database,
    inspect_shared,
};

use crate::support::{Cluster, Options, each_major};

const WORLD: &str = include_str!("sql/every_object.sql");

async fn world(major: u32) -> Cluster {
    let options = Options::default()
        .database("shop")
        .setting("allow_in_place_tablespaces", "on");
    let cluster = Cluster::with(major, options);
    cluster.batch("shop", WORLD).await;
    cluster
        .batch("shop", "CREATE TABLESPACE disk OWNER mig LOCATION ''")
        .await;
    cluster
        .batch("shop", "GRANT CREATE ON TABLESPACE disk TO app")
        .await;
    cluster
}

async fn session(cluster: &Cluster, database: &str) -> Session {
    let route = Route::from_url(cluster.admin_url(), &Environment::default()).unwrap();
    let database = DatabaseName::new(database).unwrap();
    Session::connect(&route, &database, &ApplicationName::new("test", 1))
        .await
        .unwrap()
}

async fn inspect(cluster: &Cluster, database: &str, asked: &Asked) -> (Shared, Database) {
    let mut session = session(cluster, database).await;
    session.begin_snapshot().await.unwrap();
    let shared = inspect_shared(&mut session, asked).await.unwrap();
    let database = inspect_database(&mut session, asked).await.unwrap();
    session.rollback().await.unwrap();
    session.close().await;
    (shared, database)
}

fn column(schema: &str, relation: &str, column: &str) -> ColumnName {
    (
        SchemaName::new(schema).unwrap(),
        relation.into(),
        column.into(),
    )
}

fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

fn extension(name: &str) -> ExtensionName {
    ExtensionName::new(name).unwrap()
}

/// `members [dependence] of owner: acl`, sorted.
fn lines<'a>(groups: impl IntoIterator<Item = &'a Group>) -> Vec<String> {
    let mut lines: Vec<_> = groups.into_iter().map(line).collect();
    lines.sort();
    lines
}

fn line(group: &Group) -> String {
    let members: Vec<_> = group.members.iter().map(ToString::to_string).collect();
    let dependence = match group.dependence {
        Dependence::Free => "",
        Dependence::Table => " [table]",
        Dependence::Extension => " [extension]",
        Dependence::Initial => unreachable!("it stands apart"),
    };
    let definer = if group.security_definer {
        " [definer]"
    } else {
        ""
    };
    let acl: Vec<_> = group.acl.items().iter().map(|one| item(one)).collect();
    format!(
        "{}{dependence}{definer} of {}: {}",
        members.join(", "),
        group.owner,
        acl.join("; ")
    )
    .trim_end()
    .to_owned()
}

fn item(item: &AclItem) -> String {
    let options = if item.grantable.is_empty() {
        String::new()
    } else {
        format!(" (grantable {})", item.grantable)
    };
    format!(
        "{} {}{options} by {}",
        item.grantee, item.privileges, item.grantor
    )
}

fn own(database: &Database) -> impl Iterator<Item = &Group> {
    database
        .groups
        .iter()
        .filter(|group| group.dependence != Dependence::Extension)
}

fn of_extensions(database: &Database) -> Vec<String> {
    let members = database
        .groups
        .iter()
        .filter(|group| group.dependence == Dependence::Extension);
    members
        .flat_map(|group| &group.members)
        .map(ToString::to_string)
        .collect()
}

fn default_line(default: &DefaultPrivilege) -> String {
    let schema = default
        .schema
        .as_ref()
        .map(|schema| format!(" in {schema}"))
        .unwrap_or_default();
    let options = if default.grantable.is_empty() {
        ""
    } else {
        " (grantable)"
    };
    format!(
        "{}{schema}: {} {}{options} on {:?}",
        default.owner, default.grantee, default.privileges, default.objects
    )
}

each_major! {
    async fn everything_with_an_owner_or_an_acl_is_found(major: u32) {
        let cluster = world(major).await;
        let (_, database) = inspect(&cluster, "shop", &Asked::default()).await;
        let public = if major < 15 {
            "schema public of cloudsqlsuperuser: PUBLIC USAGE, CREATE by cloudsqlsuperuser"
        } else {
            "schema public of pg_database_owner: PUBLIC USAGE by pg_database_owner"
        };
        // From 17 on a multirange type follows its range type.
        let types = if major < 17 {
            "type app.mood, type app.pair, type app.span, type app.span_multirange of mig: PUBLIC USAGE by mig"
        } else {
            "type app.mood, type app.pair, type app.span of mig: PUBLIC USAGE by mig"
        };
        assert_eq!(lines(own(&database)), [
            "aggregate app.total(integer) of mig: PUBLIC EXECUTE by mig",
            "collation app.coll of mig:",
            "column \"Sch ema\".\"T \"\"ä\"(\"c )\") [table] of Odd \"Röle: app UPDATE by Odd \"Röle",
            "column app.t1(id) [table] of mig: app REFERENCES by mig",
            "column app.t1(note) [table] of mig: app UPDATE by mig",
            "column pg_catalog.pg_statistic_ext_data(stxdndistinct) [table] of cloudsqladmin: app SELECT by cloudsqladmin",
            "conversion app.conv of mig:",
            "domain app.posint of mig:",
            "foreign data wrapper wrapper of cloudsqladmin: app USAGE by cloudsqladmin",
            "foreign server remote of cloudsqladmin: app USAGE by cloudsqladmin; mig USAGE by cloudsqladmin",
            "foreign table app.f of mig:",
            "function app.definer() [definer] of mig:",
            "function app.eq(app.mood, app.mood), function app.flip(app.mood), function app.g(app.mood, integer[]), \
             function app.g(character varying) of mig: PUBLIC EXECUTE by mig",
            "function app.win() of cloudsqladmin: PUBLIC EXECUTE by cloudsqladmin",
            "function pg_catalog.pg_read_file(text) of cloudsqladmin: app EXECUTE by cloudsqladmin",
            "language tongue of cloudsqladmin: PUBLIC USAGE by cloudsqladmin; app USAGE by cloudsqladmin",
            "large object 4242 of mig: app SELECT by mig",
            "materialized view app.m of mig:",
            "operator app.!!(NONE, app.mood), operator app.===(app.mood, app.mood) of mig:",
            "operator class app.\"c ls\" USING hash of cloudsqladmin:",
            "operator family app.\"F am\" USING btree of mig:",
            "operator family app.\"c ls\" USING hash of cloudsqladmin:",
            "procedure app.p(integer) of mig: PUBLIC EXECUTE by mig",
            "schema \"Sch ema\" of Odd \"Röle:",
            "schema app of mig: app USAGE (grantable USAGE) by mig",
            "schema information_schema of cloudsqladmin: PUBLIC USAGE by cloudsqladmin; app USAGE by cloudsqladmin",
            public,
            "sequence app.s of mig: app USAGE by mig",
            "sequence app.t1_id_seq, sequence app.t1_n_seq [table] of mig:",
            "statistics app.stats of mig:",
            "table \"Sch ema\".\"T \"\"ä\" of Odd \"Röle: PUBLIC SELECT by Odd \"Röle",
            "table app.dangling of mig: 99999 UPDATE (grantable UPDATE) by mig; app SELECT by mig",
            "table app.part, table app.t3 of mig:",
            "table app.parts of mig:",
            "table app.t1, table app.t2 of mig: app SELECT, INSERT (grantable SELECT, INSERT) by mig",
            "table pg_catalog.pg_authid of cloudsqladmin: app SELECT by cloudsqladmin",
            "text search configuration app.config of mig:",
            "text search dictionary app.dict of mig:",
            types,
            "view app.v of mig:",
        ]);
    }

    async fn a_column_without_an_acl_is_found_when_asked_for(major: u32) {
        let cluster = world(major).await;
        let columns = [
            column("app", "t1", "id"),
            column("app", "t1", "n"),
            column("app", "t3", "gone"),
            column("Sch ema", "T \"ä", "c )"),
        ];
        let (_, database) = inspect(&cluster, "shop", &Asked { columns: columns.into(), ..Asked::default() }).await;
        let found: Vec<_> = lines(own(&database)).into_iter().filter(|line| line.starts_with("column app.")).collect();
        assert_eq!(
            found,
            [
                "column app.t1(id) [table] of mig: app REFERENCES by mig",
                "column app.t1(n) [table] of mig:",
                "column app.t1(note) [table] of mig: app UPDATE by mig",
            ]
        );
    }

    async fn what_belongs_to_an_extension_or_a_range_type_is_told_apart(major: u32) {
        let cluster = world(major).await;
        let (_, database) = inspect(&cluster, "shop", &Asked::default()).await;
        let members = of_extensions(&database);
        for member in [
            "language plpgsql",
            "type app.hstore",
            "function app.akeys(app.hstore)",
            "operator app.->(app.hstore, text)",
            "operator class app.btree_hstore_ops USING btree",
            "sequence app.only_for_the_extension",
            "function app.span(integer, integer)",
        ] {
            assert!(members.iter().any(|found| found == member), "{member}: {members:?}");
        }
        assert_eq!(members.iter().any(|found| found == "type app.span_multirange"), major >= 17);
    }

    async fn default_privileges_tell_which_owners_replaced_the_built_in_ones(major: u32) {
        let cluster = world(major).await;
        if major >= 18 {
            cluster.batch("shop", "ALTER DEFAULT PRIVILEGES FOR ROLE mig GRANT SELECT ON LARGE OBJECTS TO app").await;
        }
        let (_, database) = inspect(&cluster, "shop", &Asked::default()).await;
        let mut expected = vec![
            "mig: PUBLIC USAGE on Types",
            "mig: app USAGE (grantable) on Types",
            "mig in app: app SELECT, INSERT on Tables",
        ];
        let mut global = vec![(role("mig"), DefaultsFor::Routines), (role("mig"), DefaultsFor::Types)];
        if major >= 18 {
            expected.insert(2, "mig: app SELECT on LargeObjects");
            global.push((role("mig"), DefaultsFor::LargeObjects));
        }
        assert_eq!(database.defaults.iter().map(default_line).collect::<Vec<_>>(), expected);
        assert_eq!(database.global_defaults.into_iter().collect::<Vec<_>>(), global);
    }

    async fn the_instance_has_databases_tablespaces_and_parameters(major: u32) {
        let cluster = world(major).await;
        if major >= 15 {
            cluster.batch("shop", "GRANT SET ON PARAMETER log_statement, app.x TO app WITH GRANT OPTION").await;
        }
        let (shared, _) = inspect(&cluster, "shop", &Asked::default()).await;
        let mut expected = vec![
            "database cloudsqladmin of cloudsqladmin: PUBLIC CONNECT, TEMPORARY by cloudsqladmin",
            "database postgres of cloudsqlsuperuser: PUBLIC CONNECT, TEMPORARY by cloudsqlsuperuser",
            "database shop of cloudsqlsuperuser: PUBLIC CONNECT, TEMPORARY by cloudsqlsuperuser; mig CREATE by \
             cloudsqlsuperuser",
            "database template0 of cloudsqladmin: PUBLIC CONNECT by cloudsqladmin",
            "database template1 of cloudsqlsuperuser: PUBLIC CONNECT by cloudsqlsuperuser",
            "tablespace disk of mig: app CREATE by mig",
        ];
        if major >= 15 {
            expected.insert(5, "parameter app.x, parameter log_statement of cloudsqladmin: app SET (grantable SET) by cloudsqladmin");
        }
        assert_eq!(lines(&shared.groups), expected);
    }

    async fn roles_have_attributes_settings_and_memberships(major: u32) {
        let cluster = Cluster::with(major, Options::default().database("shop"));
        let options = if major < 16 { "ADMIN OPTION" } else { "ADMIN TRUE, INHERIT FALSE, SET FALSE" };
        cluster.batch("shop", &format!("
            CREATE ROLE a LOGIN NOINHERIT CREATEDB CREATEROLE REPLICATION BYPASSRLS CONNECTION LIMIT 3;
            CREATE ROLE g;
            GRANT g TO a WITH {options};
            ALTER ROLE a SET search_path = 'x=y', \"Z\";
            ALTER ROLE a IN DATABASE shop SET lock_timeout = '5s';
            ALTER DATABASE shop SET statement_timeout = '1h';
        ")).await;
        let (shared, _) = inspect(&cluster, "shop", &Asked::default()).await;
        let (a, g) = (&shared.roles[&role("a")], &shared.roles[&role("g")]);
        assert!(a.login && a.create_db && a.create_role && a.replication && a.bypass_rls && !a.inherit && !a.superuser);
        assert!(!g.login && !g.create_db && !g.create_role && !g.replication && !g.bypass_rls && g.inherit);
        assert_eq!((a.connection_limit, g.connection_limit), (3, -1));
        assert!(shared.roles[&role("cloudsqladmin")].superuser);
        let setting = |database: Option<&str>, parameter: &str, value: &str| Setting {
            database: database.map(|name| DatabaseName::new(name).unwrap()),
            parameter: parameter.into(),
            value: value.into(),
        };
        assert_eq!(a.settings.iter().cloned().collect::<Vec<_>>(), [
            setting(None, "search_path", "\"x=y\", \"Z\""),
            setting(Some("shop"), "lock_timeout", "5s"),
        ]);
        // Up to 15 INHERIT is the member's attribute and SET always given.
        let membership = Membership {
            role: role("g"), member: role("a"), grantor: role("cloudsqladmin"), admin: true, inherit: false, set: major < 16,
        };
        assert!(shared.memberships.contains(&membership), "{:?}", shared.memberships);
    }

    async fn the_server_says_who_asks_and_what_may_be_set(major: u32) {
        let cluster = Cluster::start(major);
        if major >= 15 {
            cluster.batch("postgres", "GRANT SET ON PARAMETER log_statement TO csadmin").await;
        }
        let parameters = ["lock_timeout", "DateStyle", "role", "log_statement", "session_replication_role", "app.x", "nonsense"];
        let asked = Asked { parameters: parameters.map(str::to_owned).into(), ..Asked::default() };
        let (shared, _) = inspect(&cluster, "postgres", &asked).await;
        // Names of parameters fold, however they were asked about.
        let mut settable = vec!["datestyle", "lock_timeout", "role"];
        if major >= 15 {
            settable.insert(2, "log_statement");
        }
        assert_eq!(shared.server.settable.iter().map(String::as_str).collect::<Vec<_>>(), settable);
        assert_eq!(shared.server.major(), major);
        assert_eq!(shared.server.admin, Some(role("csadmin")));
        assert_eq!(shared.server.bootstrap, Some(role("cloudsqladmin")));
        assert!(!shared.server.read_only);
        cluster.batch("postgres", "ALTER ROLE csadmin SET default_transaction_read_only = on").await;
        assert!(inspect(&cluster, "postgres", &asked).await.0.server.read_only);
    }

    async fn maintain_is_read_where_it_exists(major: u32) {
        let cluster = Cluster::start(major);
        cluster.batch("postgres", "CREATE ROLE app; CREATE TABLE t (); GRANT ALL ON t TO app").await;
        let (_, database) = inspect(&cluster, "postgres", &Asked::default()).await;
        let maintain = if major < 17 { "" } else { ", MAINTAIN" };
        let expected = format!(
            "table public.t of cloudsqladmin: app SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER{maintain} \
             by cloudsqladmin"
        );
        assert!(lines(&database.groups).contains(&expected), "{:?}", lines(&database.groups));
    }

    async fn temporary_objects_and_dangling_grantors_are_no_trouble(major: u32) {
        let cluster = Cluster::start(major);
        let other = cluster.connect_superuser("postgres").await;
        other.batch_execute("
            CREATE TEMPORARY TABLE passing (a serial, b text);
            CREATE ROLE pgbouncer;
            CREATE SCHEMA pgtemporary;
            GRANT USAGE ON SCHEMA pg_catalog TO pgbouncer;
            CREATE ROLE delegate; CREATE ROLE g; GRANT g TO delegate;
            UPDATE pg_auth_members SET grantor = 99999 WHERE roleid = 'g'::regrole;
        ").await.unwrap();
        let (shared, database) = inspect(&cluster, "postgres", &Asked::default()).await;
        let lines = lines(&database.groups);
        assert!(!lines.iter().any(|line| line.contains("passing") || line.contains("pg_temp")), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("schema pgtemporary")), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("schema pg_catalog")), "{lines:?}");
        let grantor = shared.memberships.iter().find(|edge| edge.role == role("g")).map(|edge| edge.grantor.to_string());
        assert_eq!(grantor.as_deref(), Some("unknown (OID=99999)"));
    }

    async fn extensions_say_where_they_can_go(major: u32) {
        let cluster = world(major).await;
        let asked = Asked {
            extensions: [
                (extension("hstore"), Some("1.8".to_owned())),
                (extension("plpgsql"), None),
                (extension("citext"), None),
                (extension("no such"), None),
            ].into(),
            ..Asked::default()
        };
        let (_, database) = inspect(&cluster, "shop", &asked).await;
        let hstore = &database.extensions[&extension("hstore")];
        assert_eq!((hstore.schema.as_str(), hstore.version.as_str(), hstore.owner.as_str()), ("app", "1.4", "cloudsqladmin"));
        assert!(hstore.updates.contains("1.8") && !hstore.updates.contains("1.4"), "{:?}", hstore.updates);
        assert!(database.extensions[&extension("plpgsql")].updates.is_empty());
        assert_eq!(database.available.keys().map(ExtensionName::as_str).collect::<Vec<_>>(), ["citext"]);
        let versions = &database.available[&extension("citext")];
        assert!(versions.len() > 1 && versions.iter().all(|other| other <= &versions[0]), "{versions:?}");
    }

    async fn a_fixed_number_of_statements_reads_it_all(major: u32) {
        let cluster = Cluster::with(major, Options::default().database("shop").log_all_statements());
        let before = cluster.server_log().lines().count();
        let asked = Asked {
            extensions: [(extension("plpgsql"), None)].into(),
            parameters: ["lock_timeout".to_owned()].into(),
            columns: [column("postgres", "t", "c")].into(),
            databases: [rolewright::model::DatabaseName::new("shop").unwrap()].into(),
            makers: [(SchemaName::new("app").unwrap(), role("mig"))].into(),
            trusted: [role("mig")].into(),
            ..Asked::default()
        };
        inspect(&cluster, "shop", &asked).await;
        let log = cluster.server_log();
        let sent: Vec<_> = log
            .lines()
            .skip(before)
            .filter(|line| line.contains("LOG:  statement: ") || line.contains("LOG:  execute "))
            .collect();
        // One of them is the look at the session itself.
        assert_eq!(sent.len(), 11, "{sent:#?}");
    }
}
