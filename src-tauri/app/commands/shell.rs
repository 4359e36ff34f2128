//! What every screen needs.

use std::sync::Arc;

use nightjar_broker::Access;
use nightjar_server::StartError;

use super::{Host, blocking};
use crate::clipboard::Clipboard;
use crate::preferences;
use crate::wire::{self, Fault, Preferences, Status};

#[tauri::command]
pub(crate) async fn retry_start(engine: Host<'_>) -> Result<Status, Fault> {
    engine.retry().await;
    Ok(engine.status())
}

#[tauri::command]
pub(crate) async fn set_access(engine: Host<'_>, access: wire::Access) -> Result<Status, Fault> {
    let access = match access {
        wire::Access::ThisComputer => Access::ThisComputer,
        wire::Access::Password => Access::Password,
        wire::Access::Anyone => Access::Anyone,
    };
    engine.running()?.server.set_access(access).await.map_err(|error| match error {
        // It holds all the same, until the next start.
        StartError::Settings(error) => Fault::new(
            "Who may connect was changed, but not remembered",
            error,
            "It holds until Nightjar is closed; make the file writable and choose again",
        ),
        error => Fault::new("Who may connect was not changed", error.why(), "Everything is as before; try again"),
    })?;
    Ok(engine.status())
}

#[tauri::command]
pub(crate) async fn preferences(engine: Host<'_>) -> Result<Preferences, Fault> {
    let directory = engine.data_directory().to_owned();
    blocking(move || Ok(preferences::load(&directory))).await
}

#[tauri::command]
pub(crate) async fn set_preferences(
    window: tauri::WebviewWindow,
    engine: Host<'_>,
    preferences: Preferences,
) -> Result<(), Fault> {
    // Title bar and native menus follow; the page dresses itself.
    if let Err(error) = window.set_theme(crate::window::theme(preferences.theme)) {
        tracing::warn!(%error, "the window's frame keeps its theme");
    }
    let directory = engine.data_directory().to_owned();
    blocking(move || preferences::save(&directory, &preferences)).await
}

#[tauri::command]
pub(crate) async fn copy(clipboard: tauri::State<'_, Arc<Clipboard>>, text: String) -> Result<(), Fault> {
    let clipboard = Arc::clone(&clipboard);
    blocking(move || {
        clipboard.copy(text).map_err(|error| Fault::new("Nothing was copied", error, "Select the text and copy it"))
    })
    .await
}
