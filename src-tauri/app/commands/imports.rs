//! Files of mosquitto, taken over from the window.

use std::path::{Path, PathBuf};

use nightjar_server::AccountError;
use tauri_plugin_dialog::DialogExt;

use super::{Host, look};
use crate::views::count;
use crate::wire::{AccountImport, Fault};

/// Names of those that were there already.
const NAMED: usize = 3;

/// Asks for a file to read, in the desktop's own way; `None` where the user wants none.
#[tauri::command]
pub(crate) async fn choose_file(window: tauri::WebviewWindow, title: String) -> Result<Option<String>, Fault> {
    const WHAT: &str = "No file was chosen";
    let (answer, answered) = tokio::sync::oneshot::channel();
    window.dialog().file().set_title(title).set_parent(&window).pick_file(move |file| {
        // Who asked may be gone.
        let _ = answer.send(file);
    });
    let Ok(file) = answered.await else {
        return Err(Fault::new(WHAT, "The desktop's own dialog can't be opened", "Write the path instead"));
    };
    let Some(file) = file else { return Ok(None) };
    let path = file.into_path().map_err(|error| Fault::new(WHAT, error, "Choose a file on this computer"))?;
    path.into_os_string().into_string().map(Some).map_err(|path| {
        let why = format!("{} is not UTF-8", PathBuf::from(path).display());
        Fault::new(WHAT, why, "Choose a file whose path is")
    })
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
