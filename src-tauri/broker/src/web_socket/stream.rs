//! A WebSocket as a byte stream: what is written becomes binary frames, what is read comes out of them. It holds no
//! buffer but for the few bytes of a header or a control frame.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::frames::{End, Frames};

/// The code of a Close frame that has no other reason to give (RFC 6455, 7.4.1).
const NORMAL: u16 = 1000;

/// A WebSocket on a stream, after the opening handshake.
///
/// Whoever writes must come again with the same bytes after `Pending`, and perhaps more behind them: the frame that is
/// under way has announced them. A connection's output buffer does.
#[derive(Debug)]
pub(crate) struct WebSocket<S> {
    stream: S,
    frames: Frames,
    /// What came behind the request.
    early: Bytes,
    violation_told: bool,
    /// A header or control frames, which go out before any payload.
    ahead: Vec<u8>,
    /// Bytes of payload that the frame under way still lacks.
    owed: usize,
    unflushed: bool,
    closing: Closing,
}

/// How far our side of the closing handshake is (RFC 6455, 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    No,
    Wanted(u16),
    Said,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    pub(super) fn new(stream: S, early: Bytes) -> Self {
        Self {
            stream,
            frames: Frames::default(),
            early,
            violation_told: false,
            ahead: Vec::new(),
            owed: 0,
            unflushed: false,
            closing: Closing::No,
        }
    }

    fn want_close(&mut self, code: u16) {
        if self.closing == Closing::No {
            self.closing = Closing::Wanted(code);
        }
    }

    /// Adds the control frames that are due, which must not come between a header and its payload.
    fn queue_control(&mut self) {
        if self.owed > 0 || !self.ahead.is_empty() || self.closing == Closing::Said {
            return;
        }
        if let Some(ping) = self.frames.take_ping() {
            self.begin(OpCode::Control(Control::Pong), ping.len());
            self.ahead.extend_from_slice(&ping);
        }
        if let Closing::Wanted(code) = self.closing {
            self.begin(OpCode::Control(Control::Close), 2);
            self.ahead.extend_from_slice(&code.to_be_bytes());
            self.closing = Closing::Said;
        }
    }

    fn begin(&mut self, opcode: OpCode, length: usize) {
        let header = FrameHeader { opcode, ..FrameHeader::default() };
        header.format(length as u64, &mut self.ahead).expect("a Vec takes any bytes");
    }

    /// Writes what goes before any payload.
    fn poll_ahead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            self.queue_control();
            if self.ahead.is_empty() {
                break;
            }
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.ahead))?;
            self.went(written)?;
        }
        if self.unflushed && self.owed == 0 {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what was written off what is ahead; returns how much of it was payload.
    fn went(&mut self, written: usize) -> io::Result<usize> {
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.unflushed = true;
        if written < self.ahead.len() {
            self.ahead.drain(..written);
            return Ok(0);
        }
        let payload = written - self.ahead.len();
        // Not cleared: most connections are idle most of the time.
        self.ahead = Vec::new();
        self.owed -= payload;
        Ok(payload)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if let Some(End::Closed(code)) = this.frames.end() {
                this.want_close(code.unwrap_or(NORMAL));
            }
            // Where it has to wait, its waker is this task's, which comes by here again.
            if let Poll::Ready(Err(error)) = this.poll_ahead(context) {
                return Poll::Ready(Err(error));
            }
            match this.frames.end() {
                Some(End::Closed(_)) => return Poll::Ready(Ok(())),
                Some(End::Violated(violation)) if !this.violation_told => {
                    this.violation_told = true;
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, violation)));
                }
                // What comes behind is read so that the socket is not reset, and means nothing.
                Some(End::Violated(_)) | None => {}
            }
            let before = buffer.filled().len();
            if this.early.is_empty() {
                ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
            } else {
                let count = this.early.len().min(buffer.remaining());
                buffer.put_slice(&this.early[..count]);
                this.early.advance(count);
                if this.early.is_empty() {
                    this.early = Bytes::new();
                }
            }
            let came = &mut buffer.filled_mut()[before..];
            if came.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let payload = this.frames.decode(came);
            buffer.set_filled(before + payload);
            if payload > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            if this.owed == 0 {
                ready!(this.poll_ahead(context))?;
                if this.closing == Closing::Said {
                    // The client closed its side: the connection is about to find out, as its next read is the end.
                    return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
                }
                this.begin(OpCode::Data(Data::Binary), bytes.len());
                this.owed = bytes.len();
            }
            let payload = &bytes[..bytes.len().min(this.owed)];
            let written = if this.ahead.is_empty() {
                Pin::new(&mut this.stream).poll_write(context, payload)
            } else {
                // One segment, not one for the header and one for the payload.
                let parts = [IoSlice::new(&this.ahead), IoSlice::new(payload)];
                Pin::new(&mut this.stream).poll_write_vectored(context, &parts)
            };
            let payload = this.went(ready!(written)?)?;
            if payload > 0 {
                return Poll::Ready(Ok(payload));
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_ahead(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let code = match self.frames.end() {
            Some(End::Violated(violation)) => violation.close_code(),
            Some(End::Closed(_)) | None => NORMAL,
        };
        self.want_close(code);
        ready!(self.poll_ahead(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
