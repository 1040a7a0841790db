//! IAM principals that log in to a database.

use super::{NameError, Origin, RoleName};

/// The kind of a principal. Cloud SQL does not find it out: it is specified when the database user is created.
/// <https://cloud.google.com/sql/docs/postgres/add-manage-iam-users>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IamKind {
    /// A person.
    User,
    /// A service account.
    ServiceAccount,
    /// A group: its role cannot log in; Cloud SQL makes a user for each member that does.
    Group,
}

/// A principal and its database user.
#[derive(Debug, Clone)]
pub struct IamPrincipal {
    kind: IamKind,
    account: String,
    user: RoleName,
    /// Where it was declared.
    pub origin: Origin,
}

/// What every service account's address ends in.
const SERVICE_ACCOUNT: &str = ".gserviceaccount.com";

impl IamPrincipal {
    /// The principal `kind:email`, in whatever case it is written.
    ///
    /// # Errors
    /// An address that is none of its kind.
    pub fn new(kind: IamKind, email: &str, origin: Origin) -> Result<Self, NameError> {
        let email = email.to_ascii_lowercase();
        let expected = match kind {
            _ if !is_email(&email) => Some("an e-mail address"),
            IamKind::ServiceAccount if !email.ends_with(SERVICE_ACCOUNT) => {
                Some("the address of a service account, which ends in `.gserviceaccount.com`")
            }
            IamKind::User if email.ends_with(SERVICE_ACCOUNT) => {
                Some("a person: write `serviceAccount:`")
            }
            IamKind::Group if email.ends_with(SERVICE_ACCOUNT) => {
                Some("a group: write `serviceAccount:`")
            }
            IamKind::User | IamKind::Group | IamKind::ServiceAccount => None,
        };
        if let Some(expected) = expected {
            return Err(NameError::Grammar {
                name: email,
                expected,
            });
        }
        let account = email
            .strip_suffix(SERVICE_ACCOUNT)
            .unwrap_or(&email)
            .to_owned();
        // An address is ASCII: no character is cut in the middle.
        let user = RoleName::new(account.get(..RoleName::LONGEST).unwrap_or(&account))?;
        Ok(Self {
            kind,
            account,
            user,
            origin,
        })
    }

    /// What it is.
    pub fn kind(&self) -> IamKind {
        self.kind
    }

    /// The name that the Cloud SQL Admin API is given: the address, of a service account without its end.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The database user as PostgreSQL names it: the first 63 bytes of the account.
    pub fn user(&self) -> &RoleName {
        &self.user
    }

    /// Whether it is one principal that is written twice.
    pub fn is(&self, other: &Self) -> bool {
        self.kind == other.kind && self.account == other.account
    }
}

/// Whether a text can be an e-mail address as IAM writes them.
pub fn is_email(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_%+-'".contains(c))
    };
    let label =
        |label: &str| word(label) && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.starts_with('-')
            && local.split('.').all(word)
            && domain.contains('.')
            && domain.split('.').all(label)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(kind: IamKind, email: &str) -> Result<IamPrincipal, NameError> {
        IamPrincipal::new(
            kind,
            email,
            Origin {
                file: "p.yaml".into(),
                line: 1,
                column: 1,
            },
        )
    }

    #[test]
    fn database_users_are_named_as_cloud_sql_names_them() {
        let person =
            "a.very.long.name.of.a.person.who.works.for.us@research.department.example.com";
        for (kind, email, account) in [
            (IamKind::User, "Ana@Example.COM", "ana@example.com"),
            (IamKind::Group, "DBAs@example.com", "dbas@example.com"),
            (
                IamKind::ServiceAccount,
                "sa@p.iam.gserviceaccount.com",
                "sa@p.iam",
            ),
            (
                IamKind::ServiceAccount,
                "SA@P.iam.GServiceAccount.com",
                "sa@p.iam",
            ),
            (
                IamKind::ServiceAccount,
                "sa@p.example.com.iam.gserviceaccount.com",
                "sa@p.example.com.iam",
            ),
            (
                IamKind::ServiceAccount,
                "123-compute@developer.gserviceaccount.com",
                "123-compute@developer",
            ),
            (
                IamKind::ServiceAccount,
                "p@appspot.gserviceaccount.com",
                "p@appspot",
            ),
            (IamKind::User, person, person),
        ] {
            let principal = principal(kind, email).unwrap();
            assert_eq!((principal.kind(), principal.account()), (kind, account));
            assert_eq!(principal.user().as_str(), &account[..account.len().min(63)]);
        }
    }

    #[test]
    fn an_address_of_another_kind_is_refused() {
        for (kind, email) in [
            (IamKind::User, "sa@p.iam.gserviceaccount.com"),
            (IamKind::Group, "p@appspot.gserviceaccount.com"),
            (IamKind::ServiceAccount, "ana@example.com"),
            (IamKind::ServiceAccount, "sa@p.iam"),
            (IamKind::User, "ana"),
            (IamKind::User, "@example.com"),
        ] {
            assert!(principal(kind, email).is_err(), "{kind:?} {email}");
        }
    }

    #[test]
    fn no_part_of_an_address_is_empty_or_an_option() {
        for wrong in [
            "a@..", "a@b..c", ".a@b.c", "a.@b.c", "a..b@c.d", "-a@b.c", "a@b c.d", "a@.b",
            "a;b@c.d", "a@b.c/d",
        ] {
            assert!(!is_email(wrong), "{wrong}");
        }
        for fine in [
            "a@b.c",
            "a.b+c@d-e.f",
            "123-compute@developer.gserviceaccount.com",
            "o'hara@example.com",
        ] {
            assert!(is_email(fine), "{fine}");
        }
    }
}
