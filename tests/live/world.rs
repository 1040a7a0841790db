//! The test world is what it says it is: a server in the shape of Cloud SQL, on each major.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::support::{Cluster, Options, each_major};

async fn texts(client: &Client, query: &str) -> Vec<String> {
    let rows = client
        .query(query, &[])
        .await
        .unwrap_or_else(|error| panic!("{query}: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

each_major! {
    async fn the_server_is_of_its_major_with_the_defaults(major: u32) {
        let cluster = Cluster::start(major);
        let admin = cluster.connect_admin("postgres").await;
        let version = texts(&admin, "SHOW server_version_num").await.remove(0);
        assert!(version.starts_with(&major.to_string()), "{version}");
        let settings = "SELECT name || '=' || setting FROM pg_settings
            WHERE name IN ('max_connections', 'max_locks_per_transaction', 'password_encryption') ORDER BY name";
        assert_eq!(
            texts(&admin, settings).await,
            ["max_connections=100", "max_locks_per_transaction=64", "password_encryption=scram-sha-256"]
        );
    }

    async fn the_admin_is_a_member_of_cloudsqlsuperuser_and_no_superuser(major: u32) {
        let cluster = Cluster::start(major);
        let admin = cluster.connect_admin("postgres").await;
        let roles = "SELECT concat_ws(' ', rolname, CASE WHEN rolsuper THEN 'super' END, CASE WHEN rolcanlogin THEN 'login' END,
                CASE WHEN rolcreaterole THEN 'createrole' END, CASE WHEN rolcreatedb THEN 'createdb' END,
                CASE WHEN rolreplication THEN 'replication' END, CASE WHEN rolbypassrls THEN 'bypassrls' END)
            FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY rolname";
        assert_eq!(
            texts(&admin, roles).await,
            [
                "cloudsqladmin super login createrole createdb replication bypassrls",
                "cloudsqlagent login createrole createdb",
                "cloudsqliamserviceaccount",
                "cloudsqliamuser",
                "cloudsqlimportexport login createrole createdb",
                "cloudsqlreplica login replication",
                "cloudsqlsuperuser createrole createdb",
                "csadmin login createrole createdb",
                "postgres login createrole createdb",
            ]
        );
        let memberships = "SELECT member::regrole || ' in ' || roleid::regrole || CASE WHEN admin_option THEN ' with admin' ELSE '' END
            FROM pg_auth_members WHERE member::regrole::text !~ '^pg_' ORDER BY 1";
        assert_eq!(
            texts(&admin, memberships).await,
            [
                "cloudsqlagent in cloudsqlsuperuser",
                "cloudsqlimportexport in cloudsqlsuperuser",
                "cloudsqlsuperuser in pg_monitor",
                "csadmin in cloudsqlsuperuser",
                "postgres in cloudsqlsuperuser",
            ]
        );
    }

    async fn databases_belong_to_cloudsqlsuperuser(major: u32) {
        let cluster = Cluster::with(major, Options::default().database("shop"));
        let admin = cluster.connect_admin("postgres").await;
        let databases = "SELECT concat_ws(' ', datname, datdba::regrole, datacl) FROM pg_database ORDER BY datname";
        assert_eq!(
            texts(&admin, databases).await,
            [
                "cloudsqladmin cloudsqladmin",
                "postgres cloudsqlsuperuser",
                "shop cloudsqlsuperuser",
                "template0 cloudsqladmin {=c/cloudsqladmin,cloudsqladmin=CTc/cloudsqladmin}",
                "template1 cloudsqlsuperuser {=c/cloudsqlsuperuser,cloudsqlsuperuser=CTc/cloudsqlsuperuser}",
            ]
        );
    }

    async fn the_schema_public_is_not_the_superusers(major: u32) {
        let cluster = Cluster::with(major, Options::default().database("shop"));
        let expected = if major < 15 {
            "cloudsqlsuperuser {cloudsqlsuperuser=UC/cloudsqlsuperuser,=UC/cloudsqlsuperuser}"
        } else {
            "pg_database_owner {pg_database_owner=UC/pg_database_owner,=U/pg_database_owner}"
        };
        for database in ["postgres", "template1", "shop"] {
            let admin = cluster.connect_admin(database).await;
            let schema = "SELECT concat_ws(' ', nspowner::regrole, nspacl) FROM pg_namespace WHERE nspname = 'public'";
            assert_eq!(texts(&admin, schema).await, [expected], "{database}");
        }
    }

    async fn nobody_enters_the_database_cloudsqladmin(major: u32) {
        let cluster = Cluster::start(major);
        let urls = [cluster.admin_url(), cluster.superuser_url()];
        for url in urls {
            let mut config: tokio_postgres::Config = url.parse().unwrap();
            let Err(refusal) = config.dbname("cloudsqladmin").connect(tokio_postgres::NoTls).await else {
                panic!("`cloudsqladmin` let somebody in");
            };
            assert_eq!(refusal.code(), Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION));
        }
    }

    async fn a_wrong_password_is_refused(major: u32) {
        let cluster = Cluster::start(major);
        for user in ["csadmin", "cloudsqladmin"] {
            let Err(refusal) = cluster.connect_as("postgres", user, "wrong").await else {
                panic!("`{user}` logged in with a wrong password");
            };
            assert_eq!(refusal.code(), Some(&SqlState::INVALID_PASSWORD));
        }
    }

    async fn the_log_holds_every_statement_when_asked_to(major: u32) {
        let quiet = Cluster::start(major);
        let talkative = Cluster::with(major, Options::default().log_all_statements());
        for cluster in [&quiet, &talkative] {
            cluster.connect_admin("postgres").await.batch_execute("SELECT 'a needle'").await.unwrap();
        }
        assert!(!quiet.server_log().contains("a needle"));
        assert!(talkative.server_log().contains("statement: SELECT 'a needle'"));
    }

    async fn nothing_is_left_of_a_stopped_cluster(major: u32) {
        let cluster = Cluster::start(major);
        let (port, dir) = (cluster.port(), cluster.socket_dir().to_owned());
        assert!(dir.join(format!(".s.PGSQL.{port}")).exists());
        drop(cluster);
        assert!(!dir.exists());
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    }

    fn a_cluster_ends_with_its_parent(major: u32) {
        let mut parent = Command::new("sleep").arg("60").spawn().unwrap();
        let cluster = Cluster::of_parent(major, Options::default(), parent.id());
        let dir = cluster.socket_dir().to_owned();
        assert!(dir.exists());
        parent.kill().unwrap();
        parent.wait().unwrap();
        let started = Instant::now();
        while dir.exists() {
            assert!(started.elapsed() < Duration::from_secs(10), "{} is still there", dir.display());
            sleep(Duration::from_millis(50));
        }
    }
}
