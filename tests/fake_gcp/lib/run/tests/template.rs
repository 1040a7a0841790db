//! What Cloud Run adds to a template, and what it takes of a request.

use serde_json::{Value, json};

use super::super::super::ask::{ask, must, refused};
use super::super::super::error::Code;
use super::super::super::world::World;

const JOBS: &str = "/v2/projects/p/locations/europe-west1/jobs";
const SERVICES: &str = "/v2/projects/p/locations/europe-west1/services";

/// The job as it is read after it was created with these containers.
fn job(containers: &Value) -> Value {
    let mut world = World::default();
    let body = json!({"template": {"template": {"containers": containers}}});
    must(&mut world, &format!("POST {JOBS}?jobId=j"), &body);
    let mut read = must(&mut world, &format!("GET {JOBS}/j"), &Value::Null);
    read["template"]["template"].take()
}

fn service(template: &Value) -> Value {
    let mut world = World::default();
    must(
        &mut world,
        &format!("POST {SERVICES}?serviceId=s"),
        &json!({ "template": template }),
    );
    must(&mut world, &format!("GET {SERVICES}/s"), &Value::Null)
}

fn memory(container: &Value) -> &Value {
    &container["resources"]["limits"]["memory"]
}

#[test]
fn the_memory_of_a_job_is_shared_by_its_containers() {
    let one = job(&json!([{"image": "x"}]));
    assert_eq!(memory(&one["containers"][0]), "512Mi");
    let two =
        job(&json!([{"image": "x"}, {"image": "y", "resources": {"limits": {"memory": "1Gi"}}}]));
    assert_eq!(
        (memory(&two["containers"][0]), memory(&two["containers"][1])),
        (&json!("256Mi"), &json!("1Gi"))
    );
    assert_eq!(two["containers"][0]["resources"]["limits"]["cpu"], "1000m");
    assert_eq!(one["executionEnvironment"], "EXECUTION_ENVIRONMENT_GEN2");
}

#[test]
fn probes_get_the_port_of_the_container_and_their_defaults() {
    let probe = |port: u16| json!({"failureThreshold": 3, "httpGet": {"path": "/", "port": port}, "periodSeconds": 10, "timeoutSeconds": 1});
    for (given, expected) in [
        (json!({"httpGet": {"path": "/"}}), probe(8080)),
        (json!({"httpGet": {"path": "/", "port": 8081}}), probe(8081)),
        (
            json!({"tcpSocket": {}, "periodSeconds": 2}),
            json!({"failureThreshold": 3, "tcpSocket": {"port": 8080}, "periodSeconds": 2, "timeoutSeconds": 1}),
        ),
    ] {
        for field in ["startupProbe", "livenessProbe"] {
            let read = job(&json!([{"image": "x", field: given}]));
            assert_eq!(read["containers"][0][field], expected, "{field}");
        }
    }
    let other = job(
        &json!([{"image": "x", "ports": [{"containerPort": 9000}], "startupProbe": {"grpc": {}}}]),
    );
    assert_eq!(
        other["containers"][0]["startupProbe"]["grpc"],
        json!({"port": 9000})
    );
    assert_eq!(
        job(&json!([{"image": "x"}]))["containers"][0].get("startupProbe"),
        None
    );
}

#[test]
fn a_service_listens_on_a_port_and_is_probed_there() {
    let bare = service(&json!({"containers": [{"image": "x"}]}));
    let probe = |port: u16| json!({"timeoutSeconds": 240, "periodSeconds": 240, "failureThreshold": 1, "tcpSocket": {"port": port}});
    let container = &bare["template"]["containers"][0];
    assert_eq!(
        container["ports"],
        json!([{"name": "http1", "containerPort": 8080}])
    );
    assert_eq!(container["startupProbe"], probe(8080));
    assert_eq!(
        container["resources"],
        json!({"limits": {"cpu": "1000m", "memory": "512Mi"}, "cpuIdle": true})
    );
    assert_eq!(bare["template"].get("executionEnvironment"), None);

    let sidecar = service(&json!({"containers": [
        {"image": "x", "ports": [{"containerPort": 9000}], "resources": {"limits": {"cpu": "2"}}}, {"image": "proxy"},
    ]}));
    let containers = &sidecar["template"]["containers"];
    assert_eq!(
        containers[0]["ports"],
        json!([{"name": "http1", "containerPort": 9000}])
    );
    assert_eq!(containers[0]["startupProbe"], probe(9000));
    assert_eq!(
        containers[0]["resources"].get("cpuIdle"),
        None,
        "it is said with the rest, or is false"
    );
    assert_eq!(
        (
            containers[1].get("ports"),
            containers[1].get("startupProbe")
        ),
        (None, None)
    );
}

