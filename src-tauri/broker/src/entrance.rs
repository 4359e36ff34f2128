//! From a socket's first byte to a client that is let in, or to a refusal that says why.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use nightjar_mqtt::{Connect, Login, Packet, ProtocolVersion, ReasonCode, Violation};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use crate::access::{Denied, Guest, NotLetIn, Operation, Visitor, Who};
use crate::admission::{Full, Ticket};
use crate::connection::{self, Connection};
use crate::counters::add;
use crate::door::Door;
use crate::handshake::{self, Refusal};
use crate::shared::Shared;
use crate::web_socket::FrameViolation;
use crate::wire::{Turned, Wire, framing_violation};
use crate::{Access, ClientIdentifier, EventKind, clock};

/// Why a connection is not ready for MQTT.
#[derive(Debug)]
pub(crate) enum Unready {
    /// It closed without a word: somebody only looked whether the port is open.
    Silent,
    /// The handshake below MQTT failed; says why.
    Failed(String),
}

/// Where a connection comes from.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    pub(crate) door: Arc<Door>,
    /// The user's name, as a certificate that was checked has it.
    pub(crate) certified: Option<String>,
}

/// Serves a connection until it ends.
pub(crate) fn serve<R, W>(
    shared: Arc<Shared>,
    reader: R,
    writer: W,
    address: SocketAddr,
    door: Arc<Door>,
) -> impl Future<Output = ()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    stay(Box::pin(async move {
        add(&shared.counters.sockets, 1);
        let ticket = shared.admission.arrive(address);
        let deadline = connect_deadline(&door);
        enter(shared, reader, writer, ticket, Origin { address, door, certified: None }, deadline).await
    }))
}

/// Serves a connection once a handshake below MQTT is done, which may say who the user is.
pub(crate) fn serve_once_ready<R, W>(
    shared: Arc<Shared>,
    handshake: impl Future<Output = Result<((R, W), Option<String>), Unready>>,
    address: SocketAddr,
    door: Arc<Door>,
) -> impl Future<Output = ()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    stay(Box::pin(async move {
        add(&shared.counters.sockets, 1);
        let (((reader, writer), certified), ticket, deadline) = prepare(&shared, handshake, address, &door).await?;
        enter(shared, reader, writer, ticket, Origin { address, door, certified }, deadline).await
    }))
}

/// Does what comes before CONNECT, as a part of connecting: the connection has its place among the silent ones from the
/// beginning, and there is one time for all of it.
pub(crate) async fn prepare<T>(
    shared: &Shared,
    handshake: impl Future<Output = Result<T, Unready>>,
    address: SocketAddr,
    door: &Door,
) -> Option<(T, Ticket, Instant)> {
    let ticket = shared.admission.arrive(address);
    // A handshake costs more than a CONNECT: who is paused or banned does not get one.
    let is_paused = shared.flapping.pause_of_address(address, clock::now().steady).is_some();
    if is_paused || is_banned(shared, address) {
        return None;
    }
    let deadline = connect_deadline(door);
    let crowded_out = ticket.crowded_out();
    let ready = tokio::select! {
        biased;
        () = crowded_out.cancelled() => return None,
        () = shared.stopping.cancelled() => return None,
        ready = timeout_at(deadline, handshake) => ready,
    };
    let failure = match ready {
        Ok(Ok(ready)) => return Some((ready, ticket, deadline)),
        Ok(Err(Unready::Silent)) => return None,
        Ok(Err(Unready::Failed(failure))) => failure,
        Err(_) => {
            let seconds = door.terms.limits.connect_timeout.as_secs();
            format!("the handshake below MQTT was not done within {seconds} s")
        }
    };
    add(&shared.counters.refused_connections, 1);
    Blame::Address(EventKind::Refused, format!("from {address}: {failure}")).record(shared, None, address);
    None
}

/// When a connection that begins now must have said CONNECT.
fn connect_deadline(door: &Door) -> Instant {
    (clock::now().steady + door.terms.limits.connect_timeout).into()
}

/// A client that was welcomed, and its place among the others.
type Entered<R, W> = Option<(Box<Connection<R, W>>, Ticket)>;

/// Serves a client once it has come in. What that takes is in a box: an idle connection would hold the room for it all
/// the time.
async fn stay<R, W>(entrance: Pin<Box<impl Future<Output = Entered<R, W>>>>)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Some((connection, _ticket)) = entrance.await else { return };
    connection::attend(connection).await;
}

