//! Listeners that are opened, changed and closed from the window.

use nightjar_server::{ListenerEdit, Server, StartError};

use super::{Host, look};
use crate::views::listeners;
use crate::wire::{Fault, ListenerDraft, ListenerRow};

#[tauri::command]
pub(crate) async fn listener_rows(engine: Host<'_>) -> Result<Vec<ListenerRow>, Fault> {
    look(&engine, |running| {
        let server = &running.server;
        Ok(listeners::rows(&server.settings(), server.has_fixed_port(), server.listeners()))
    })
    .await
}

/// Moves the main listener to another port, where it was at the one that the window has.
#[tauri::command]
pub(crate) async fn set_port(engine: Host<'_>, was: u16, port: u16) -> Result<(), Fault> {
    const WHAT: &str = "The port was not changed";
    let running = engine.running()?;
    if port == 0 {
        return Err(Fault::new(WHAT, "There is no port 0", "Write a whole number from 1 to 65535"));
    }
    if running.server.settings().port != Some(was) {
        return Err(meanwhile(WHAT));
    }
    running.server.set_port(port).await.map_err(|error| unchanged(WHAT, &error))
}

#[tauri::command]
pub(crate) async fn add_listener(engine: Host<'_>, listener: ListenerDraft) -> Result<(), Fault> {
    const WHAT: &str = "The listener was not opened";
    let wanted = listeners::edit(WHAT, listener)?;
    engine.running()?.server.add_listener(wanted).await.map_err(|error| unchanged(WHAT, &error))
}

/// Changes the listener at a place of the settings, which was as the window has it.
#[tauri::command]
pub(crate) async fn change_listener(
    engine: Host<'_>,
    place: u32,
    was: ListenerDraft,
    listener: ListenerDraft,
) -> Result<(), Fault> {
    const WHAT: &str = "The listener was not changed";
    let wanted = listeners::edit(WHAT, listener)?;
    let running = engine.running()?;
    let place = same(WHAT, &running.server, place, &was)?;
    running.server.change_listener(place, wanted).await.map_err(|error| unchanged(WHAT, &error))
}

#[tauri::command]
pub(crate) async fn remove_listener(engine: Host<'_>, place: u32, was: ListenerDraft) -> Result<(), Fault> {
    const WHAT: &str = "The listener was not closed";
    let running = engine.running()?;
    let place = same(WHAT, &running.server, place, &was)?;
    running.server.remove_listener(place).await.map_err(|error| unchanged(WHAT, &error))
}

/// The place, where the listener there is the one that the window means.
fn same(what: &str, server: &Server, place: u32, was: &ListenerDraft) -> Result<usize, Fault> {
    let place = place as usize;
    let is_it = |listener| listeners::draft(&ListenerEdit::of(listener)) == *was;
    if server.settings().listeners.get(place).is_some_and(is_it) {
        return Ok(place);
    }
    Err(meanwhile(what))
}

fn meanwhile(what: &str) -> Fault {
    Fault::new(what, "The listeners in the settings have changed meanwhile", "Look at them, and try again")
}

fn unchanged(what: &str, error: &StartError) -> Fault {
    Fault::new(what, error.why(), error.action())
}
