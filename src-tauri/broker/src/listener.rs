//! Addresses that accept connections, opened and closed while the broker runs.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::entrance;
use crate::shared::Shared;

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 1_024;
/// Pause after `accept` failed, mostly because there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
pub(crate) async fn accept(shared: Arc<Shared>, listener: TcpListener, closing: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.cancelled() => return,
            () = shared.stopping.cancelled() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let task = serve(Arc::clone(&shared), stream, address);
                shared.tasks.spawn(task);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream, address: SocketAddr) {
    // Output is gathered before it is written: waiting for more would only add latency.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let (reader, writer) = stream.into_split();
    entrance::serve(shared, reader, writer, address).await;
}