/// Waits for CONNECT and answers it; `None` where the client is not let in.
async fn enter<R, W>(
    shared: Arc<Shared>,
    reader: R,
    writer: W,
    mut ticket: Ticket,
    origin: Origin,
    deadline: Instant,
) -> Entered<R, W>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let maximum = origin.door.terms.limits.maximum_packet_size;
    let wire = Wire::new(reader, writer, maximum, Arc::clone(&shared.counters));
    let Welcome { wire, connect, client, assigned, guest } =
        receive(&shared, wire, &mut ticket, &origin, deadline).await?;
    Some((connection::open(shared, wire, connect, client, assigned, guest, origin.door).await, ticket))
}

/// A client that is let in.
struct Welcome<R, W> {
    wire: Wire<R, W>,
    connect: Box<Connect>,
    client: ClientIdentifier,
    /// The broker chose the client identifier.
    assigned: bool,
    guest: Guest,
}

/// Waits for CONNECT and answers it where the client is not let in; `None` also where the connection had to make room
/// for another.
async fn receive<R, W>(
    shared: &Shared,
    mut wire: Wire<R, W>,
    ticket: &mut Ticket,
    origin: &Origin,
    deadline: Instant,
) -> Option<Welcome<R, W>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Origin { address, door, .. } = origin;
    let address = *address;
    let crowded_out = ticket.crowded_out();
    let read = tokio::select! {
        biased;
        () = crowded_out.cancelled() => return None,
        () = shared.stopping.cancelled() => return None,
        connect = read_connect(&mut wire, deadline) => connect,
    };
    let is_framing = matches!(read, Err(Unread::Framing(_)));
    let failure = match read {
        Ok(mut connect) => {
            add(&shared.counters.connects, 1);
            wire.version = connect.version;
            wire.maximum_packet_size = connect.properties.maximum_packet_size.map_or(usize::MAX, |size| size as usize);
            let admitted = tokio::select! {
                biased;
                () = crowded_out.cancelled() => return None,
                () = shared.stopping.cancelled() => return None,
                admitted = admit(shared, &mut connect, ticket, origin) => admitted,
            };
            match admitted {
                Ok((client, assigned, guest)) => return Some(Welcome { wire, connect, client, assigned, guest }),
                Err(Refused { refusal, blame }) => {
                    Failure { client: Some(connect.client_identifier), says: Some(refusal), blame }
                }
            }
        }
        Err(Unread::Violation(violation)) => {
            let reason = violation.reason_code();
            let detail = format!("from {address}: {reason}: {violation}");
            // Whoever said CONNECT in a version that has a word for it is told. An unknown version is answered in the
            // form of 3.1.1, which its client most likely reads [MQTT-3.1.2-2].
            let known = wire.decoded_version();
            let tells = known == Some(ProtocolVersion::V5) || reason == ReasonCode::UNSUPPORTED_PROTOCOL_VERSION;
            wire.version = known.unwrap_or(ProtocolVersion::V311);
            let says = tells.then(|| Refusal { reason, detail: violation.to_string() });
            Failure { client: None, says, blame: Blame::Address(EventKind::Violation, detail) }
        }
        Err(Unread::Framing(violation)) => {
            let detail = format!("from {address}: {}: {violation}", ReasonCode::PROTOCOL_ERROR);
            Failure { client: None, says: None, blame: Blame::Address(EventKind::Violation, detail) }
        }
        // Somebody only looked whether the port is open.
        Err(Unread::Closed) if !wire.has_input() => return None,
        Err(Unread::Closed) => {
            let reason = ReasonCode::MALFORMED_PACKET;
            let detail = format!("from {address}: {reason}: the connection ended before CONNECT was whole");
            Failure { client: None, says: None, blame: Blame::Address(EventKind::Refused, detail) }
        }
        Err(Unread::Late) => {
            let reason = ReasonCode::MAXIMUM_CONNECT_TIME;
            let seconds = door.terms.limits.connect_timeout.as_secs();
            let detail = format!("from {address}: {reason}: no whole CONNECT came within {seconds} s [MQTT-3.1.4-1]");
            Failure { client: None, says: None, blame: Blame::Address(EventKind::Refused, detail) }
        }
    };
    let Failure { client, says, blame } = failure;
    add(&shared.counters.refused_connections, 1);
    let client = client.filter(|client| !client.is_empty()).map(|client| ClientIdentifier::new(&client));
    blame.record(shared, client.as_ref(), address);
    if let Some(refusal) = &says {
        // A CONNACK that does not fit the client's own limit is left out: the closed connection says enough.
        let _ = wire.send(&Packet::ConnAck(Box::new(handshake::refusal(refusal))));
    }
    if says.is_some() || is_framing {
        // A WebSocket is told in its own Close frame.
        tokio::select! {
            biased;
            () = crowded_out.cancelled() => {}
            () = wire.farewell() => {}
        }
    }
    None
}

