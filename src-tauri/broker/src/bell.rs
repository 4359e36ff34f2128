//! How a connection's task is called while it waits for several things.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use atomic_waker::AtomicWaker;

/// Anybody may ring; one task listens, whichever asked last. Rings before it listens again count as one.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    listener: AtomicWaker,
}

impl Bell {
    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.listener.wake();
    }

    /// Ready once for any number of rings.
    pub(crate) fn poll_rung(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.take() {
            return Poll::Ready(());
        }
        self.listener.register(context.waker());
        // It may have rung before the listener was there to be called.
        if self.take() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn take(&self) -> bool {
        self.rung.load(Ordering::Acquire) && self.rung.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn rings_before_and_while_somebody_listens_are_heard_once() {
        let bell = Arc::new(Bell::default());
        bell.ring();
        bell.ring();
        poll_fn(|context| bell.poll_rung(context)).await;
        let pending = poll_fn(|context| Poll::Ready(bell.poll_rung(context).is_pending())).await;
        assert!(pending, "both rings were heard at once");
        let listener = tokio::spawn({
            let bell = Arc::clone(&bell);
            async move { poll_fn(|context| bell.poll_rung(context)).await }
        });
        tokio::task::yield_now().await;
        bell.ring();
        listener.await.unwrap();
    }
}
