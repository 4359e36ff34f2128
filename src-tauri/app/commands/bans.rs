//! Who is kept out.

use std::fmt::Display;

use nightjar_broker::BanNumber;

use super::{Host, look};
use crate::views::bans;
use crate::wire::{BanDraft, BanImpact, BanRows, Fault, ListQuery};

#[tauri::command]
pub(crate) async fn ban_rows(engine: Host<'_>, query: ListQuery) -> Result<BanRows, Fault> {
    look(&engine, move |running| Ok(bans::rows(&running.broker().bans(), nightjar_broker::now().wall, &query))).await
}

/// Whom a ban would turn out, before it holds.
#[tauri::command]
pub(crate) async fn ban_impact(engine: Host<'_>, ban: BanDraft) -> Result<BanImpact, Fault> {
    look(&engine, move |running| Ok(bans::impact(running.broker(), &ban))).await
}

/// Keeps somebody out, and disconnects whoever that is; returns the number of the ban.
#[tauri::command]
pub(crate) async fn ban(engine: Host<'_>, ban: BanDraft) -> Result<u32, Fault> {
    const WHAT: &str = "Nobody was banned";
    look(&engine, move |running| {
        let target = bans::target(&ban).map_err(|error| Fault::new(WHAT, error, "Correct it, and try again"))?;
        let now = nightjar_broker::now().wall;
        let until = bans::until(&ban, now);
        let number = running.server.change_bans(|list| list.add(target, now, until, ban.note.trim()));
        number.map(|number| number.0).map_err(|error| unchanged(WHAT, error))
    })
    .await
}

#[tauri::command]
pub(crate) async fn lift_ban(engine: Host<'_>, number: u32) -> Result<(), Fault> {
    look(&engine, move |running| {
        let lifted = running.server.change_bans(|list| list.lift(BanNumber(number)).map(drop));
        lifted.map_err(|error| unchanged("The ban was not lifted", error))
    })
    .await
}

fn unchanged(what: &str, why: impl Display) -> Fault {
    Fault::new(what, why, "Everything is as before; look at the list again, and try once more")
}
