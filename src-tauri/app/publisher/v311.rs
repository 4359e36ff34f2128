//! MQTT 3.1.1.

use std::net::SocketAddr;

use bytes::Bytes;
use nightjar_mqtt::{QoS, TopicName};
use rumqttc_v4::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, Incoming, MqttOptions, Outgoing, PublishOptions,
    PublishResult, StateError, SubscribeReasonCode,
};

use super::inbox::Received;
use super::{Acknowledged, KEEP_ALIVE, LARGEST_PACKET, Listener, REQUESTS, Refusal};
use crate::wire::{Properties, PublisherOptions, PublisherSubscription};

#[derive(Clone, Debug)]
pub(super) struct Link {
    client: AsyncClient,
}

/// Begins to connect; the listener hears how it goes.
pub(super) fn open(address: SocketAddr, options: &PublisherOptions, listener: Listener) -> Result<Link, Refusal> {
    let mut library = MqttOptions::new(&*options.client_id, (address.ip().to_string(), address.port()));
    library
        .set_keep_alive(KEEP_ALIVE)
        .set_clean_session(options.clean_start)
        .set_max_packet_size(LARGEST_PACKET as usize, LARGEST_PACKET as usize);
    let (client, connection) = AsyncClient::builder(library).capacity(REQUESTS).try_build()?;
    tokio::spawn(drive(connection, listener));
    Ok(Link { client })
}

async fn drive(mut connection: EventLoop, listener: Listener) {
    loop {
        match connection.poll().await {
            Ok(Event::Incoming(Incoming::ConnAck(connack))) => listener.connected(connack.session_present, None),
            Ok(Event::Incoming(Incoming::Publish(publish))) => listener.received(Received {
                at: nightjar_broker::now().wall,
                topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                payload: publish.payload,
                qos: level(publish.qos),
                retain: publish.retain,
                properties: Properties::default(),
            }),
            Ok(Event::Outgoing(Outgoing::Disconnect)) | Err(ConnectionError::RequestsDone) => {
                return listener.ended(Ok(()));
            }
            Ok(_) => {}
            Err(error) => return listener.ended(Err(in_words(&error))),
        }
    }
}

impl Link {
    pub(super) async fn publish(
        &self,
        topic: &TopicName,
        payload: Vec<u8>,
        qos: QoS,
        retain: bool,
    ) -> Result<Acknowledged, Refusal> {
        let options = PublishOptions::new(library_qos(qos)).retain(retain);
        let notice = self.client.publish_tracked(topic.to_string(), Bytes::from(payload), options).await?;
        match notice.wait_async().await.map_err(|_| connection_ended())? {
            PublishResult::Qos0Flushed | PublishResult::Qos1(_) | PublishResult::Qos2Completed(_) => {
                Ok(Acknowledged { reason: None })
            }
        }
    }

    pub(super) async fn subscribe(&self, subscription: &PublisherSubscription) -> Result<(), Refusal> {
        let qos = library_qos(QoS::from_level(subscription.qos).unwrap_or_default());
        let notice = self.client.subscribe_tracked(&*subscription.filter, qos).await?;
        let suback = notice.wait_async().await.map_err(|_| connection_ended())?;
        match suback.return_codes.first() {
            Some(SubscribeReasonCode::Success(_)) => Ok(()),
            _ => Err(Refusal("The broker refused the subscription (0x80)".to_owned())),
        }
    }

    pub(super) async fn unsubscribe(&self, filter: &str) -> Result<(), Refusal> {
        let notice = self.client.unsubscribe_tracked(filter).await?;
        notice.wait_async().await.map_err(|_| connection_ended())?;
        Ok(())
    }

    pub(super) async fn disconnect(&self) {
        // Fails where the connection has ended already.
        let _ = self.client.disconnect_now().await;
    }
}

fn connection_ended() -> Refusal {
    Refusal("The connection ended before the broker acknowledged it".to_owned())
}

const fn library_qos(qos: QoS) -> rumqttc_v4::QoS {
    match qos {
        QoS::AtMostOnce => rumqttc_v4::QoS::AtMostOnce,
        QoS::AtLeastOnce => rumqttc_v4::QoS::AtLeastOnce,
        QoS::ExactlyOnce => rumqttc_v4::QoS::ExactlyOnce,
    }
}

const fn level(qos: rumqttc_v4::QoS) -> u8 {
    match qos {
        rumqttc_v4::QoS::AtMostOnce => 0,
        rumqttc_v4::QoS::AtLeastOnce => 1,
        rumqttc_v4::QoS::ExactlyOnce => 2,
    }
}

fn in_words(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code) => {
            let reason = match code {
                ConnectReturnCode::RefusedProtocolVersion => "Unacceptable protocol version (1)",
                ConnectReturnCode::BadClientId => "Client Identifier rejected (2)",
                ConnectReturnCode::ServiceUnavailable => "Server unavailable (3)",
                ConnectReturnCode::BadUserNamePassword => "Bad user name or password (4)",
                ConnectReturnCode::NotAuthorized => "Not authorized (5)",
                ConnectReturnCode::Success => "No reason (0)",
            };
            format!("The broker refused the connection: {reason}")
        }
        ConnectionError::Io(error) => format!("The broker can't be reached: {error}"),
        ConnectionError::MqttState(StateError::ConnectionAborted | StateError::Io(_)) => {
            "The broker closed the connection".to_owned()
        }
        error => error.to_string(),
    }
}
