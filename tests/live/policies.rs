//! Every file of `policies/`, applied for real.

use crate::fake_gcp::FakeGcp;
use crate::stage::Stage;
use crate::support::{Cluster, Options, each_major};

const VARIABLES: [&str; 4] = [
    "--var",
    "PROJECT=shop-prod",
    "--var",
    "PROJECT_NUMBER=123456789012",
];

/// The file, the database it is for, and what must be there before it: admins, and users that only Google's API makes.
const POLICIES: [(&str, &str, &str); 4] = [
    ("knex.yaml", "myapp", ""),
    ("infrastream.yaml", "payments-db", ""),
    ("rails.yaml", "app_production", ""),
    (
        "reporting.yaml",
        "commerce",
        "CREATE ROLE deploy_admin LOGIN; CREATE ROLE \"ana@example.com\" LOGIN; CREATE ROLE \"analysts@example.com\" LOGIN;
         CREATE ROLE \"audit@shop-prod.iam\" LOGIN",
    ),
];

/// On an instance without any of the Cloud Run jobs and services: they are deployed later.
async fn applied(cluster: Cluster, file: &str) -> Stage {
    let stage = Stage::with(cluster);
    let text = std::fs::read_to_string(format!("{}/policies/{file}", env!("CARGO_MANIFEST_DIR")))
        .expect("the policy");
    stage.policy(&text);
    stage.apply(&VARIABLES).assert_status(0);
    stage
}

each_major! {
    async fn every_policy_is_applied_and_stays_applied(major: u32) {
        for (file, database, before) in POLICIES {
            let cluster = Cluster::with(major, Options::default().database(database));
            cluster.batch("postgres", before).await;
            let stage = applied(cluster, file).await;
            stage.fake.forget_requests();
            let again = stage.apply(&VARIABLES).assert_status(0);
            assert!(again.stdout.contains("nothing to do"), "{file}: {}", again.stdout);
            assert!(stage.fake.requests().iter().all(|seen| seen.method == "GET"), "{file}: apply writes");
            stage.fake.forget_requests();
            stage.run("check", &VARIABLES).assert_status(0);
            assert!(stage.fake.requests().iter().all(|seen| seen.method == "GET" && !seen.path.contains(":access")));
            every_stored_url_logs_in(&stage.cluster, &stage.fake, database).await;
        }
    }
}

async fn every_stored_url_logs_in(cluster: &Cluster, fake: &FakeGcp, database: &str) {
    let mut tried = 0;
    for stored in fake.payloads() {
        let Ok(url) = std::str::from_utf8(&stored.data)
            .expect("text")
            .parse::<tokio_postgres::Config>()
        else {
            continue;
        };
        let (Some(user), Some(password)) = (url.get_user(), url.get_password()) else {
            continue;
        };
        let password = std::str::from_utf8(password).expect("text");
        assert_eq!(url.get_dbname(), Some(database));
        cluster
            .connect_as(database, user, password)
            .await
            .unwrap_or_else(|error| panic!("{user}: {error:?}"));
        tried += 1;
    }
    assert!(
        tried > 0 || database == "app_production",
        "no URL among the payloads for {database}"
    );
}
