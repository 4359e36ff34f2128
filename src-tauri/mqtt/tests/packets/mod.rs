//! Strategies for every packet of every version, as the decoder gives them out.

use bytes::Bytes;
use bytestring::ByteString;
use nightjar_mqtt::{
    Acknowledgement, AcknowledgementProperties, Auth, AuthProperties, ConnAck, ConnAckProperties, Connect,
    ConnectProperties, Disconnect, DisconnectProperties, Login, Packet, PacketIdentifier, ProtocolVersion, Publish,
    PublishProperties, QoS, ReasonCode, RetainHandling, SubAck, SubAckProperties, Subscribe, SubscribeProperties,
    Subscription, SubscriptionOptions, TopicFilter, TopicName, UnsubAck, Unsubscribe, UserProperty, Will,
    WillProperties,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) const VERSIONS: [ProtocolVersion; 3] = [ProtocolVersion::V31, ProtocolVersion::V311, ProtocolVersion::V5];

pub(crate) fn version() -> impl Strategy<Value = ProtocolVersion> {
    select(&VERSIONS[..])
}

/// Every packet of both directions.
pub(crate) fn packet(version: ProtocolVersion) -> BoxedStrategy<Packet> {
    prop_oneof![
        4 => client_packet(version),
        1 => connect(version).prop_map(|connect| Packet::Connect(Box::new(connect))),
        4 => server_packet(version),
    ]
    .boxed()
}

/// What a client sends after CONNECT.
pub(crate) fn client_packet(version: ProtocolVersion) -> BoxedStrategy<Packet> {
    let packets = prop_oneof![
        3 => publish(version, false).prop_map(Packet::Publish),
        2 => acknowledgements(version),
        1 => subscribe(version).prop_map(Packet::Subscribe),
        1 => unsubscribe(version).prop_map(Packet::Unsubscribe),
        1 => Just(Packet::PingReq),
        1 => disconnect(version, false).prop_map(Packet::Disconnect),
    ];
    if version == ProtocolVersion::V5 {
        prop_oneof![9 => packets, 1 => auth().prop_map(Packet::Auth)].boxed()
    } else {
        packets.boxed()
    }
}

fn server_packet(version: ProtocolVersion) -> BoxedStrategy<Packet> {
    prop_oneof![
        1 => connack(version).prop_map(|connack| Packet::ConnAck(Box::new(connack))),
        3 => publish(version, true).prop_map(Packet::Publish),
        1 => suback(version).prop_map(Packet::SubAck),
        1 => unsuback(version).prop_map(Packet::UnsubAck),
        1 => Just(Packet::PingResp),
        1 => disconnect(version, true).prop_map(Packet::Disconnect),
    ]
    .boxed()
}

fn character() -> impl Strategy<Value = char> {
    any::<char>().prop_filter("strings have no null character", |&character| character != '\0')
}

fn text() -> impl Strategy<Value = ByteString> {
    vec(character(), 0..10).prop_map(|characters| characters.into_iter().collect::<String>().into())
}

fn binary() -> impl Strategy<Value = Bytes> {
    // Some longer than a Remaining Length of one byte can say, and than one of two bytes.
    prop_oneof![
        8 => vec(any::<u8>(), 0..20),
        2 => (any::<u8>(), 100..400_usize).prop_map(|(byte, length)| std::vec![byte; length]),
        1 => (any::<u8>(), 16_300..16_500_usize).prop_map(|(byte, length)| std::vec![byte; length]),
    ]
    .prop_map(Bytes::from)
}

fn topic_name() -> impl Strategy<Value = TopicName> {
    vec(character().prop_filter("no wildcards", |&character| character != '+' && character != '#'), 1..12).prop_map(
        |characters| TopicName::new(characters.into_iter().collect::<String>()).expect("no wildcards, no null"),
    )
}

fn topic_filter(version: ProtocolVersion) -> impl Strategy<Value = TopicFilter> {
    let level =
        prop_oneof!["[^\0+#/]{0,4}", Just(String::from("+")), Just(String::from("$share")), Just(String::from("$SYS"))];
    (vec(level, 1..5), any::<bool>(), option::weighted(0.2, "[^\0+#/]{1,4}"))
        .prop_map(|(mut levels, all_below, share)| {
            if all_below {
                levels.push(String::from("#"));
            }
            let filter = levels.join("/");
            share.map_or(filter.clone(), |share| format!("$share/{share}/{filter}"))
        })
        .prop_filter_map("neither empty nor half of a Shared Subscription", move |filter| {
            TopicFilter::new_for(version, filter).ok()
        })
}

