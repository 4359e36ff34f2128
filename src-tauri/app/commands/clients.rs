//! Clients.

use nightjar_broker::QueueUnreadable;

use super::retained::committed;
use super::{Host, look, unreadable};
use crate::engine::Running;
use crate::views::clients::{self, Surroundings};
use crate::views::queue;
use crate::wire::{ClientDetail, Fault, MessageDetail, QueueRows, QueueSelection};

#[tauri::command]
pub(crate) async fn client_detail(engine: Host<'_>, client: String) -> Result<ClientDetail, Fault> {
    look(&engine, move |running| {
        let window = running.publisher.connected_as();
        let found = clients::detail(around(running, window.as_deref()), running.store(), &client);
        found.map_err(unreadable)?.ok_or_else(|| gone("The client is not there"))
    })
    .await
}

#[tauri::command]
pub(crate) async fn disconnect_client(engine: Host<'_>, client: String) -> Result<(), Fault> {
    let running = engine.running()?;
    if running.broker().disconnect(&client).await { Ok(()) } else { Err(gone("The client was not disconnected")) }
}

#[tauri::command]
pub(crate) async fn queue_rows(engine: Host<'_>, client: String, first: u32, count: u32) -> Result<QueueRows, Fault> {
    look(&engine, move |running| {
        let found = queue::rows(running.broker(), &client, first, count);
        found.map_err(queue_unreadable)?.ok_or_else(|| gone("The queue is not there"))
    })
    .await
}

#[tauri::command]
pub(crate) async fn queued_message(engine: Host<'_>, client: String, key: String) -> Result<MessageDetail, Fault> {
    look(&engine, move |running| {
        let found = queue::detail(running.broker(), &client, &key).map_err(queue_unreadable)?;
        found.ok_or_else(|| {
            let why = "It was sent, has expired, or was purged";
            Fault::new("The message does not wait any more", why, "Look for it in History")
        })
    })
    .await
}

/// Takes messages out of the queue of a client for good. Returns how many.
#[tauri::command]
pub(crate) async fn purge_queue(engine: Host<'_>, client: String, selection: QueueSelection) -> Result<u64, Fault> {
    const WHAT: &str = "The queue was not purged";
    let running = engine.running()?;
    let purge = queue::purge_of(&selection)
        .ok_or_else(|| Fault::new(WHAT, "A message was named that can't be one", "Select the messages again"))?;
    let purged = look(&engine, move |running| {
        let purged = running.broker().purge(&client, &purge).map_err(|error| Fault::of_queue(WHAT, &error))?;
        purged.ok_or_else(|| gone(WHAT))
    })
    .await?;
    committed(&running, purged.sequence, "The queue is purged, but that is not on record").await?;
    Ok(purged.messages)
}

fn queue_unreadable(error: QueueUnreadable) -> Fault {
    Fault::of_queue("The queue was not read", &error)
}

pub(super) fn around<'a>(running: &'a Running, window: Option<&'a str>) -> Surroundings<'a> {
    Surroundings { broker: running.broker(), sampler: &running.sampler, window }
}

fn gone(what: &str) -> Fault {
    Fault::new(what, "It is not connected, and has no session", "Look for its messages in History")
}
