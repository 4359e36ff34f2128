//! One of the generator's connections: buffers around a non-blocking socket.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use anyhow::{Context, bail};
use mio::net::TcpStream;
use nightjar_mqtt::{ProtocolVersion, QoS};
use nightjar_tests::Peer;

use crate::frame::{self, Frame};

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Bytes of `output` that the socket took.
    written: usize,
    /// The socket took no more at the last try; its next event clears this.
    is_blocked: bool,
}

impl Client {
    /// Connects, and subscribes where there is a filter.
    pub(crate) fn connect(address: SocketAddr, name: &str, subscription: Option<(&str, QoS)>) -> anyhow::Result<Self> {
        let mut peer = Peer::join(address, ProtocolVersion::V311, name)?;
        if let Some((filter, qos)) = subscription {
            peer.subscribe(filter, qos)?;
        }
        let stream = peer.into_stream();
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            input: Vec::new(),
            output: Vec::new(),
            written: 0,
            is_blocked: false,
        })
    }

    /// Bytes that wait for the socket.
    pub(crate) const fn pending(&self) -> usize {
        self.output.len() - self.written
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
        while self.written < self.output.len() && !self.is_blocked {
            match self.stream.write(&self.output[self.written..]) {
                Ok(0) => bail!("the broker closed a connection"),
                Ok(length) => self.written += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_blocked = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("the broker closed a connection"),
            }
        }
        if self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
        }
        Ok(())
    }

    /// Reads all that is there, answers the broker's QoS 1 and 2, and hands each packet to `take`.
    pub(crate) fn read(&mut self, chunk: &mut [u8], mut take: impl FnMut(Frame)) -> anyhow::Result<()> {
        loop {
            match self.stream.read(chunk) {
                Ok(0) => bail!("the broker closed a connection"),
                Ok(length) => self.handle(&chunk[..length], &mut take)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("the broker closed a connection"),
            }
        }
    }

    fn handle(&mut self, bytes: &[u8], take: &mut impl FnMut(Frame)) -> anyhow::Result<()> {
        // Most reads start and end with whole packets, or nearly so: only what is left over is copied.
        if self.input.is_empty() {
            let consumed = consume(bytes, &mut self.output, take)?;
            self.input.extend_from_slice(&bytes[consumed..]);
        } else {
            self.input.extend_from_slice(bytes);
            let consumed = consume(&self.input, &mut self.output, take)?;
            self.input.drain(..consumed);
        }
        Ok(())
    }
}

fn consume(bytes: &[u8], output: &mut Vec<u8>, take: &mut impl FnMut(Frame)) -> anyhow::Result<usize> {
    let mut consumed = 0;
    while let Some((frame, length)) = frame::read(&bytes[consumed..])? {
        consumed += length;
        let (packet_type, identifier) = match frame {
            Frame::Message { qos: 1, packet_identifier, .. } => (0x40, packet_identifier),
            Frame::Message { qos: 2, packet_identifier, .. } => (0x50, packet_identifier),
            Frame::PubRec(packet_identifier) => (0x62, packet_identifier),
            Frame::PubRel(packet_identifier) => (0x70, packet_identifier),
            _ => {
                take(frame);
                continue;
            }
        };
        let [high, low] = identifier.to_be_bytes();
        output.extend_from_slice(&[packet_type, 2, high, low]);
        take(frame);
    }
    Ok(consumed)
}