/// A connection that comes to nothing.
struct Failure {
    client: Option<bytestring::ByteString>,
    /// What the client is told, where it can be.
    says: Option<Refusal>,
    blame: Blame,
}

/// Whose fault it is, which decides what is on record.
enum Blame {
    /// The address's: an event of that kind, and after too many of them a pause.
    Address(EventKind, String),
    /// Nobody's: what there is room for is only counted, and reported together.
    Nobody,
    /// Not said again: it is on record.
    Known,
}

impl Blame {
    fn record(self, shared: &Shared, client: Option<&ClientIdentifier>, address: SocketAddr) {
        match self {
            Self::Address(kind, detail) => {
                let now = clock::now().steady;
                if shared.flapping.pause_of_address(address, now).is_some() {
                    return;
                }
                shared.record(kind, client, detail);
                if let Some(pause) = shared.flapping.failed(address, now) {
                    shared.record(EventKind::Refused, None, pause);
                }
            }
            Self::Nobody => shared.admission.count_turned_away(),
            Self::Known => {}
        }
    }
}

/// A CONNECT that is refused, and why.
struct Refused {
    refusal: Refusal,
    blame: Blame,
}

impl Refused {
    /// Says that the client is to wait, which the pause's own event says to everybody else.
    fn paused(rest: std::time::Duration, what: &str) -> Self {
        let seconds = rest.as_secs() + 1;
        let detail = format!("{what}: try again in {seconds} s");
        Self { refusal: Refusal { reason: ReasonCode::CONNECTION_RATE_EXCEEDED, detail }, blame: Blame::Known }
    }
}

/// Who is let in, and under which name.
async fn admit(
    shared: &Shared,
    connect: &mut Connect,
    ticket: &mut Ticket,
    origin: &Origin,
) -> Result<(ClientIdentifier, bool, Guest), Refused> {
    let Origin { address, door, certified } = origin;
    let (address, now) = (*address, clock::now().steady);
    let paused = |rest| Refused::paused(rest, "too many connects from this address failed");
    if let Some(rest) = shared.flapping.pause_of_address(address, now) {
        return Err(paused(rest));
    }
    let blame = |refusal: Refusal| {
        let detail = format!("from {address}: {}: {}", refusal.reason, refusal.detail);
        Refused { refusal, blame: Blame::Address(EventKind::Refused, detail) }
    };
    let quota = |reason, detail: &str| Refusal { reason, detail: detail.to_owned() };
    if let Some(name) = certified {
        // What else it says about itself is not asked for.
        connect.login = Login { user_name: Some(name.as_str().into()), password: None };
    }
    door.terms.mount_will(connect).map_err(blame)?;
    let (client, assigned) = handshake::admit(shared, door, connect, address).map_err(blame)?;
    if let Some(refusal) = banned(shared, connect, &client, address) {
        return Err(Refused { refusal, blame: Blame::Known });
    }
    let pause = || shared.flapping.pause_of_address(address, clock::now().steady);
    let guest = shared.gate.check(&connect.login, origin, pause).await.map_err(|not| match not {
        NotLetIn::Refused(refusal, detail) => {
            let detail = format!("from {address}: {}: {detail}", refusal.reason);
            Refused { refusal, blame: Blame::Address(EventKind::Refused, detail) }
        }
        NotLetIn::Busy => {
            let refusal = quota(ReasonCode::SERVER_BUSY, "too many clients are logging in: try again in some seconds");
            Refused { refusal, blame: Blame::Nobody }
        }
        NotLetIn::Paused(rest) => paused(rest),
    })?;
    if let Some(refusal) = of_another_account(shared, &client, &guest) {
        return Err(blame(refusal));
    }
    if let Some(refusal) = will_denied(shared, connect, &client, &guest) {
        return Err(Refused { refusal, blame: Blame::Known });
    }
    // The check may have taken a while.
    let now = clock::now().steady;
    let is_connected = shared.registry.is_connected(&client);
    if is_connected == Some(true)
        && let Some(rest) = shared.flapping.pause_of_client(&client, now)
    {
        return Err(Refused::paused(rest, "another device is connected with the same client identifier"));
    }
    if is_connected.is_none() && shared.registry.count().1 >= shared.limits().maximum_sessions {
        let refusal = quota(ReasonCode::QUOTA_EXCEEDED, "the broker has as many sessions as it allows");
        return Err(Refused { refusal, blame: Blame::Nobody });
    }
    match ticket.connect(door) {
        Ok(()) => Ok((client, assigned, guest)),
        Err(Full::InAll) => {
            let refusal = quota(ReasonCode::SERVER_BUSY, "the broker has as many connections as it allows");
            Err(Refused { refusal, blame: Blame::Nobody })
        }
        Err(Full::AtListener) => {
            let refusal = quota(ReasonCode::SERVER_BUSY, "this listener has as many connections as it allows");
            Err(Refused { refusal, blame: Blame::Nobody })
        }
        Err(Full::FromAddress) => {
            let detail = "there are as many connections from this address as the broker allows";
            Err(blame(quota(ReasonCode::QUOTA_EXCEEDED, detail)))
        }
    }
}

