//! Where the server is and how to log in there.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::config::TargetSessionAttrs;

use super::auth::Terms;
use super::conninfo::{self, Keywords};
use super::environment::Environment;
use super::keywords::Values;
use super::route_error::RouteError;
use super::tls::Tls;
use crate::model::{DatabaseName, Password, RoleName};

const DEFAULT_DATABASE: &str = "postgres";

/// How long one statement may take. The longest there are read the catalogs of tens of thousands of tables, in seconds.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(300);

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Socket {
        directory: String,
        port: u16,
    },
    Tcp {
        host: String,
        address: Option<IpAddr>,
        port: u16,
    },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { directory, .. } => f.write_str(directory),
            Self::Tcp { host, port, .. } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
        }
    }
}

/// Where the server is and how to log in there as the admin.
#[derive(Debug)]
pub struct Route {
    address: Address,
    tls: Tls,
    terms: Terms,
    user: RoleName,
    password: Option<Password>,
    database: DatabaseName,
    options: Option<String>,
    connect_timeout: Duration,
    statement_timeout: Duration,
    session_attributes: TargetSessionAttrs,
}

impl Route {
    /// The route of a `postgres://` URL or of `key=value` pairs; what they leave out is taken from the PG* variables, the
    /// password from the password file.
    ///
    /// # Errors
    /// The text or a variable cannot be read, or a certificate file.
    pub fn from_url(text: &str, environment: &Environment) -> Result<Self, RouteError> {
        Self::from_keywords(conninfo::parse(text)?, environment)
    }

    /// Whether the connection string has a password in it, as a process list would show.
    ///
    /// # Errors
    /// The text cannot be read.
    pub fn has_password_in(text: &str) -> Result<bool, RouteError> {
        Ok(conninfo::parse(text)?.contains_key("password"))
    }

    /// The route of the PG* variables alone, where they name a host.
    ///
    /// # Errors
    /// A variable cannot be read, or a certificate file.
    pub fn from_environment(environment: &Environment) -> Result<Option<Self>, RouteError> {
        match environment
            .get("PGHOST")
            .or_else(|| environment.get("PGHOSTADDR"))
        {
            Some(_) => Self::from_keywords(Keywords::new(), environment).map(Some),
            None => Ok(None),
        }
    }

    /// The route through the unix socket in `directory`, for example `/cloudsql/<instance>`; who logs in is taken from the
    /// PG* variables.
    ///
    /// # Errors
    /// A variable cannot be read.
    pub fn from_socket_directory(
        directory: &str,
        environment: &Environment,
    ) -> Result<Self, RouteError> {
        let socket = [("host", directory), ("port", "5432")];
        let keywords = socket.map(|(keyword, value)| (keyword.to_owned(), value.to_owned().into()));
        Self::from_keywords(keywords.into(), environment)
    }

    fn from_keywords(
        mut keywords: Keywords,
        environment: &Environment,
    ) -> Result<Self, RouteError> {
        Values(&keywords).check_known()?;
        let address_given = keywords.contains_key("host") || keywords.contains_key("hostaddr");
        for (keyword, value) in environment.keywords() {
            // PGHOSTADDR next to a host of the text would send us elsewhere than the text says.
            if !(address_given && keyword == "hostaddr") {
                keywords
                    .entry(keyword.to_owned())
                    .or_insert_with(|| value.to_owned().into());
            }
        }
        let values = Values(&keywords);
        values.check_supported()?;
        let address = values.address()?;
        let user = values
            .get("user")
            .or_else(|| environment.login())
            .ok_or(RouteError::Missing { keyword: "user" })?;
        let user = RoleName::new(user).map_err(|source| RouteError::Name {
            keyword: "user",
            source,
        })?;
        let database = DatabaseName::new(values.get("dbname").unwrap_or(DEFAULT_DATABASE))
            .map_err(|source| RouteError::Name {
                keyword: "dbname",
                source,
            })?;
        Ok(Self {
            tls: values.tls(&address)?,
            terms: values.terms(&address)?,
            password: values.password(&address, &database, &user, environment),
            options: values.get("options").map(str::to_owned),
            connect_timeout: values.connect_timeout()?,
            statement_timeout: STATEMENT_TIMEOUT,
            session_attributes: values.session_attributes()?,
            address,
            user,
            database,
        })
    }

    /// The same route with another password.
    #[must_use]
    pub fn with_password(self, password: Password) -> Self {
        Self {
            password: Some(password),
            ..self
        }
    }

    /// The same route, on which no statement takes longer than this, whether the server says so or nothing at all.
    #[must_use]
    pub fn with_statement_timeout(self, statement_timeout: Duration) -> Self {
        Self {
            statement_timeout,
            ..self
        }
    }

    /// Who logs in.
    pub fn user(&self) -> &RoleName {
        &self.user
    }

    /// The database to begin with.
    pub fn start_database(&self) -> &DatabaseName {
        &self.database
    }

