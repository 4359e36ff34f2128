//! One connection from CONNACK to its last byte: the task that joins a socket, a session, the router and the journal.

use std::collections::VecDeque;
use std::future::{poll_fn, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use nightjar_mqtt::{
    Connect, Disconnect, DisconnectProperties, Packet, ProtocolVersion, ReasonCode, SubAckProperties, Will,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, yield_now};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::access::{Guest, Verdicts};
use crate::client_card::ClientCard;
use crate::clock::{self, Moment};
use crate::counters::add;
use crate::desk::{Desk, OnLoan};
use crate::door::Door;
use crate::handshake;
use crate::outbox::{InJournal, Outbox};
use crate::pace::Pace;
use crate::registry::{Claimed, Ended, Previous, Seat};
use crate::session::{Acknowledge, Action, Close, Note, Session};
use crate::session_record::{SessionAbout, SessionAway, SessionRecord};
use crate::shared::{PublishBatch, Shared};
use crate::subscribing::Request;
use crate::turns::{self, Turns};
use crate::wire::{Turned, Wire, framing_violation};
use crate::{ClientIdentifier, EventKind, Message, Page, Progress, QueueUnreadable, Sequence, Terms};

/// The output buffer takes no more deliveries above this; they stay in the outbox, which is bounded.
pub(crate) const OUTPUT_HIGH: usize = 64 << 10;
/// How often a connection looks after its deadlines at the latest.
const LOOK_AROUND: Duration = Duration::from_secs(30);

/// A part of a queue that is being read from the journal.
type Reading = JoinHandle<Result<Page, QueueUnreadable>>;

/// What a connection waits for.
enum Event {
    Evicted(Close),
    Turned(io::Result<Turned>),
    /// There are messages for the client.
    Filled,
    /// It is time to look at the deadlines.
    Look,
    /// What the client sent is to be worked on.
    GoesOn,
    /// The search for retained messages goes on.
    Walks,
    Page(Result<Result<Page, QueueUnreadable>, JoinError>),
    /// The journal has got on, or is gone.
    Journal(Result<(), watch::error::RecvError>),
}

/// Something for the client that waits for the journal.
#[derive(Debug)]
pub(crate) enum Awaited {
    Acknowledge(Acknowledge),
    Send(Packet),
}

/// Runs the connection, and gives the session back.
pub(crate) async fn attend<R, W>(mut connection: Box<Connection<R, W>>)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let close = match connection.perform(clock::now()) {
        Some(close) => close,
        None => connection.run().await,
    };
    Box::pin(connection.end(close)).await;
}

