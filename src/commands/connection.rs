//! From the arguments and the environment to a session's route and to Google.

#![allow(clippy::disallowed_methods, reason = "commands read the environment")]

use anyhow::{Context as _, anyhow};
use rand::Rng as _;

use super::Usage;
use crate::apply::Edges;
use crate::cli::{AdminUrl, ConnectionArgs, SecretReference};
use crate::google::{Endpoint, Google};
use crate::model::{Password, Policy};
use crate::output::progress::Progress;
use crate::output::stream;
use crate::postgres::{ApplicationName, Environment, Route};

/// The way to one instance and to Google.
pub(super) struct Connection {
    pub(super) route: Route,
    pub(super) google: Option<Google>,
    pub(super) purpose: ApplicationName,
    pub(super) now: jiff::Timestamp,
}

impl Connection {
    /// The day of the run, in UTC.
    pub(super) fn today(&self) -> jiff::civil::Date {
        self.now.to_zoned(jiff::tz::TimeZone::UTC).date()
    }

    /// The edges of `apply`, which reports to `progress`.
    pub(super) fn edges<'a>(&'a self, progress: &'a Progress) -> Edges<'a> {
        Edges {
            route: &self.route,
            google: self.google.as_ref(),
            purpose: &self.purpose,
            progress: Box::new(|done, total, next| progress.show(done, total, next)),
            guard: None,
        }
    }
}

/// How this run connects, whatever the instance.
pub(super) struct Dialer<'a> {
    args: &'a ConnectionArgs,
    url: Option<AdminUrl>,
    environment: Environment,
    purpose: ApplicationName,
    now: jiff::Timestamp,
}

impl<'a> Dialer<'a> {
    /// Decides how to connect; contacts nothing.
    ///
    /// # Errors
    /// Arguments that cannot be meant for these policies.
    pub(super) fn new(
        args: &'a ConnectionArgs,
        policies: &[Policy],
        command: &str,
    ) -> Result<Self, Usage> {
        let (url, environment) = (admin_url(args)?, environment());
        // One server cannot be several instances: the second policy would be applied to the first one's.
        if policies.len() > 1 && (url.is_some() || environment.get("PGHOST").is_some()) {
            return Err(Usage::OneUrlForSeveralInstances);
        }
        let purpose = ApplicationName::new(command, format!("{:08x}", rand::rng().next_u32()));
        Ok(Self {
            args,
            url,
            environment,
            purpose,
            now: jiff::Timestamp::now(),
        })
    }

    /// The way to the instance of `policy`. Nothing is dialed but Google.
    pub(super) async fn connect(&self, policy: &Policy) -> anyhow::Result<Connection> {
        let mut route = self
            .route(policy)?
            .with_statement_timeout(self.args.statement_timeout);
        let google = google(self.args, policy).await?;
        if let Some(reference) = &self.args.admin_password_secret {
            route = route.with_password(admin_password(google.as_ref(), reference).await?);
        }
        Ok(Connection {
            route,
            google,
            purpose: self.purpose.clone(),
            now: self.now,
        })
    }

    fn route(&self, policy: &Policy) -> anyhow::Result<Route> {
        if let Some(url) = &self.url {
            return Ok(Route::from_url(url.expose(), &self.environment)?);
        }
        if let Some(route) = Route::from_environment(&self.environment)? {
            return Ok(route);
        }
        let instance = policy.instance.as_ref().ok_or_else(|| {
            anyhow!(
                "the policy names no instance, and neither ROLEWRIGHT_ADMIN_URL nor PGHOST says where the server is"
            )
        })?;
        Ok(Route::from_socket_directory(
            &instance.socket_directory(),
            &self.environment,
        )?)
    }
}

/// Says where calls for Google, or for credentials, go instead: a left-over setting would have secrets stored in a place that
/// forgets them. Printed before everything else of a run.
pub(super) fn announce(args: &ConnectionArgs) {
    if let Some(endpoint) = &args.google_endpoint {
        stream::say(&format!(
            "note: calls to Google go to {endpoint} (--google-endpoint or ROLEWRIGHT_GOOGLE_ENDPOINT)"
        ));
    }
    let anonymous = args
        .google_endpoint
        .as_ref()
        .is_some_and(Endpoint::is_loopback);
    if let (false, Ok(host)) = (anonymous, std::env::var("GCE_METADATA_HOST")) {
        stream::say(&format!(
            "note: the metadata server is {host:?} (GCE_METADATA_HOST)"
        ));
    }
}

/// The admin URL of the arguments, else that of the environment, which other users cannot read.
fn admin_url(args: &ConnectionArgs) -> Result<Option<AdminUrl>, Usage> {
    match &args.admin_url {
        Some(url) if url.has_password() => Err(Usage::PasswordInAdminUrl),
        Some(url) => Ok(Some(url.clone())),
        None => Ok(std::env::var("ROLEWRIGHT_ADMIN_URL")
            .ok()
            .filter(|text| !text.is_empty())
            .map(|text| AdminUrl::new(&text))),
    }
}

fn environment() -> Environment {
    Environment::new(
        std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }),
    )
}

async fn google(args: &ConnectionArgs, policy: &Policy) -> anyhow::Result<Option<Google>> {
    let wanted = args.admin_password_secret.is_some()
        || policy.roles.values().any(|role| role.secret.is_some());
    if !wanted {
        return Ok(None);
    }
    Ok(Some(Google::connect(args.google_endpoint.as_ref()).await?))
}

async fn admin_password(
    google: Option<&Google>,
    reference: &SecretReference,
) -> anyhow::Result<Password> {
    let google = google.context("there is no connection to Google")?;
    let number = match reference.version.as_deref().map(str::parse) {
        Some(Ok(number)) => number,
        _ => version_number(google, reference).await?,
    };
    let payload = google.access(&reference.secret, number).await?;
    let text = std::str::from_utf8(payload.expose())
        .ok()
        .map(|text| text.trim_end_matches('\n').to_owned());
    let text = text
        .with_context(|| format!("version {number} of {} is not a password", reference.secret))?;
    Ok(Password::from_text(text.into()))
}

/// The number behind an alias, or of the latest version. A number needs no lookup: an identity that may only access the
/// version may not read its secret.
async fn version_number(google: &Google, reference: &SecretReference) -> anyhow::Result<i64> {
    let secret = google.secret(&reference.secret).await?;
    let secret = secret.with_context(|| format!("{} does not exist", reference.secret))?;
    let number = match reference.version.as_deref() {
        None | Some("latest") => secret.latest().map(|version| version.number),
        Some(alias) => secret.aliases.get(alias).copied(),
    };
    number.with_context(|| format!("{} has no such version", reference.secret))
}
