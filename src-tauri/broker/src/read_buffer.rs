//! What a connection reads into. The block belongs to the thread: a connection has it from a read until its packets are
//! decoded, and then at most the beginning of a packet, so that one that is idle holds no buffer.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

/// Bytes of a block, and so the most that one read takes.
const BLOCK: usize = 64 << 10;
/// A block with less room than this is left behind for a new one. Not earlier: a block lives as long as any message
/// that was read into it, so that a few bytes a block would make a small backlog of messages hold a lot of memory.
const ROOM: usize = 2 << 10;
/// The beginning of a packet that is as long stays where it was read; a shorter one is copied, so that it does not keep a
/// whole block.
const LONG: usize = 2 << 10;
/// By how much the buffer of a packet that is larger than a block grows at once, in times of what has come: an announced
/// giant that never comes must not get its memory.
const GROWTH: usize = 4;

thread_local! {
    /// The block that the next read of a connection of this thread goes to.
    static SPARE: Cell<BytesMut> = Cell::default();
}

/// Bytes that came and are not decoded yet.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    /// What the decoder takes packets off.
    pub(crate) bytes: BytesMut,
}

impl ReadBuffer {
    /// Reads once; 0 is the end.
    pub(crate) fn poll_read(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.bytes.capacity() - self.bytes.len() >= ROOM || self.bytes.len() >= LONG {
            // Where it is long it has room, which `settle` saw to.
            return poll_read_buf(Pin::new(reader), context, &mut self.bytes);
        }
        let mut block = SPARE.take();
        block.clear();
        if block.capacity() < ROOM + self.bytes.len() {
            // Takes the block up again from its beginning where nobody holds what was read into it.
            block.reserve(BLOCK);
        }
        block.extend_from_slice(&self.bytes);
        let read = poll_read_buf(Pin::new(reader), context, &mut block);
        match read {
            Poll::Ready(Ok(count)) if count > 0 => self.bytes = block,
            _ => SPARE.set(block),
        }
        read
    }

    /// To be called once no whole packet is left: gives the block back. `size` is that of the packet whose beginning is
    /// here, where it is known.
    pub(crate) fn settle(&mut self, size: Option<usize>) {
        let len = self.bytes.len();
        if len < LONG {
            let beginning = if len == 0 { BytesMut::new() } else { BytesMut::from(&self.bytes[..]) };
            let block = std::mem::replace(&mut self.bytes, beginning);
            let spare = SPARE.take();
            SPARE.set(if spare.capacity() > block.capacity() - len { spare } else { block });
            return;
        }
        let wanted = size.unwrap_or(0).min(len.saturating_mul(GROWTH).max(BLOCK * GROWTH));
        if self.bytes.capacity() < wanted.max(len + 1) {
            let mut larger = BytesMut::with_capacity(wanted.max(len + ROOM));
            larger.extend_from_slice(&self.bytes);
            self.bytes = larger;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn read(buffer: &mut ReadBuffer, reader: &mut (impl AsyncRead + Unpin)) -> usize {
        poll_fn(|context| buffer.poll_read(reader, context)).await.unwrap()
    }

    #[tokio::test]
    async fn a_connection_that_has_decoded_all_holds_nothing() {
        let (mut client, mut broker) = tokio::io::duplex(1 << 10);
        let mut buffer = ReadBuffer::default();
        client.write_all(b"0123456789").await.unwrap();
        assert_eq!(read(&mut buffer, &mut broker).await, 10);
        let taken = buffer.bytes.split_to(10);
        buffer.settle(None);
        assert_eq!(buffer.bytes.capacity(), 0);

        // Another takes up where it ended.
        let (mut client, mut broker) = tokio::io::duplex(1 << 10);
        let mut other = ReadBuffer::default();
        client.write_all(b"abc").await.unwrap();
        assert_eq!(read(&mut other, &mut broker).await, 3);
        assert_eq!(other.bytes.as_ptr() as usize, taken.as_ptr() as usize + 10);
    }

    #[tokio::test]
    async fn the_beginning_of_a_packet_waits_without_a_block_and_is_followed_by_its_end() {
        let (mut client, mut broker) = tokio::io::duplex(1 << 10);
        let mut buffer = ReadBuffer::default();
        client.write_all(b"begin").await.unwrap();
        read(&mut buffer, &mut broker).await;
        buffer.settle(Some(8));
        assert!(buffer.bytes.capacity() < 100, "{}", buffer.bytes.capacity());
        client.write_all(b"end").await.unwrap();
        assert_eq!(read(&mut buffer, &mut broker).await, 3);
        assert_eq!(&buffer.bytes[..], b"beginend");
    }

    #[tokio::test]
    async fn a_large_packet_gets_its_memory_as_it_comes() {
        let (mut client, mut broker) = tokio::io::duplex(1 << 20);
        let mut buffer = ReadBuffer::default();
        let packet: Vec<u8> = (0..1_000_000_u32).map(|number| number as u8).collect();
        let mut most = 0;
        for part in packet.chunks(10_000) {
            client.write_all(part).await.unwrap();
            let mut came = 0;
            while came < part.len() {
                came += read(&mut buffer, &mut broker).await;
                if buffer.bytes.len() < packet.len() {
                    buffer.settle(Some(packet.len()));
                }
            }
            assert!(buffer.bytes.capacity() <= (buffer.bytes.len() * GROWTH).max(BLOCK * GROWTH));
            most = most.max(buffer.bytes.capacity());
        }
        assert_eq!(&buffer.bytes[..], &packet[..]);
        assert_eq!(most, packet.len(), "in the end it is as large as the packet");
    }
}
