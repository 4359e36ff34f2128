//! How a piece of work that takes long leaves room for everybody else: it comes in turns, between which others have
//! theirs; and where it takes very long, it leaves the processor alone now and then, so that a machine of few cores has
//! time for the other programs, too, that a message passes through.

use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::sleep;

/// Topic Filters that one client subscribes to or unsubscribes from before others have their turn.
pub(crate) const FILTERS: usize = 64;
/// Bytes in and out after which others have their turn. A socket that never makes its connection wait would keep the
/// thread to itself, and with it all sockets where that thread was the one to watch them.
pub(crate) const BYTES: usize = 64 << 10;
/// Turns that come one right after the other: what is usual is not slowed down.
const SWIFT: u32 = 16;
/// How long the processor is left alone after each of the others. The work has about a quarter of it then.
const BREATH: Duration = Duration::from_millis(1);

/// The turns that one piece of work has had.
#[derive(Debug, Default)]
pub(crate) struct Turns(u32);

impl Turns {
    /// A turn is over.
    pub(crate) async fn over(&mut self) {
        self.0 = self.0.saturating_add(1);
        if self.0 > SWIFT {
            sleep(BREATH).await;
        } else {
            yield_now().await;
        }
    }

    /// The work is done.
    pub(crate) const fn done(&mut self) {
        self.0 = 0;
    }
}