fn user_properties() -> impl Strategy<Value = Vec<UserProperty>> {
    vec((text(), text()), 0..3)
}

fn packet_identifier() -> impl Strategy<Value = PacketIdentifier> {
    (1..=u16::MAX).prop_map(|value| PacketIdentifier::new(value).expect("not 0"))
}

fn qos() -> impl Strategy<Value = QoS> {
    select(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][..])
}

fn reason_code(codes: &'static [u8]) -> impl Strategy<Value = ReasonCode> {
    select(codes).prop_map(ReasonCode)
}

/// The default of what only MQTT 5.0 has, below it.
fn from_5<T: Default + Clone + std::fmt::Debug + 'static>(
    version: ProtocolVersion,
    strategy: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<T> {
    match version {
        ProtocolVersion::V31 | ProtocolVersion::V311 => Just(T::default()).boxed(),
        ProtocolVersion::V5 => prop_oneof![Just(T::default()), strategy].boxed(),
    }
}

/// Authentication Method and Authentication Data: the second not without the first.
fn authentication() -> impl Strategy<Value = (Option<ByteString>, Option<Bytes>)> {
    prop_oneof![Just((None, None)), (text(), option::of(binary())).prop_map(|(method, data)| (Some(method), data)),]
}

pub(crate) fn connect(version: ProtocolVersion) -> BoxedStrategy<Connect> {
    let properties = (
        option::of(any::<u32>()),
        option::of(1..=u16::MAX),
        option::of(1..=u32::MAX),
        option::of(any::<u16>()),
        option::of(any::<bool>()),
        option::of(any::<bool>()),
        user_properties(),
        authentication(),
    )
        .prop_map(|fields| ConnectProperties {
            session_expiry_interval: fields.0,
            receive_maximum: fields.1,
            maximum_packet_size: fields.2,
            topic_alias_maximum: fields.3,
            request_response_information: fields.4,
            request_problem_information: fields.5,
            user_properties: fields.6,
            authentication_method: fields.7.0,
            authentication_data: fields.7.1,
        });
    let login = (option::of(text()), option::of(binary())).prop_map(move |(user_name, password)| Login {
        password: password.filter(|_| user_name.is_some() || version == ProtocolVersion::V5),
        user_name,
    });
    (any::<bool>(), any::<u16>(), text(), option::of(will(version)), login, from_5(version, properties))
        .prop_map(move |(clean_start, keep_alive, client_identifier, will, login, properties)| Connect {
            version,
            clean_start,
            keep_alive,
            client_identifier,
            will: will.map(Box::new),
            login,
            properties,
        })
        .boxed()
}

fn will(version: ProtocolVersion) -> impl Strategy<Value = Will> {
    let properties = (
        option::of(any::<u32>()),
        option::of(any::<bool>()),
        option::of(any::<u32>()),
        option::of(text()),
        option::of(topic_name()),
        option::of(binary()),
        user_properties(),
    )
        .prop_map(|fields| WillProperties {
            will_delay_interval: fields.0,
            payload_format_indicator: fields.1,
            message_expiry_interval: fields.2,
            content_type: fields.3,
            response_topic: fields.4,
            correlation_data: fields.5,
            user_properties: fields.6,
        });
    (topic_name(), binary(), qos(), any::<bool>(), from_5(version, properties))
        .prop_map(|(topic, payload, qos, retain, properties)| Will { topic, payload, qos, retain, properties })
}

fn connack(version: ProtocolVersion) -> impl Strategy<Value = ConnAck> {
    let codes: &[u8] = match version {
        ProtocolVersion::V31 | ProtocolVersion::V311 => &[0, 0x84, 0x85, 0x86, 0x87, 0x88],
        ProtocolVersion::V5 => &[0, 0x80, 0x81, 0x84, 0x87, 0x8A, 0x8C, 0x90, 0x97, 0x9D, 0x9F],
    };
    (any::<bool>(), reason_code(codes), from_5(version, connack_properties())).prop_map(
        move |(session_present, reason_code, properties)| ConnAck {
            session_present: session_present && version != ProtocolVersion::V31 && reason_code == ReasonCode::SUCCESS,
            reason_code,
            properties,
        },
    )
}

