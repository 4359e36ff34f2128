//! The palette.

use super::{Host, look};
use crate::views::topics;
use crate::wire::{Fault, Found};

#[tauri::command]
pub(crate) async fn find(engine: Host<'_>, text: String) -> Result<Found, Fault> {
    look(&engine, move |running| {
        Ok(topics::find(running.broker(), running.store(), &text, nightjar_broker::now().wall))
    })
    .await
}