/// Claims the session, and welcomes the client.
pub(crate) async fn open<R, W>(
    shared: Arc<Shared>,
    wire: Wire<R, W>,
    mut connect: Box<Connect>,
    client: ClientIdentifier,
    assigned: bool,
    guest: Guest,
    door: Arc<Door>,
) -> Box<Connection<R, W>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let now = clock::now();
    let address = guest.address;
    let user = guest.user();
    let terms = &door.terms;
    let info = handshake::connection_info(terms, &connect, address);
    let keep_alive = info.keep_alive;
    let expiry_interval = handshake::session_expiry_interval(terms, &connect);
    let new_outbox = Arc::new(new_outbox(&shared, terms, &client, expiry_interval));
    // Whoever comes next is to see whose it is.
    new_outbox.set_user(user.clone());
    let new_card = Arc::new(ClientCard::new(info.clone(), now.wall));
    let takeover = Close {
        kind: EventKind::Takeover,
        ..Close::by_broker(
            ReasonCode::SESSION_TAKEN_OVER,
            format!("{address} connected with the same client identifier"),
        )
    };
    let clean_start = connect.clean_start;
    if shared.registry.is_connected(&client) == Some(true)
        && let Some(pause) = shared.flapping.taken_over(&client, address, now.steady)
    {
        shared.record(EventKind::Refused, Some(&client), pause);
    }
    let Claimed { seat, previous } = shared.registry.claim(&client, guest, takeover, &new_outbox, &new_card).await;
    // What was changed since the guest was let in did not find them on their seat.
    seat.check(&shared.gate.rules());
    seat.check_ban(&shared.gate.bans(), &client, connect.login.user_name.as_deref(), now.wall);

    let now = clock::now();
    let link = handshake::link(terms, &connect, now.steady);
    let mut actions = Vec::new();
    let resumable = match previous {
        // A session that ended with its connection does not go on either [MQTT-3.1.2-23].
        Some(previous) if clean_start || previous.session.expiry_interval == 0 => {
            let Previous { session, outbox, card, will } = previous;
            shared.end_session(Ended { client: client.clone(), session, outbox, card, will }).await;
            None
        }
        previous => previous,
    };
    let session_present = resumable.is_some();
    let (session, outbox, card) = match resumable {
        // The client is back in time: its Will, where one was delayed, is not published [MQTT-3.1.3-9].
        Some(Previous { mut session, outbox, card, will: _ }) => {
            session.resume(expiry_interval, link, &mut actions);
            let about = &mut *card.about.lock();
            about.connected = true;
            about.since = now.wall;
            about.connection = info;
            (session, outbox, Arc::clone(&card))
        }
        None => {
            shared.registry.renew(&client, &new_outbox, &new_card);
            let new = if new_outbox.session().is_some() { Session::kept } else { Session::new };
            (new(client.clone(), expiry_interval, link), new_outbox, new_card)
        }
    };
    if outbox.set_user(user.clone()) {
        shared.router.forget_routes();
    }
    if let Some(session) = outbox.session() {
        let (version, will) = (connect.version, connect.will.clone());
        let since = now.wall;
        let about = SessionAbout { client: client.clone(), user, address, version, expiry_interval, since, will };
        shared.keep(SessionRecord::Opened { session, about: Box::new(about) });
    }
    outbox.open();
    shared.counters.connected(shared.registry.count().0);
    let detail = format!(
        "from {address}, MQTT {}, keep alive {} s{}{}",
        connect.version.name(),
        keep_alive,
        if clean_start { ", clean start" } else { "" },
        if session_present { ", session resumed" } else { "" },
    );
    shared.record(EventKind::Connected, Some(&client), detail);

    let pace = Pace::new(&terms.limits, now.steady);
    let mut connection = Box::new(Connection {
        progress: shared.journal.progress(),
        batch: PublishBatch::of(outbox.who()),
        readable: Verdicts::default(),
        shared,
        terms: Arc::clone(terms),
        wire,
        session,
        outbox,
        card,
        seat,
        will: connect.will.take(),
        pending: VecDeque::new(),
        hold: None,
        owes: false,
        pace,
        resume_at: None,
        was_reading: true,
        desk: OnLoan::default(),
        walks_on: false,
        awaits_commit: false,
        page: None,
        request: None,
        works_on: false,
        progressed: now.steady,
    });
    connection.desk.actions = actions;
    let assigned = assigned.then_some(&client);
    let welcome = handshake::welcome(&connection.terms, &connect, assigned, session_present);
    let _ = connection.wire.send(&Packet::ConnAck(Box::new(welcome)));
    connection
}

/// The queue of a session that is new: in the journal, where it outlives its connection.
fn new_outbox(shared: &Shared, terms: &Terms, client: &ClientIdentifier, expiry_interval: u32) -> Outbox {
    let session = if expiry_interval > 0 { shared.new_session() } else { None };
    match session {
        Some(session) => {
            let journal = InJournal { session, progress: shared.journal.progress() };
            Outbox::in_journal(client.clone(), &terms.limits, journal)
        }
        None => Outbox::new(client.clone(), &terms.limits),
    }
}

/// Waits for a part of a queue; for ever where none is being read.
async fn read_page(page: &mut Option<Reading>) -> Result<Result<Page, QueueUnreadable>, JoinError> {
    match page {
        Some(page) => page.await,
        None => std::future::pending().await,
    }
}

