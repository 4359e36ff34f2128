//! A connection's two byte streams and their buffers.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use nightjar_mqtt::{Decoder, Packet, ProtocolVersion, PublishView, Violation};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::counters::{Counters, add};
use crate::read_buffer::ReadBuffer;
use crate::web_socket::FrameViolation;

/// Buffers to write from that have grown above this are not used again.
const KEPT_CAPACITY: usize = 256 << 10;
/// How long a client has to read the last packet of a connection.
const FAREWELL: Duration = Duration::from_secs(2);

thread_local! {
    /// What the connections of this thread write from in turn: one that has nothing to write holds no buffer.
    static SPARE: Cell<BytesMut> = Cell::default();
}

pub(crate) struct Wire<R, W> {
    reader: R,
    writer: W,
    traffic: Traffic,
    decoder: Decoder,
    input: ReadBuffer,
    output: BytesMut,
    /// The last turn wrote: the next one reads first.
    wrote_last: bool,
    /// All was written, but the writer still has to pass it on; TCP's own never has.
    unflushed: bool,
    pub(crate) version: ProtocolVersion,
    /// Bytes of a packet that the client takes at most [MQTT-3.1.2-24].
    pub(crate) maximum_packet_size: usize,
}

/// What passed since the last read or write. It is counted in one go, because the counters belong to all connections.
struct Traffic {
    counters: Arc<Counters>,
    packets_in: u64,
    packets_out: u64,
    messages_in: u64,
    messages_out: u64,
    payload_in: u64,
    payload_out: u64,
}

impl Traffic {
    const fn new(counters: Arc<Counters>) -> Self {
        Self { counters, packets_in: 0, packets_out: 0, messages_in: 0, messages_out: 0, payload_in: 0, payload_out: 0 }
    }

