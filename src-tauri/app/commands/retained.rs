//! Retained. What the window sets or clears is published by the broker's owner, and so goes to subscribers and onto
//! the record like any other message.

use std::time::Duration;

use bytes::Bytes;
use nightjar_broker::{ClientIdentifier, Journal, OwnMessage, Sequence};
use nightjar_mqtt::{QoS, TopicName};
use nightjar_store::{MessageId, StoredMessage};

use super::{Host, look, unreadable};
use crate::engine::{Engine, Running};
use crate::publisher::WINDOW_CLIENT;
use crate::views::{count, messages, millis, payload, retained};
use crate::wire::{
    ClearedQuery, ClearedRows, Fault, MessageDetail, MessageRow, PastProgress, PastQuery, PastRows, RetainedChanges,
    RetainedEdit, RetainedQuery, RetainedRows, RetainedSelection,
};

/// How long the journal has to commit.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages that are cleared before the journal's queue is looked at.
const BATCH: usize = 1_000;
/// Messages of the past that are read as a whole at once.
const FEW: usize = 50;

#[tauri::command]
pub(crate) async fn retained_rows(engine: Host<'_>, query: RetainedQuery) -> Result<RetainedRows, Fault> {
    look(&engine, move |running| retained::rows(running.broker(), running.store(), &query).map_err(unreadable)).await
}

#[tauri::command]
pub(crate) async fn retained_message(engine: Host<'_>, topic: String) -> Result<MessageDetail, Fault> {
    look(&engine, move |running| {
        let what = "The retained message is not there";
        let topic = TopicName::new(topic).map_err(|error| Fault::new(what, error, "Select another topic"))?;
        let found = retained::detail(running.broker(), running.store(), &topic).map_err(unreadable)?;
        found.ok_or_else(|| Fault::new(what, "It was cleared, or has expired", "Select another topic"))
    })
    .await
}

/// Begins to look at what was retained at a moment or, without one, at what was cleared.
#[tauri::command]
pub(crate) async fn past_open(engine: Host<'_>, at: Option<f64>) -> Result<PastProgress, Fault> {
    look(&engine, move |running| running.pasts.open(running.store(), at)).await
}

#[tauri::command]
pub(crate) async fn past_rows(engine: Host<'_>, past: u64, query: PastQuery) -> Result<PastRows, Fault> {
    look(&engine, move |running| running.pasts.rows(past, running.store(), running.broker(), &query)).await
}

#[tauri::command]
pub(crate) async fn cleared_rows(engine: Host<'_>, past: u64, query: ClearedQuery) -> Result<ClearedRows, Fault> {
    look(&engine, move |running| running.pasts.cleared(past, running.store(), running.broker(), &query)).await
}

#[tauri::command]
pub(crate) async fn past_close(engine: Host<'_>, past: u64) -> Result<(), Fault> {
    look(&engine, move |running| {
        running.pasts.close(past);
        Ok(())
    })
    .await
}

/// The retained history of a topic: a search like those of History, which [`history_close`](super::history) closes.
#[tauri::command]
pub(crate) async fn retained_changes(
    engine: Host<'_>,
    topic: String,
    search: Option<u64>,
    first: u64,
    count: u32,
) -> Result<RetainedChanges, Fault> {
    look(&engine, move |running| {
        running.searches.retained_changes(running.broker(), running.store(), &topic, search, first, count)
    })
    .await
}

/// Publishes a message of the past again, to be retained, unless its topic retains another one by now than `over`: then
/// that is the answer, and nothing is done.
#[tauri::command]
pub(crate) async fn restore_retained(
    engine: Host<'_>,
    message: u64,
    over: Option<f64>,
) -> Result<Option<MessageRow>, Fault> {
    restore(&engine, message, over).await
}

