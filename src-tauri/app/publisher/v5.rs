//! MQTT 5.0.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use nightjar_mqtt::{QoS, ReasonCode, TopicName};
use parking_lot::Mutex;
use rumqttc_v5::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, Incoming, IncomingPacketSizeLimit, MqttOptions,
    Outgoing, PersistedSession, PublishOptions, PublishProperties, PublishResult, SessionStore, SessionStoreError,
    SessionStoreKey, StateError, SubscribeFilter, SubscribeReasonCode,
};

use super::inbox::Received;
use super::{Acknowledged, KEEP_ALIVE, LARGEST_PACKET, Listener, REQUESTS, Refusal, SESSION_EXPIRY};
use crate::views::payload::{from_base64, to_base64};
use crate::wire::{Properties, PublisherOptions, PublisherSubscription};

#[derive(Clone, Debug)]
pub(super) struct Link {
    client: AsyncClient,
}

/// The window's halves of its sessions, for as long as the program runs.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    kept: Mutex<HashMap<SessionStoreKey, PersistedSession>>,
}

type Stored<'a, T> = Pin<Box<dyn Future<Output = Result<T, SessionStoreError>> + Send + 'a>>;

impl SessionStore for Sessions {
    fn load<'a>(&'a self, key: &'a SessionStoreKey) -> Stored<'a, Option<PersistedSession>> {
        Box::pin(async { Ok(self.kept.lock().get(key).cloned()) })
    }

    fn save<'a>(&'a self, key: &'a SessionStoreKey, session: &'a PersistedSession) -> Stored<'a, ()> {
        Box::pin(async {
            self.kept.lock().insert(key.clone(), session.clone());
            Ok(())
        })
    }

    fn clear<'a>(&'a self, key: &'a SessionStoreKey) -> Stored<'a, ()> {
        Box::pin(async {
            self.kept.lock().remove(key);
            Ok(())
        })
    }
}

/// Begins to connect; the listener hears how it goes.
pub(super) fn open(
    address: SocketAddr,
    options: &PublisherOptions,
    sessions: Arc<Sessions>,
    listener: Listener,
) -> Result<Link, Refusal> {
    let mut library = MqttOptions::new(&*options.client_id, (address.ip().to_string(), address.port()));
    library
        .set_keep_alive(KEEP_ALIVE)
        .set_clean_start(options.clean_start)
        .set_incoming_packet_size_limit(IncomingPacketSizeLimit::Bytes(LARGEST_PACKET));
    if !options.clean_start {
        library.set_session_expiry_interval(Some(SESSION_EXPIRY)).set_session_store_arc(sessions);
    }
    let (client, connection) = AsyncClient::builder(library).capacity(REQUESTS).try_build()?;
    tokio::spawn(drive(connection, listener));
    Ok(Link { client })
}

