//! Tells the broker of accounts that were changed in the data directory, by this program or another.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use nightjar_broker::{Account, Broker};
use nightjar_store::AccountWatch;

/// How often it looks, which is how long a change may take.
const EVERY: Duration = Duration::from_secs(1);

/// A thread that looks until this is dropped.
#[derive(Debug)]
pub(crate) struct AccountWatcher {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The accounts as they are, and what sees how they change. Where they can't be read, there are none until they can.
pub(crate) fn read(data_directory: &Path) -> (AccountWatch, Vec<Account>) {
    let mut watch = AccountWatch::new(data_directory);
    let accounts = watch.changed().unwrap_or_else(|error| {
        tracing::warn!(%error, "the accounts can't be read yet");
        None
    });
    (watch, accounts.unwrap_or_default())
}

impl AccountWatcher {
    pub(crate) fn start(mut watch: AccountWatch, broker: Broker) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("accounts".to_owned()).spawn(move || {
            let mut failed = false;
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                match watch.changed() {
                    Ok(None) => {}
                    Ok(Some(accounts)) => broker.set_accounts(accounts),
                    Err(error) if !failed => {
                        tracing::warn!(%error, "the accounts can't be read; those from before hold");
                        failed = true;
                        continue;
                    }
                    Err(_) => continue,
                }
                failed = false;
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Ends the thread, and its use of the database.
    pub(crate) fn stop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for AccountWatcher {
    fn drop(&mut self) {
        self.stop();
    }
}