fn connack_properties() -> impl Strategy<Value = ConnAckProperties> {
    let numbers = (
        option::of(any::<u32>()),
        option::of(1..=u16::MAX),
        option::of(select(&[QoS::AtMostOnce, QoS::AtLeastOnce][..])),
        option::of(1..=u32::MAX),
        option::of(any::<u16>()),
        option::of(any::<u16>()),
    );
    let texts = (option::of(text()), option::of(text()), option::of(text()), option::of(text()));
    (numbers, any::<[bool; 4]>(), texts, user_properties(), authentication()).prop_map(
        |(numbers, available, texts, user_properties, authentication)| ConnAckProperties {
            session_expiry_interval: numbers.0,
            receive_maximum: numbers.1,
            maximum_qos: numbers.2,
            maximum_packet_size: numbers.3,
            topic_alias_maximum: numbers.4,
            server_keep_alive: numbers.5,
            retain_available: available[0],
            wildcard_subscription_available: available[1],
            subscription_identifiers_available: available[2],
            shared_subscription_available: available[3],
            assigned_client_identifier: texts.0,
            reason_string: texts.1,
            response_information: texts.2,
            server_reference: texts.3,
            user_properties,
            authentication_method: authentication.0,
            authentication_data: authentication.1,
        },
    )
}

fn publish(version: ProtocolVersion, from_server: bool) -> impl Strategy<Value = Publish> {
    let identifiers = if from_server { 0..3 } else { 0..1 };
    let properties = (
        option::of(any::<bool>()),
        option::of(any::<u32>()),
        option::of(1..=u16::MAX),
        option::of(topic_name()),
        option::of(binary()),
        user_properties(),
        vec(1..=268_435_455_u32, identifiers),
        option::of(text()),
    )
        .prop_map(|fields| PublishProperties {
            payload_format_indicator: fields.0,
            message_expiry_interval: fields.1,
            topic_alias: fields.2,
            response_topic: fields.3,
            correlation_data: fields.4,
            user_properties: fields.5,
            subscription_identifiers: fields.6,
            content_type: fields.7,
        });
    let properties = from_5(version, option::of(properties)).prop_map(|properties| {
        properties.filter(|properties| *properties != PublishProperties::default()).map(Box::new)
    });
    (
        any::<bool>(),
        qos(),
        any::<bool>(),
        option::weighted(0.9, topic_name()),
        topic_name(),
        packet_identifier(),
        properties,
        binary(),
    )
        .prop_map(|(dup, qos, retain, topic, other, identifier, properties, payload)| {
            let aliased = properties.as_ref().is_some_and(|properties| properties.topic_alias.is_some());
            Publish {
                dup: dup && qos != QoS::AtMostOnce,
                qos,
                retain,
                topic: if aliased { topic } else { Some(other) },
                packet_identifier: (qos != QoS::AtMostOnce).then_some(identifier),
                properties,
                payload,
            }
        })
}

fn acknowledgements(version: ProtocolVersion) -> impl Strategy<Value = Packet> {
    const PUBLISH_CODES: &[u8] = &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
    const RELEASE_CODES: &[u8] = &[0x00, 0x92];
    prop_oneof![
        acknowledgement(version, PUBLISH_CODES).prop_map(Packet::PubAck),
        acknowledgement(version, PUBLISH_CODES).prop_map(Packet::PubRec),
        acknowledgement(version, RELEASE_CODES).prop_map(Packet::PubRel),
        acknowledgement(version, RELEASE_CODES).prop_map(Packet::PubComp),
    ]
}

fn acknowledgement(version: ProtocolVersion, codes: &'static [u8]) -> impl Strategy<Value = Acknowledgement> {
    let properties = (option::of(text()), user_properties()).prop_map(|(reason_string, user_properties)| {
        let properties = AcknowledgementProperties { reason_string, user_properties };
        Some(properties).filter(|properties| *properties != AcknowledgementProperties::default())
    });
    (packet_identifier(), from_5(version, reason_code(codes)), from_5(version, properties)).prop_map(
        |(packet_identifier, reason_code, properties)| Acknowledgement {
            packet_identifier,
            reason_code,
            properties: properties.map(Box::new),
        },
    )
}

