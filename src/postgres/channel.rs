//! The bytes between us and a server: what comes is followed by [`Backend`] before the driver reads it.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready as poll_ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::auth::Terms;
use super::backend::{Backend, Heard};

/// What a connection is made of: TLS, or a socket without.
pub trait Transport: TlsStream + Unpin + Send {}

impl<T: TlsStream + Unpin + Send> Transport for T {}

/// A socket without TLS, or a stream that is private already.
pub struct Plain<S>(pub S);

impl<S: AsyncRead + Unpin> AsyncRead for Plain<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Plain<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Plain<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

/// A connection on which a server says nothing that [`Backend`] refuses.
pub struct Channel {
    transport: Box<dyn Transport>,
    backend: Backend,
}

impl Channel {
    /// Nothing was said on `transport` yet, but for TLS.
    pub fn new(transport: Box<dyn Transport>, terms: Terms) -> Self {
        Self {
            transport,
            backend: Backend::new(terms),
        }
    }

    /// What the server reports of the login.
    pub fn heard(&self) -> Heard {
        self.backend.heard()
    }
}

impl AsyncRead for Channel {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { transport, backend } = self.get_mut();
        let before = buffer.filled().len();
        poll_ready!(Pin::new(transport).poll_read(cx, buffer))?;
        // With an error the reader takes nothing of the buffer.
        let heard = backend.hear(&buffer.filled()[before..]);
        Poll::Ready(heard.map_err(|refused| io::Error::new(io::ErrorKind::InvalidData, refused)))
    }
}

impl AsyncWrite for Channel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}

impl TlsStream for Channel {
    fn channel_binding(&self) -> ChannelBinding {
        self.transport.channel_binding()
    }
}

/// For the driver, which takes a channel with its binding from a TLS connector only: the channel is already encrypted, as
/// far as it ever is. Goes with `SslMode::Require` and `SslNegotiation::Direct`, so that nothing is negotiated.
pub struct AsItIs;

impl TlsConnect<Channel> for AsItIs {
    type Stream = Channel;
    type Error = io::Error;
    type Future = Ready<io::Result<Channel>>;

    fn connect(self, channel: Channel) -> Self::Future {
        ready(Ok(channel))
    }
}
