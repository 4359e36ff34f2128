//! Where a case plays: a broker, a version, and names that no other case uses.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use nightjar_mqtt::{
    ConnAck, Connect, Packet, ProtocolVersion, Publish, PublishProperties, QoS, Subscribe, SubscribeProperties,
    Subscription, SubscriptionOptions, TopicFilter, Will, WillProperties,
};
use nightjar_tests::{Peer, connect};

/// What comes at all comes within milliseconds; this is for two busy cores.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Seconds that a session outlives its connection in cases that come back to it.
const KEPT: u32 = 300;

#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) address: SocketAddr,
    pub(crate) version: ProtocolVersion,
    /// Of this run and this case, in letters and digits.
    pub(crate) name: String,
}

impl Stage {
    pub(crate) fn is_v5(&self) -> bool {
        self.version == ProtocolVersion::V5
    }

    /// A Client Identifier that every server has to allow [MQTT-3.1.3-5]: with a role of a few letters or digits.
    pub(crate) fn client(&self, role: &str) -> String {
        format!("{}{role}", self.name)
    }

    /// A topic, or a filter, that is this case's own.
    pub(crate) fn topic(&self, rest: &str) -> String {
        format!("{}/{rest}", self.name)
    }

    /// A connection on which nothing was sent yet.
    pub(crate) fn dial(&self) -> anyhow::Result<Peer> {
        let mut peer = Peer::dial(self.address, self.version)?;
        peer.set_deadline(DEADLINE);
        Ok(peer)
    }

    /// A CONNECT with Clean Start and without keep alive.
    pub(crate) fn connect(&self, role: &str) -> Connect {
        connect(self.version, &self.client(role))
    }

    /// A CONNECT that goes on with the session if there is one, and keeps it after the connection.
    pub(crate) fn connect_kept(&self, role: &str) -> Connect {
        let mut connect = self.connect(role);
        connect.clean_start = false;
        if self.is_v5() {
            connect.properties.session_expiry_interval = Some(KEPT);
        }
        connect
    }

    /// A connection that opens with the given CONNECT, and the answer, whatever it is.
    pub(crate) fn open(&self, connect: Connect) -> anyhow::Result<(Peer, ConnAck)> {
        let mut peer = self.dial()?;
        peer.send(&Packet::Connect(Box::new(connect)))?;
        match peer.receive()? {
            Packet::ConnAck(answer) => Ok((peer, *answer)),
            other => bail!("not a CONNACK: {other:?}"),
        }
    }

    /// A connection that the broker has accepted.
    pub(crate) fn enter(&self, connect: Connect) -> anyhow::Result<(Peer, ConnAck)> {
        let (peer, answer) = self.open(connect)?;
        ensure!(!answer.reason_code.is_error(), "CONNECT was refused: {}", answer.reason_code);
        Ok((peer, answer))
    }

    /// A connection with a clean session.
    pub(crate) fn join(&self, role: &str) -> anyhow::Result<Peer> {
        Ok(self.enter(self.connect(role))?.0)
    }

    /// A connection with a kept session, which is there already or not, as `present` says.
    pub(crate) fn resume(&self, role: &str, present: bool) -> anyhow::Result<Peer> {
        let (peer, answer) = self.enter(self.connect_kept(role))?;
        // MQTT 3.1 does not tell.
        let present = present && self.version != ProtocolVersion::V31;
        ensure!(answer.session_present == present, "Session Present is {}", answer.session_present);
        Ok(peer)
    }

    /// A clean connection that is subscribed to this case's `filter`.
    pub(crate) fn subscriber(&self, role: &str, filter: &str, maximum_qos: QoS) -> anyhow::Result<Peer> {
        let mut peer = self.join(role)?;
        peer.subscribe(&self.topic(filter), maximum_qos)?;
        Ok(peer)
    }

    /// A Will on this case's topic.
    pub(crate) fn will(&self, topic: &str, payload: &'static str, qos: QoS) -> anyhow::Result<Box<Will>> {
        Ok(Box::new(Will {
            topic: self.topic(topic).parse_topic()?,
            payload: payload.into(),
            qos,
            retain: false,
            properties: WillProperties::default(),
        }))
    }

    /// That the broker takes what was sent for an error: it closes the connection [MQTT-4.13.1-1], and says before at
    /// most that it does, in MQTT 5.0 with DISCONNECT and an error code.
    pub(crate) fn expect_refusal(&self, mut peer: Peer, what: &str) -> anyhow::Result<()> {
        let packets = peer.expect_end().with_context(|| format!("{what}: the connection is not closed"))?;
        match &packets[..] {
            [] => Ok(()),
            [Packet::Disconnect(disconnect)] if self.is_v5() => {
                ensure!(disconnect.reason_code.is_error(), "{what}: DISCONNECT with {}", disconnect.reason_code);
                Ok(())
            }
            other => bail!("{what}: the broker answered {other:?}"),
        }
    }

