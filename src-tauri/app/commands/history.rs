//! History.

use super::{Host, look};
use crate::wire::{Fault, HistoryHistogram, HistoryPage, HistoryProgress, HistoryQuery};

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
pub(crate) async fn history_close(engine: Host<'_>, search: u64) -> Result<(), Fault> {
    look(&engine, move |running| {
        running.searches.close(search);
        Ok(())
    })
    .await
}