    fn count(&mut self) {
        for (counter, amount) in [
            (&self.counters.packets_in, &mut self.packets_in),
            (&self.counters.packets_out, &mut self.packets_out),
            (&self.counters.messages_in, &mut self.messages_in),
            (&self.counters.messages_out, &mut self.messages_out),
            (&self.counters.payload_in, &mut self.payload_in),
            (&self.counters.payload_out, &mut self.payload_out),
        ] {
            if *amount > 0 {
                add(counter, std::mem::take(amount));
            }
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.count();
    }
}

/// A packet that is larger than the client takes, or than any could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotSent;

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Wire<R, W> {
    pub(crate) fn new(reader: R, writer: W, maximum_packet_size: usize, counters: Arc<Counters>) -> Self {
        Self {
            reader,
            writer,
            traffic: Traffic::new(counters),
            decoder: Decoder::new(maximum_packet_size),
            input: ReadBuffer::default(),
            output: BytesMut::new(),
            wrote_last: false,
            unflushed: false,
            version: ProtocolVersion::V311,
            maximum_packet_size: usize::MAX,
        }
    }

    /// The next packet that is whole.
    pub(crate) fn decode(&mut self) -> Result<Option<Packet>, Violation> {
        let Some(packet) = self.decoder.decode(&mut self.input.bytes)? else {
            self.input.settle(Decoder::packet_size(&self.input.bytes));
            return Ok(None);
        };
        self.traffic.packets_in += 1;
        if let Packet::Publish(publish) = &packet {
            self.traffic.messages_in += 1;
            self.traffic.payload_in += publish.payload.len() as u64;
        }
        Ok(Some(packet))
    }

    /// Gives back the block that was read into, for what comes next is not read soon; what is in it stays here.
    pub(crate) fn set_down(&mut self) {
        self.input.settle(None);
    }

    /// Counts what was decoded: the next read or write may be far off.
    pub(crate) fn count_traffic(&mut self) {
        self.traffic.count();
    }

    /// Bytes that came and are not decoded yet.
    pub(crate) fn undecoded(&self) -> usize {
        self.input.bytes.len()
    }

    /// The version that CONNECT named, also where the rest of it was malformed.
    pub(crate) const fn decoded_version(&self) -> Option<ProtocolVersion> {
        self.decoder.version()
    }

    /// Whether bytes came that are no whole packet yet.
    pub(crate) fn has_input(&self) -> bool {
        !self.input.bytes.is_empty()
    }

    /// Bytes that wait to be written.
    pub(crate) fn unwritten(&self) -> usize {
        self.output.len() + usize::from(self.unflushed)
    }

    /// Sees to the output buffer before a packet is added; returns how much is in it.
    fn begin(&mut self) -> usize {
        if self.output.capacity() == 0 {
            self.output = SPARE.take();
        }
        self.output.len()
    }

    /// Writes a packet that is no PUBLISH to the output buffer.
    pub(crate) fn send(&mut self, packet: &Packet) -> Result<(), NotSent> {
        let before = self.begin();
        packet.encode(self.version, &mut self.output).map_err(|_| NotSent)?;
        if self.output.len() - before > self.maximum_packet_size {
            self.output.truncate(before);
            return Err(NotSent);
        }
        self.traffic.packets_out += 1;
        Ok(())
    }

    /// Writes a PUBLISH to the output buffer.
    pub(crate) fn publish(&mut self, publish: &PublishView<'_>) -> Result<(), NotSent> {
        let before = self.begin();
        publish.encode(self.version, &mut self.output).map_err(|_| NotSent)?;
        if self.output.len() - before > self.maximum_packet_size {
            self.output.truncate(before);
            return Err(NotSent);
        }
        self.traffic.packets_out += 1;
        self.traffic.messages_out += 1;
        self.traffic.payload_out += publish.payload.len() as u64;
        Ok(())
    }

    /// Reads once or writes once, whichever is possible first; `read`: whether the client is to be heard.
    pub(crate) async fn turn(&mut self, read: bool) -> io::Result<Turned> {
        poll_fn(|context| self.poll_turn(context, read)).await
    }

    /// The same, for a task that waits for other things, too. Both sides have their turn where there is no end of either.
    pub(crate) fn poll_turn(&mut self, context: &mut Context<'_>, read: bool) -> Poll<io::Result<Turned>> {
        let write = !self.output.is_empty() || self.unflushed;
        let reads_first = std::mem::take(&mut self.wrote_last);
        if reads_first
            && read
            && let Poll::Ready(turned) = self.poll_read(context)
        {
            return Poll::Ready(turned);
        }
        if write && let Poll::Ready(written) = self.poll_write(context) {
            self.wrote_last = true;
            return Poll::Ready(written.map(Turned::Written));
        }
        if read && !reads_first { self.poll_read(context) } else { Poll::Pending }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Turned>> {
        let count = ready!(self.input.poll_read(&mut self.reader, context))?;
        if count == 0 {
            return Poll::Ready(Ok(Turned::End));
        }
        add(&self.traffic.counters.bytes_in, count as u64);
        Poll::Ready(Ok(Turned::Read(count)))
    }

    /// Writes once, and flushes what was the last of it; 0 where there was only something to flush.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let written = ready!(poll_write(&mut self.writer, &mut self.output, &mut self.unflushed, context))?;
        add(&self.traffic.counters.bytes_out, written as u64);
        self.traffic.count();
        if self.output.is_empty() {
            let written = std::mem::take(&mut self.output);
            if written.capacity() <= KEPT_CAPACITY {
                SPARE.set(written);
            }
        }
        Poll::Ready(Ok(written))
    }

    /// Writes what is left, tells the client that this was all, and lets it read it, all within a bound.
    pub(crate) async fn farewell(mut self) {
        let unwritten = self.output.len();
        let last_words = async {
            self.writer.write_all_buf(&mut self.output).await?;
            self.writer.shutdown().await?;
            // Closing a socket with unread input would reset it, and the client might never see the last packet.
            let (reader, input) = (&mut self.reader, &mut self.input);
            loop {
                input.bytes.clear();
                if poll_fn(|context| input.poll_read(reader, context)).await? == 0 {
                    return Ok::<_, io::Error>(());
                }
            }
        };
        // A client that does not read its last packet, or keeps sending, has had its time.
        let _ = tokio::time::timeout(FAREWELL, last_words).await;
        add(&self.traffic.counters.bytes_out, (unwritten - self.output.len()) as u64);
    }
}

/// Writes once, and flushes what was the last of it; 0 where there was only something to flush.
fn poll_write(
    writer: &mut (impl AsyncWrite + Unpin),
    output: &mut BytesMut,
    unflushed: &mut bool,
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut written = 0;
    if !output.is_empty() {
        // Not vectored: it is one piece, and the system call for one costs less.
        written = ready!(Pin::new(&mut *writer).poll_write(context, output))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        output.advance(written);
        *unflushed = output.is_empty();
    }
    if *unflushed {
        match Pin::new(writer).poll_flush(context) {
            Poll::Ready(flushed) => {
                flushed?;
                *unflushed = false;
            }
            // Comes again in the next turn; what was written is written.
            Poll::Pending if written > 0 => {}
            Poll::Pending => return Poll::Pending,
        }
    }
    Poll::Ready(Ok(written))
}

/// What was wrong with a WebSocket's frames, where that is why a stream failed.
pub(crate) fn framing_violation(error: &io::Error) -> Option<FrameViolation> {
    error.get_ref()?.downcast_ref().copied()
}

/// What one turn of a connection did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    Read(usize),
    Written(usize),
    /// The client closed its side.
    End,
}

#[cfg(test)]
mod tests {
    use nightjar_mqtt::{Packet, ProtocolVersion};

    use super::*;

    /// A message that waits for the journal holds the block that it was read into: so blocks must be filled.
    #[tokio::test]
    async fn small_messages_that_come_one_by_one_share_their_blocks() {
        let (mut client, broker) = tokio::io::duplex(1 << 10);
        let (reader, writer) = tokio::io::split(broker);
        let mut wire = Wire::new(reader, writer, 1 << 10, Arc::default());
        wire.decoder = Decoder::for_version(ProtocolVersion::V311, 1 << 10);
        let mut kept = Vec::new();
        for _ in 0..500 {
            client.write_all(b"\x30\x0D\x00\x01a0123456789").await.unwrap();
            assert!(matches!(wire.turn(true).await.unwrap(), Turned::Read(15)));
            let Some(Packet::Publish(publish)) = wire.decode().unwrap() else { panic!("no PUBLISH") };
            kept.push(publish.payload);
        }
        let addresses = kept.iter().map(|payload| payload.as_ptr() as usize);
        let span = addresses.clone().max().unwrap() - addresses.min().unwrap();
        assert!(span < 64 << 10, "500 messages of 15 bytes lie {span} bytes apart");
    }
}
