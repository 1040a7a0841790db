//! The vocabulary: parsed once, imported by everything, importing nothing but itself.

mod acl;
mod belonging;
mod call;
mod command;
mod iam;
mod login;
mod membership;
mod name;
mod object;
mod password;
mod payload;
mod policy;
mod presets;
mod privilege;
mod quote;
mod retirement;
mod role;
mod role_use;
mod row_security;
mod secret;
mod shape;
mod state;
mod unnameable;
mod unwritten;
mod view;

pub use acl::{Acl, AclError, AclItem, Grantee};
pub use belonging::{Belonging, BelongingKind, PublicationExtent};
pub use call::{Acting, Call, RunsAs};
pub use command::{Given, shell_command};
pub use iam::{IamKind, IamPrincipal, is_email};
pub use login::{Login, Logins, pair};
pub use membership::Membership;
pub use name::{
    DatabaseName, ExtensionName, InstanceName, NameError, ProjectId, RoleName, RolePattern,
    SchemaName, SecretId, SecretName, is_label,
};
pub use object::{Naming, Object, ObjectKind, RelationKind, RoutineKind};
pub use password::{Password, Payload, Verifier, VerifierError};
pub use payload::{Credential, Identity, NoCredential};
pub use policy::{
    Allow, CloudRunKind, DatabasePolicy, DeclaredGrant, DeclaredMembership, ExtensionPolicy,
    Lifecycle, LoginPolicy, Origin, PayloadFormat, Policy, Preset, PublicAccess, Reader,
    Replication, RolePolicy, Rotation, SchemaPolicy, SecretPolicy, Strategy, Target,
};
pub use presets::Presets;
pub use privilege::{Privilege, PrivilegeClass, Privileges};
pub use quote::{
    delimited_identifier, is_visible, marked, quote_identifier, quote_literal, server_identifier,
    visible_sql,
};
pub use retirement::{Retirement, Tie, TieKind};
pub use role::{Role, Setting};
pub use role_use::{RoleUse, RoleUseKind};
pub use row_security::{RowPolicy, RowSecurity, SecuredTable, SecuredView};
pub use secret::{
    Annotations, Binding, CloudRunHolder, CloudRunReference, PayloadAccess, Secret, Version,
    VersionState,
};
pub use shape::Shape;
pub use state::{
    ClosedDatabase, Database, DefaultPrivilege, DefaultsFor, Dependence, Elsewhere, Encoding,
    Extension, Group, ReadOnlySetting, Server, State, Tried,
};
pub use unnameable::{number_of, numbered_name, shown_name};
pub use view::{By, Shown, View};
