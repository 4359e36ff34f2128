//! History.

use super::{Host, look, unreadable};
use crate::searches;
use crate::views::gaps;
use crate::wire::{
    Fault, HistoryGap, HistoryHistogram, HistoryPage, HistoryPlot, HistoryPlotQuery, HistoryProgress, HistoryQuery,
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

#[tauri::command]
pub(crate) async fn history_close(engine: Host<'_>, search: u64) -> Result<(), Fault> {
    look(&engine, move |running| {
        running.searches.close(search);
        Ok(())
    })
    .await
}