async fn restore(engine: &Engine, message: u64, over: Option<f64>) -> Result<Option<MessageRow>, Fault> {
    const WHAT: &str = "The value was not set again";
    let running = engine.running()?;
    let found = look(engine, move |running| {
        let found = running.store().message(MessageId(message), usize::MAX);
        found.map_err(|error| Fault::of_read(WHAT, &error))
    })
    .await?;
    let gone = || Fault::new(WHAT, "The history no longer has it", "Choose another one");
    let old = found.filter(|found| found.size > 0).ok_or_else(gone)?;
    if let Some(now) = running.broker().retained(&old.topic)
        && over != Some(millis(now.received))
    {
        return Ok(Some(messages::row_of_held(&now, None)));
    }
    let sequence = set_again(&running, old);
    running.pasts.changed();
    committed(&running, sequence, "The value is set again, but that is not on record").await?;
    Ok(None)
}

/// Publishes what was cleared again, to be retained, where nothing else took its place. Returns how many.
#[tauri::command]
pub(crate) async fn restore_cleared(
    engine: Host<'_>,
    past: u64,
    selection: RetainedSelection,
    since: Option<f64>,
) -> Result<u32, Fault> {
    restore_all(&engine, past, selection, since).await
}

async fn restore_all(
    engine: &Engine,
    past: u64,
    selection: RetainedSelection,
    since: Option<f64>,
) -> Result<u32, Fault> {
    const WHAT: &str = "Not all was brought back";
    let running = engine.running()?;
    let gone = look(engine, move |running| running.pasts.gone(past, running.broker(), &selection, since)).await?;
    let mut restored = 0;
    for batch in gone.chunks(FEW) {
        let ids = batch.to_vec();
        let found = look(engine, move |running| {
            let found = running.store().messages(&ids, usize::MAX);
            found.map_err(|error| Fault::of_read(WHAT, &error))
        })
        .await?;
        let mut last = Sequence::default();
        for old in found {
            if running.broker().retained(&old.topic).is_none() {
                last = set_again(&running, old);
                restored += 1;
            }
        }
        committed(&running, last, "The values are back, but that is not on record").await?;
    }
    running.pasts.changed();
    Ok(count(restored))
}

/// Publishes a message of the past again, by the window.
fn set_again(running: &Running, old: StoredMessage) -> Sequence {
    running.broker().publish(OwnMessage {
        publisher: ClientIdentifier::new(WINDOW_CLIENT),
        topic: old.topic,
        payload: old.payload,
        qos: old.qos,
        retain: true,
        properties: old.properties,
    })
}

#[tauri::command]
pub(crate) async fn count_retained(engine: Host<'_>, selection: RetainedSelection) -> Result<u32, Fault> {
    look(&engine, move |running| Ok(count(retained::selected(running.broker(), &selection).len()))).await
}

#[tauri::command]
pub(crate) async fn clear_retained(engine: Host<'_>, selection: RetainedSelection) -> Result<u32, Fault> {
    let running = engine.running()?;
    let selected = look(&engine, move |running| Ok(retained::selected(running.broker(), &selection))).await?;
    for batch in selected.chunks(BATCH) {
        let mut last = Sequence::default();
        for message in batch {
            last = running.broker().publish(OwnMessage {
                publisher: ClientIdentifier::new(WINDOW_CLIENT),
                topic: message.topic.clone(),
                payload: Bytes::new(),
                qos: message.qos,
                retain: true,
                properties: None,
            });
        }
        committed(&running, last, "The retained messages are cleared, but that is not on record").await?;
    }
    running.pasts.changed();
    Ok(count(selected.len()))
}

