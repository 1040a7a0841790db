//! From an address to a channel: a socket, and TLS on it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};

use super::channel::{Plain, Transport};
use super::route::Address;
use super::tls::Tls;

/// A network that drops idle connections without a word is noticed after about a minute.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Why there is no channel.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No name, no network, no listener.
    #[error("error connecting to server")]
    Socket(#[source] io::Error),
    /// It ended while TLS was asked for.
    #[error("error communicating with the server")]
    Lost(#[source] io::Error),
    /// A certificate that is not accepted, or one of ours that is missing.
    #[error("error performing TLS handshake")]
    Handshake(#[source] io::Error),
    /// TLS is demanded.
    #[error("server does not support TLS")]
    Plain,
    /// Neither yes nor no to TLS.
    #[error("the server does not speak PostgreSQL's protocol")]
    Protocol,
}

/// Connects, and encrypts as `tls` says.
pub async fn dial(address: &Address, tls: &Tls) -> Result<Box<dyn Transport>, DialError> {
    match address {
        Address::Socket { directory, port } => {
            let path = Path::new(directory).join(format!(".s.PGSQL.{port}"));
            Ok(Box::new(Plain(
                UnixStream::connect(path).await.map_err(DialError::Socket)?,
            )))
        }
        Address::Tcp {
            host,
            address,
            port,
        } => {
            let addresses = match address {
                Some(address) => vec![SocketAddr::new(*address, *port)],
                None => lookup_host((host.as_str(), *port))
                    .await
                    .map_err(DialError::Socket)?
                    .collect(),
            };
            let mut failed = DialError::Socket(io::Error::new(
                io::ErrorKind::NotFound,
                "the name has no address",
            ));
            for address in addresses {
                match reach(address, host, tls).await {
                    Ok(transport) => return Ok(transport),
                    Err(error) => failed = error,
                }
            }
            Err(failed)
        }
    }
}

async fn reach(
    address: SocketAddr,
    host: &str,
    tls: &Tls,
) -> Result<Box<dyn Transport>, DialError> {
    let mut stream = connect(address).await.map_err(DialError::Socket)?;
    if !negotiate(&mut stream, tls).await? {
        return Ok(Box::new(Plain(stream)));
    }
    let Ok(connector) = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls.connect(), host);
    Ok(Box::new(
        connector
            .connect(stream)
            .await
            .map_err(DialError::Handshake)?,
    ))
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE / 3)
        .with_retries(3);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

/// Whether TLS begins. <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>
///
/// One byte is read and no more: what follows it in clear text is taken for TLS and fails.
async fn negotiate(stream: &mut TcpStream, tls: &Tls) -> Result<bool, DialError> {
    match (tls.mode(), tls.negotiation()) {
        (SslMode::Disable, _) => return Ok(false),
        (_, SslNegotiation::Direct) => return Ok(true),
        _ => {}
    }
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request).await.map_err(DialError::Lost)?;
    match stream.read_u8().await.map_err(DialError::Lost)? {
        b'S' => Ok(true),
        b'N' if tls.mode() == SslMode::Prefer => Ok(false),
        b'N' => Err(DialError::Plain),
        _ => Err(DialError::Protocol),
    }
}