    /// The same for what comes in the place of a good CONNECT: the broker says at most CONNACK, with an error code.
    pub(crate) fn expect_no_entry(&self, opening: &[u8], what: &str) -> anyhow::Result<()> {
        let mut peer = self.dial()?;
        peer.send_bytes(opening)?;
        let packets = peer.expect_end().with_context(|| format!("{what}: the connection is not closed"))?;
        match &packets[..] {
            [] => Ok(()),
            [Packet::ConnAck(answer)] => {
                ensure!(answer.reason_code.is_error(), "{what}: CONNACK with {}", answer.reason_code);
                ensure!(!answer.session_present, "{what}: CONNACK with Session Present");
                Ok(())
            }
            other => bail!("{what}: the broker answered {other:?}"),
        }
    }

    /// That `bytes`, sent on a connection of their own, are an error to the broker.
    pub(crate) fn expect_refused_bytes(&self, role: &str, bytes: &[u8], what: &str) -> anyhow::Result<()> {
        let mut peer = self.join(role)?;
        peer.send_bytes(bytes)?;
        self.expect_refusal(peer, what)
    }
}

/// What cases ask of their peers beside what [`Peer`] has.
pub(crate) trait Conversation {
    /// Subscribes with options and, in MQTT 5.0, a Subscription Identifier; the SUBACK must grant it.
    fn subscribe_with(
        &mut self,
        filter: &str,
        options: SubscriptionOptions,
        identifier: Option<u32>,
    ) -> anyhow::Result<()>;

    /// Publishes with properties, and goes through the whole handshake as [`Peer::publish_acknowledged`] does.
    fn publish_with(
        &mut self,
        topic: &str,
        payload: &str,
        qos: QoS,
        retain: bool,
        properties: PublishProperties,
    ) -> anyhow::Result<()>;

    /// That the next message is this one.
    fn expect_message(&mut self, topic: &str, payload: &str) -> anyhow::Result<Publish>;

    /// That the next message is the marker that `publisher` sends now: nothing else was on its way.
    fn expect_only(&mut self, publisher: &mut Peer, marker: &str) -> anyhow::Result<()>;
}

impl Conversation for Peer {
    fn subscribe_with(
        &mut self,
        filter: &str,
        options: SubscriptionOptions,
        identifier: Option<u32>,
    ) -> anyhow::Result<()> {
        let packet_identifier = self.take_identifier();
        self.send(&Packet::Subscribe(Subscribe {
            packet_identifier,
            properties: SubscribeProperties { subscription_identifier: identifier, user_properties: Vec::new() },
            subscriptions: vec![Subscription { filter: TopicFilter::new(filter)?, options }],
        }))?;
        let reason_codes = self.expect_suback(packet_identifier)?;
        ensure!(
            reason_codes.len() == 1 && !reason_codes[0].is_error(),
            "the subscription was refused: {reason_codes:?}"
        );
        Ok(())
    }

    fn publish_with(
        &mut self,
        topic: &str,
        payload: &str,
        qos: QoS,
        retain: bool,
        properties: PublishProperties,
    ) -> anyhow::Result<()> {
        let packet_identifier = (qos != QoS::AtMostOnce).then(|| self.take_identifier());
        self.send(&Packet::Publish(Publish {
            dup: false,
            qos,
            retain,
            topic: Some(topic.parse_topic()?),
            packet_identifier,
            properties: Some(Box::new(properties)),
            payload: payload.to_owned().into(),
        }))?;
        packet_identifier.map_or(Ok(()), |identifier| self.expect_acknowledged(identifier, qos))
    }

    fn expect_message(&mut self, topic: &str, payload: &str) -> anyhow::Result<Publish> {
        let message = self.receive_message().with_context(|| format!("waiting for {payload:?} on {topic}"))?;
        ensure!(
            message.topic.as_deref() == Some(topic) && message.payload == payload.as_bytes(),
            "{:?} on {:?} came instead of {payload:?} on {topic}",
            message.payload,
            message.topic
        );
        Ok(message)
    }

    fn expect_only(&mut self, publisher: &mut Peer, marker: &str) -> anyhow::Result<()> {
        publisher.publish_acknowledged(marker, "marker", QoS::AtLeastOnce, false)?;
        self.expect_message(marker, "marker").map(drop)
    }
}

/// Topic Names from what a test has at hand.
pub(crate) trait ParseTopic {
    fn parse_topic(&self) -> anyhow::Result<nightjar_mqtt::TopicName>;
}

impl ParseTopic for str {
    fn parse_topic(&self) -> anyhow::Result<nightjar_mqtt::TopicName> {
        Ok(nightjar_mqtt::TopicName::new(self)?)
    }
}
