//! Storms that one client raises: 100,000 retained messages for one SUBSCRIBE, and 20,000 subscriptions. Who raised it is
//! answered at once and gets all of it; the others' messages go on meanwhile.

use std::collections::HashSet;
use std::time::Instant;

use anyhow::{bail, ensure};
use nightjar_mqtt::{
    Packet, PacketIdentifier, ProtocolVersion, QoS, Subscribe, SubscribeProperties, Subscription, SubscriptionOptions,
    TopicFilter,
};
use nightjar_tests::{Broker, DEADLINE, Peer};
use tempfile::TempDir;

use ProtocolVersion::{V5, V311};

const RETAINED: usize = 100_000;
const SUBSCRIPTIONS: usize = 20_000;

fn subscribe(packet_identifier: PacketIdentifier, filters: impl Iterator<Item = String>) -> anyhow::Result<Packet> {
    let options = SubscriptionOptions { maximum_qos: QoS::AtMostOnce, ..SubscriptionOptions::default() };
    let subscriptions = filters
        .map(|filter| Ok(Subscription { filter: TopicFilter::new(filter)?, options }))
        .collect::<anyhow::Result<_>>()?;
    Ok(Packet::Subscribe(Subscribe { packet_identifier, properties: SubscribeProperties::default(), subscriptions }))
}

/// A message from one client to another, there and acknowledged.
fn round_trip(speaker: &mut Peer, listener: &mut Peer, number: usize) -> anyhow::Result<()> {
    speaker.publish_acknowledged("peace/count", number.to_string(), QoS::AtLeastOnce, false)?;
    let heard = listener.receive_message()?;
    ensure!(heard.payload == number.to_string(), "heard {:?} instead of {number}", heard.payload);
    Ok(())
}

#[test]
fn suback_comes_before_100_000_retained_messages_and_others_go_on_meanwhile() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = Broker::nightjar(data.path(), &["--durability", "none"])?;
    let mut keeper = Peer::join(broker.address(), V311, "keeper")?;
    for number in 0..RETAINED {
        keeper.publish(&format!("kept/{}/{number}", number % 100), number.to_string(), QoS::AtMostOnce, true)?;
    }
    keeper.ping()?;
    let mut listener = Peer::join(broker.address(), V5, "listener")?;
    listener.subscribe("peace/#", QoS::AtLeastOnce)?;
    let mut speaker = Peer::join(broker.address(), V311, "speaker")?;

    let mut curious = Peer::join(broker.address(), V311, "curious")?;
    curious.send(&subscribe(PacketIdentifier::FIRST, ["#".to_owned()].into_iter())?)?;
    ensure!(matches!(curious.receive()?, Packet::SubAck(_)), "SUBACK comes before what it lets in");

    // It reads a little and leaves the rest waiting, again and again: the others have their turn each time.
    let mut found = HashSet::new();
    let mut trips = 0;
    let end = Instant::now() + 4 * DEADLINE;
    while found.len() < RETAINED {
        ensure!(Instant::now() < end, "only {} of {RETAINED} messages came", found.len());
        for _ in 0..2_000.min(RETAINED - found.len()) {
            let message = loop {
                match curious.receive()? {
                    Packet::Publish(message) if message.retain => break message,
                    // What is live comes too, without the flag.
                    Packet::Publish(_) => {}
                    other => bail!("not a message: {other:?}"),
                }
            };
            let topic = message.topic.expect("without aliases every message has its topic").to_string();
            let number = topic.rsplit('/').next().unwrap_or_default();
            ensure!(message.payload == number, "{topic} brings {:?}", message.payload);
            ensure!(found.insert(topic), "a retained message came twice");
        }
        round_trip(&mut speaker, &mut listener, trips)?;
        trips += 1;
    }
    assert_eq!(trips, RETAINED / 2_000, "a round trip after each part");
    Ok(())
}

#[test]
fn subscriptions_by_the_thousand_are_all_granted_and_others_go_on_meanwhile() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let broker = Broker::nightjar(data.path(), &["--durability", "none"])?;
    let mut listener = Peer::join(broker.address(), V5, "listener")?;
    listener.subscribe("peace/#", QoS::AtLeastOnce)?;
    let mut speaker = Peer::join(broker.address(), V311, "speaker")?;
    let mut greedy = Peer::join(broker.address(), V311, "greedy")?;
    let mut packet_identifier = PacketIdentifier::FIRST;
    for part in 0..SUBSCRIPTIONS / 1_000 {
        let filters = (0..1_000).map(|number| format!("storm/{part}/{number}/+"));
        greedy.send(&subscribe(packet_identifier, filters)?)?;
        packet_identifier = packet_identifier.next();
        round_trip(&mut speaker, &mut listener, part)?;
        match greedy.receive()? {
            Packet::SubAck(answer) => ensure!(answer.reason_codes.iter().all(|reason| !reason.is_error())),
            other => bail!("not a SUBACK: {other:?}"),
        }
    }
    // They are in force.
    speaker.publish_acknowledged("storm/19/999/x", "here", QoS::AtLeastOnce, false)?;
    assert_eq!(greedy.receive_message()?.payload, "here");
    Ok(())
}