#[tauri::command]
pub(crate) async fn set_retained(engine: Host<'_>, edit: RetainedEdit) -> Result<(), Fault> {
    const WHAT: &str = "The retained message was not set";
    let running = engine.running()?;
    let topic = TopicName::new(edit.topic).map_err(|error| Fault::new(WHAT, error, "Correct the topic"))?;
    let payload = payload::from_base64(&edit.payload)
        .map_err(|error| Fault::new(WHAT, format!("The payload is not base64 ({error})"), "Correct it"))?;
    if payload.is_empty() {
        let why = "A retained message without a payload is none: MQTT takes that as clearing it";
        return Err(Fault::new(WHAT, why, "Enter a payload, or clear the message"));
    }
    let qos = QoS::from_level(edit.qos)
        .ok_or_else(|| Fault::new(WHAT, format!("There is no QoS {}", edit.qos), "Choose QoS 0, 1 or 2"))?;
    let properties =
        messages::publish_properties(&edit.properties).map_err(|why| Fault::new(WHAT, why, "Correct it"))?;
    let sequence = running.broker().publish(OwnMessage {
        publisher: ClientIdentifier::new(WINDOW_CLIENT),
        topic,
        payload: payload.into(),
        qos,
        retain: true,
        properties,
    });
    committed(&running, sequence, "The retained message is set, but not on record").await
}

