//! What the server refuses is told with its place: the setting, the database, the function.

use crate::stage::Stage;
use crate::support::each_major;

const ROLES: &str = "  mig: { access: ddl }\n  app: { access: dml }\n";

impl Stage {
    #[track_caller]
    fn says(&self, options: &[&str], words: &[&str]) {
        let outcome = self.apply(options).assert_status(1);
        let told = format!("{}{}", outcome.stdout, outcome.stderr);
        for words in words {
            assert!(told.contains(words), "no `{words}` in {told}");
        }
    }
}

each_major! {
    async fn a_frozen_database_is_told_with_the_setting_and_thawed_by_what_is_advised(major: u32) {
        let stage = Stage::new(major);
        stage.roles(ROLES);
        for (freeze, place, thaw) in [
            ("ALTER DATABASE shop", "for the database", "ALTER DATABASE \"shop\""),
            ("ALTER ROLE csadmin", "for role `csadmin`", "ALTER ROLE \"csadmin\""),
            ("ALTER ROLE csadmin IN DATABASE shop", "for role `csadmin` in that database", "ALTER ROLE \"csadmin\" IN DATABASE \"shop\""),
        ] {
            stage.cluster.batch("postgres", &format!("{freeze} SET default_transaction_read_only = on")).await;
            let statement = format!("BEGIN READ WRITE; {thaw} RESET default_transaction_read_only; COMMIT");
            stage.says(&[], &["database `shop` is read-only: default_transaction_read_only is on", place, &statement]);
            stage.cluster.connect_admin("shop").await.batch_execute(&statement).await.unwrap();
        }
        stage.apply(&[]).assert_status(0);
    }

    async fn an_event_trigger_that_refuses_is_named(major: u32) {
        let stage = Stage::new(major);
        stage.roles(ROLES);
        stage.apply(&[]).assert_status(0);
        let trigger = "CREATE TABLE public.log (t text);
            CREATE FUNCTION public.noted() RETURNS event_trigger LANGUAGE plpgsql
                AS $$ BEGIN INSERT INTO public.log VALUES (tg_tag); END $$;
            CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION public.noted();
            ALTER EVENT TRIGGER noted DISABLE; REVOKE USAGE ON SCHEMA app FROM app; ALTER EVENT TRIGGER noted ENABLE";
        stage.cluster.batch("shop", trigger).await;
        stage.says(&[], &["permission denied for table log (SQLSTATE 42501)", "PL/pgSQL function public.noted() line 1"]);
    }
}
