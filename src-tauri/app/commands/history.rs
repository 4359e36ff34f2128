//! History.

use tauri::Manager;

use super::{Host, look, unreadable};
use crate::searches;
use crate::views::gaps;
use crate::wire::{
    ExportFormat, Fault, HistoryExport, HistoryGap, HistoryHistogram, HistoryPage, HistoryPlot, HistoryPlotQuery,
    HistoryProgress, HistoryQuery,
};

#[tauri::command]
pub(crate) async fn history_open(engine: Host<'_>, query: HistoryQuery) -> Result<HistoryProgress, Fault> {
    look(&engine, move |running| running.searches.open(running.store(), &query)).await
}

#[tauri::command]
pub(crate) async fn history_page(engine: Host<'_>, search: u64, first: u64, count: u32) -> Result<HistoryPage, Fault> {
    look(&engine, move |running| running.searches.page(search, first, count)).await
}

#[tauri::command]
pub(crate) async fn history_histogram(
    engine: Host<'_>,
    search: u64,
    from: Option<f64>,
    to: Option<f64>,
    slots: u32,
) -> Result<Option<HistoryHistogram>, Fault> {
    look(&engine, move |running| running.searches.histogram(search, from, to, slots)).await
}

#[tauri::command]
pub(crate) async fn history_gaps(
    engine: Host<'_>,
    from: Option<f64>,
    to: Option<f64>,
) -> Result<Vec<HistoryGap>, Fault> {
    look(&engine, move |running| gaps::between(running.store(), from, to).map_err(unreadable)).await
}

/// What is wrong with a condition that is being typed.
#[tauri::command]
pub(crate) fn condition_error(condition: String) -> Option<String> {
    searches::condition_error(&condition)
}

#[tauri::command]
pub(crate) async fn plot_open(engine: Host<'_>, query: HistoryPlotQuery) -> Result<HistoryPlot, Fault> {
    look(&engine, move |running| running.plots.open(running.store(), &query)).await
}

#[tauri::command]
pub(crate) async fn plot_look(engine: Host<'_>, plot: u64) -> Result<HistoryPlot, Fault> {
    look(&engine, move |running| running.plots.look(plot)).await
}

#[tauri::command]
pub(crate) async fn plot_close(engine: Host<'_>, plot: u64) -> Result<(), Fault> {
    look(&engine, move |running| {
        running.plots.close(plot);
        Ok(())
    })
    .await
}

/// Where exports are likely to be wanted.
#[tauri::command]
pub(crate) fn export_directory(app: tauri::AppHandle) -> Option<String> {
    let path = app.path();
    let there = |directory: tauri::Result<std::path::PathBuf>| directory.ok().filter(|directory| directory.is_dir());
    there(path.download_dir()).or_else(|| there(path.home_dir())).map(|directory| directory.display().to_string())
}

#[tauri::command]
pub(crate) async fn export_begin(
    engine: Host<'_>,
    query: HistoryQuery,
    format: ExportFormat,
    file: String,
) -> Result<HistoryExport, Fault> {
    look(&engine, move |running| running.exports.begin(running.server.data_directory(), &query, format, &file)).await
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

#[tauri::command]
pub(crate) async fn history_close(engine: Host<'_>, search: u64) -> Result<(), Fault> {
    look(&engine, move |running| {
        running.searches.close(search);
        Ok(())
    })
    .await
}