async fn drive(mut connection: EventLoop, listener: Listener) {
    loop {
        match connection.poll().await {
            Ok(Event::Incoming(Incoming::ConnAck(connack))) => {
                let assigned = connack.properties.and_then(|properties| properties.assigned_client_identifier);
                listener.connected(connack.session_present, assigned);
            }
            Ok(Event::Incoming(Incoming::Publish(publish))) => listener.received(Received {
                at: nightjar_broker::now().wall,
                topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                payload: publish.payload,
                qos: level(publish.qos),
                retain: publish.retain,
                properties: publish.properties.map(received_properties).unwrap_or_default(),
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
        properties: Option<PublishProperties>,
    ) -> Result<Acknowledged, Refusal> {
        let mut options = PublishOptions::new(library_qos(qos)).retain(retain);
        if let Some(properties) = properties {
            options = options.properties(properties);
        }
        let notice = self.client.publish_tracked(topic.to_string(), Bytes::from(payload), options).await?;
        let (reason, explanation) = match notice.wait_async().await.map_err(|_| connection_ended())? {
            PublishResult::Qos0Flushed => return Ok(Acknowledged { reason: None }),
            PublishResult::Qos1(puback) => {
                (puback.reason as u8, puback.properties.and_then(|properties| properties.reason_string))
            }
            PublishResult::Qos2Completed(pubcomp) => {
                (pubcomp.reason as u8, pubcomp.properties.and_then(|properties| properties.reason_string))
            }
            PublishResult::Qos2PubRecRejected(pubrec) => {
                (pubrec.reason as u8, pubrec.properties.and_then(|properties| properties.reason_string))
            }
        };
        let reason = ReasonCode(reason);
        if reason.is_error() { Err(refused(reason, explanation)) } else { Ok(Acknowledged { reason: Some(reason) }) }
    }

    pub(super) async fn subscribe(&self, subscription: &PublisherSubscription) -> Result<(), Refusal> {
        let qos = library_qos(QoS::from_level(subscription.qos).unwrap_or_default());
        let filter =
            SubscribeFilter { nolocal: subscription.no_local, ..SubscribeFilter::new(&*subscription.filter, qos) };
        let notice = self.client.subscribe_many_tracked([filter]).await?;
        let suback = notice.wait_async().await.map_err(|_| connection_ended())?;
        let reason = match suback.return_codes.first() {
            Some(SubscribeReasonCode::Success(_)) => return Ok(()),
            Some(SubscribeReasonCode::ImplementationSpecific) => ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR,
            Some(SubscribeReasonCode::NotAuthorized) => ReasonCode::NOT_AUTHORIZED,
            Some(SubscribeReasonCode::TopicFilterInvalid) => ReasonCode::TOPIC_FILTER_INVALID,
            Some(SubscribeReasonCode::PkidInUse) => ReasonCode::PACKET_IDENTIFIER_IN_USE,
            Some(SubscribeReasonCode::QuotaExceeded) => ReasonCode::QUOTA_EXCEEDED,
            Some(SubscribeReasonCode::SharedSubscriptionsNotSupported) => {
                ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED
            }
            Some(SubscribeReasonCode::SubscriptionIdNotSupported) => ReasonCode::SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
            Some(SubscribeReasonCode::WildcardSubscriptionsNotSupported) => {
                ReasonCode::WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED
            }
            Some(SubscribeReasonCode::Failure | SubscribeReasonCode::Unspecified) | None => {
                ReasonCode::UNSPECIFIED_ERROR
            }
        };
        Err(refused(reason, suback.properties.and_then(|properties| properties.reason_string)))
    }

    pub(super) async fn unsubscribe(&self, filter: &str) -> Result<(), Refusal> {
        let notice = self.client.unsubscribe_tracked(filter).await?;
        let unsuback = notice.wait_async().await.map_err(|_| connection_ended())?;
        let reason = ReasonCode(unsuback.reasons.first().map_or(0, |&reason| reason as u8));
        if reason.is_error() {
            return Err(refused(reason, unsuback.properties.and_then(|properties| properties.reason_string)));
        }
        Ok(())
    }

    pub(super) async fn disconnect(&self) {
        // Fails where the connection has ended already.
        let _ = self.client.disconnect_now().await;
    }
}

/// The properties to publish with; `None` where there are none.
pub(super) fn properties(wanted: &Properties) -> Result<Option<PublishProperties>, base64::DecodeError> {
    if *wanted == Properties::default() {
        return Ok(None);
    }
    Ok(Some(PublishProperties {
        payload_format_indicator: wanted.payload_is_text.map(u8::from),
        message_expiry_interval: wanted.message_expiry_interval,
        response_topic: wanted.response_topic.clone(),
        correlation_data: wanted.correlation_data.as_deref().map(from_base64).transpose()?.map(Bytes::from),
        user_properties: wanted.user_properties.clone(),
        content_type: wanted.content_type.clone(),
        ..PublishProperties::default()
    }))
}

fn received_properties(properties: PublishProperties) -> Properties {
    Properties {
        payload_is_text: properties.payload_format_indicator.map(|indicator| indicator == 1),
        message_expiry_interval: properties.message_expiry_interval,
        content_type: properties.content_type,
        response_topic: properties.response_topic,
        correlation_data: properties.correlation_data.map(|data| to_base64(&data)),
        user_properties: properties.user_properties,
    }
}

fn refused(reason: ReasonCode, explanation: Option<String>) -> Refusal {
    Refusal(match explanation {
        Some(explanation) => format!("The broker refused it: {reason}: {explanation}"),
        None => format!("The broker refused it: {reason}"),
    })
}

fn connection_ended() -> Refusal {
    Refusal("The connection ended before the broker acknowledged it".to_owned())
}

const fn library_qos(qos: QoS) -> rumqttc_v5::QoS {
    match qos {
        QoS::AtMostOnce => rumqttc_v5::QoS::AtMostOnce,
        QoS::AtLeastOnce => rumqttc_v5::QoS::AtLeastOnce,
        QoS::ExactlyOnce => rumqttc_v5::QoS::ExactlyOnce,
    }
}

const fn level(qos: rumqttc_v5::QoS) -> u8 {
    match qos {
        rumqttc_v5::QoS::AtMostOnce => 0,
        rumqttc_v5::QoS::AtLeastOnce => 1,
        rumqttc_v5::QoS::ExactlyOnce => 2,
    }
}

fn in_words(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code)
        | ConnectionError::MqttState(StateError::ConnFail { reason: code }) => {
            format!("The broker refused the connection: {}", connect_reason(*code))
        }
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, reason_string }) => {
            let reason = ReasonCode(*reason_code as u8);
            match reason_string {
                Some(explanation) => format!("The broker closed the connection: {reason}: {explanation}"),
                None => format!("The broker closed the connection: {reason}"),
            }
        }
        ConnectionError::SessionStateMismatch { .. } => {
            "The broker has a session of this Client Identifier that this window did not begin; start clean".to_owned()
        }
        ConnectionError::Io(error) => format!("The broker can't be reached: {error}"),
        ConnectionError::MqttState(StateError::ConnectionAborted | StateError::Io(_)) => {
            "The broker closed the connection".to_owned()
        }
        error => error.to_string(),
    }
}

const fn connect_reason(code: ConnectReturnCode) -> &'static str {
    match code {
        ConnectReturnCode::MalformedPacket => "Malformed Packet (0x81)",
        ConnectReturnCode::ProtocolError => "Protocol Error (0x82)",
        ConnectReturnCode::UnsupportedProtocolVersion => "Unsupported Protocol Version (0x84)",
        ConnectReturnCode::ClientIdentifierNotValid => "Client Identifier not valid (0x85)",
        ConnectReturnCode::BadUserNamePassword => "Bad User Name or Password (0x86)",
        ConnectReturnCode::NotAuthorized => "Not authorized (0x87)",
        ConnectReturnCode::ServerUnavailable => "Server unavailable (0x88)",
        ConnectReturnCode::ServerBusy => "Server busy (0x89)",
        ConnectReturnCode::Banned => "Banned (0x8A)",
        ConnectReturnCode::PacketTooLarge => "Packet too large (0x95)",
        ConnectReturnCode::QuotaExceeded => "Quota exceeded (0x97)",
        _ => "Unspecified error (0x80)",
    }
}