#[test]
fn cloud_sql_sockets_lie_below_cloudsql_wherever_they_were_asked_for() {
    let mut world = World::default();
    let volume = json!({"name": "sql", "cloudSqlInstance": {"instances": ["p:r:i"]}});
    for given in [
        json!({"name": "sql", "mountPath": "/elsewhere"}),
        json!({"name": "sql"}),
    ] {
        let mounts = json!([given, {"name": "files", "mountPath": "/files"}]);
        let task = json!({"containers": [{"image": "x", "volumeMounts": mounts}],
            "volumes": [volume, {"name": "files", "emptyDir": {"medium": "MEMORY"}}]});
        must(
            &mut world,
            &format!("PATCH {JOBS}/j?allowMissing=true"),
            &json!({"template": {"template": task}}),
        );
        let read = must(&mut world, &format!("GET {JOBS}/j"), &Value::Null);
        let mounts = &read["template"]["template"]["containers"][0]["volumeMounts"];
        assert_eq!(
            (&mounts[0]["mountPath"], &mounts[1]["mountPath"]),
            (&json!("/cloudsql"), &json!("/files"))
        );
    }
}

#[test]
fn null_is_what_is_not_said() {
    let given = json!([{"image": "x", "startupProbe": {"grpc": null, "httpGet": null, "tcpSocket": {"port": 1}}, "args": null}]);
    let read = job(&given);
    let container = &read["containers"][0];
    assert_eq!(
        (container["startupProbe"].get("grpc"), container.get("args")),
        (None, None)
    );
}

#[test]
fn enums_come_as_names_or_numbers_and_are_answered_as_asked() {
    let mut world = World::default();
    let numbers = "%24alt=json%3Benum-encoding%3Dint";
    let task = json!({"containers": [{"image": "x"}], "executionEnvironment": 1,
        "vpcAccess": {"egress": 2, "connector": "c"}});
    let body = json!({"launchStage": 3, "template": {"template": task}});
    must(&mut world, &format!("POST {JOBS}?jobId=j&{numbers}"), &body);
    let read = must(&mut world, &format!("GET {JOBS}/j"), &Value::Null);
    assert_eq!(read["launchStage"], "BETA");
    let task = &read["template"]["template"];
    assert_eq!(task["executionEnvironment"], "EXECUTION_ENVIRONMENT_GEN1");
    assert_eq!(task["vpcAccess"]["egress"], "PRIVATE_RANGES_ONLY");

    let unspecified =
        json!({"launchStage": 0, "template": {"template": {"containers": [{"image": "x"}]}}});
    must(&mut world, &format!("POST {JOBS}?jobId=k"), &unspecified);
    assert_eq!(
        must(&mut world, &format!("GET {JOBS}/k"), &Value::Null)["launchStage"],
        "GA"
    );
    let wrong =
        json!({"launchStage": "FINE", "template": {"template": {"containers": [{"image": "x"}]}}});
    let (code, message) = refused(&mut world, &format!("POST {JOBS}?jobId=l"), &wrong);
    assert_eq!(code, Code::InvalidArgument);
    assert!(
        message.contains("Invalid value at 'launch_stage'") && message.contains("FINE"),
        "{message}"
    );
    assert!(ask(&mut world, &format!("GET {JOBS}/l"), &Value::Null).is_err());
}
