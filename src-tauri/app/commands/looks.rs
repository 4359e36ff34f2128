//! What views ask for four times a second, all of it in one message.

use std::sync::Arc;

use super::clients::around;
use super::{Host, blocking, unreadable};
use crate::engine::Engine;
use crate::views::{clients, logs, overview, topics};
use crate::wire::{Fault, Look, Seen};

/// Answers in the order of the questions, each for itself: one that fails takes no other with it.
#[tauri::command]
pub(crate) async fn looks(engine: Host<'_>, looks: Vec<Look>) -> Result<Vec<Result<Seen, Fault>>, Fault> {
    let engine = Arc::clone(&engine);
    blocking(move || Ok(looks.into_iter().map(|look| see(&engine, look)).collect())).await
}

fn see(engine: &Engine, look: Look) -> Result<Seen, Fault> {
    let now = nightjar_broker::now().wall;
    Ok(match look {
        // These two also while the broker does not run: then above all.
        Look::Status => Seen::Status(engine.status()),
        Look::LogRows { query } => Seen::LogRows(logs::rows(engine.logging(), &query)),
        Look::Vitals => {
            let running = engine.running()?;
            Seen::Vitals(overview::vitals(running.broker(), running.store(), &running.sampler, running.started, now))
        }
        Look::Overview => {
            let running = engine.running()?;
            let seen = overview::overview(running.store(), &running.sampler, &running.comings, now);
            Seen::Overview(seen.map_err(unreadable)?)
        }
        Look::Traffic { range } => Seen::Traffic(engine.running()?.sampler.traffic(range)),
        Look::TopicRows { query } => Seen::TopicRows(topics::rows(engine.running()?.store(), query, now)),
        Look::ClientRows { query } => {
            let running = engine.running()?;
            let window = running.publisher.connected_as();
            Seen::ClientRows(clients::rows(around(&running, window.as_deref()), &query))
        }
        Look::Publisher { after } => Seen::Publisher(engine.running()?.publisher.view(after)),
    })
}
