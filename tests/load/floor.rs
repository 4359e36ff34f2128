//! What a broker would cost that does nothing: packets are passed on whole, by the names that the generator gives its
//! clients, without a look at their topics.
//!
//! It knows `…-publisher-7` and `…-subscriber-7`. Where there are as many of both they are pairs, else every subscriber
//! hears every publisher. QoS 1 is acknowledged, and passed on to nobody.

use std::io::{ErrorKind, Read, Write};
use std::net::Ipv4Addr;

use anyhow::Context;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::frame;

const LISTENER: Token = Token(usize::MAX);

/// Bytes that are read at once, and of the largest packet.
const CHUNK: usize = 256 * 1024;

/// A connection is not read from while one that hears it has so much to write.
const FULL: usize = 1 << 20;

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    rest: Vec<u8>,
    output: Vec<u8>,
    role: Option<Role>,
    /// More may wait to be read.
    is_readable: bool,
}

#[derive(Clone, Copy, Debug)]
enum Role {
    Publisher(usize),
    Subscriber,
}

#[derive(Debug, Default)]
struct Floor {
    /// By token; ended ones leave a gap.
    connections: Vec<Option<Connection>>,
    /// Those of which more is to be read.
    readable: Vec<usize>,
    publishers: usize,
    /// Tokens of the subscribers by their number.
    subscribers: Vec<usize>,
}

/// Listens at a free port of this computer, says which, and goes on until the process is ended.
#[expect(clippy::print_stdout, reason = "whoever started it waits for this line")]
pub(crate) fn run() -> anyhow::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("listening on mqtt://{}", listener.local_addr()?);
    let mut floor = Floor::default();
    let mut events = Events::with_capacity(1024);
    let mut chunk = vec![0; CHUNK];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let token = Token(floor.connections.len());
                    poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
                    floor.connections.push(Some(Connection {
                        stream,
                        rest: Vec::new(),
                        output: Vec::new(),
                        role: None,
                        is_readable: false,
                    }));
                }
            } else if event.is_readable()
                && let Some(connection) = &mut floor.connections[event.token().0]
                && !std::mem::replace(&mut connection.is_readable, true)
            {
                floor.readable.push(event.token().0);
            }
        }
        // Also those that had to wait for others.
        for index in std::mem::take(&mut floor.readable) {
            floor.serve(index, &mut chunk);
        }
        for index in 0..floor.connections.len() {
            floor.flush(index);
        }
    }
}

impl Floor {
    fn serve(&mut self, index: usize, chunk: &mut [u8]) {
        // Taken out meanwhile, so that it can write to others.
        let Some(mut connection) = self.connections[index].take() else { return };
        let mut is_open = true;
        while is_open && connection.is_readable && !self.is_full(connection.role) {
            let start = connection.rest.len();
            chunk[..start].copy_from_slice(&connection.rest);
            match connection.stream.read(&mut chunk[start..]) {
                Ok(0) => is_open = false,
                Ok(length) => {
                    let end = start + length;
                    connection.is_readable = end == chunk.len();
                    match self.pass_on(index, &mut connection, &chunk[..end]) {
                        Ok(consumed) => {
                            connection.rest.clear();
                            connection.rest.extend_from_slice(&chunk[consumed..end]);
                        }
                        Err(_) => is_open = false,
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => connection.is_readable = false,
                Err(_) => is_open = false,
            }
        }
        if is_open {
            if connection.is_readable {
                self.readable.push(index);
            }
            self.connections[index] = Some(connection);
        }
    }

    /// Passes whole packets on; how many bytes they were.
    fn pass_on(&mut self, index: usize, connection: &mut Connection, bytes: &[u8]) -> anyhow::Result<usize> {
        let mut consumed = 0;
        // PUBLISH packets that go to the same ones leave together.
        let mut passed = 0..0;
        while let Some((start, end)) = frame::bounds(&bytes[consumed..])? {
            let Some(packet) = bytes.get(consumed..consumed + end) else { break };
            match packet[0] >> 4 {
                1 => {
                    connection.role = self.introduce(index, &packet[start..]);
                    connection.output.extend_from_slice(&[0x20, 2, 0, 0]);
                }
                3 if packet[0] & 6 == 0 => {
                    if passed.end != consumed {
                        self.tell(connection.role, &bytes[passed]);
                        passed = consumed..consumed;
                    }
                    passed.end += end;
                }
                3 => {
                    let topic = usize::from(u16::from_be_bytes([packet[start], packet[start + 1]]));
                    let identifier = packet.get(start + 2 + topic..start + 4 + topic).context("no identifier")?;
                    connection.output.extend_from_slice(&[0x40, 2, identifier[0], identifier[1]]);
                }
                8 => connection.output.extend_from_slice(&[0x90, 3, packet[start], packet[start + 1], 0]),
                12 => connection.output.extend_from_slice(&[0xD0, 0]),
                14 => anyhow::bail!("it leaves"),
                _ => {}
            }
            consumed += end;
        }
        self.tell(connection.role, &bytes[passed]);
        Ok(consumed)
    }

    /// What a client is, by its Client Identifier.
    fn introduce(&mut self, index: usize, connect: &[u8]) -> Option<Role> {
        let name = std::str::from_utf8(connect.get(12..)?).ok()?;
        let number = name.rsplit('-').next()?.parse().ok()?;
        if name.contains("publisher") {
            self.publishers = self.publishers.max(number + 1);
            Some(Role::Publisher(number))
        } else if name.contains("subscriber") {
            self.subscribers.push(index);
            Some(Role::Subscriber)
        } else {
            None
        }
    }

    fn tell(&mut self, from: Option<Role>, bytes: &[u8]) {
        for hearer in self.hearers(from) {
            if let Some(hearer) = self.connections.get_mut(hearer).and_then(Option::as_mut) {
                hearer.output.extend_from_slice(bytes);
            }
        }
    }

    fn hearers(&self, role: Option<Role>) -> Vec<usize> {
        match role {
            Some(Role::Publisher(number)) if self.publishers == self.subscribers.len() => {
                vec![self.subscribers[number]]
            }
            Some(Role::Publisher(_)) => self.subscribers.clone(),
            Some(Role::Subscriber) | None => Vec::new(),
        }
    }

    fn is_full(&self, role: Option<Role>) -> bool {
        let is_full = |index: &usize| matches!(self.connections.get(*index), Some(Some(connection)) if connection.output.len() > FULL);
        self.hearers(role).iter().any(is_full)
    }

    fn flush(&mut self, index: usize) {
        let Some(connection) = &mut self.connections[index] else { return };
        while !connection.output.is_empty() {
            match connection.stream.write(&connection.output) {
                Ok(length) if length == connection.output.len() => connection.output.clear(),
                Ok(length) => drop(connection.output.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.connections[index] = None;
                    return;
                }
            }
        }
    }
}