    /// Host and port, or the directory of the socket, for messages.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub(super) fn password(&self) -> Option<&Password> {
        self.password.as_ref()
    }

    pub(super) fn options(&self) -> Option<&str> {
        self.options.as_deref()
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    pub(super) fn statement_timeout(&self) -> Duration {
        self.statement_timeout
    }

    pub(super) fn server(&self) -> &Address {
        &self.address
    }

    pub(super) fn tls(&self) -> &Tls {
        &self.tls
    }

    pub(super) fn terms(&self) -> Terms {
        self.terms
    }

    pub(super) fn session_attributes(&self) -> TargetSessionAttrs {
        self.session_attributes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::new(
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    fn route(text: &str, variables: &[(&str, &str)]) -> Route {
        Route::from_url(text, &environment(variables)).unwrap()
    }

    fn refusal(text: &str) -> String {
        let error = Route::from_url(text, &environment(&[("USER", "me")])).unwrap_err();
        format!("{error}; {}", error.hint().unwrap_or_default())
    }

    fn facts(route: &Route) -> (String, &str, &str, Option<&str>) {
        (
            route.address(),
            route.user.as_str(),
            route.database.as_str(),
            route.password().map(Password::expose),
        )
    }

    #[test]
    fn variables_fill_what_the_text_leaves_out() {
        let variables = [
            ("PGHOST", "127.0.0.2"),
            ("PGPORT", "6000"),
            ("PGUSER", "variable"),
            ("PGPASSWORD", "secret"),
            ("PGDATABASE", "start"),
            ("PGCONNECT_TIMEOUT", "3"),
        ];
        let all = route("", &variables);
        assert_eq!(
            facts(&all),
            ("127.0.0.2:6000".into(), "variable", "start", Some("secret"))
        );
        assert_eq!(all.connect_timeout(), Duration::from_secs(3));
        let some = route("postgres://u:p@127.0.0.1/d", &variables);
        assert_eq!(facts(&some), ("127.0.0.1:6000".into(), "u", "d", Some("p")));
    }

    #[test]
    fn without_variables_there_are_the_defaults() {
        let plain = route("host=127.0.0.1", &[("USER", "me")]);
        assert_eq!(
            facts(&plain),
            ("127.0.0.1:5432".into(), "me", "postgres", None)
        );
        assert!(
            Route::from_environment(&environment(&[("USER", "me")]))
                .unwrap()
                .is_none()
        );
        let named = Route::from_environment(&environment(&[("USER", "me"), ("PGHOST", "/run")]))
            .unwrap()
            .unwrap();
        assert_eq!(facts(&named), ("/run".into(), "me", "postgres", None));
    }

    #[test]
    fn a_variable_for_the_address_does_not_lead_away_from_the_host_of_the_text() {
        let kept = route("host=127.0.0.1 user=u", &[("PGHOSTADDR", "127.0.0.9")]);
        assert_eq!(
            kept.address,
            Address::Tcp {
                host: "127.0.0.1".into(),
                address: None,
                port: 5432
            }
        );
    }

    #[test]
    fn the_socket_of_an_instance_takes_no_host_or_port_from_variables() {
        let variables = environment(&[("PGHOST", "elsewhere"), ("PGPORT", "1"), ("PGUSER", "u")]);
        let socket = Route::from_socket_directory("/cloudsql/p:r:i", &variables).unwrap();
        assert_eq!(
            socket.address,
            Address::Socket {
                directory: "/cloudsql/p:r:i".into(),
                port: 5432
            }
        );
    }

    #[test]
    fn a_password_in_the_text_is_noticed() {
        for with in [
            "postgres://u:p@h/d",
            "host=h password=p",
            "postgres://h/d?password=p",
        ] {
            assert!(Route::has_password_in(with).unwrap(), "{with}");
        }
        for without in [
            "postgres://u@h/d",
            "postgres://u:@h/d",
            "host=h passfile=/p",
        ] {
            assert!(!Route::has_password_in(without).unwrap(), "{without}");
        }
    }

    #[test]
    fn clear_text_over_a_network_is_refused() {
        assert!(
            refusal("host=10.0.0.1 sslmode=disable")
                .starts_with("`sslmode=disable` would send everything")
        );
        assert_eq!(
            facts(&route("host=/run sslmode=disable user=u", &[])).0,
            "/run"
        );
    }

    #[test]
    fn refusals_say_what_to_do_and_no_value() {
        assert_eq!(
            refusal("host=h sslmod=x password=hunter2")
                .split("; ")
                .next(),
            Some("the connection string has an unknown keyword that resembles `sslmode`")
        );
        assert_eq!(
            refusal("user=u"),
            "no `host` to connect with; add `host`, or set PGHOST"
        );
        assert_eq!(
            refusal("host=h port=hunter2"),
            "the value of `port` is not one port number; "
        );
        assert_eq!(refusal("host=a,b"), "the value of `host` is not one host; ");
        assert!(
            refusal("host=h sslrootcert=/nonexistent").starts_with("cannot read `/nonexistent`")
        );
        assert!(!refusal("postgres://u:hunter2@h/d?hunter2=1").contains("hunter2"));
    }

    #[test]
    fn no_password_is_shown() {
        assert!(!format!("{:?}", route("postgres://u:hunter2@127.0.0.1", &[])).contains("hunter2"));
        assert!(!format!("{:?}", environment(&[("PGPASSWORD", "hunter2")])).contains("hunter2"));
    }
}