/// Whether a ban keeps an address out; the attempt is counted.
fn is_banned(shared: &Shared, address: SocketAddr) -> bool {
    let bans = shared.gate.bans();
    let ban = bans.of_address(address, clock::now().wall);
    if let Some(ban) = ban {
        add(&shared.counters.refused_connections, 1);
        bans.count_refused(ban, address);
    }
    ban.is_some()
}

/// Why a client is not let in that a ban keeps out. It is not told who is meant, nor for how long.
fn banned(shared: &Shared, connect: &Connect, client: &str, address: SocketAddr) -> Option<Refusal> {
    let bans = shared.gate.bans();
    let visitor = Visitor { client, user_name: connect.login.user_name.as_deref(), address };
    let ban = bans.of(visitor, clock::now().wall)?;
    bans.count_refused(ban, address);
    Some(Refusal { reason: ReasonCode::BANNED, detail: "the broker's owner keeps this client out".to_owned() })
}

/// Why a client is not let in under a client identifier whose session another account began: it would get what waits there,
/// and turn out who is connected. A session of nobody's account is anybody's, so that passwords can be introduced; so is
/// one of an account that there is no more. While nobody's password is checked, there is nothing to tell them apart by.
fn of_another_account(shared: &Shared, client: &ClientIdentifier, guest: &Guest) -> Option<Refusal> {
    let rules = shared.gate.rules();
    if rules.access != Access::Password {
        return None;
    }
    let (_, outbox) = shared.registry.find(client)?;
    let owner = outbox.who().user?;
    let is_another = guest.user().as_ref() != Some(&owner) && rules.accounts.find(&owner).is_some();
    is_another.then(|| Refusal {
        reason: ReasonCode::CLIENT_IDENTIFIER_NOT_VALID,
        detail: "the Client Identifier is in use by another account".to_owned(),
    })
}

/// Why a client is not let in with the Will Message that it wants, which the rules deny it (MQTT 5.0, 5.4.2 Authorization
/// of Clients by the Server). It is told now, for when the Will is due there is nobody to be told.
fn will_denied(shared: &Shared, connect: &Connect, client: &ClientIdentifier, guest: &Guest) -> Option<Refusal> {
    let will = connect.will.as_ref()?;
    let who = &Who::new(client.clone(), guest.user());
    let decider = shared.router.rules().denies_publish(who, &will.topic)?;
    let (address, operation) = (Some(guest.address), Operation::Publish);
    shared.deny(Denied { who, address, operation, is_will: true, topic: &will.topic, decider });
    let detail = "the rules of the broker deny the Will Message".to_owned();
    Some(Refusal { reason: ReasonCode::NOT_AUTHORIZED, detail })
}

/// Why no CONNECT was read.
enum Unread {
    Violation(Violation),
    /// Of the WebSocket that it should have come in.
    Framing(FrameViolation),
    Closed,
    Late,
}

async fn read_connect<R, W>(wire: &mut Wire<R, W>, deadline: Instant) -> Result<Box<Connect>, Unread>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let reading = async {
        loop {
            match wire.decode().map_err(Unread::Violation)? {
                Some(Packet::Connect(connect)) => {
                    // Who is let in only after a while may go on on another thread, with the block of this one.
                    wire.set_down();
                    return Ok(connect);
                }
                Some(other) => {
                    let packet = other.packet_type();
                    return Err(Unread::Violation(Violation::FirstPacketNotConnect { packet }));
                }
                None => {}
            }
            match wire.turn(true).await {
                Ok(Turned::Read(_) | Turned::Written(_)) => {}
                Ok(Turned::End) => return Err(Unread::Closed),
                Err(error) => return Err(framing_violation(&error).map_or(Unread::Closed, Unread::Framing)),
            }
        }
    };
    timeout_at(deadline, reading).await.unwrap_or(Err(Unread::Late))
}
