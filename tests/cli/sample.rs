//! Values made by hand: one of everything that can be printed.

use std::collections::BTreeMap;

use rolewright::model::{
    DatabaseName, DefaultPrivilege, DefaultsFor, Given, Grantee, InstanceName, Login, Logins,
    Membership, Object, ObjectKind, Origin, Privilege, Privileges, ProjectId, RelationKind,
    RoleName, SchemaName, SecretId, SecretName, Server, Setting, Strategy, VersionState,
};
use rolewright::output::{Diagnostic, Validation};
use rolewright::plan::{
    Attribute, Change, Credential, CredentialSource, Edge, Extent, Failure, Finding, Grounds,
    InstanceVerdict, Pending, Plan, Refusal, RefusalCause, Rule, Severity, Step, Verdict, Withheld,
};
use rolewright::policy::{Source, Variables, load};

fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

/// The first login of `app_user`, as its policy declares it.
fn login() -> Login {
    let text = "{version: 1, instance: acme:us-central1:payments, databases: {payments: {schemas: [public]}}, roles: {app_user: \
        {access: dml, secret: {name: db-app-url, payload: url}, rotate: {strategy: alternate}}}}";
    let source = Source {
        name: "payments.yaml".into(),
        text: text.into(),
    };
    let policy = load(&[source], &Variables::default())
        .unwrap_or_else(|problems| panic!("{problems}"))
        .remove(0);
    Logins::of(&policy, &role("app_user"), &BTreeMap::new()).declared()[0].clone()
}

fn database() -> DatabaseName {
    DatabaseName::new("payments").unwrap()
}

fn schema(name: &str) -> SchemaName {
    SchemaName::new(name).unwrap()
}

fn instance() -> InstanceName {
    InstanceName::new("acme:us-central1:payments").unwrap()
}

fn secret() -> SecretName {
    SecretName {
        project: ProjectId::new("acme").unwrap(),
        id: SecretId::new("db-app-url").unwrap(),
    }
}

fn table(name: &str) -> Object {
    Object::InSchema {
        kind: ObjectKind::Relation(RelationKind::Table),
        schema: schema("public"),
        name: name.into(),
    }
}

fn origin(line: usize, column: usize) -> Origin {
    Origin {
        file: "policies/payments.yaml".into(),
        line,
        column,
    }
}

fn step(rule: Rule, change: Change) -> Step {
    Step {
        change,
        rule,
        path: Vec::new(),
        asked: None,
        origin: Some(origin(12, 3)),
        by_run: false,
    }
}

fn roles_of_the_instance() -> Vec<Step> {
    let edge = Edge {
        role: role("app_user"),
        member: role("app_user_a"),
        admin: false,
        inherit: true,
        set: true,
    };
    let membership = Membership {
        role: role("cloudsqlsuperuser"),
        member: role("app_user"),
        grantor: role("postgres"),
        admin: false,
        inherit: true,
        set: true,
    };
    let setting = |parameter: &str, value: &str, database| Setting {
        database,
        parameter: parameter.into(),
        value: value.into(),
    };
    vec![
        step(
            Rule::RoleMissing,
            Change::CreateRole {
                role: role("app_user_a"),
                login: false,
                inherit: false,
                connection_limit: 20,
            },
        ),
        step(
            Rule::RoleAttribute,
            Change::AlterRole {
                role: role("app_user"),
                attributes: vec![Attribute::Login(false), Attribute::CreateDb(false)],
            },
        ),
        step(
            Rule::RoleSetting,
            Change::SetParameter {
                role: role("migration_user"),
                setting: setting("lock_timeout", "5s", None),
            },
        ),
        step(
            Rule::RoleSetting,
            Change::ResetParameter {
                role: role("app_user"),
                setting: setting("search_path", "\"$user\", evil", Some(database())),
            },
        ),
        step(Rule::MembershipMissing, Change::GrantMembership { edge }),
        step(
            Rule::MembershipUnexpected,
            Change::RevokeMembership {
                membership,
                cascade: Vec::new(),
            },
        ),
    ]
}

