//! Command lines of `gcloud`, to be copied into a shell.

use crate::model::{
    DatabaseName, IamKind, IamPrincipal, InstanceName, RoleName, SecretName, shell_command,
};

/// Makes a database.
pub fn create_database(instance: Option<&InstanceName>, database: &DatabaseName) -> String {
    let [instance, project] = of_instance(instance);
    named(
        ["gcloud", "sql", "databases", "create"],
        database.as_str(),
        &[&instance, &project],
    )
}

/// Makes the database user of a principal. Without the type Cloud SQL would make one of another kind of the same name, which
/// cannot log in.
pub fn create_user(instance: Option<&InstanceName>, principal: &IamPrincipal) -> String {
    let kind = match principal.kind() {
        IamKind::User => "--type=cloud_iam_user",
        IamKind::ServiceAccount => "--type=cloud_iam_service_account",
        IamKind::Group => "--type=cloud_iam_group",
    };
    let [instance, project] = of_instance(instance);
    named(
        ["gcloud", "sql", "users", "create"],
        principal.account(),
        &[&instance, &project, kind],
    )
}

/// Makes a database user a member of roles, or, with `--revoke-existing-roles`, of none.
/// <https://cloud.google.com/sdk/gcloud/reference/sql/users/assign-roles>
pub fn assign_roles(
    instance: Option<&InstanceName>,
    user: &RoleName,
    kind: UserKind,
    roles: &str,
) -> String {
    let kind = match kind {
        UserKind::BuiltIn => "--type=BUILT_IN",
        UserKind::Iam(IamKind::User) => "--type=CLOUD_IAM_USER",
        UserKind::Iam(IamKind::ServiceAccount) => "--type=CLOUD_IAM_SERVICE_ACCOUNT",
        UserKind::Iam(IamKind::Group) => "--type=CLOUD_IAM_GROUP",
    };
    let [instance, project] = of_instance(instance);
    named(
        ["gcloud", "sql", "users", "assign-roles"],
        user.as_str(),
        &[&instance, &project, kind, roles],
    )
}

/// How a database user logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserKind {
    /// By a password.
    BuiltIn,
    /// As an IAM principal.
    Iam(IamKind),
}

/// A command about something with a name. One that begins like an option comes last, behind what ends the options.
fn named(command: [&str; 4], name: &str, flags: &[&str]) -> String {
    let name = [name];
    match name[0].starts_with('-') {
        true => shell_command(
            command
                .into_iter()
                .chain(flags.iter().copied())
                .chain(["--"])
                .chain(name),
        ),
        false => shell_command(command.into_iter().chain(name).chain(flags.iter().copied())),
    }
}

fn of_instance(instance: Option<&InstanceName>) -> [String; 2] {
    match instance {
        Some(instance) => [
            format!("--instance={}", instance.instance()),
            format!("--project={}", instance.project()),
        ],
        None => ["--instance=INSTANCE".into(), "--project=PROJECT".into()],
    }
}

/// `gcloud secrets VERB SECRET --project=P`, with more flags.
pub fn secret(verb: &str, secret: &SecretName, flags: &[(&str, &str)]) -> String {
    let project = format!("--project={}", secret.project);
    let flags: Vec<_> = flags
        .iter()
        .map(|(flag, value)| format!("--{flag}={value}"))
        .collect();
    let words = ["gcloud", "secrets", verb, secret.id.as_str(), &project];
    shell_command(words.into_iter().chain(flags.iter().map(String::as_str)))
}

/// `gcloud secrets versions add`, of what is written to its standard input.
pub fn add_version(secret: &SecretName) -> String {
    let project = format!("--project={}", secret.project);
    shell_command([
        "gcloud",
        "secrets",
        "versions",
        "add",
        secret.id.as_str(),
        &project,
        "--data-file=-",
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Origin;

    fn user(kind: IamKind, email: &str, instance: Option<&str>) -> String {
        let principal = IamPrincipal::new(
            kind,
            email,
            Origin {
                file: "p".into(),
                line: 1,
                column: 1,
            },
        )
        .unwrap();
        create_user(
            instance
                .map(|name| InstanceName::new(name).unwrap())
                .as_ref(),
            &principal,
        )
    }

    #[test]
    fn a_database_user_is_made_with_its_kind_instance_and_project() {
        let (plain, domain) = (
            Some("demo-project:us-central1:db1"),
            Some("example.com:demo:us-central1:db1"),
        );
        assert_eq!(
            user(
                IamKind::ServiceAccount,
                "123456-compute@developer.gserviceaccount.com",
                plain
            ),
            "gcloud sql users create 123456-compute@developer --instance=db1 --project=demo-project \
             --type=cloud_iam_service_account"
        );
        assert_eq!(
            user(IamKind::Group, "DBAs@example.com", domain),
            "gcloud sql users create dbas@example.com --instance=db1 --project=example.com:demo --type=cloud_iam_group"
        );
        assert_eq!(
            user(IamKind::User, "o'hara@example.com", None),
            "gcloud sql users create 'o'\\''hara@example.com' --instance=INSTANCE --project=PROJECT --type=cloud_iam_user"
        );
    }
}
