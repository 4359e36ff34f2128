use std::sync::Arc;

use nightjar_mqtt::QoS;

use crate::Message;
use crate::share::Share;

/// A message on its way to one subscriber.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) message: Arc<Message>,
    /// The lower of the message's QoS and the subscription's [MQTT-3.8.4-8].
    pub(crate) qos: QoS,
    /// The RETAIN flag that the subscriber sees (3.3.1.3 RETAIN).
    pub(crate) retain: bool,
    /// The Subscription Identifiers of the filters that matched (MQTT 5.0, 3.3.2.3.8).
    pub(crate) identifiers: Arc<[u32]>,
    /// The Shared Subscription that it is sent for: another member gets it where this one can't (MQTT 5.0, 4.8.2).
    pub(crate) share: Option<Arc<Share>>,
}
