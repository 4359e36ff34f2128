//! One of the generator's connections: buffers around a non-blocking socket.

use std::io::{ErrorKind, Read, Write};

use anyhow::{Context, bail, ensure};
use bytes::BytesMut;
use mio::net::TcpStream;
use nightjar_mqtt::{
    Decoder, Packet, PacketIdentifier, ProtocolVersion, QoS, Subscribe, SubscribeProperties, Subscription,
    SubscriptionOptions, TopicFilter,
};
use nightjar_tests::connect;

use crate::frame::{self, Frame};
use crate::route::Route;
use crate::stream::Stream;

/// Filters in one SUBSCRIBE.
const FILTERS_AT_ONCE: usize = 500;

/// Bytes that are read at once while a client joins.
const CHUNK: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Client {
    stream: Stream<TcpStream>,
    /// The start of a packet that has not come whole.
    rest: Vec<u8>,
    output: Vec<u8>,
    /// Bytes of `output` that the socket took.
    written: usize,
    /// The socket took no more at the last try; its next event clears this.
    is_blocked: bool,
}

impl Client {
    /// Connects and subscribes, and waits for the answers.
    pub(crate) fn join(route: &Route, name: &str, filters: &[String], qos: QoS) -> anyhow::Result<Self> {
        let mut joining = Joining::new(route.open()?);
        match joining.ask(&Packet::Connect(Box::new(connect(ProtocolVersion::V311, name))))? {
            Packet::ConnAck(answer) => {
                ensure!(!answer.reason_code.is_error(), "CONNECT was refused: {}", answer.reason_code)
            }
            other => bail!("not a CONNACK: {other:?}"),
        }
        for filters in filters.chunks(FILTERS_AT_ONCE) {
            match joining.ask(&subscribe(filters, qos)?)? {
                Packet::SubAck(answer) => {
                    ensure!(answer.reason_codes.iter().all(|reason| !reason.is_error()), "a subscription was refused")
                }
                other => bail!("not a SUBACK: {other:?}"),
            }
        }
        let stream = joining.stream.with_socket(|socket| {
            socket.set_nonblocking(true)?;
            Ok(TcpStream::from_std(socket))
        })?;
        Ok(Self { stream, rest: joining.buffer.to_vec(), output: Vec::new(), written: 0, is_blocked: false })
    }

    /// For a poll, edge-triggered.
    pub(crate) const fn socket(&mut self) -> &mut TcpStream {
        self.stream.socket()
    }

    /// Bytes that wait for the socket.
    pub(crate) fn pending(&self) -> usize {
        self.output.len() - self.written + self.stream.pending()
    }

    /// Where packets are written; they leave with the next [`flush`](Self::flush).
    pub(crate) const fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    pub(crate) const fn unblock(&mut self) {
        self.is_blocked = false;
    }

    /// Gives the socket what it takes.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        while self.pending() > 0 && !self.is_blocked {
            match self.stream.write(&self.output[self.written..]) {
                Ok(length) => self.written += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_blocked = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("a connection to the broker ended"),
            }
        }
        if self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
        }
        Ok(())
    }

    /// Reads what is there, answers the broker's QoS 1 and 2, and hands each packet to `take`. `is_closing` says that
    /// the other end will send no more.
    pub(crate) fn read(
        &mut self,
        chunk: &mut [u8],
        is_closing: bool,
        mut take: impl FnMut(Frame),
    ) -> anyhow::Result<()> {
        loop {
            let start = self.rest.len();
            ensure!(start < chunk.len(), "the broker sent a packet of more than {} bytes", chunk.len());
            chunk[..start].copy_from_slice(&self.rest);
            match self.stream.read(&mut chunk[start..]) {
                Ok(came) => {
                    let end = start + came.length;
                    let consumed = consume(&chunk[..end], &mut self.output, &mut take)?;
                    self.rest.clear();
                    self.rest.extend_from_slice(&chunk[consumed..end]);
                    // A read that left room has emptied the socket: asking again would only cost a system call.
                    if came.is_all && !is_closing {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("a connection to the broker ended"),
            }
        }
    }
}

/// A client that says one thing after the other, and waits.
#[derive(Debug)]
struct Joining<S> {
    stream: Stream<S>,
    decoder: Decoder,
    buffer: BytesMut,
}

impl<S: Read + Write> Joining<S> {
    fn new(stream: Stream<S>) -> Self {
        let decoder = Decoder::for_version(ProtocolVersion::V311, usize::MAX);
        Self { stream, decoder, buffer: BytesMut::new() }
    }

    /// The next packet after this one was sent.
    fn ask(&mut self, packet: &Packet) -> anyhow::Result<Packet> {
        let mut bytes = BytesMut::new();
        packet.encode(ProtocolVersion::V311, &mut bytes)?;
        self.stream.write_all(&bytes).context("the broker takes no more bytes")?;
        let mut chunk = vec![0; CHUNK];
        loop {
            if let Some(answer) = self.decoder.decode(&mut self.buffer)? {
                return Ok(answer);
            }
            let came = self.stream.read(&mut chunk).context("the broker does not answer")?;
            self.buffer.extend_from_slice(&chunk[..came.length]);
        }
    }
}

/// A SUBSCRIBE with these filters.
pub(crate) fn subscribe(filters: &[String], qos: QoS) -> anyhow::Result<Packet> {
    let options = SubscriptionOptions { maximum_qos: qos, ..SubscriptionOptions::default() };
    let subscriptions = filters
        .iter()
        .map(|filter| Ok(Subscription { filter: TopicFilter::new(filter.as_str())?, options }))
        .collect::<anyhow::Result<_>>()?;
    let properties = SubscribeProperties::default();
    Ok(Packet::Subscribe(Subscribe { packet_identifier: PacketIdentifier::FIRST, properties, subscriptions }))
}

fn consume(bytes: &[u8], output: &mut Vec<u8>, take: &mut impl FnMut(Frame)) -> anyhow::Result<usize> {
    let mut consumed = 0;
    while let Some((frame, length)) = frame::read(&bytes[consumed..])? {
        consumed += length;
        let answer = match frame {
            Frame::Message { qos: 1, packet_identifier, .. } => Some((0x40, packet_identifier)),
            Frame::Message { qos: 2, packet_identifier, .. } => Some((0x50, packet_identifier)),
            Frame::PubRec(packet_identifier) => Some((0x62, packet_identifier)),
            Frame::PubRel(packet_identifier) => Some((0x70, packet_identifier)),
            _ => None,
        };
        if let Some((packet_type, packet_identifier)) = answer {
            let [high, low] = packet_identifier.to_be_bytes();
            output.extend_from_slice(&[packet_type, 2, high, low]);
        }
        take(frame);
    }
    Ok(consumed)
}
