//! The messages of a topic, and the message inspector.

use nightjar_store::MessageId;

use super::{Host, look, unreadable};
use crate::views::messages;
use crate::wire::{Fault, MessageDetail, TopicMessages, TopicMessagesQuery};

#[tauri::command]
pub(crate) async fn topic_messages(engine: Host<'_>, query: TopicMessagesQuery) -> Result<TopicMessages, Fault> {
    look(&engine, move |running| {
        running.charts.of_topic(running.store(), &query, nightjar_broker::now().wall).map_err(unreadable)
    })
    .await
}

#[tauri::command]
pub(crate) async fn message(engine: Host<'_>, id: u64) -> Result<MessageDetail, Fault> {
    look(&engine, move |running| {
        let found = messages::detail(running.broker(), running.store(), MessageId(id)).map_err(unreadable)?;
        found.ok_or_else(|| {
            Fault::new("The message is not there", "It is no longer in the history", "Select another one")
        })
    })
    .await
}
