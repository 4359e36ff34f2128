//! How fast clients get in, and what memory those cost that stay and say nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::BytesMut;
use mio::{Events, Interest, Poll, Token};
use nightjar_mqtt::{Packet, ProtocolVersion, QoS};
use nightjar_tests::{Broker, connect};
use socket2::{Domain, Socket, Type};

use super::run::Run;
use crate::client::subscribe;
use crate::frame::{self, Frame};
use crate::histogram::Histogram;
use crate::machine;

/// Addresses that clients come from: a closed connection keeps its port for a minute, and each address has 28,000.
const SOURCES: usize = 64;

/// How long a broker may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

const DISCONNECT: [u8; 2] = [0xE0, 0];

/// Clients connect, hear CONNACK and leave, `at_once` at any time.
pub(crate) fn rate(broker: &Broker, at_once: usize, seconds: u64) -> anyhow::Result<Run> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(at_once);
    let mut slots: Vec<Slot> = Vec::new();
    let mut count = 0;
    let mut join = |poll: &Poll, token: usize| -> anyhow::Result<Slot> {
        count += 1;
        let started = Instant::now();
        let mut stream = dial(broker.address(), count)?;
        stream
            .write_all(&encoded(&Packet::Connect(Box::new(connect(ProtocolVersion::V311, &format!("c{count}")))))?)?;
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(token), Interest::READABLE)?;
        Ok(Slot { stream, started })
    };
    let before = machine::cpu_time(broker.process_id())?;
    let started = Instant::now();
    for token in 0..at_once {
        slots.push(join(&poll, token)?);
    }
    let end = started + Duration::from_secs(seconds);
    let mut times = Histogram::new();
    let mut done = 0_u64;
    while Instant::now() < end {
        poll.poll(&mut events, Some(PATIENCE))?;
        ensure!(!events.is_empty(), "the broker has not answered CONNECT for {PATIENCE:?}");
        for event in &events {
            let slot = &mut slots[event.token().0];
            if !slot.is_accepted()? {
                continue;
            }
            times.record(u64::try_from(slot.started.elapsed().as_nanos()).unwrap_or(u64::MAX));
            done += 1;
            slot.stream.write_all(&DISCONNECT)?;
            slots[event.token().0] = join(&poll, event.token().0)?;
        }
    }
    let elapsed = started.elapsed().as_secs_f64();
    drop(slots);
    let cpu = machine::settled_cpu_time(broker.process_id())?.saturating_sub(before).as_secs_f64();
    Ok(Run {
        per_cpu_second: (cpu > 0.0).then(|| done as f64 / cpu),
        per_second: Some(done as f64 / elapsed),
        busy: Some(cpu / elapsed),
        latency: times.milliseconds(),
        memory: Some(machine::most_resident(broker.process_id())? as f64),
        ..Run::default()
    })
}

struct Slot {
    stream: mio::net::TcpStream,
    started: Instant,
}

impl Slot {
    /// CONNACK has come; four bytes never come in pieces here.
    fn is_accepted(&mut self) -> anyhow::Result<bool> {
        let mut bytes = [0; 16];
        match self.stream.read(&mut bytes) {
            Ok(length) => {
                let frame = frame::read(&bytes[..length])?.map(|(frame, _)| frame);
                ensure!(frame == Some(Frame::ConnAck(0)), "CONNECT was answered with {frame:?}");
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error).context("the broker closed a connection"),
        }
    }
}

/// Clients subscribe, each to a topic of its own, and stay.
pub(crate) fn idle(broker: &Broker, connections: usize) -> anyhow::Result<Run> {
    let before = settled_memory(broker.process_id())?;
    let mut streams = Vec::with_capacity(connections);
    for number in 0..connections {
        let mut stream = dial(broker.address(), number)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream
            .write_all(&encoded(&Packet::Connect(Box::new(connect(ProtocolVersion::V311, &format!("c{number}")))))?)?;
        let mut connack = [0; 4];
        stream.read_exact(&mut connack).context("CONNACK")?;
        ensure!(connack == [0x20, 2, 0, 0], "CONNECT was answered with {connack:?}");
        stream.write_all(&encoded(&subscribe(&[format!("idle/{number}")], QoS::AtMostOnce)?)?)?;
        let mut suback = [0; 5];
        stream.read_exact(&mut suback).context("SUBACK")?;
        ensure!(suback[0] == 0x90 && suback[4] == 0, "SUBSCRIBE was answered with {suback:?}");
        streams.push(stream);
    }
    let after = settled_memory(broker.process_id())?;
    Ok(Run {
        bytes_per_connection: Some(after.saturating_sub(before) as f64 / connections as f64),
        memory: Some(after as f64),
        ..Run::default()
    })
}

/// The memory of a process once it stays as it is.
fn settled_memory(process: u32) -> anyhow::Result<u64> {
    machine::settled_cpu_time(process)?;
    let mut last = machine::resident(process)?;
    for _ in 0..20 {
        thread::sleep(Duration::from_millis(100));
        let now = machine::resident(process)?;
        if now == last {
            break;
        }
        last = now;
    }
    Ok(last)
}

/// A connection from one of this computer's many addresses.
fn dial(broker: SocketAddr, number: usize) -> anyhow::Result<TcpStream> {
    let last = u8::try_from(number % SOURCES + 2)?;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)).into())?;
    socket.connect(&broker.into())?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

fn encoded(packet: &Packet) -> anyhow::Result<BytesMut> {
    let mut bytes = BytesMut::new();
    packet.encode(ProtocolVersion::V311, &mut bytes)?;
    Ok(bytes)
}
