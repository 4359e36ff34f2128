//! Addresses that accept connections, opened and closed while the broker runs.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::entrance::{self, Unready};
use crate::shared::Shared;
use crate::tls::Tls;
use crate::web_socket::{self, Unopened, WebSocketOptions};

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 1_024;
/// Pause after `accept` failed, mostly because there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The first byte of a TLS record that holds a handshake (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// The first byte of CONNECT.
const MQTT_CONNECT: u8 = 0x10;

/// What a listener speaks below MQTT.
#[derive(Clone, Debug, Default)]
pub struct Transport {
    /// Without one, nothing is encrypted.
    pub tls: Option<Tls>,
    /// Without it, MQTT is on the stream itself.
    pub web_socket: Option<WebSocketOptions>,
}

/// An address as a client would write it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Url {
    pub(crate) scheme: Scheme,
    pub(crate) address: SocketAddr,
}

/// One of the four kinds of listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Tcp,
    Tls,
    WebSocket,
    WebSocketTls,
}

impl Transport {
    pub const fn scheme(&self) -> Scheme {
        match (&self.tls, &self.web_socket) {
            (None, None) => Scheme::Tcp,
            (Some(_), None) => Scheme::Tls,
            (None, Some(_)) => Scheme::WebSocket,
            (Some(_), Some(_)) => Scheme::WebSocketTls,
        }
    }
}

impl Scheme {
    /// An address as a client would write it, such as `wss://192.0.2.1:8084/mqtt`.
    pub fn url(self, address: SocketAddr) -> impl fmt::Display {
        Url { scheme: self, address }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path) = match self.scheme {
            Scheme::Tcp => ("mqtt", ""),
            Scheme::Tls => ("mqtts", ""),
            Scheme::WebSocket => ("ws", "/mqtt"),
            Scheme::WebSocketTls => ("wss", "/mqtt"),
        };
        write!(formatter, "{scheme}://{}{path}", self.address)
    }
}

/// Opens a TCP listener. IPv6 addresses take IPv6 only, so that `0.0.0.0` and `[::]` can stand side by side.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // On Unix this only lets a restarted broker have its port back at once; two listeners still can't share one.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts connections until `closing`; those that were accepted go on.
pub(crate) async fn accept(
    shared: Arc<Shared>,
    listener: TcpListener,
    transport: Transport,
    closing: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.cancelled() => return,
            () = shared.stopping.cancelled() => return,
        };
        match accepted {
            Ok((stream, address)) => serve(&shared, &transport, stream, address),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Starts the task of a connection: one of another shape for each kind, so that plain TCP costs what it needs.
fn serve(shared: &Arc<Shared>, transport: &Transport, stream: TcpStream, address: SocketAddr) {
    // Output is gathered before it is written: waiting for more would only add latency.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let (tasks, shared) = (&shared.tasks, Arc::clone(shared));
    match transport.clone() {
        Transport { tls: None, web_socket: None } => {
            let (reader, writer) = stream.into_split();
            tasks.spawn(entrance::serve(shared, reader, writer, address));
        }
        Transport { tls: Some(tls), web_socket: None } => {
            let ready = async move { Ok(tokio::io::split(secure(&tls, stream).await?)) };
            tasks.spawn(entrance::serve_once_ready(shared, ready, address));
        }
        Transport { tls: None, web_socket: Some(options) } => {
            let ready = async move { upgrade(stream, &options).await };
            tasks.spawn(entrance::serve_once_ready(shared, ready, address));
        }
        Transport { tls: Some(tls), web_socket: Some(options) } => {
            let ready = async move { upgrade(secure(&tls, stream).await?, &options).await };
            tasks.spawn(entrance::serve_once_ready(shared, ready, address));
        }
    }
}

/// The TLS handshake.
async fn secure(tls: &Tls, stream: TcpStream) -> Result<TlsStream<TcpStream>, Unready> {
    let mut first = [0];
    // Somebody may only look whether the port is open.
    let first = match stream.peek(&mut first).await {
        Ok(1..) => first[0],
        Ok(0) | Err(_) => return Err(Unready::Silent),
    };
    tls.acceptor().accept(stream).await.map_err(|error| {
        let hint = match first {
            TLS_HANDSHAKE => "",
            MQTT_CONNECT => "; it looks like MQTT without TLS: switch TLS on in the client, or take another port",
            _ => "; the client does not speak TLS",
        };
        Unready::Failed(format!("the TLS handshake failed: {error}{hint}"))
    })
}

type Halves<S> = (ReadHalf<web_socket::WebSocket<S>>, WriteHalf<web_socket::WebSocket<S>>);

/// The opening handshake of a WebSocket.
pub(crate) async fn upgrade<S>(stream: S, options: &WebSocketOptions) -> Result<Halves<S>, Unready>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match web_socket::open(stream, options).await {
        Ok(web_socket) => Ok(tokio::io::split(web_socket)),
        Err(Unopened::Nothing) => Err(Unready::Silent),
        Err(Unopened::Ended) => Err(Unready::Failed("the connection ended within the WebSocket request".to_owned())),
        Err(Unopened::Refused(refusal)) => Err(Unready::Failed(format!("no WebSocket: {refusal}"))),
    }
}
