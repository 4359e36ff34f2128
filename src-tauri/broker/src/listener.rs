//! Addresses that accept connections, opened and closed while the broker runs.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::ListenerOptions;
use crate::door::Door;
use crate::entrance::{self, Unready};
use crate::proxy_protocol::{self, NoHeader, Source};
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

    /// An address of it as a client would write it.
    pub(crate) fn url(&self, address: SocketAddr) -> String {
        self.scheme().url(address, self.web_socket.as_ref().and_then(|options| options.path.as_deref()))
    }
}

impl Scheme {
    /// An address as a client would write it, such as `wss://192.0.2.1:8084/mqtt`; `path` is that of a WebSocket, where it
    /// is another.
    pub fn url(self, address: SocketAddr, path: Option<&str>) -> String {
        let scheme = match self {
            Self::Tcp => "mqtt",
            Self::Tls => "mqtts",
            Self::WebSocket => "ws",
            Self::WebSocketTls => "wss",
        };
        format!("{scheme}://{address}{}", self.path(path).unwrap_or_default())
    }

    /// What a WebSocket's request should ask for, where this is one; `path` as for [`Self::url`].
    pub fn path(self, path: Option<&str>) -> Option<&str> {
        match self {
            Self::Tcp | Self::Tls => None,
            Self::WebSocket | Self::WebSocketTls => Some(path.unwrap_or(web_socket::PATH)),
        }
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

/// What a listener that is open does with connections.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) transport: Transport,
    pub(crate) proxies: Vec<IpAddr>,
    pub(crate) door: Arc<Door>,
}

impl Opened {
    pub(crate) fn new(options: ListenerOptions, door: Door) -> Self {
        let ListenerOptions { transport, proxies, .. } = options;
        Self { transport, proxies, door: Arc::new(door) }
    }
}

/// Accepts connections until `closing`; those that were accepted go on. What it does with the next one is what `opened`
/// says then.
pub(crate) async fn accept(
    shared: Arc<Shared>,
    listener: TcpListener,
    opened: watch::Receiver<Arc<Opened>>,
    closing: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.cancelled() => return,
            () = shared.stopping.cancelled() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let opened = Arc::clone(&opened.borrow());
                if opened.proxies.is_empty() {
                    serve(&shared, &opened, stream, address);
                } else {
                    shared.tasks.spawn(serve_behind_proxy(Arc::clone(&shared), opened, stream, address));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Starts the task of a connection: one of another shape for each kind, so that plain TCP costs what it needs.
fn serve(shared: &Arc<Shared>, opened: &Opened, stream: TcpStream, address: SocketAddr) {
    // Output is gathered before it is written: waiting for more would only add latency.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let (tasks, shared) = (&shared.tasks, Arc::clone(shared));
    let door = Arc::clone(&opened.door);
    match opened.transport.clone() {
        Transport { tls: None, web_socket: None } => {
            let (reader, writer) = stream.into_split();
            tasks.spawn(entrance::serve(shared, reader, writer, address, door));
        }
        Transport { tls: Some(tls), web_socket: None } => {
            let ready = async move {
                let (stream, certified) = secure(&tls, stream).await?;
                Ok((tokio::io::split(stream), certified))
            };
            tasks.spawn(entrance::serve_once_ready(shared, ready, address, door));
        }
        Transport { tls: None, web_socket: Some(options) } => {
            let ready = async move { Ok((upgrade(stream, &options).await?, None)) };
            tasks.spawn(entrance::serve_once_ready(shared, ready, address, door));
        }
        Transport { tls: Some(tls), web_socket: Some(options) } => {
            let ready = async move {
                let (stream, certified) = secure(&tls, stream).await?;
                Ok((upgrade(stream, &options).await?, certified))
            };
            tasks.spawn(entrance::serve_once_ready(shared, ready, address, door));
        }
    }
}

/// Serves a connection of a proxy as that of the client on whose behalf it is.
async fn serve_behind_proxy(shared: Arc<Shared>, opened: Arc<Opened>, mut stream: TcpStream, proxy: SocketAddr) {
    let header = async {
        if !opened.proxies.contains(&proxy.ip().to_canonical()) {
            let problem = "only the proxies in the listener's settings may connect here, and this is none of them";
            return Err(Unready::Failed(problem.to_owned()));
        }
        match proxy_protocol::read(&mut stream).await {
            Ok(source) => Ok(source),
            Err(NoHeader::Silent) => Err(Unready::Silent),
            Err(error) => Err(Unready::Failed(error.to_string())),
        }
    };
    let Some((source, ticket, _)) = entrance::prepare(&shared, header, proxy, &opened.door).await else { return };
    // From here on the client has a place of its own.
    drop(ticket);
    let address = match source {
        // A program beside a proxy elsewhere is not on this computer.
        Source::Client(client)
            if client.ip().to_canonical().is_loopback() && !proxy.ip().to_canonical().is_loopback() =>
        {
            proxy
        }
        Source::Client(client) => client,
        Source::Proxy => proxy,
    };
    serve(&shared, &opened, stream, address);
}

/// The TLS handshake, and the user's name where the client's certificate has it.
async fn secure(tls: &Tls, stream: TcpStream) -> Result<(TlsStream<TcpStream>, Option<String>), Unready> {
    let mut first = [0];
    // Somebody may only look whether the port is open.
    let first = match stream.peek(&mut first).await {
        Ok(1..) => first[0],
        Ok(0) | Err(_) => return Err(Unready::Silent),
    };
    let (acceptor, names_clients) = tls.acceptor();
    let stream = acceptor.accept(stream).await.map_err(|error| {
        let hint = match first {
            TLS_HANDSHAKE => "",
            MQTT_CONNECT => "; it looks like MQTT without TLS: switch TLS on in the client, or take another port",
            _ => "; the client does not speak TLS",
        };
        Unready::Failed(format!("the TLS handshake failed: {error}{hint}"))
    })?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let name = names_clients.zip(certificate).map(|(name, certificate)| name.of(certificate)).transpose();
    let name = name.map_err(|nameless| Unready::Failed(nameless.to_string()))?;
    Ok((stream, name))
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
