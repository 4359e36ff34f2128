//! Messages of the history to a file, or to the clipboard.

use std::path::PathBuf;
use std::sync::Arc;

use tauri::Manager;
use tauri_plugin_dialog::{DialogExt, FilePath};
use tokio::sync::oneshot;

use super::{Host, look};
use crate::clipboard::Clipboard;
use crate::exports::{self, Source};
use crate::wire::{ExportFormat, Fault, HistoryExport, HistoryPick, HistoryQuery};

/// Where exports are likely to be wanted.
#[tauri::command]
pub(crate) fn export_directory(app: tauri::AppHandle) -> Option<String> {
    likely(&app).map(|directory| directory.display().to_string())
}

fn likely(app: &tauri::AppHandle) -> Option<PathBuf> {
    let there = |directory: tauri::Result<PathBuf>| directory.ok().filter(|directory| directory.is_dir());
    there(app.path().download_dir()).or_else(|| there(app.path().home_dir()))
}

/// Asks for a file to write messages to; `None` where the user wants none.
#[tauri::command]
pub(crate) async fn export_choose(
    window: tauri::WebviewWindow,
    format: ExportFormat,
    name: String,
) -> Result<Option<String>, Fault> {
    let (kind, ending) = match format {
        ExportFormat::JsonLines => ("JSON Lines", "jsonl"),
        ExportFormat::Csv => ("CSV", "csv"),
    };
    choose(&window, Wish { title: "Export messages", name: &name, kind, ending }).await
}

/// What a dialog asks for.
pub(crate) struct Wish<'a> {
    pub(crate) title: &'a str,
    /// What the file is called unless the user calls it otherwise.
    pub(crate) name: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) ending: &'a str,
}

/// Asks for a file to write to, in the desktop's own way, which also asks before one is written over; `None` where the
/// user wants none.
pub(crate) async fn choose(window: &tauri::WebviewWindow, wish: Wish<'_>) -> Result<Option<String>, Fault> {
    let Wish { title, name, kind, ending } = wish;
    let mut dialog = window.dialog().file().set_title(title).set_parent(window).set_file_name(name);
    dialog = dialog.add_filter(kind, &[ending]).add_filter("All files", &["*"]);
    if let Some(directory) = likely(window.app_handle()) {
        dialog = dialog.set_directory(directory);
    }
    let (answer, answered) = oneshot::channel();
    dialog.save_file(move |file| {
        // Who asked may be gone.
        let _ = answer.send(file);
    });
    path_of(answered).await
}

/// What a file dialog of the desktop's answers; `None` where the user wants none.
pub(super) async fn path_of(answered: oneshot::Receiver<Option<FilePath>>) -> Result<Option<String>, Fault> {
    const WHAT: &str = "No file was chosen";
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

/// `picked`: only these of what a search found, in the place of all that the query finds. `replace`: the user was asked
/// already whether the file may be written over.
#[tauri::command]
pub(crate) async fn export_begin(
    engine: Host<'_>,
    query: HistoryQuery,
    picked: Option<HistoryPick>,
    format: ExportFormat,
    file: String,
    replace: bool,
) -> Result<HistoryExport, Fault> {
    look(&engine, move |running| {
        let source = match picked {
            Some(picked) => Source::picked(&running.searches, &picked)?,
            None => Source::query(&running.server, &query)?,
        };
        running.exports.begin(source, format, &file, replace)
    })
    .await
}

#[tauri::command]
pub(crate) async fn export_look(engine: Host<'_>) -> Result<Option<HistoryExport>, Fault> {
    look(&engine, |running| running.exports.look()).await
}

#[tauri::command]
pub(crate) async fn export_cancel(engine: Host<'_>) -> Result<(), Fault> {
    look(&engine, |running| {
        running.exports.cancel();
        Ok(())
    })
    .await
}

/// Copies messages as JSON Lines; how many there were.
#[tauri::command]
pub(crate) async fn copy_messages(
    engine: Host<'_>,
    clipboard: tauri::State<'_, Arc<Clipboard>>,
    picked: HistoryPick,
) -> Result<u64, Fault> {
    let clipboard = Arc::clone(&clipboard);
    look(&engine, move |running| {
        let (text, count) = exports::lines(&running.searches, &picked)?;
        clipboard.copy(text).map_err(|error| Fault::new("Nothing was copied", error, "Export them to a file"))?;
        Ok(count)
    })
    .await
}
