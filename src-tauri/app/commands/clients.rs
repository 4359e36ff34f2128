//! Clients.

use super::{Host, look, unreadable};
use crate::engine::Running;
use crate::views::clients::{self, Surroundings};
use crate::wire::{ClientDetail, ClientQuery, ClientRows, Fault};

#[tauri::command]
pub(crate) async fn client_rows(engine: Host<'_>, query: ClientQuery) -> Result<ClientRows, Fault> {
    look(&engine, move |running| {
        let window = running.publisher.connected_as();
        Ok(clients::rows(around(running, window.as_deref()), &query))
    })
    .await
}

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

fn around<'a>(running: &'a Running, window: Option<&'a str>) -> Surroundings<'a> {
    Surroundings { broker: running.broker(), sampler: &running.sampler, window }
}

fn gone(what: &str) -> Fault {
    Fault::new(what, "It is not connected, and has no session", "Look for its messages in History")
}
