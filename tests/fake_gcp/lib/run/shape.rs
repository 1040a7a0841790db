//! The fields of the v2 resources, <https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services>,
//! <https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs>. What refers to secrets is read closely,
//! the rest is taken as it is.

use super::super::enums::{
    EXECUTION_ENVIRONMENT, INGRESS, LAUNCH_STAGE, MEDIUM, REVOCATION, TRAFFIC_TARGET, VPC_EGRESS,
};
use super::super::shape::Shape;
use super::Kind;

const ANY: Shape = Shape::Any;

const SECRET_KEY: Shape = Shape::Message(&[("secret", Shape::Str), ("version", Shape::Str)]);

const ENV: Shape = Shape::Message(&[
    ("name", Shape::Str),
    ("value", Shape::Str),
    (
        "valueSource",
        Shape::Message(&[("secretKeyRef", SECRET_KEY)]),
    ),
]);

const CONTAINER: Shape = Shape::Message(&[
    ("args", ANY),
    ("baseImageUri", ANY),
    ("buildInfo", ANY),
    ("command", ANY),
    ("dependsOn", ANY),
    ("env", Shape::List(&ENV)),
    ("image", Shape::Str),
    ("livenessProbe", ANY),
    ("name", Shape::Str),
    ("ports", ANY),
    ("readinessProbe", ANY),
    ("resources", ANY),
    ("sourceCode", ANY),
    ("startupProbe", ANY),
    ("volumeMounts", ANY),
    ("workingDir", ANY),
]);

const ITEM: Shape = Shape::Message(&[
    ("path", Shape::Str),
    ("version", Shape::Str),
    ("mode", Shape::Int64),
]);

const VOLUME: Shape = Shape::Message(&[
    ("cloudSqlInstance", ANY),
    (
        "emptyDir",
        Shape::Message(&[("medium", Shape::Enum(&MEDIUM)), ("sizeLimit", Shape::Str)]),
    ),
    ("gcs", ANY),
    ("name", Shape::Str),
    ("nfs", ANY),
    (
        "secret",
        Shape::Message(&[
            ("secret", Shape::Str),
            ("items", Shape::List(&ITEM)),
            ("defaultMode", Shape::Int64),
        ]),
    ),
]);

const VPC_ACCESS: Shape = Shape::Message(&[
    ("connector", Shape::Str),
    ("egress", Shape::Enum(&VPC_EGRESS)),
    ("networkInterfaces", ANY),
]);

const TASK: Shape = Shape::Message(&[
    ("containers", Shape::List(&CONTAINER)),
    ("encryptionKey", ANY),
    ("executionEnvironment", Shape::Enum(&EXECUTION_ENVIRONMENT)),
    ("gpuZonalRedundancyDisabled", ANY),
    ("maxRetries", ANY),
    ("nodeSelector", ANY),
    ("serviceAccount", Shape::Str),
    ("timeout", Shape::Duration),
    ("volumes", Shape::List(&VOLUME)),
    ("vpcAccess", VPC_ACCESS),
]);

const EXECUTION: Shape = Shape::Message(&[
    ("annotations", ANY),
    ("labels", ANY),
    ("parallelism", ANY),
    ("taskCount", ANY),
    ("template", TASK),
]);

const REVISION: Shape = Shape::Message(&[
    ("annotations", ANY),
    ("containers", Shape::List(&CONTAINER)),
    ("encryptionKey", ANY),
    ("encryptionKeyRevocationAction", Shape::Enum(&REVOCATION)),
    ("encryptionKeyShutdownDuration", ANY),
    ("executionEnvironment", Shape::Enum(&EXECUTION_ENVIRONMENT)),
    ("gpuZonalRedundancyDisabled", ANY),
    ("healthCheckDisabled", ANY),
    ("labels", ANY),
    ("maxInstanceRequestConcurrency", ANY),
    ("nodeSelector", ANY),
    ("revision", Shape::Str),
    ("scaling", ANY),
    ("serviceAccount", Shape::Str),
    ("serviceMesh", ANY),
    ("sessionAffinity", ANY),
    ("timeout", Shape::Duration),
    ("volumes", Shape::List(&VOLUME)),
    ("vpcAccess", VPC_ACCESS),
]);

