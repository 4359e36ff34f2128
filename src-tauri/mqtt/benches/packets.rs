//! Packets ⇄ bytes: `cargo bench --package nightjar-mqtt`.

use bytes::{BufMut, Bytes, BytesMut};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use nightjar_mqtt::{
    Decoder, Packet, PacketIdentifier, ProtocolVersion, Publish, PublishProperties, PublishView, QoS, TopicName,
};

/// Messages of one read of a busy client.
const BATCH: usize = 20;

fn main() {
    divan::main();
}

fn message(qos: QoS, payload: usize, properties: bool) -> Publish {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: Some(TopicName::new("factory/line-3/machine-17/temperature").expect("a valid name")),
        packet_identifier: (qos != QoS::AtMostOnce).then_some(PacketIdentifier::FIRST),
        properties: properties.then(|| {
            let user_properties = vec![("unit".into(), "°C".into())];
            Box::new(PublishProperties {
                message_expiry_interval: Some(60),
                content_type: Some("text/plain".into()),
                user_properties,
                ..PublishProperties::default()
            })
        }),
        payload: Bytes::from(vec![b'7'; payload]),
    }
}

/// What a read brings: [`BATCH`] times the same message.
fn read(message: &Publish, version: ProtocolVersion) -> BytesMut {
    let mut bytes = BytesMut::new();
    for _ in 0..BATCH {
        Packet::Publish(message.clone()).encode(version, &mut bytes).expect("it is small");
    }
    bytes
}

fn decode(bencher: Bencher<'_, '_>, message: &Publish, version: ProtocolVersion) {
    let input = read(message, version);
    let mut decoder = Decoder::for_version(version, 1 << 20);
    bencher.counter(ItemsCount::new(BATCH)).with_inputs(|| input.clone()).bench_local_values(|mut input| {
        while let Some(packet) = decoder.decode(&mut input).expect("it is well-formed") {
            black_box(packet);
        }
    });
}

#[divan::bench]
fn decode_qos_0(bencher: Bencher<'_, '_>) {
    decode(bencher, &message(QoS::AtMostOnce, 64, false), ProtocolVersion::V311);
}

#[divan::bench]
fn decode_qos_1(bencher: Bencher<'_, '_>) {
    decode(bencher, &message(QoS::AtLeastOnce, 64, false), ProtocolVersion::V311);
}

#[divan::bench]
fn decode_with_properties(bencher: Bencher<'_, '_>) {
    decode(bencher, &message(QoS::AtLeastOnce, 64, true), ProtocolVersion::V5);
}

#[divan::bench(args = [64, 1_024, 65_536])]
fn encode(bencher: Bencher<'_, '_>, payload: usize) {
    let message = message(QoS::AtMostOnce, payload, false);
    let view = PublishView {
        dup: false,
        qos: message.qos,
        retain: false,
        topic: message.topic.as_ref(),
        packet_identifier: None,
        properties: None,
        message_expiry_interval: None,
        topic_alias: None,
        subscription_identifiers: &[],
        payload: &message.payload,
    };
    let mut output = BytesMut::with_capacity(BATCH * (payload + 64));
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        output.clear();
        for _ in 0..BATCH {
            view.encode(ProtocolVersion::V311, &mut output).expect("it is small");
        }
        black_box(output.chunk_mut());
    });
}