fn subscribe(version: ProtocolVersion) -> impl Strategy<Value = Subscribe> {
    let properties =
        (option::of(1..=268_435_455_u32), user_properties()).prop_map(|(subscription_identifier, user_properties)| {
            SubscribeProperties { subscription_identifier, user_properties }
        });
    (packet_identifier(), from_5(version, properties), vec(subscription(version), 1..4)).prop_map(
        |(packet_identifier, properties, subscriptions)| Subscribe { packet_identifier, properties, subscriptions },
    )
}

fn subscription(version: ProtocolVersion) -> impl Strategy<Value = Subscription> {
    let handling = select(&[RetainHandling::AtSubscribe, RetainHandling::AtNewSubscribe, RetainHandling::Never][..]);
    (topic_filter(version), qos(), from_5(version, any::<(bool, bool)>()), from_5(version, handling)).prop_map(
        |(filter, maximum_qos, (no_local, retain_as_published), retain_handling)| {
            let options = SubscriptionOptions {
                maximum_qos,
                no_local: no_local && filter.shared().is_none(),
                retain_as_published,
                retain_handling,
            };
            Subscription { filter, options }
        },
    )
}

fn suback_properties(version: ProtocolVersion) -> impl Strategy<Value = SubAckProperties> {
    let properties = (option::of(text()), user_properties())
        .prop_map(|(reason_string, user_properties)| SubAckProperties { reason_string, user_properties });
    from_5(version, properties)
}

fn suback(version: ProtocolVersion) -> impl Strategy<Value = SubAck> {
    let codes: &[u8] = match version {
        ProtocolVersion::V31 | ProtocolVersion::V311 => &[0, 1, 2, 0x80],
        ProtocolVersion::V5 => &[0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2],
    };
    (packet_identifier(), suback_properties(version), vec(reason_code(codes), 1..4)).prop_map(
        |(packet_identifier, properties, reason_codes)| SubAck { packet_identifier, properties, reason_codes },
    )
}

fn unsubscribe(version: ProtocolVersion) -> impl Strategy<Value = Unsubscribe> {
    (packet_identifier(), from_5(version, user_properties()), vec(topic_filter(version), 1..4)).prop_map(
        |(packet_identifier, user_properties, filters)| Unsubscribe { packet_identifier, user_properties, filters },
    )
}

fn unsuback(version: ProtocolVersion) -> impl Strategy<Value = UnsubAck> {
    let codes = vec(reason_code(&[0, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91]), 1..4);
    (
        packet_identifier(),
        suback_properties(version),
        match version {
            ProtocolVersion::V31 | ProtocolVersion::V311 => Just(Vec::new()).boxed(),
            ProtocolVersion::V5 => codes.boxed(),
        },
    )
        .prop_map(|(packet_identifier, properties, reason_codes)| UnsubAck {
            packet_identifier,
            properties,
            reason_codes,
        })
}

fn disconnect(version: ProtocolVersion, from_server: bool) -> impl Strategy<Value = Disconnect> {
    let properties = (option::of(any::<u32>()), option::of(text()), user_properties(), option::of(text())).prop_map(
        move |(session_expiry_interval, reason_string, user_properties, server_reference)| DisconnectProperties {
            session_expiry_interval,
            reason_string,
            user_properties,
            server_reference: server_reference.filter(|_| from_server),
        },
    );
    (from_5(version, reason_code(&[0x00, 0x04, 0x81, 0x8B, 0x90, 0x93, 0x9D, 0xA2])), from_5(version, properties))
        .prop_map(|(reason_code, properties)| Disconnect { reason_code, properties })
}

fn auth() -> impl Strategy<Value = Auth> {
    let full = (reason_code(&[0x00, 0x18, 0x19]), text(), option::of(binary()), option::of(text()), user_properties())
        .prop_map(|(reason_code, method, authentication_data, reason_string, user_properties)| Auth {
            reason_code,
            properties: AuthProperties {
                authentication_method: Some(method),
                authentication_data,
                reason_string,
                user_properties,
            },
        });
    prop_oneof![1 => Just(Auth::default()), 4 => full]
}