fn objects_of_the_database() -> Vec<Step> {
    let default = DefaultPrivilege {
        owner: role("migration_user"),
        schema: Some(schema("public")),
        objects: DefaultsFor::Tables,
        grantee: Grantee::Role(role("app_user")),
        privileges: Privileges::of(&[Privilege::Select, Privilege::Insert]),
        grantable: Privileges::NONE,
    };
    let public = DefaultPrivilege {
        schema: None,
        objects: DefaultsFor::Routines,
        grantee: Grantee::Public,
        privileges: Privileges::of(&[Privilege::Execute]),
        ..default.clone()
    };
    let extension = rolewright::model::ExtensionName::new("uuid-ossp").unwrap();
    let mut revoke = step(
        Rule::GrantUnexpected,
        Change::Revoke {
            database: database(),
            objects: [table("orders")].into(),
            owner: role("migration_user"),
            grantor: role("migration_user"),
            grantee: Grantee::Role(role("app_user")),
            privileges: Privileges::of(&[Privilege::Truncate]),
            extent: Extent::Privileges,
            cascade: Vec::new(),
            via: None,
        },
    );
    revoke.path = vec![
        "app_user".into(),
        "TRUNCATE on table public.orders granted by migration_user".into(),
    ];
    revoke.origin = None;
    vec![
        step(
            Rule::SchemaMissing,
            Change::CreateSchema {
                database: database(),
                schema: schema("audit"),
            },
        ),
        step(
            Rule::ExtensionMissing,
            Change::CreateExtension {
                database: database(),
                extension: extension.clone(),
                schema: schema("public"),
                version: Some("1.1".into()),
            },
        ),
        step(
            Rule::ExtensionVersion,
            Change::UpdateExtension {
                database: database(),
                extension,
                owner: role("cloudsqlsuperuser"),
                version: "1.2".into(),
            },
        ),
        step(
            Rule::OwnerUnexpected,
            Change::ChangeOwner {
                creates_by: None,
                database: database(),
                objects: [table("orders"), table("users")].into(),
                from: role("postgres"),
                to: role("migration_user"),
            },
        ),
        step(
            Rule::GrantMissing,
            Change::Grant {
                database: database(),
                objects: ["orders", "users", "Items", "lines"].map(table).into(),
                owner: role("migration_user"),
                grantee: Grantee::Role(role("app_user")),
                privileges: Privileges::of(&[
                    Privilege::Select,
                    Privilege::Insert,
                    Privilege::Update,
                    Privilege::Delete,
                ]),
                grantable: false,
            },
        ),
        revoke,
        step(
            Rule::DefaultMissing,
            Change::GrantDefault {
                database: database(),
                default,
            },
        ),
        step(
            Rule::DefaultUnexpected,
            Change::RevokeDefault {
                database: database(),
                default: public,
                extent: Extent::Privileges,
            },
        ),
    ]
}

fn credentials_and_readers() -> Vec<Step> {
    let member = |name: &str| format!("serviceAccount:{name}@acme.iam.gserviceaccount.com");
    vec![
        step(
            Rule::SecretMissing,
            Change::CreateSecret {
                secret: secret(),
                role: role("app_user"),
            },
        ),
        step(
            Rule::SecretMissing,
            Change::Credential {
                role: role("app_user"),
                login: login(),
                secret: secret(),
                strategy: Strategy::Alternate,
                source: CredentialSource::Generate,
            },
        ),
        step(
            Rule::BindingMissing,
            Change::Bind {
                secret: secret(),
                member: member("api"),
            },
        ),
        step(
            Rule::BindingUnexpected,
            Change::Unbind {
                secret: secret(),
                member: member("old"),
            },
        ),
    ]
}

/// A plan with every kind of change but one, something pending, withheld for either reason, and a note.
pub fn plan() -> Plan {
    let steps = [
        roles_of_the_instance(),
        objects_of_the_database(),
        credentials_and_readers(),
    ]
    .concat();
    Plan {
        instance: Some(instance()),
        server: Server::default(),
        steps,
        withheld: vec![
            Withheld {
                findings: vec![Finding {
                    object: Some("function public.pay(integer)".into()),
                    ..finding(
                        Rule::OwnerUnexpected,
                        "function public.pay(integer) belongs to legacy, not to migration_user",
                    )
                }],
                summary: None,
                reason: "it is SECURITY DEFINER: it would run with the rights of migration_user"
                    .into(),
                advice: "review it, then run with --take-over".into(),
                grounds: Grounds::Decision,
            },
            Withheld {
                findings: vec![finding(Rule::RoleAttribute, "app_user is SUPERUSER")],
                summary: None,
                reason: "only a superuser can change it".into(),
                advice: "ALTER ROLE app_user NOSUPERUSER, as a superuser".into(),
                grounds: Grounds::Rights,
            },
        ],
        pending: vec![Pending {
            role: role("auditor"),
            database: database(),
            grant: "SELECT on table public.later".into(),
            origin: origin(31, 9),
        }],
        refusals: Vec::new(),
        notes: vec![accepted()],
        iam_only: Vec::new(),
        members: BTreeMap::new(),
        given: Given {
            files: vec!["policies/".into()],
            options: Vec::new(),
        },
    }
}

/// A plan without a change.
pub fn nothing() -> Plan {
    Plan {
        steps: Vec::new(),
        withheld: Vec::new(),
        pending: Vec::new(),
        refusals: Vec::new(),
        notes: Vec::new(),
        iam_only: Vec::new(),

        ..plan()
    }
}