/// Waits until the journal has committed.
pub(super) async fn committed(running: &Running, sequence: Sequence, what: &str) -> Result<(), Fault> {
    let mut progress = running.server.store().progress();
    let settled = progress.wait_for(|progress| progress.committed >= sequence || progress.paused.is_some());
    let why = match tokio::time::timeout(PATIENCE, settled).await {
        Ok(Ok(progress)) if progress.committed >= sequence => return Ok(()),
        Ok(Ok(progress)) => progress.paused.as_deref().unwrap_or("the journal is paused").to_owned(),
        Ok(Err(_)) => "the journal is closed".to_owned(),
        Err(_) => format!("the disk took longer than {} s", PATIENCE.as_secs()),
    };
    Err(Fault::new(what, why, "It takes effect; it is recorded as soon as the disk takes it"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nightjar_broker::Message;
    use nightjar_server::{LogSettings, Logging};
    use nightjar_store::Keeping;

    use super::*;
    use crate::engine::{Launch, Log};

    const DEADLINE: Duration = Duration::from_secs(30);

    async fn started(directory: &tempfile::TempDir) -> Engine {
        // Nobody on this computer's network is to hear of a test.
        std::fs::write(directory.path().join("nightjar.toml"), "discovery = false\n").unwrap();
        let log = Log { logging: Logging::unheard(), settings: LogSettings::default() };
        let engine = Engine::new(Launch { data_directory: directory.path().to_owned(), port: Some(0) }, log);
        engine.start().await;
        engine
    }

    /// Retains a value on a topic, or clears it, on record.
    async fn retain(engine: &Engine, topic: &str, payload: &'static str) {
        let running = engine.running().unwrap();
        let sequence = running.broker().publish(OwnMessage {
            publisher: ClientIdentifier::new("lamp"),
            topic: TopicName::new(topic).unwrap(),
            payload: Bytes::from_static(payload.as_bytes()),
            qos: QoS::AtLeastOnce,
            retain: true,
            properties: None,
        });
        committed(&running, sequence, "not recorded").await.unwrap();
    }

    fn held(engine: &Engine, topic: &str) -> Option<Arc<Message>> {
        engine.running().unwrap().broker().retained(&TopicName::new(topic).unwrap())
    }

    fn value(engine: &Engine, topic: &str) -> Option<String> {
        held(engine, topic).map(|message| String::from_utf8(message.payload.to_vec()).unwrap())
    }

    /// What was cleared, once it is known.
    fn cleared(engine: &Engine) -> u64 {
        let running = engine.running().unwrap();
        let past = running.pasts.open(running.store(), None).unwrap().past;
        let everything = || ClearedQuery { filter: String::new(), first: 0, count: 1 };
        let end = std::time::Instant::now() + DEADLINE;
        while !running.pasts.cleared(past, running.store(), running.broker(), &everything()).unwrap().progress.done {
            assert!(std::time::Instant::now() < end, "the look at the past ends");
        }
        past
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_value_of_the_past_is_set_again_unless_another_came_meanwhile() {
        let directory = tempfile::tempdir().unwrap();
        let engine = started(&directory).await;
        retain(&engine, "lamp", "on").await;
        retain(&engine, "lamp", "off").await;
        let seen = millis(held(&engine, "lamp").unwrap().received);
        // Ids begin with 1.
        let now = restore(&engine, 1, None).await.unwrap().expect("it retains another value than none");
        assert_eq!((&*now.topic, now.size), ("lamp", 3));
        assert_eq!(value(&engine, "lamp").as_deref(), Some("off"), "nothing is done then");
        assert!(restore(&engine, 1, Some(seen - 1.0)).await.unwrap().is_some());
        assert!(restore(&engine, 1, Some(seen)).await.unwrap().is_none());
        assert_eq!(value(&engine, "lamp").as_deref(), Some("on"));
        assert_eq!(&*held(&engine, "lamp").unwrap().publisher, WINDOW_CLIENT, "it is told whose doing that was");

        retain(&engine, "lamp", "").await;
        assert!(restore(&engine, 2, None).await.unwrap().is_none());
        assert_eq!(value(&engine, "lamp").as_deref(), Some("off"), "it was cleared, and is back");
        engine.stop().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_the_history_has_no_longer_can_not_be_set_again() {
        let directory = tempfile::tempdir().unwrap();
        let engine = started(&directory).await;
        retain(&engine, "lamp", "on").await;
        retain(&engine, "lamp", "").await;
        for (message, why) in [(2, "a message that clears is no value"), (77, "there never was one")] {
            let fault = restore(&engine, message, None).await.unwrap_err();
            assert!(fault.why.contains("no longer has it"), "{why}: {fault:?}");
        }
        let keeping = Keeping { otherwise: nightjar_store::Keep::Nothing, ..Keeping::everything() };
        engine.running().unwrap().store().set_keeping(keeping);
        let end = std::time::Instant::now() + DEADLINE;
        while engine.running().unwrap().store().message(MessageId(1), 1).unwrap().is_some() {
            assert!(std::time::Instant::now() < end, "the rules let it go");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(restore(&engine, 1, None).await.is_err());
        assert_eq!(value(&engine, "lamp"), None);
        engine.stop().await;
        assert!(restore(&engine, 1, None).await.is_err(), "there is no broker");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_cleared_comes_back_where_nothing_took_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let engine = started(&directory).await;
        for topic in ["house/a", "house/b", "house/c", "garden/d"] {
            retain(&engine, topic, "then").await;
        }
        for topic in ["house/a", "house/b", "garden/d"] {
            retain(&engine, topic, "").await;
        }
        let past = cleared(&engine);
        retain(&engine, "house/b", "now").await;
        let house = || RetainedSelection::Filter("house/#".to_owned());
        assert_eq!(restore_all(&engine, past, house(), Some(f64::MAX)).await.unwrap(), 0, "nothing went since then");
        assert_eq!(restore_all(&engine, past, house(), None).await.unwrap(), 1);
        let values = ["house/a", "house/b", "house/c", "garden/d"].map(|topic| value(&engine, topic));
        assert_eq!(values.each_ref().map(Option::as_deref), [Some("then"), Some("now"), Some("then"), None]);
        assert_eq!(restore_all(&engine, past, house(), None).await.unwrap(), 0, "it is back");
        let one = RetainedSelection::Topics(vec!["garden/d".to_owned()]);
        assert_eq!(restore_all(&engine, past, one, None).await.unwrap(), 1);
        let running = engine.running().unwrap();
        running.pasts.close(past);
        let fault = restore_all(&engine, past, house(), None).await.unwrap_err();
        assert!(fault.what.contains("has ended"), "{fault:?}");
        drop(running);
        engine.stop().await;
    }
}
