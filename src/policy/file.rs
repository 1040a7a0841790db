//! The shapes of the YAML, key by key: the reader and the JSON Schema are both made from them. They never leave `policy`.

use super::choice::{AccessList, Presence, Reader, Replication, Version};
use super::read::{Brief, FromName, Located, Named};
use super::scalar::AnyScalar;
use super::shape::shape;
use crate::model::{LoginPolicy, PublicAccess, Strategy};

/// A list, each item with its place.
pub(super) type List<T> = Vec<Located<T>>;

shape! {
    /// Least privilege on a Cloud SQL for PostgreSQL instance. `${NAME}` may stand in any value.
    File {
        /// The version of this format: 1.
        version: Located<Version>,
        /// The instance connection name, `project:region:instance`.
        instance: Option<Located<String>>,
        /// The project of the secrets; the instance's by default.
        project: Option<Located<String>>,
        /// The managed databases. They must exist.
        databases: Option<Located<Named<Database>>>,
        /// The declared roles.
        roles: Option<Located<Named<Role>>>,
        /// Roles that may reach everything; `postgres` always may.
        admins: Option<Located<List<String>>>,
        /// What belongs to other people.
        ignore: Option<Located<Ignore>>,
        /// Findings that are accepted.
        allow: Option<Located<List<Allow>>>,
    }
}

shape! {
    /// A managed database.
    Database {
        /// The managed schemas; made when missing.
        schemas: Option<Located<List<Brief<Schema>>>>,
        /// The extensions it has; not judged if absent.
        extensions: Option<Located<List<Brief<Extension>>>>,
        /// What PUBLIC may have on what is managed: nothing (`none`, the default) or PostgreSQL's defaults (`keep`).
        public: Option<Located<PublicAccess>>,
    }
}

shape! {
    /// A managed schema.
    Schema {
        /// Its name, exact.
        name: Located<String>,
        /// Whether it is made when missing; true by default.
        create: Option<Located<bool>>,
    }
}

shape! {
    /// An extension.
    Extension {
        /// Its name, exact.
        name: Located<String>,
        /// The schema it must be in; any by default.
        schema: Option<Located<String>>,
        /// The version it must have, quoted; any by default.
        version: Option<Located<String>>,
    }
}

shape! {
    /// A declared role.
    Role {
        /// A preset on every schema of this file, or a map from presets to schemas.
        access: Option<Located<AccessList>>,
        /// Further grants.
        grants: Option<Located<List<Grant>>>,
        /// Roles it is a member of.
        member_of: Option<Located<List<Brief<Membership>>>>,
        /// The secret that holds its password; a role with a secret logs in by password.
        secret: Option<Located<Secret>>,
        /// How its password is replaced.
        rotate: Option<Located<Rotate>>,
        /// `external`: it logs in with a password that is kept elsewhere, and is neither read nor changed. Without `login`,
        /// `secret` or `iam` a role does not log in.
        login: Option<Located<LoginPolicy>>,
        /// IAM principals that log in as database users and are members of this role.
        iam: Option<Located<List<String>>>,
        /// `ALTER ROLE … SET` on every login of the role.
        settings: Option<Located<Named<AnyScalar>>>,
        /// Connections that each login of the role may have; -1 is no limit.
        #[schemars(range(min = -1, max = i32::MAX))]
        connection_limit: Option<Located<i64>>,
        /// CREATE on every database it has access to.
        create_schemas: Option<Located<bool>>,
        /// `absent` retires the role.
        state: Option<Located<Presence>>,
        /// With `state: absent`: who gets what the role owns and no `ddl` role of the schema takes.
        heir: Option<Located<String>>,
    }
}

shape! {
    /// Privileges on one object, or on all of a kind in a schema.
    Grant {
        /// For example `[SELECT, INSERT]`.
        privileges: Located<List<String>>,
        /// The kind, then the name as in SQL: `table public.orders`, `function audit.log(text)`, `column public.users(email)`.
        object: Located<String>,
        /// The database it is in, where there are several.
        database: Option<Located<String>>,
        /// WITH GRANT OPTION.
        grantable: Option<Located<bool>>,
    }
}

shape! {
    /// A membership with its options.
    Membership {
        /// The role to be a member of.
        role: Located<String>,
        /// Its privileges count without SET ROLE; true by default.
        inherit: Option<Located<bool>>,
        /// SET ROLE to it is allowed; true by default.
        set: Option<Located<bool>>,
        /// May grant it on; false by default.
        admin: Option<Located<bool>>,
    }
}

shape! {
    /// A secret of Secret Manager.
    Secret {
        /// Its id.
        name: Located<String>,
        /// Its project; the file's `project` or the instance's by default.
        project: Option<Located<String>>,
        /// `password` (the default), `url`, `json`, or a text with `{password}` and, if wanted, `{user} {host} {port} {database}`.
        payload: Option<Located<String>>,
        /// The host in the payload; the instance's socket directory by default.
        host: Option<Located<String>>,
        /// The port in the payload; 5432 by default.
        #[schemars(range(min = 1, max = u16::MAX))]
        port: Option<Located<i64>>,
        /// The database in the payload; the only one by default.
        database: Option<Located<String>>,
        /// The readers; none by default.
        readers: Option<Located<List<Reader>>>,
        /// Where Secret Manager keeps it: `automatic` (the default) or regions.
        replication: Option<Located<Replication>>,
        /// Versions kept; 2 by default.
        #[schemars(range(min = 1, max = u32::MAX))]
        keep: Option<Located<i64>>,
        /// Labels.
        labels: Option<Located<Named<String>>>,
    }
}

shape! {
    /// A Cloud Run job or service; its service account reads.
    CloudRun {
        /// `[PROJECT/]REGION/JOB`
        cloud_run_job: Option<Located<String>>,
        /// `[PROJECT/]REGION/SERVICE`
        cloud_run_service: Option<Located<String>>,
        /// The account it is to run as, bound even before it exists.
        service_account: Option<Located<String>>,
    }
}

shape! {
    /// Rotation of the password.
    Rotate {
        /// `single`: the role logs in itself; `alternate`: the logins `_a` and `_b` take turns.
        strategy: Option<Located<Strategy>>,
        /// Time between rotations, for example `30d`; never due by default.
        every: Option<Located<String>>,
        /// The least time the old password stays valid; `24h` by default.
        grace: Option<Located<String>>,
        /// The time after which the server refuses the old password, even if it is in use; never by default.
        deadline: Option<Located<String>>,
    }
}

shape! {
    /// Other people's roles: reported by no finding, touched by nothing.
    Ignore {
        /// Names, in which `*` stands for anything.
        roles: Option<Located<List<String>>>,
    }
}

shape! {
    /// A finding that is accepted.
    Allow {
        /// The rule of the finding.
        rule: Located<String>,
        /// The role it names.
        role: Option<Located<String>>,
        /// The object it names, as the finding prints it.
        object: Option<Located<String>>,
        /// The privilege it names.
        privilege: Option<Located<String>>,
        /// Why it is accepted.
        reason: Located<String>,
        /// The last day it is, `YYYY-MM-DD`.
        until: Option<Located<String>>,
    }
}

impl FromName for Schema {
    fn from_name(name: Located<String>) -> Self {
        Self { name, create: None }
    }
}

impl FromName for Extension {
    fn from_name(name: Located<String>) -> Self {
        Self {
            name,
            schema: None,
            version: None,
        }
    }
}

impl FromName for Membership {
    fn from_name(role: Located<String>) -> Self {
        Self {
            role,
            inherit: None,
            set: None,
            admin: None,
        }
    }
}
