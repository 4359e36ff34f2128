use nightjar_mqtt::{Connect, ProtocolVersion, QoS, ReasonCode};

use crate::handshake::Refusal;
use crate::{Limits, MountPoint};

/// On which terms a listener takes clients. Those who are connected keep the terms that they came on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Those of them that are about one client; what bounds the broker as a whole is not looked at here.
    pub limits: Limits,
    /// The versions that are taken. Default: all.
    pub versions: Vec<ProtocolVersion>,
    /// The highest QoS of messages from and to clients. Default: 2. (MQTT 5.0, 3.2.2.3.4 Maximum QoS)
    pub maximum_qos: QoS,
    /// Whether clients may publish messages that are retained. Default: yes. (MQTT 5.0, 3.2.2.3.5 Retain Available)
    pub retain: bool,
    /// Whether a retained message goes to a new subscription only while its publisher may still publish to its topic.
    /// Default: yes.
    pub check_retain_source: bool,
    /// Whether a client may leave the choice of its Client Identifier to the broker. Default: yes. [MQTT-3.1.3-6]
    pub empty_identifiers: bool,
    /// What the identifiers begin with that the broker chooses. Default: `auto-`.
    pub identifier_prefix: String,
    /// The part of the topics that clients see as the whole. Default: none.
    pub mount_point: Option<MountPoint>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            versions: vec![ProtocolVersion::V31, ProtocolVersion::V311, ProtocolVersion::V5],
            maximum_qos: QoS::ExactlyOnce,
            retain: true,
            check_retain_source: true,
            empty_identifiers: true,
            identifier_prefix: "auto-".to_owned(),
            mount_point: None,
        }
    }
}

impl Terms {
    /// Why a CONNECT does not go with these terms; `None` where it does.
    pub(crate) fn objection(&self, connect: &Connect) -> Option<Refusal> {
        let refuse = |reason, detail: &str| Some(Refusal { reason, detail: detail.to_owned() });
        if !self.versions.contains(&connect.version) {
            let names: Vec<_> = self.versions.iter().map(|version| version.name()).collect();
            let detail = format!("this listener takes MQTT {} only", names.join(", "));
            return refuse(ReasonCode::UNSUPPORTED_PROTOCOL_VERSION, &detail);
        }
        if connect.client_identifier.is_empty() && !self.empty_identifiers {
            let detail = "the Client Identifier is empty, which this listener does not allow";
            return refuse(ReasonCode::CLIENT_IDENTIFIER_NOT_VALID, detail);
        }
        let will = connect.will.as_ref()?;
        if will.qos > self.maximum_qos {
            let detail = "the Will QoS is higher than the Maximum QoS of this listener [MQTT-3.2.2-12]";
            return refuse(ReasonCode::QOS_NOT_SUPPORTED, detail);
        }
        if will.retain && !self.retain {
            let detail = "Will Retain is set, and this listener takes no messages to be retained [MQTT-3.2.2-13]";
            return refuse(ReasonCode::RETAIN_NOT_SUPPORTED, detail);
        }
        None
    }

    /// Puts the Will Topic below the mount point; `Err` where it is too long then.
    pub(crate) fn mount_will(&self, connect: &mut Connect) -> Result<(), Refusal> {
        let (Some(mount_point), Some(will)) = (&self.mount_point, &mut connect.will) else { return Ok(()) };
        will.topic = mount_point.mounted(&will.topic).ok_or_else(|| Refusal {
            reason: ReasonCode::TOPIC_NAME_INVALID,
            detail: "the Will Topic is longer than a topic can be below the mount point".to_owned(),
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use nightjar_mqtt::{ConnectProperties, Login, TopicName, Will, WillProperties};

    use super::*;

    fn connect(version: ProtocolVersion, client: &'static str, will: Option<(QoS, bool)>) -> Connect {
        let will = will.map(|(qos, retain)| {
            let topic = TopicName::new("will").unwrap();
            Box::new(Will { qos, retain, properties: WillProperties::default(), topic, payload: "x".into() })
        });
        let (login, properties) = (Login::default(), ConnectProperties::default());
        let client_identifier = client.into();
        Connect { version, clean_start: true, keep_alive: 0, client_identifier, will, login, properties }
    }

    #[test]
    fn what_does_not_go_with_the_terms_is_refused_with_the_reason() {
        use ProtocolVersion::{V5, V31, V311};
        let terms = Terms {
            versions: vec![V311, V5],
            maximum_qos: QoS::AtLeastOnce,
            retain: false,
            empty_identifiers: false,
            ..Terms::default()
        };
        for (connect, reason, words) in [
            (connect(V31, "a", None), ReasonCode::UNSUPPORTED_PROTOCOL_VERSION, "takes MQTT 3.1.1, 5.0 only"),
            (connect(V5, "", None), ReasonCode::CLIENT_IDENTIFIER_NOT_VALID, "is empty"),
            (connect(V5, "a", Some((QoS::ExactlyOnce, false))), ReasonCode::QOS_NOT_SUPPORTED, "Will QoS"),
            (connect(V5, "a", Some((QoS::AtMostOnce, true))), ReasonCode::RETAIN_NOT_SUPPORTED, "Will Retain"),
        ] {
            let refusal = terms.objection(&connect).unwrap();
            assert_eq!(refusal.reason, reason);
            assert!(refusal.detail.contains(words), "{}", refusal.detail);
            assert!(Terms::default().objection(&connect).is_none(), "{words}");
        }
        assert!(terms.objection(&connect(V5, "a", Some((QoS::AtLeastOnce, false)))).is_none());
    }
}
