//! Overview, the status bar and the palette.

use super::{Host, look, unreadable};
use crate::views::{overview, topics};
use crate::wire::{Fault, Found, Overview, TrafficRange, Vitals};

#[tauri::command]
pub(crate) async fn vitals(engine: Host<'_>) -> Result<Vitals, Fault> {
    look(&engine, |running| {
        let now = nightjar_broker::now().wall;
        Ok(overview::vitals(running.broker(), running.store(), &running.sampler, running.started, now))
    })
    .await
}

#[tauri::command]
pub(crate) async fn overview(engine: Host<'_>, range: TrafficRange) -> Result<Overview, Fault> {
    look(&engine, move |running| {
        let now = nightjar_broker::now().wall;
        overview::overview(running.store(), &running.sampler, &running.comings, range, now).map_err(unreadable)
    })
    .await
}

#[tauri::command]
pub(crate) async fn find(engine: Host<'_>, text: String) -> Result<Found, Fault> {
    look(&engine, move |running| {
        Ok(topics::find(running.broker(), running.store(), &text, nightjar_broker::now().wall))
    })
    .await
}
