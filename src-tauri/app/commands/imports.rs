//! Files of mosquitto, taken over from the window.

use std::path::Path;

use nightjar_server::AccountError;
use tauri_plugin_dialog::DialogExt;

use super::export::path_of;
use super::{Host, look};
use crate::views::count;
use crate::wire::{AccountImport, Fault};

/// Names of those that were there already.
const NAMED: usize = 3;

/// Asks for a file to read, in the desktop's own way; `None` where the user wants none.
#[tauri::command]
pub(crate) async fn choose_file(window: tauri::WebviewWindow, title: String) -> Result<Option<String>, Fault> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    window.dialog().file().set_title(title).set_parent(&window).pick_file(move |file| {
        // Who asked may be gone.
        let _ = answer.send(file);
    });
    path_of(answered).await
}

/// Adds the users of a password file who are not there yet.
#[tauri::command]
pub(crate) async fn import_accounts(engine: Host<'_>, file: String) -> Result<AccountImport, Fault> {
    const WHAT: &str = "Nobody was imported";
    look(&engine, move |running| {
        let imported = running.server.import_accounts(Path::new(&file)).map_err(|error| match error {
            AccountError::File(error) => Fault::of_foreign_file(WHAT, &error),
            error => Fault::new(WHAT, error, "Everything is as before; try once more"),
        })?;
        Ok(AccountImport {
            added: count(imported.added),
            kept: count(imported.kept.len()),
            kept_names: imported.kept.iter().take(NAMED).map(ToString::to_string).collect(),
        })
    })
    .await
}
