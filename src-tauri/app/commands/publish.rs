//! Publish: the window as a client.

use nightjar_broker::Broker;

use super::Host;
use crate::wire::{Fault, OutgoingMessage, Published, PublisherOptions, PublisherSubscription};

#[tauri::command]
pub(crate) async fn publisher_connect(engine: Host<'_>, options: PublisherOptions) -> Result<(), Fault> {
    let running = engine.running()?;
    let address = running.local_address().ok_or_else(|| {
        Fault::new("The window did not connect", "The broker listens nowhere", "Look at the listeners on Overview")
    })?;
    let client = options.client_id.clone();
    let session_present = running.publisher.connect(address, options).await?;
    if session_present {
        running.publisher.adopt(subscriptions_of(running.broker(), &client));
    }
    Ok(())
}

#[tauri::command]
pub(crate) async fn publisher_disconnect(engine: Host<'_>) -> Result<(), Fault> {
    engine.running()?.publisher.disconnect().await;
    Ok(())
}

#[tauri::command]
pub(crate) async fn publisher_subscribe(engine: Host<'_>, subscription: PublisherSubscription) -> Result<(), Fault> {
    engine.running()?.publisher.subscribe(subscription).await
}

#[tauri::command]
pub(crate) async fn publisher_unsubscribe(engine: Host<'_>, filter: String) -> Result<(), Fault> {
    engine.running()?.publisher.unsubscribe(&filter).await
}

#[tauri::command]
pub(crate) async fn publisher_publish(engine: Host<'_>, message: OutgoingMessage) -> Result<Published, Fault> {
    engine.running()?.publisher.publish(&message).await
}

/// What the broker's session of the window has.
fn subscriptions_of(broker: &Broker, client: &str) -> Vec<PublisherSubscription> {
    broker
        .subscriptions(client)
        .unwrap_or_default()
        .into_iter()
        .map(|(filter, state)| PublisherSubscription {
            filter: filter.to_string(),
            qos: state.options.maximum_qos.level(),
            no_local: state.options.no_local,
        })
        .collect()
}