/// A plan that nothing is done of.
pub fn refused() -> Plan {
    let refusal = Refusal {
        message: "database `ledger` does not exist".into(),
        hint: "gcloud sql databases create ledger --instance=payments".into(),
        cause: RefusalCause::Instance,
    };
    Plan {
        refusals: vec![refusal],
        ..nothing()
    }
}

fn finding(rule: Rule, message: &str) -> Finding {
    Finding {
        instance: Some(instance()),
        database: Some(database()),
        ..Finding::new(rule, message)
    }
}

fn accepted() -> Finding {
    Finding {
        role: Some("auditor".into()),
        object: Some("table public.accounts".into()),
        privilege: Some("SELECT".into()),
        allowed: Some("year-end audit, TICKET-431".into()),
        origin: Some(origin(40, 5)),
        ..finding(
            Rule::GrantUnexpected,
            "auditor holds SELECT on table public.accounts",
        )
    }
}

/// Drift that the policy speaks of, drift it does not, a warning, and what was accepted; hostile names among them.
pub fn drift() -> Verdict {
    let reachable = Finding {
        role: Some("app_user".into()),
        object: Some("table public.orders".into()),
        privilege: Some("TRUNCATE".into()),
        path: [
            "app_user",
            "member of reporting",
            "TRUNCATE on table public.orders granted by migration_user",
        ]
        .map(String::from)
        .to_vec(),
        fix: Some("REVOKE \"reporting\" FROM \"app_user\"".into()),
        origin: Some(origin(14, 3)),
        ..finding(
            Rule::PrivilegeEffective,
            "app_user can TRUNCATE table public.orders",
        )
    };
    let hostile = Finding {
        role: Some("x\u{1b}[2J|`<b>".into()),
        ..finding(
            Rule::RoleUndeclared,
            "role \"x\u{1b}[2J|`<b>\n::error::y\" can reach 100% of public, and more",
        )
    };
    let warning = Finding {
        severity: Severity::Warning,
        object: Some("function public.balance_of(uuid)".into()),
        ..finding(
            Rule::PrivilegeEffective,
            "function public.balance_of(uuid) is SECURITY DEFINER",
        )
    };
    let binding = Finding {
        database: None,
        role: Some("app_user".into()),
        object: Some(secret().to_string()),
        ..finding(
            Rule::BindingMissing,
            "serviceAccount:api@acme.iam.gserviceaccount.com may not read it",
        )
    };
    verdict(
        vec![reachable, hostile, warning, binding, accepted()],
        Vec::new(),
    )
}

/// A verdict over an instance where everything is as it should be.
pub fn in_sync() -> Verdict {
    verdict(vec![accepted()], Vec::new())
}

/// A verdict that is none.
pub fn unknown() -> Verdict {
    let failure = Failure {
        causes: vec![
            "cannot read the IAM policy of `projects/acme/secrets/db-app-url`".into(),
            "403 Forbidden".into(),
        ],
        hint: Some("grant secretmanager.secrets.getIamPolicy".into()),
    };
    verdict(Vec::new(), vec![failure])
}

fn verdict(findings: Vec<Finding>, errors: Vec<Failure>) -> Verdict {
    let credential = Credential {
        role: role("app_user"),
        strategy: Strategy::Alternate,
        login: Some(role("app_user_b")),
        secret: secret(),
        version: Some(4),
        state: Some(VersionState::Enabled),
        published: Some("2026-11-01T03:00:00Z".into()),
    };
    let file = Some("policies/payments.yaml".into());
    let one = InstanceVerdict {
        instance: Some(instance()),
        file,
        errors,
        findings,
        credentials: vec![credential],
    };
    Verdict {
        instances: vec![one],
    }
}

/// One good file, and one with an error and a warning.
pub fn validation() -> Validation {
    let one = |severity, line, message: &str, hint: Option<&str>| Diagnostic {
        severity,
        origin: Origin {
            file: "policies/app.yaml".into(),
            line,
            column: 7,
        },
        message: message.into(),
        hint: hint.map(String::from),
    };
    Validation {
        files: vec!["policies/app.yaml".into(), "policies/base.yaml".into()],
        diagnostics: vec![
            one(
                Severity::Error,
                14,
                "unknown privilege `SELCT` on a table",
                Some("did you mean `SELECT`?"),
            ),
            one(
                Severity::Warning,
                20,
                "`every` is shorter than `grace`",
                None,
            ),
        ],
    }
}

/// Files nothing is wrong with.
pub fn valid() -> Validation {
    Validation {
        files: vec!["policies/app.yaml".into()],
        diagnostics: Vec::new(),
    }
}
