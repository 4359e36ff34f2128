//! What the program says about itself.

use nightjar_server::{Settings, SettingsError, StartError};

use super::{Host, blocking};
use crate::views::logs;
use crate::wire::{Fault, LogLevel};

/// Records from this level up, and remembers it.
#[tauri::command]
pub(crate) async fn set_log_level(engine: Host<'_>, level: LogLevel) -> Result<(), Fault> {
    let level = logs::level(level);
    engine.logging().set_level(level);
    let directory = engine.data_directory().to_owned();
    blocking(move || Settings::remember_log_level(&directory, level).map_err(not_remembered)).await
}

fn not_remembered(error: SettingsError) -> Fault {
    let error = StartError::from(error);
    let action = format!("{}; until Nightjar is closed it holds all the same", error.action());
    Fault::new("The level holds, but was not remembered", error.why(), action)
}

/// Opens the data directory, where the log file is, in the desktop's own way.
#[tauri::command]
pub(crate) async fn open_data_directory(engine: Host<'_>) -> Result<(), Fault> {
    let directory = engine.data_directory().to_owned();
    blocking(move || {
        open::that_detached(&directory).map_err(|error| {
            let action = format!("Open {} with a program of your own", directory.display());
            Fault::new("The folder was not opened", error, action)
        })
    })
    .await
}
