//! Statements, what the server remarks on them, and the lock.

use std::time::Duration;

use rolewright::model::DatabaseName;
use rolewright::postgres::{
    ApplicationName, Environment, LockError, LockHolder, PostgresError, Route, Session, Statement,
    lock,
};
use zeroize::Zeroizing;

use crate::support::{Cluster, each_major};

async fn session(cluster: &Cluster, run: &str) -> Session {
    let route = Route::from_url(cluster.admin_url(), &Environment::default()).unwrap();
    let postgres = DatabaseName::new("postgres").unwrap();
    Session::connect(&route, &postgres, &ApplicationName::new("test", run))
        .await
        .unwrap()
}

fn statements<const N: usize>(texts: [&str; N]) -> [Statement; N] {
    texts.map(Statement::plain)
}

async fn count(cluster: &Cluster, query: &str) -> i64 {
    cluster
        .connect_superuser("postgres")
        .await
        .query_one(query, &[])
        .await
        .unwrap()
        .get(0)
}

/// Ends nothing.
async fn leave(_: &LockHolder) -> bool {
    false
}

each_major! {
    async fn every_notice_belongs_to_its_statement(major: u32) {
        let cluster = Cluster::start(major);
        let mut session = session(&cluster, "notices").await;
        // Some raise two, most none: more than are sent ahead of the first answer.
        let many: Vec<_> = (0..2_000)
            .map(|n| match n % 7 {
                3 => format!("DO $$ BEGIN RAISE NOTICE 'a{n}'; RAISE WARNING 'b{n}'; END $$"),
                _ => format!("SELECT {n}"),
            })
            .map(Statement::plain)
            .collect();
        session.begin_write(Duration::from_secs(5)).await.unwrap();
        let notices = session.run(&many).await.unwrap();
        session.commit().await.unwrap();
        let said: Vec<_> = notices.iter().map(|notice| (notice.statement, notice.said.message.clone())).collect();
        let expected: Vec<_> =
            (3..2_000).step_by(7).flat_map(|n| [(n, format!("a{n}")), (n, format!("b{n}"))]).collect();
        assert_eq!(said, expected);
        assert_eq!((notices[1].severity.as_str(), notices[1].said.sqlstate.as_str()), ("WARNING", "01000"));
    }

    async fn a_grant_that_did_nothing_is_noticed(major: u32) {
        let cluster = Cluster::start(major);
        cluster.batch("postgres", "CREATE SCHEMA s; CREATE ROLE app; GRANT USAGE ON SCHEMA s TO csadmin").await;
        let mut session = session(&cluster, "grant").await;
        session.begin_write(Duration::from_secs(5)).await.unwrap();
        let notices = session.run(&statements(["SELECT 1", "GRANT USAGE ON SCHEMA s TO app"])).await.unwrap();
        session.rollback().await.unwrap();
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert_eq!((notices[0].statement, notices[0].said.sqlstate.as_str()), (1, "01007"));
    }

    async fn the_first_failure_is_named_and_nothing_is_committed(major: u32) {
        let cluster = Cluster::start(major);
        let mut session = session(&cluster, "failure").await;
        session.begin_write(Duration::from_secs(5)).await.unwrap();
        let failing = statements(["CREATE ROLE one", "CREATE ROLE one", "CREATE ROLE two"]);
        let error = session.run(&failing).await.unwrap_err();
        assert_eq!(error.sqlstate(), Some("42710"));
        assert_eq!(error.to_string(), "statement 2 failed in database `postgres`: CREATE ROLE one");
        let PostgresError::Statement { index: 1, .. } = error else { panic!("{error:?}") };
        // COMMIT alone would report success here.
        assert_eq!(session.commit().await.unwrap_err().sqlstate(), Some("25P02"));
        session.rollback().await.unwrap();
        session.begin_snapshot().await.unwrap();
        let read_only = session.run(&statements(["CREATE ROLE three"])).await.unwrap_err();
        assert_eq!(read_only.sqlstate(), Some("25006"));
        session.close().await;
        assert_eq!(count(&cluster, "SELECT count(*) FROM pg_roles WHERE rolname IN ('one', 'two', 'three')").await, 0);
    }

    async fn detail_and_hint_of_the_server_are_kept(major: u32) {
        let cluster = Cluster::start(major);
        let mut session = session(&cluster, "detail").await;
        let raise = "DO $$ BEGIN RAISE 'no' USING DETAIL = 'because', HINT = 'do this', ERRCODE = 'P1234'; END $$";
        let error = session.run(&statements([raise])).await.unwrap_err();
        let server = error.server().unwrap();
        assert_eq!(server.to_string(), "no (SQLSTATE P1234): because, in PL/pgSQL function inline_code_block line 1 at RAISE");
        assert_eq!(error.hint().as_deref(), Some("do this"));
    }

    async fn a_secret_statement_is_not_shown(major: u32) {
        let cluster = Cluster::start(major);
        let mut session = session(&cluster, "secret").await;
        let text = Zeroizing::new("ALTER ROLE nobody PASSWORD 'hunter2'".to_owned());
        let error = session.run(&[Statement::secret(text, "ALTER ROLE nobody PASSWORD …")]).await.unwrap_err();
        assert_eq!(error.to_string(), "statement 1 failed in database `postgres`: ALTER ROLE nobody PASSWORD …");
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    /// The lines of a CONTEXT may repeat a statement, which holds a verifier here.
    async fn no_context_is_shown_of_a_secret_statement(major: u32) {
        let cluster = Cluster::start(major);
        cluster.batch("postgres", "CREATE FUNCTION public.fails(text) RETURNS int LANGUAGE plpgsql AS $$
            BEGIN EXECUTE 'SELECT 1 / 0 -- ' || $1; RETURN 1; END $$").await;
        let mut session = session(&cluster, "context").await;
        let text = "SELECT public.fails('hunter2')";
        let plain = session.run(&statements([text])).await.unwrap_err();
        assert!(plain.server().unwrap().context.as_ref().is_some_and(|lines| lines.contains("hunter2")), "{plain:?}");
        let secret = Statement::secret(Zeroizing::new(text.to_owned()), "SELECT …");
        let error = session.run(&[secret]).await.unwrap_err();
        assert_eq!(error.server().unwrap().context, None);
    }

    async fn waiting_for_a_lock_ends(major: u32) {
        let cluster = Cluster::start(major);
        cluster.batch("postgres", "CREATE TABLE public.t (); ALTER TABLE public.t OWNER TO csadmin").await;
        let other = cluster.connect_superuser("postgres").await;
        other.batch_execute("BEGIN; LOCK TABLE public.t").await.unwrap();
        let mut session = session(&cluster, "lock_timeout").await;
        session.begin_write(Duration::from_millis(200)).await.unwrap();
        let error = session.run(&statements(["ALTER TABLE public.t ADD COLUMN a int"])).await.unwrap_err();
        assert_eq!(error.sqlstate(), Some("55P03"));
    }

    async fn a_session_that_the_server_ended_says_why(major: u32) {
        let cluster = Cluster::start(major);
        let mut session = session(&cluster, "ended").await;
        session.begin_write(Duration::from_secs(5)).await.unwrap();
        cluster.batch("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'rolewright/test/ended'").await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let error = session.run(&statements(["SELECT 1"])).await.unwrap_err();
        assert_eq!(error.sqlstate(), Some("57P01"), "{error:?}");
        assert!(session.commit().await.is_err());
    }

    async fn only_one_run_has_the_lock(major: u32) {
        let cluster = Cluster::start(major);
        let first = lock(session(&cluster, "first").await, Duration::ZERO, leave).await.unwrap();
        let second = lock(session(&cluster, "second").await, Duration::from_millis(400), leave).await;
        let Err(LockError::Held(LockHolder::Session { pid, application_name, login })) = second else { panic!("{second:?}") };
        assert_eq!(login.as_str(), "csadmin");
        assert_eq!(application_name, "rolewright/test/first");
        assert!(pid > 0);
        let (waited, ()) = tokio::join!(
            lock(session(&cluster, "third").await, Duration::from_secs(30), leave),
            async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                first.release().await;
            }
        );
        // Given up with the session, however it ends.
        drop(waited.unwrap());
        lock(session(&cluster, "fourth").await, Duration::from_secs(5), leave).await.unwrap().release().await;
        // The server notices in its own time that a session is over.
        for _ in 0..100 {
            if count(&cluster, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").await == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("a lock outlives its session");
    }
}
