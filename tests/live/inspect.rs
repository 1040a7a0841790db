//! The catalogs as the program reads them, on each major.

use std::collections::BTreeMap;

use rolewright::model::{Database, DatabaseName, Dependence, ExtensionName, Grantee, Group};
use rolewright::postgres::{
    ApplicationName, Asked, Environment, Route, Session, Shared, inspect_database, inspect_shared,
};

use crate::support::{Cluster, Options, each_major};

const WORLD: &str = include_str!("sql/every_object.sql");

async fn world(major: u32) -> Cluster {
    let options = Options::default().database("shop").setting("allow_in_place_tablespaces", "on");
    let cluster = Cluster::with(major, options);
    cluster.batch("shop", WORLD).await;
    cluster.batch("shop", "CREATE TABLESPACE disk OWNER mig LOCATION ''").await;
    cluster.batch("shop", "GRANT CREATE ON TABLESPACE disk TO app").await;
    cluster
}

async fn session(cluster: &Cluster, database: &str) -> Session {
    let route = Route::from_url(cluster.admin_url(), &Environment::default()).unwrap();
    let database = DatabaseName::new(database).unwrap();
    Session::connect(&route, &database, &ApplicationName::new("test", 1)).await.unwrap()
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

/// `members; of owner; what they hang on; the ACL`, sorted.
fn lines(groups: &[Group]) -> Vec<String> {
    let mut lines: Vec<_> = groups.iter().map(line).collect();
    lines.sort();
    lines
}

fn line(group: &Group) -> String {
    let members: Vec<_> = group.members.iter().map(ToString::to_string).collect();
    let dependence = match group.dependence {
        Dependence::Free => "",
        Dependence::Table => " [table]",
        Dependence::Extension => " [extension]",
    };
    let definer = if group.security_definer { " [definer]" } else { "" };
    let acl: Vec<_> = group.acl.items().iter().map(item).collect();
    format!("{}{dependence}{definer} of {}: {}", members.join(", "), group.owner, acl.join("; ")).trim_end().to_owned()
}

fn item(item: &rolewright::model::AclItem) -> String {
    let options = if item.grantable.is_empty() { String::new() } else { format!(" (grantable {})", item.grantable) };
    format!("{} {}{options} by {}", item.grantee, item.privileges, item.grantor)
}

/// Everything but the members of the extension.
fn own_lines(database: &Database) -> Vec<String> {
    let own: Vec<_> =
        database.groups.iter().filter(|group| group.dependence != Dependence::Extension).cloned().collect();
    lines(&own)
}

each_major! {
    async fn every_kind_of_object_is_found_with_owner_and_acl(major: u32) {
        let cluster = world(major).await;
        let (shared, database) = inspect(&cluster, "shop", &Asked::default()).await;
        println!("{}", lines(&shared.groups).join("\n"));
        println!("{shared:?}");
        println!("{:?}", (&database.defaults, &database.global_defaults, &database.extensions));
        println!("{}", own_lines(&database).join("\n"));
        panic!();
    }
}
