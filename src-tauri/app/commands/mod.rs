//! What the window can ask for: one function per command, grouped by screen. They are thin: views build the answers,
//! and whatever may block runs beside the async threads.

pub(crate) mod accounts;
pub(crate) mod authority;
pub(crate) mod bans;
pub(crate) mod clients;
pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod imports;
pub(crate) mod keeping;
pub(crate) mod listeners;
pub(crate) mod logs;
pub(crate) mod looks;
pub(crate) mod palette;
pub(crate) mod publish;
pub(crate) mod retained;
pub(crate) mod security;
pub(crate) mod shell;
pub(crate) mod topics;
pub(crate) mod ways_in;

use std::sync::Arc;

use nightjar_store::ReadError;

use crate::engine::{Engine, Running};
use crate::wire::Fault;

/// The state that commands get.
pub(crate) type Host<'a> = tauri::State<'a, Arc<Engine>>;

/// Looks at the running broker where looking may block.
pub(crate) async fn look<T: Send + 'static>(
    engine: &Engine,
    look: impl FnOnce(&Running) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let running = engine.running()?;
    blocking(move || look(&running)).await
}

/// Runs what may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    match tauri::async_runtime::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(error) => Err(Fault::new("Nightjar made a mistake", error, "Try again, and report it if it stays")),
    }
}

/// The history can't be read.
pub(crate) fn unreadable(error: ReadError) -> Fault {
    Fault::of_read("The history was not read", &error)
}
