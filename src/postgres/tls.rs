//! Whether a connection is encrypted, and whom it trusts.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion,
};
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::route_error::RouteError;

/// `sslmode`. <https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Disable,
    /// `allow` too.
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Mode {
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }
}

/// What a connection string says about TLS, but for `sslmode`.
#[derive(Debug)]
pub struct Settings<'a> {
    /// `sslrootcert`; `system` is the system's own store.
    pub roots: Option<&'a str>,
    /// `sslcert` and `sslkey`.
    pub identity: Option<(&'a str, &'a str)>,
    /// `sslnegotiation`.
    pub negotiation: SslNegotiation,
    /// `ssl_min_protocol_version` to `ssl_max_protocol_version`.
    pub versions: Vec<&'static SupportedProtocolVersion>,
    /// `sslsni`: whether the server's name is sent in clear text.
    pub server_name: bool,
    /// Whether SCRAM has to be bound to TLS, so that there has to be some.
    pub bound: bool,
}

impl Settings<'_> {
    fn names_authority(&self) -> bool {
        self.roots.is_some_and(|roots| roots != "system")
    }
}

/// What is checked of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Nothing,
    Chain,
    ChainAndName,
}

/// What is done instead of `asked`, where `local` is a loopback address: libpq's own meaning there, and never less than a
/// check of the certificate elsewhere. Checking the chain without the name means something only with an authority of
/// one's own, which is what a Cloud SQL instance has.
fn decide(asked: Option<Mode>, local: bool, own_authority: bool) -> Option<(SslMode, Check)> {
    let check = match asked {
        Some(Mode::VerifyFull) => Check::ChainAndName,
        Some(Mode::Require | Mode::VerifyCa) if own_authority => Check::Chain,
        Some(Mode::VerifyCa) => Check::ChainAndName,
        _ if local => Check::Nothing,
        _ => Check::ChainAndName,
    };
    match asked {
        Some(Mode::Disable) if local => Some((SslMode::Disable, check)),
        Some(Mode::Disable) => None,
        None | Some(Mode::Prefer) if local => Some((SslMode::Prefer, check)),
        _ => Some((SslMode::Require, check)),
    }
}

/// How one route is encrypted.
#[derive(Clone)]
pub struct Tls {
    mode: SslMode,
    negotiation: SslNegotiation,
    connect: MakeRustlsConnect,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mode.fmt(f)
    }
}

impl Tls {
    /// For a unix socket: PostgreSQL speaks no TLS there.
    pub fn none(settings: &Settings<'_>) -> Result<Self, RouteError> {
        if settings.bound {
            return Err(RouteError::Unbound);
        }
        let unused = Settings {
            roots: None,
            identity: None,
            negotiation: SslNegotiation::Postgres,
            versions: settings.versions.clone(),
            ..*settings
        };
        Self::build(SslMode::Disable, Check::Nothing, &unused)
    }

    /// For a TCP address.
    ///
    /// # Errors
    /// `disable` away from loopback, or where TLS is needed; a file that cannot be read.
    pub fn new(
        asked: Option<Mode>,
        local: bool,
        settings: &Settings<'_>,
    ) -> Result<Self, RouteError> {
        let decided =
            decide(asked, local, settings.names_authority()).ok_or(RouteError::Unencrypted)?;
        let (mode, check) = match decided {
            (SslMode::Disable, _) if settings.bound => return Err(RouteError::Unbound),
            (SslMode::Prefer, check) if settings.bound => (SslMode::Require, check),
            decided => decided,
        };
        if mode == SslMode::Prefer && settings.negotiation == SslNegotiation::Direct {
            return Err(RouteError::WeakDirect);
        }
        Self::build(mode, check, settings)
    }

    fn build(mode: SslMode, check: Check, settings: &Settings<'_>) -> Result<Self, RouteError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&settings.versions)
            .map_err(|source| RouteError::Tls(source.into()))?;
        let builder = match check {
            Check::ChainAndName => builder.with_root_certificates(roots(settings.roots)?),
            Check::Chain => {
                let roots = Some(roots(settings.roots)?);
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(WithoutName { roots, provider }))
            }
            Check::Nothing => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(WithoutName {
                    roots: None,
                    provider,
                })),
        };
        let mut config = match settings.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|source| RouteError::Tls(source.into()))?,
        };
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        config.enable_sni = settings.server_name;
        Ok(Self {
            mode,
            negotiation: settings.negotiation,
            connect: MakeRustlsConnect::new(config),
        })
    }

    pub fn mode(&self) -> SslMode {
        self.mode
    }

    pub fn negotiation(&self) -> SslNegotiation {
        self.negotiation
    }

    pub fn connect(&self) -> MakeRustlsConnect {
        self.connect.clone()
    }
}

fn roots(file: Option<&str>) -> Result<RootCertStore, RouteError> {
    let mut store = RootCertStore::empty();
    match file {
        Some(path) if path != "system" => {
            for certificate in certificates(path)? {
                store
                    .add(certificate)
                    .map_err(|source| RouteError::Tls(source.into()))?;
            }
        }
        _ => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(store)
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, RouteError> {
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| RouteError::File {
        path: path.into(),
        source,
    };
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|source| unreadable(source.into()))?;
    if found.is_empty() {
        Err(unreadable("no certificate in it".into()))
    } else {
        Ok(found)
    }
}

fn private_key(path: &str) -> Result<PrivateKeyDer<'static>, RouteError> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| RouteError::File {
        path: path.into(),
        source: source.into(),
    })
}

/// Checks no name: the chain only where there are roots, else nothing at all.
#[derive(Debug)]
struct WithoutName {
    roots: Option<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for WithoutName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            rustls::client::verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn away_from_loopback_the_server_is_always_verified() {
        for asked in [
            None,
            Some(Mode::Prefer),
            Some(Mode::Require),
            Some(Mode::VerifyCa),
            Some(Mode::VerifyFull),
        ] {
            assert_eq!(
                decide(asked, false, false),
                Some((SslMode::Require, Check::ChainAndName)),
                "{asked:?}"
            );
        }
        assert_eq!(decide(Some(Mode::Disable), false, false), None);
        assert_eq!(decide(Some(Mode::Disable), false, true), None);
    }

    #[test]
    fn an_authority_of_ones_own_may_stand_for_the_name() {
        assert_eq!(
            decide(Some(Mode::VerifyCa), false, true),
            Some((SslMode::Require, Check::Chain))
        );
        assert_eq!(
            decide(Some(Mode::Require), false, true),
            Some((SslMode::Require, Check::Chain))
        );
        assert_eq!(
            decide(None, false, true),
            Some((SslMode::Require, Check::ChainAndName))
        );
        assert_eq!(
            decide(Some(Mode::VerifyFull), false, true),
            Some((SslMode::Require, Check::ChainAndName))
        );
    }

    #[test]
    fn on_loopback_sslmode_means_what_libpq_says() {
        assert_eq!(
            decide(None, true, false),
            Some((SslMode::Prefer, Check::Nothing))
        );
        assert_eq!(
            decide(Some(Mode::Disable), true, false),
            Some((SslMode::Disable, Check::Nothing))
        );
        assert_eq!(
            decide(Some(Mode::Require), true, false),
            Some((SslMode::Require, Check::Nothing))
        );
        assert_eq!(
            decide(Some(Mode::Require), true, true),
            Some((SslMode::Require, Check::Chain))
        );
        assert_eq!(
            decide(Some(Mode::VerifyFull), true, false),
            Some((SslMode::Require, Check::ChainAndName))
        );
    }
}
