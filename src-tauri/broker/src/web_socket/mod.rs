//! MQTT over WebSocket (MQTT 5.0, 6; RFC 6455): a byte stream within binary frames.
//!
//! ```text
//! socket ─▶ opening: one HTTP request, answered ─▶ stream: AsyncRead + AsyncWrite ─▶ the same entrance as TCP
//!                                                     │
//!                                                     └─ frames: pure, decodes in place, gathers no message
//! ```

mod frames;
mod opening;
mod stream;

pub(crate) use frames::FrameViolation;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use frames::{End, Frames, LONGEST as LONGEST_FRAME};
pub(crate) use opening::PATH;
pub use opening::WebSocketOptions;
pub(crate) use opening::{Unopened, open};
pub(crate) use stream::WebSocket;