/// Waits until reading goes on; for ever where it does.
async fn resume(at: Option<std::time::Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

pub(crate) struct Connection<R, W> {
    pub(crate) shared: Arc<Shared>,
    /// Those of the listener when the client came.
    pub(crate) terms: Arc<Terms>,
    pub(crate) wire: Wire<R, W>,
    pub(crate) session: Session,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) card: Arc<ClientCard>,
    seat: Arc<Seat>,
    will: Option<Box<Will>>,
    pub(crate) batch: PublishBatch,
    /// What the client may read.
    pub(crate) readable: Verdicts,
    /// What waits for the journal to reach a sequence; acknowledgements in the order of the messages
    /// [MQTT-4.6.0-2], [MQTT-4.6.0-3].
    pub(crate) pending: VecDeque<(Sequence, Awaited)>,
    pub(crate) progress: watch::Receiver<Progress>,
    /// Nothing is read until the journal has reached this: the disk is slower than the client.
    pub(crate) hold: Option<Sequence>,
    /// The client, of a version below 5, has published what was not taken and can't be refused: so nothing that it must
    /// keep in order behind that is taken either, until it connects again and sends it again.
    pub(crate) owes: bool,
    /// `None` where the client may send as fast as it can.
    pub(crate) pace: Option<Box<Pace>>,
    /// Nothing is read or decoded until then: the client sends faster than it may.
    pub(crate) resume_at: Option<std::time::Instant>,
    /// Something was read the last time round.
    was_reading: bool,
    pub(crate) desk: OnLoan<Desk>,
    /// There may be retained messages to be found, and nothing else to wait for.
    pub(crate) walks_on: bool,
    /// The next message waits for the journal to have it.
    pub(crate) awaits_commit: bool,
    /// The SUBSCRIBE or UNSUBSCRIBE that is under way: the next packet's turn comes after it.
    pub(crate) request: Option<Box<Request>>,
    /// The turn was over before all was done that came from the client: the next one goes on.
    pub(crate) works_on: bool,
    /// The next part of the queue, which is in the journal alone.
    pub(crate) page: Option<Reading>,
    /// When the socket last took bytes, or had none to take.
    pub(crate) progressed: std::time::Instant,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Connection<R, W> {
    pub(crate) const fn client(&self) -> &ClientIdentifier {
        self.session.client()
    }

    async fn run(&mut self) -> Close {
        let timer = sleep_until(self.next_look(clock::now()));
        tokio::pin!(timer);
        let (mut moved, mut turns) = (0, Turns::default());
        let mut now = clock::now();
        if self.shared.stopping.is_cancelled() {
            return the_broker_stops();
        }
        // A client need not wait for CONNACK: what it sent with CONNECT is here already (3.1.4).
        if let Some(close) = self.decode_input(now) {
            return close;
        }
        loop {
            if let Some(close) = self.fill_output(now) {
                return close;
            }
            let read = self.may_read();
            if read && !self.was_reading {
                self.session.heard(now);
            }
            self.was_reading = read;
            self.desk.clear_away();
            self.batch.clear_away();
            let event = self.wait(read, timer.as_mut()).await;
            if matches!(event, Event::Filled) {
                // Whoever else has something for this client puts it in first: it all goes out in one write.
                yield_now().await;
            }
            now = clock::now();
            let close = match event {
                Event::Evicted(close) => Some(close),
                Event::Turned(Ok(Turned::Read(count))) => {
                    moved += count;
                    self.take_input(now, count)
                }
                Event::Turned(Ok(Turned::Written(count))) => {
                    moved += count;
                    self.progressed = now.steady;
                    add(&self.card.bytes_out, count as u64);
                    None
                }
                Event::Turned(Ok(Turned::End)) => {
                    Some(Close::lost(ReasonCode::UNSPECIFIED_ERROR, "the connection was closed without DISCONNECT"))
                }
                Event::Turned(Err(error)) => Some(broken(&error)),
                Event::Filled | Event::Look | Event::Walks => None,
                Event::GoesOn => self.decode_input(now),
                Event::Page(read) => self.take_page(read),
                Event::Journal(Ok(())) => self.acknowledge(now),
                Event::Journal(Err(_)) => {
                    Some(Close::by_broker(ReasonCode::SERVER_SHUTTING_DOWN, "the journal stopped"))
                }
            };
            if let Some(close) = close {
                return close;
            }
            if timer.deadline().into_std() <= now.steady {
                if let Some(close) = self.look_around(now) {
                    return close;
                }
                timer.as_mut().reset(self.next_look(now));
            }
            let works = self.works_on || self.session.retained.is_under_way();
            if !works {
                turns.done();
            }
            if moved >= turns::BYTES || self.works_on {
                moved = 0;
                if works {
                    turns.over().await;
                } else {
                    yield_now().await;
                }
                now = clock::now();
            }
        }
    }

    /// Waits for whatever comes first.
    async fn wait(&mut self, read: bool, mut timer: Pin<&mut Sleep>) -> Event {
        let follows_journal = !self.pending.is_empty() || self.hold.is_some() || self.awaits_commit || self.owes;
        let works_on = self.works_on && self.hold.is_none();
        let waits_for_more = follows_journal || works_on || self.walks_on;
        let wants_deliveries = self.wire.unwritten() < OUTPUT_HIGH;
        let (wire, seat, outbox) = (&mut self.wire, &self.seat, &self.outbox);
        let usual = poll_fn(|context| {
            if let Poll::Ready(close) = seat.poll_evicted(context) {
                return Poll::Ready(Event::Evicted(close));
            }
            if let Poll::Ready(turned) = wire.poll_turn(context, read) {
                return Poll::Ready(Event::Turned(turned));
            }
            if wants_deliveries && outbox.poll_filled(context).is_ready() {
                return Poll::Ready(Event::Filled);
            }
            timer.as_mut().poll(context).map(|()| Event::Look)
        });
        if !waits_for_more && self.page.is_none() && self.resume_at.is_none() {
            return usual.await;
        }
        // In a box of its own: a connection that waits for the usual, as most do, would hold the room for all of it.
        Box::pin(async {
            tokio::select! {
                event = usual => event,
                () = ready(()), if works_on => Event::GoesOn,
                () = resume(self.resume_at) => Event::GoesOn,
                read = read_page(&mut self.page) => Event::Page(read),
                // Others have their turn between two steps.
                () = yield_now(), if self.walks_on => Event::Walks,
                changed = self.progress.changed(), if follows_journal => Event::Journal(changed),
            }
        })
        .await
    }

    /// When to look at deadlines again. Packets move the Keep Alive's deadline without touching the timer.
    fn next_look(&self, now: Moment) -> Instant {
        let latest = now.steady + LOOK_AROUND.min(self.terms.limits.stall_timeout);
        self.session.link().deadline().map_or(latest, |deadline| deadline.min(latest)).into()
    }

    fn look_around(&mut self, now: Moment) -> Option<Close> {
        if self.wire.unwritten() > 0 && now.steady - self.progressed >= self.terms.limits.stall_timeout {
            let seconds = self.terms.limits.stall_timeout.as_secs();
            return Some(Close::by_broker(
                ReasonCode::QUOTA_EXCEEDED,
                format!("the client read nothing for {seconds} s while messages waited for it"),
            ));
        }
        if !self.may_read() {
            self.session.heard(now);
        }
        self.session.handle_timeout(now, &mut self.desk.actions);
        self.perform(now)
    }

    /// Acknowledges what the journal has committed.
    pub(crate) fn acknowledge(&mut self, now: Moment) -> Option<Close> {
        let (committed, is_paused) = {
            let progress = self.progress.borrow_and_update();
            (progress.committed, progress.paused.is_some())
        };
        if self.hold.is_some_and(|hold| hold <= committed) {
            self.hold = None;
        }
        while let Some((_, awaited)) = self.pending.pop_front_if(|(sequence, _)| *sequence <= committed) {
            match awaited {
                Awaited::Acknowledge(acknowledge) => self.session.handle_committed(acknowledge, &mut self.desk.actions),
                Awaited::Send(packet) => self.desk.actions.push(Action::Send(packet)),
            }
        }
        let close = self.perform(now);
        if self.owes && !is_paused && self.pending.is_empty() && close.is_none() {
            // Clients send again what was not acknowledged once they connect again, and at no other time.
            let detail = "the journal goes on: connect again, and publish again what was not acknowledged";
            return Some(Close::by_broker(ReasonCode::QUOTA_EXCEEDED, detail));
        }
        close
    }

    /// Does what the session asks for, in order.
    pub(crate) fn perform(&mut self, now: Moment) -> Option<Close> {
        let mut actions = std::mem::take(&mut self.desk.actions);
        let mut close = None;
        for action in actions.drain(..) {
            match action {
                Action::Send(packet) => self.answer(packet),
                Action::SendCommitted(packet) => self.desk.due.push(Awaited::Send(packet)),
                Action::Keep(note) => self.keep(note),
                Action::Deliver(outgoing) => self.deliver(&outgoing),
                Action::Publish { topic, publish, acknowledge } => {
                    add(&self.card.messages_in, 1);
                    let message = Message {
                        topic,
                        payload: publish.payload,
                        qos: publish.qos,
                        retain: publish.retain,
                        properties: publish.properties,
                        publisher: self.session.client().clone(),
                        source: None,
                        received: now.wall,
                    };
                    self.publish(message, acknowledge);
                }
                Action::Acknowledge(acknowledge) => self.desk.due.push(Awaited::Acknowledge(acknowledge)),
                Action::Subscribe(subscribe) => self.request = Some(Box::new(Request::subscribe(subscribe))),
                Action::Unsubscribe(unsubscribe) => self.request = Some(Box::new(Request::unsubscribe(unsubscribe))),
                Action::Drop { delivery, reason } => self.drop_delivery(&delivery, reason),
                Action::Close(asked) => {
                    close = Some(asked);
                    break;
                }
            }
        }
        actions.clear();
        // `publish` may have asked the session for an answer meanwhile.
        actions.append(&mut self.desk.actions);
        self.desk.actions = actions;
        if close.is_none() && !self.desk.actions.is_empty() {
            return self.perform(now);
        }
        close
    }

    /// Sends a packet that is no PUBLISH, unless the client could not take it [MQTT-3.1.2-24]; without its Reason String
    /// where that makes it too large [MQTT-3.4.2-2], [MQTT-3.9.2-1].
    pub(crate) fn answer(&mut self, packet: Packet) {
        if self.wire.send(&packet).is_err() && self.wire.send(&without_reason_string(packet)).is_err() {
            let client = &**self.client();
            tracing::warn!(client, "a packet larger than the client allows was not sent [MQTT-3.1.2-24]");
        }
    }

    /// Answers once what came of it is committed, where the journal keeps the session; while it can't keep anything,
    /// at once.
    pub(crate) fn answer_settled(&mut self, packet: Packet) {
        if self.outbox.session().is_some() && self.progress.borrow().paused.is_none() {
            self.desk.due.push(Awaited::Send(packet));
        } else {
            self.answer(packet);
        }
    }

    fn keep(&mut self, note: Note) {
        let Some(session) = self.outbox.session() else { return };
        self.batch.keep(match note {
            Note::Done(place) => SessionRecord::Done(place),
            Note::Released(place) => SessionRecord::Released(place),
            Note::Completed(place) => SessionRecord::Completed(place),
            Note::ReceivedDone(packet_identifier) => SessionRecord::ReceivedDone { session, packet_identifier },
        });
    }

    /// Ends the connection: the Will, the record, the session's next place, and the last packet to the client.
    async fn end(mut self: Box<Self>, close: Close) {
        let now = clock::now();
        let client = self.session.client().clone();
        let detail = match (close.reason, &close.detail[..]) {
            (ReasonCode::SUCCESS, "") => "normally, with DISCONNECT".to_owned(),
            (ReasonCode::UNSPECIFIED_ERROR, detail) if !detail.is_empty() => detail.to_owned(),
            (reason, "") => reason.to_string(),
            (reason, detail) => format!("{reason}: {detail}"),
        };
        {
            let about = &mut *self.card.about.lock();
            about.connected = false;
            about.since = now.wall;
            about.last_disconnect = Some(detail.clone());
        }
        self.card.inflight.store(self.session.inflight() as u32, Ordering::Relaxed);
        self.outbox.close();
        self.shared.pass_on(&self.outbox);
        // What breaks the protocol may be many programs behind one name, so that the address matters.
        let detail = match close.kind {
            EventKind::Violation => format!("from {}: {detail}", self.card.about.lock().connection.address),
            _ => detail,
        };
        self.shared.record(close.kind, Some(&client), detail);

        // DISCONNECT may have asked for more than CONNECT got.
        self.session.expiry_interval = self.terms.limits.session_expiry(self.session.expiry_interval);
        let will = self.will.take().filter(|_| close.publish_will);
        let survives = self.session.expiry_interval > 0;
        let (will, delayed) = match will {
            None => (None, None),
            Some(will) => match will.properties.will_delay_interval.unwrap_or(0) {
                delay @ 1.. if survives && !self.shared.stopping.is_cancelled() => {
                    (None, Some((Duration::from_secs(u64::from(delay)), will)))
                }
                _ => (Some(will), None),
            },
        };
        let end = self.outbox.session().and_then(|session| {
            let away = SessionAway {
                since: now.wall,
                expiry_interval: self.session.expiry_interval,
                will_due: delayed.as_ref().map(|(delay, _)| now.after(*delay).wall),
                // The client may get its own Will Message.
                next_order: self.outbox.next_order() + u64::from(will.is_some()),
                sent_below: self.session.sent_below(),
            };
            if survives {
                Some(SessionRecord::Away { session, away: Box::new(away) })
            } else {
                // `Ended` follows.
                will.is_some().then_some(SessionRecord::WillDone { session })
            }
        });
        match will {
            Some(will) => {
                self.shared.finish(&mut self.batch);
                self.shared.publish_will(self.outbox.who(), *will, end);
            }
            None => {
                if let Some(end) = end {
                    self.batch.keep(end);
                }
                self.shared.finish(&mut self.batch);
            }
        }
        let ended = self.shared.registry.release(&self.seat, self.session, delayed, now.steady);
        if let Some(ended) = ended {
            self.shared.end_session(ended).await;
        }

        if self.wire.version == ProtocolVersion::V5 && !close.client_said_so {
            let reason_string = (!close.detail.is_empty()).then(|| close.detail.into());
            let properties = DisconnectProperties { reason_string, ..DisconnectProperties::default() };
            let spoken = Packet::Disconnect(Disconnect { reason_code: close.reason, properties });
            if self.wire.send(&spoken).is_err() {
                let properties = DisconnectProperties::default();
                let _ = self.wire.send(&Packet::Disconnect(Disconnect { reason_code: close.reason, properties }));
            }
        }
        self.wire.farewell().await;
    }
}

/// The end of a connection that the broker's end ends.
pub(crate) fn the_broker_stops() -> Close {
    Close::by_broker(ReasonCode::SERVER_SHUTTING_DOWN, "the broker stops")
}

/// The end of a connection whose stream failed.
fn broken(error: &io::Error) -> Close {
    match framing_violation(error) {
        Some(violation) => Close::violation(ReasonCode::PROTOCOL_ERROR, violation.to_string()),
        None => Close::lost(ReasonCode::UNSPECIFIED_ERROR, format!("the connection failed: {error}")),
    }
}

fn without_reason_string(mut packet: Packet) -> Packet {
    match &mut packet {
        Packet::PubAck(content) | Packet::PubRec(content) | Packet::PubRel(content) | Packet::PubComp(content) => {
            content.properties = None;
        }
        Packet::SubAck(suback) => suback.properties = SubAckProperties::default(),
        Packet::UnsubAck(unsuback) => unsuback.properties = SubAckProperties::default(),
        _ => {}
    }
    packet
}
