//! Databases that the policy does not speak of are not looked into, but for what the whole instance knows of them.

use serde_json::json;

use super::*;

impl World {
    /// What `check` says of the database `postgres`, but for who could hold the lock there, which `lock_holders` is about.
    fn said_of_postgres(&self) -> Vec<Value> {
        let json = self.check().assert_status(0).json();
        let findings = json["findings"].as_array().into_iter().flatten();
        let is_held =
            |one: &&Value| one["object"] == "database postgres" && one["rule"] != "lock.exposed";
        findings.filter(is_held).cloned().collect()
    }
}

each_major! {
    async fn what_a_role_holds_in_other_databases_is_said_as_far_as_it_gets_in(major: u32) {
        let world = World::make(major, "drift").await;
        assert!(world.said_of_postgres().is_empty());
        let elsewhere = async |sql: &str| world.cluster.batch("postgres", sql).await;
        elsewhere("CREATE TABLE own (a int); CREATE TABLE other (a int); ALTER TABLE own OWNER TO app_user; CREATE SCHEMA den;
            GRANT SELECT ON other TO app_user, leaker; GRANT USAGE ON SCHEMA den TO app_user").await;
        let said = world.said_of_postgres();
        assert_eq!(said.len(), 1, "{said:#?}");
        assert_eq!([&said[0]["rule"], &said[0]["severity"], &said[0]["role"]], ["privilege.effective", "warning", "app_user"]);
        let held = "owner of 1 object, named in the ACL of 2 objects in database postgres";
        assert_eq!(said[0]["path"], json!(["app_user", held]));
        elsewhere("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC").await;
        assert!(world.said_of_postgres().is_empty());
    }
}
