//! A scripted MQTT client over a blocking socket: it sends what a test says, also what no client should.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::{Bytes, BytesMut};
use nightjar_mqtt::{
    Acknowledgement, ConnAck, Connect, ConnectProperties, Decoder, Disconnect, Login, Packet, PacketIdentifier,
    ProtocolVersion, Publish, QoS, ReasonCode, Subscribe, SubscribeProperties, Subscription, SubscriptionOptions,
    TopicFilter, TopicName,
};

use crate::DEADLINE;

/// One connection to a broker.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    decoder: Decoder,
    buffer: BytesMut,
    version: ProtocolVersion,
    next_identifier: PacketIdentifier,
    deadline: Duration,
    /// What came before a SUBACK that was waited for: a broker may begin before it (3.8.4).
    early: VecDeque<Packet>,
}

impl Peer {
    /// A connection on which nothing was sent yet.
    ///
    /// # Errors
    /// Where nobody listens.
    pub fn dial(address: SocketAddr, version: ProtocolVersion) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, DEADLINE)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(Self {
            stream,
            decoder: Decoder::for_version(version, usize::MAX),
            buffer: BytesMut::new(),
            version,
            next_identifier: PacketIdentifier::FIRST,
            deadline: DEADLINE,
            early: VecDeque::new(),
        })
    }

    /// How long it waits for what has to come; [`DEADLINE`] where nothing else is said.
    pub const fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    /// A connection with a clean session and without keep alive.
    ///
    /// # Errors
    /// Where the broker refuses it.
    pub fn join(address: SocketAddr, version: ProtocolVersion, client_identifier: &str) -> anyhow::Result<Self> {
        let (peer, answer) = Self::connect(address, connect(version, client_identifier))?;
        ensure!(!answer.reason_code.is_error(), "CONNECT was refused: {}", answer.reason_code);
        Ok(peer)
    }

    /// A connection that opens with the given CONNECT, and the broker's answer.
    ///
    /// # Errors
    /// Where the broker does not answer with CONNACK.
    pub fn connect(address: SocketAddr, connect: Connect) -> anyhow::Result<(Self, ConnAck)> {
        let mut peer = Self::dial(address, connect.version)?;
        peer.send(&Packet::Connect(Box::new(connect)))?;
        match peer.receive()? {
            Packet::ConnAck(answer) => Ok((peer, *answer)),
            other => bail!("not a CONNACK: {other:?}"),
        }
    }

    /// Sends a packet.
    ///
    /// # Errors
    /// Where the broker closed the connection.
    pub fn send(&mut self, packet: &Packet) -> anyhow::Result<()> {
        let mut bytes = BytesMut::new();
        packet.encode(self.version, &mut bytes)?;
        self.send_bytes(&bytes)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Where the broker closed the connection.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(bytes).context("the broker takes no more bytes")
    }

    /// The next packet.
    ///
    /// # Errors
    /// Where none comes by the deadline, or the connection ends.
    pub fn receive(&mut self) -> anyhow::Result<Packet> {
        self.receive_until_end()?.context("the broker closed the connection")
    }

    /// The next packet as the bytes that came, fixed header and all, for what a decoder does not show.
    ///
    /// # Errors
    /// Where none comes by the deadline, or the connection ends.
    pub fn receive_bytes(&mut self) -> anyhow::Result<Bytes> {
        self.receive_bytes_until_end()?.context("the broker closed the connection")
    }

    /// The same; `None` at the end of the connection.
    ///
    /// # Errors
    /// Where neither comes by the deadline.
    pub fn receive_bytes_until_end(&mut self) -> anyhow::Result<Option<Bytes>> {
        let end = Instant::now() + self.deadline;
        loop {
            if let Some(length) = packet_length(&self.buffer)
                && self.buffer.len() >= length
            {
                return Ok(Some(self.buffer.split_to(length).freeze()));
            }
            if !self.read(end)? {
                return Ok(None);
            }
        }
    }

    /// That the broker closes the connection; the packets that came before are returned.
    ///
    /// # Errors
    /// Where it stays open until the deadline.
    pub fn expect_end(&mut self) -> anyhow::Result<Vec<Packet>> {
        let mut packets = Vec::new();
        while let Some(packet) = self.receive_until_end()? {
            packets.push(packet);
        }
        Ok(packets)
    }

    /// The next packet; `None` at the end of the connection.
    ///
    /// # Errors
    /// Where neither comes by the deadline.
    pub fn receive_until_end(&mut self) -> anyhow::Result<Option<Packet>> {
        match self.early.pop_front() {
            Some(packet) => Ok(Some(packet)),
            None => self.receive_new(),
        }
    }

    fn receive_new(&mut self) -> anyhow::Result<Option<Packet>> {
        let end = Instant::now() + self.deadline;
        loop {
            if let Some(packet) = self.decoder.decode(&mut self.buffer)? {
                return Ok(Some(packet));
            }
            if !self.read(end)? {
                return Ok(None);
            }
        }
    }

    /// Waits for bytes; `false` at the end of the connection.
    fn read(&mut self, end: Instant) -> anyhow::Result<bool> {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            ensure!(!left.is_zero(), "nothing came within {:?}", self.deadline);
            self.stream.set_read_timeout(Some(left))?;
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(false),
                Ok(length) => {
                    self.buffer.extend_from_slice(&chunk[..length]);
                    return Ok(true);
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A broker that closes with bytes of ours unread resets the connection.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Subscribes and waits for the answer.
    ///
    /// # Errors
    /// Where the broker refuses.
    pub fn subscribe(&mut self, filter: &str, maximum_qos: QoS) -> anyhow::Result<()> {
        let packet_identifier = self.take_identifier();
        self.send(&Packet::Subscribe(Subscribe {
            packet_identifier,
            properties: SubscribeProperties::default(),
            subscriptions: vec![Subscription {
                filter: TopicFilter::new(filter)?,
                options: SubscriptionOptions { maximum_qos, ..SubscriptionOptions::default() },
            }],
        }))?;
        let reason_codes = self.expect_suback(packet_identifier)?;
        ensure!(reason_codes == [ReasonCode(maximum_qos.level())], "the subscription was refused: {reason_codes:?}");
        Ok(())
    }

    /// The reason codes of the SUBACK to a SUBSCRIBE; messages that come before it are received after it.
    ///
    /// # Errors
    /// Where it does not come.
    pub fn expect_suback(&mut self, packet_identifier: PacketIdentifier) -> anyhow::Result<Vec<ReasonCode>> {
        loop {
            match self.receive_new()?.context("the broker closed the connection")? {
                Packet::SubAck(answer) if answer.packet_identifier == packet_identifier => {
                    return Ok(answer.reason_codes);
                }
                Packet::Publish(message) => self.early.push_back(Packet::Publish(message)),
                other => bail!("not the SUBACK: {other:?}"),
            }
        }
    }

    /// Sends a PUBLISH and does not wait; the identifier that its acknowledgement will carry.
    ///
    /// # Errors
    /// Where the broker closed the connection.
    pub fn publish(
        &mut self,
        topic: &str,
        payload: impl Into<Bytes>,
        qos: QoS,
        retain: bool,
    ) -> anyhow::Result<Option<PacketIdentifier>> {
        let packet_identifier = (qos != QoS::AtMostOnce).then(|| self.take_identifier());
        self.send(&Packet::Publish(Publish {
            dup: false,
            qos,
            retain,
            topic: Some(TopicName::new(topic)?),
            packet_identifier,
            properties: None,
            payload: payload.into(),
        }))?;
        Ok(packet_identifier)
    }

    /// Publishes and goes through the whole handshake. Meant for connections without subscriptions: a message that
    /// comes in between is an error.
    ///
    /// # Errors
    /// Where the broker does not acknowledge it.
    pub fn publish_acknowledged(
        &mut self,
        topic: &str,
        payload: impl Into<Bytes>,
        qos: QoS,
        retain: bool,
    ) -> anyhow::Result<()> {
        match self.publish(topic, payload, qos, retain)? {
            Some(packet_identifier) => self.expect_acknowledged(packet_identifier, qos),
            None => Ok(()),
        }
    }

    /// Goes through the handshake of a PUBLISH of QoS 1 or 2 that was sent.
    ///
    /// # Errors
    /// Where the broker does not acknowledge it.
    pub fn expect_acknowledged(&mut self, packet_identifier: PacketIdentifier, qos: QoS) -> anyhow::Result<()> {
        let answer = |packet: Packet| match packet {
            Packet::PubAck(answer) | Packet::PubRec(answer) | Packet::PubComp(answer)
                if answer.packet_identifier == packet_identifier && !answer.reason_code.is_error() =>
            {
                Ok(())
            }
            other => bail!("not the acknowledgement: {other:?}"),
        };
        answer(self.receive()?)?;
        if qos == QoS::ExactlyOnce {
            self.send(&Packet::PubRel(Acknowledgement::new(packet_identifier, ReasonCode::SUCCESS)))?;
            answer(self.receive()?)?;
        }
        Ok(())
    }

    /// The next message; QoS 1 and 2 are acknowledged.
    ///
    /// # Errors
    /// Where none comes by the deadline.
    pub fn receive_message(&mut self) -> anyhow::Result<Publish> {
        loop {
            match self.receive()? {
                Packet::Publish(message) => {
                    if let Some(packet_identifier) = message.packet_identifier {
                        let answer = Acknowledgement::new(packet_identifier, ReasonCode::SUCCESS);
                        self.send(&match message.qos {
                            QoS::ExactlyOnce => Packet::PubRec(answer),
                            _ => Packet::PubAck(answer),
                        })?;
                    }
                    return Ok(message);
                }
                Packet::PubRel(release) => {
                    self.send(&Packet::PubComp(Acknowledgement::new(release.packet_identifier, ReasonCode::SUCCESS)))?
                }
                other => bail!("not a message: {other:?}"),
            }
        }
    }

    /// A round trip, after which the broker has handled everything that was sent before.
    ///
    /// # Errors
    /// Where the broker does not answer.
    pub fn ping(&mut self) -> anyhow::Result<()> {
        self.send(&Packet::PingReq)?;
        match self.receive()? {
            Packet::PingResp => Ok(()),
            other => bail!("not a PINGRESP: {other:?}"),
        }
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// Where the broker does not close the connection then.
    pub fn leave(mut self) -> anyhow::Result<()> {
        self.send(&Packet::Disconnect(Disconnect::default()))?;
        self.expect_end().map(drop)
    }

    /// Where the connection comes from, as the broker sees it.
    ///
    /// # Errors
    /// Where the socket is of no use any more.
    pub fn local_address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.stream.local_addr()?)
    }

    /// Says that nothing more will come, and goes on listening.
    ///
    /// # Errors
    /// None that matters: where the broker has closed the connection already, there is nothing left to say.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        match self.stream.shutdown(Shutdown::Write) {
            Err(error) if error.kind() != ErrorKind::NotConnected => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Takes in what has come so far, and drops it.
    ///
    /// # Errors
    /// Where it is no packet.
    pub fn drain(&mut self) -> anyhow::Result<()> {
        self.stream.set_nonblocking(true)?;
        let mut chunk = [0; 16 * 1024];
        while let Ok(length @ 1..) = self.stream.read(&mut chunk) {
            self.buffer.extend_from_slice(&chunk[..length]);
        }
        self.stream.set_nonblocking(false)?;
        while self.decoder.decode(&mut self.buffer)?.is_some() {}
        Ok(())
    }

    /// The socket, for who goes on alone.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// A Packet Identifier for a packet of the test's own making.
    pub const fn take_identifier(&mut self) -> PacketIdentifier {
        let identifier = self.next_identifier;
        self.next_identifier = identifier.next();
        identifier
    }
}

/// Bytes of the whole packet that `bytes` begin with; `None` where its fixed header is not complete.
fn packet_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (index, &byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(2 + index + length);
        }
    }
    None
}

/// A CONNECT with a clean session and without keep alive.
pub fn connect(version: ProtocolVersion, client_identifier: &str) -> Connect {
    Connect {
        version,
        clean_start: true,
        keep_alive: 0,
        client_identifier: client_identifier.into(),
        will: None,
        login: Login::default(),
        properties: ConnectProperties::default(),
    }
}