const TRAFFIC: Shape = Shape::Message(&[
    ("percent", Shape::Int64),
    ("revision", Shape::Str),
    ("tag", Shape::Str),
    ("type", Shape::Enum(&TRAFFIC_TARGET)),
]);

/// What both have and nobody sets: clients send it back as they read it.
const JOB: Shape = Shape::Message(&[
    ("annotations", ANY),
    ("binaryAuthorization", ANY),
    ("client", ANY),
    ("clientVersion", ANY),
    ("conditions", ANY),
    ("createTime", ANY),
    ("creator", ANY),
    ("deleteTime", ANY),
    ("etag", Shape::Str),
    ("executionCount", ANY),
    ("expireTime", ANY),
    ("generation", ANY),
    ("labels", ANY),
    ("lastModifier", ANY),
    ("latestCreatedExecution", ANY),
    ("launchStage", Shape::Enum(&LAUNCH_STAGE)),
    ("name", Shape::Str),
    ("observedGeneration", ANY),
    ("reconciling", ANY),
    ("runExecutionToken", ANY),
    ("satisfiesPzs", ANY),
    ("startExecutionToken", ANY),
    ("template", EXECUTION),
    ("terminalCondition", ANY),
    ("uid", ANY),
    ("updateTime", ANY),
]);

const SERVICE: Shape = Shape::Message(&[
    ("annotations", ANY),
    ("binaryAuthorization", ANY),
    ("buildConfig", ANY),
    ("client", ANY),
    ("clientVersion", ANY),
    ("conditions", ANY),
    ("createTime", ANY),
    ("creator", ANY),
    ("customAudiences", ANY),
    ("defaultUriDisabled", ANY),
    ("deleteTime", ANY),
    ("description", ANY),
    ("etag", Shape::Str),
    ("expireTime", ANY),
    ("generation", ANY),
    ("iapEnabled", ANY),
    ("ingress", Shape::Enum(&INGRESS)),
    ("invokerIamDisabled", ANY),
    ("labels", ANY),
    ("lastModifier", ANY),
    ("latestCreatedRevision", ANY),
    ("latestReadyRevision", ANY),
    ("launchStage", Shape::Enum(&LAUNCH_STAGE)),
    ("multiRegionSettings", ANY),
    ("name", Shape::Str),
    ("observedGeneration", ANY),
    ("reconciling", ANY),
    ("satisfiesPzs", ANY),
    ("scaling", ANY),
    ("template", REVISION),
    ("terminalCondition", ANY),
    ("threatDetectionEnabled", ANY),
    ("traffic", Shape::List(&TRAFFIC)),
    ("trafficStatuses", ANY),
    ("uid", ANY),
    ("updateTime", ANY),
    ("uri", ANY),
    ("urls", ANY),
]);

impl Kind {
    /// The form of the resource.
    pub fn shape(self) -> &'static Shape {
        match self {
            Kind::Job => &JOB,
            Kind::Service => &SERVICE,
        }
    }

    /// What an update can change.
    pub fn writable(self) -> &'static [&'static str] {
        match self {
            Kind::Job => &[
                "annotations",
                "binaryAuthorization",
                "client",
                "clientVersion",
                "labels",
                "launchStage",
                "template",
            ],
            Kind::Service => &[
                "annotations",
                "binaryAuthorization",
                "buildConfig",
                "client",
                "clientVersion",
                "customAudiences",
                "defaultUriDisabled",
                "description",
                "iapEnabled",
                "ingress",
                "invokerIamDisabled",
                "labels",
                "launchStage",
                "multiRegionSettings",
                "scaling",
                "template",
                "threatDetectionEnabled",
                "traffic",
            ],
        }
    }
}
