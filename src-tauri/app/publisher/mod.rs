//! The window as a client: a connection of its own to the embedded broker, by a client library, over a socket. It
//! takes the same way as any device, and appears under Clients like one.
//!
//! ```text
//! commands ─▶ Publisher ─▶ v311 or v5 (a library each) ─▶ socket ─▶ broker
//!                 ▲                │
//!                 └─ inbox, state ─┘
//! ```

mod inbox;
mod v311;
mod v5;

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nightjar_broker::Limits;
use nightjar_mqtt::{InvalidTopic, QoS, ReasonCode, TopicFilter, TopicName};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::views::millis;
use crate::wire::{
    Fault, OutgoingMessage, Published, PublisherOptions, PublisherState, PublisherSubscription, PublisherVersion,
    PublisherView,
};
use inbox::{Inbox, Received};

/// The Client Identifier that the window proposes, and signs with where it publishes without a connection.
pub const WINDOW_CLIENT: &str = "nightjar-window";

/// How long the broker has for CONNACK, and for an acknowledgement.
const PATIENCE: Duration = Duration::from_secs(10);
const KEEP_ALIVE: u16 = 30;
/// Seconds that the session of a window without Clean Start outlives its connection.
const SESSION_EXPIRY: u32 = 86_400;
/// Bytes of a packet that the window takes; the broker takes no larger ones from anybody.
const LARGEST_PACKET: u32 = 16 << 20;
/// Requests that may wait for the network.
const REQUESTS: usize = 64;

/// The window's connection, or the lack of one; cheap to clone.
#[derive(Clone, Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The library for MQTT 5.0 resumes a session only where it finds its own half of it.
    sessions: Arc<v5::Sessions>,
}

#[derive(Debug)]
struct State {
    /// Counts the connections: what an older one still says is not heard.
    attempt: u64,
    now: PublisherState,
    options: PublisherOptions,
    /// The Client Identifier that the broker chose, where it was asked to.
    assigned: Option<String>,
    link: Option<Link>,
    subscriptions: Vec<PublisherSubscription>,
    inbox: Inbox,
}

/// A connection, by the library of its version.
#[derive(Clone, Debug)]
enum Link {
    V311(v311::Link),
    V5(v5::Link),
}

/// How the broker acknowledged: its reason, where the version has any.
struct Acknowledged {
    reason: Option<ReasonCode>,
}

/// Why something was not done, in words.
#[derive(Debug)]
struct Refusal(String);

impl<E: Display> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Whether the broker had a session, or why there is no connection.
type Answer = oneshot::Sender<Result<bool, String>>;

/// What a connection tells the publisher about.
#[derive(Debug)]
struct Listener {
    shared: Arc<Shared>,
    attempt: u64,
    /// Taken by the first outcome.
    answer: Mutex<Option<Answer>>,
}

impl Default for Publisher {
    fn default() -> Self {
        let options =
            PublisherOptions { client_id: WINDOW_CLIENT.to_owned(), version: PublisherVersion::V5, clean_start: true };
        let state = State {
            attempt: 0,
            now: PublisherState::Disconnected,
            options,
            assigned: None,
            link: None,
            subscriptions: Vec::new(),
            inbox: Inbox::default(),
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), sessions: Arc::default() }) }
    }
}

impl Publisher {
    /// What the window shows; of the inbox, what came after the id.
    pub fn view(&self, after: u64) -> PublisherView {
        let state = self.shared.state.lock();
        PublisherView {
            state: state.now.clone(),
            options: state.options.clone(),
            subscriptions: state.subscriptions.clone(),
            received: state.inbox.received(),
            inbox: state.inbox.after(after),
        }
    }

    /// The Client Identifier, while connected.
    pub fn connected_as(&self) -> Option<String> {
        let state = self.shared.state.lock();
        let name = || state.assigned.clone().unwrap_or_else(|| state.options.client_id.clone());
        matches!(state.now, PublisherState::Connected { .. }).then(name)
    }

    /// Connects, in the place of the connection that is there. Returns whether the broker had a session.
    ///
    /// # Errors
    /// Where the broker refuses, or does not answer.
    pub async fn connect(&self, address: SocketAddr, options: PublisherOptions) -> Result<bool, Fault> {
        const WHAT: &str = "The window did not connect";
        if options.client_id.is_empty() && !options.clean_start {
            let why = "Without a Client Identifier there is no session to come back to [MQTT-3.1.3-7]";
            return Err(Fault::new(WHAT, why, "Enter one, or start clean"));
        }
        self.disconnect().await;
        let (answer, answered) = oneshot::channel();
        let listener = {
            let mut state = self.shared.state.lock();
            state.attempt += 1;
            state.now = PublisherState::Connecting;
            state.options = options.clone();
            state.assigned = None;
            state.inbox.begin();
            Listener { shared: Arc::clone(&self.shared), attempt: state.attempt, answer: Mutex::new(Some(answer)) }
        };
        let attempt = listener.attempt;
        let opened = match options.version {
            PublisherVersion::V311 => v311::open(address, &options, listener).map(Link::V311),
            PublisherVersion::V5 => {
                v5::open(address, &options, Arc::clone(&self.shared.sessions), listener).map(Link::V5)
            }
        };
        let outcome = match opened {
            Err(Refusal(why)) => Err(why),
            Ok(link) => {
                self.shared.state.lock().link = Some(link);
                match tokio::time::timeout(PATIENCE, answered).await {
                    Ok(Ok(outcome)) => outcome,
                    Ok(Err(_)) => Err("The connection was closed".to_owned()),
                    Err(_) => Err(format!("The broker did not answer within {} s", PATIENCE.as_secs())),
                }
            }
        };
        outcome.map_err(|why| {
            self.shared.end(attempt, PublisherState::Failed { why: why.clone() });
            Fault::new(WHAT, why, "Choose another Client Identifier or version, and connect again")
        })
    }

    /// Replaces the list of subscriptions by what the broker's session has.
    pub fn adopt(&self, subscriptions: Vec<PublisherSubscription>) {
        self.shared.state.lock().subscriptions = subscriptions;
    }

    /// Says DISCONNECT; without a connection it does nothing.
    pub async fn disconnect(&self) {
        let (attempt, link) = {
            let state = self.shared.state.lock();
            (state.attempt, state.link.clone())
        };
        match link {
            None => {}
            Some(Link::V311(link)) => link.disconnect().await,
            Some(Link::V5(link)) => link.disconnect().await,
        }
        self.shared.end(attempt, PublisherState::Disconnected);
    }

    /// Subscribes, or changes the subscription to the same filter.
    ///
    /// # Errors
    /// Where the filter is none, the broker refuses, or there is no connection.
    pub async fn subscribe(&self, subscription: PublisherSubscription) -> Result<(), Fault> {
        let what = "The filter was not subscribed to";
        let link = self.link(what)?;
        TopicFilter::new(&*subscription.filter).map_err(|error| invalid_topic(what, error))?;
        let done = match &link {
            Link::V311(_) if subscription.no_local => {
                let why = "MQTT 3.1.1 has no subscription without one's own messages (No Local)";
                return Err(Fault::new(what, why, "Connect with MQTT 5.0, or leave No Local off"));
            }
            Link::V311(link) => patiently(link.subscribe(&subscription)).await,
            Link::V5(link) => patiently(link.subscribe(&subscription)).await,
        };
        done.map_err(|Refusal(why)| Fault::new(what, why, "Change the filter, or connect again"))?;
        let mut state = self.shared.state.lock();
        match state.subscriptions.iter_mut().find(|known| known.filter == subscription.filter) {
            Some(known) => *known = subscription,
            None => state.subscriptions.push(subscription),
        }
        Ok(())
    }

    /// Unsubscribes.
    ///
    /// # Errors
    /// Where the broker refuses, or there is no connection.
    pub async fn unsubscribe(&self, filter: &str) -> Result<(), Fault> {
        let what = "The filter was not unsubscribed from";
        let done = match self.link(what)? {
            Link::V311(link) => patiently(link.unsubscribe(filter)).await,
            Link::V5(link) => patiently(link.unsubscribe(filter)).await,
        };
        done.map_err(|Refusal(why)| Fault::new(what, why, "Connect again"))?;
        self.shared.state.lock().subscriptions.retain(|subscription| subscription.filter != filter);
        Ok(())
    }

    /// Publishes, and waits until the broker has taken the message as its QoS demands.
    ///
    /// # Errors
    /// Where the message is not valid, the broker refuses it, or there is no connection.
    pub async fn publish(&self, message: &OutgoingMessage) -> Result<Published, Fault> {
        let what = "The message was not published";
        let link = self.link(what)?;
        let topic = TopicName::new(&*message.topic).map_err(|error| invalid_topic(what, error))?;
        let payload = payload_of(message)?;
        let qos = QoS::from_level(message.qos)
            .ok_or_else(|| Fault::new(what, format!("There is no QoS {}", message.qos), "Choose QoS 0, 1 or 2"))?;
        let size = topic.len() + payload.len() + weight(message) + 16;
        // The broker would end the connection [MQTT-3.1.2-24].
        let largest = Limits::default().maximum_packet_size;
        if size > largest {
            let why = format!("It is {size} bytes large, and the broker takes {largest}");
            return Err(Fault::new(what, why, "Make the payload smaller"));
        }
        if let Link::V311(_) = link
            && message.properties != crate::wire::Properties::default()
        {
            let why = "MQTT 3.1.1 has no properties";
            return Err(Fault::new(what, why, "Connect with MQTT 5.0, or leave the properties empty"));
        }
        let began = Instant::now();
        let done = match &link {
            Link::V311(link) => patiently(link.publish(&topic, payload, qos, message.retain)).await,
            Link::V5(link) => {
                let properties = v5::properties(&message.properties).map_err(|error| {
                    Fault::new(what, format!("The correlation data are not base64 ({error})"), "Correct them")
                })?;
                patiently(link.publish(&topic, payload, qos, message.retain, properties)).await
            }
        };
        let Acknowledged { reason } =
            done.map_err(|Refusal(why)| Fault::new(what, why, "Look at Overview for what is wrong, and try again"))?;
        Ok(Published {
            acknowledged_after: (qos != QoS::AtMostOnce).then(|| began.elapsed().as_secs_f64() * 1_000.0),
            reason: reason.map(|reason| reason.name().to_owned()),
        })
    }

    fn link(&self, what: &str) -> Result<Link, Fault> {
        let state = self.shared.state.lock();
        match (&state.link, &state.now) {
            (Some(link), PublisherState::Connected { .. }) => Ok(link.clone()),
            _ => Err(Fault::new(what, "The window is not connected as a client", "Connect first")),
        }
    }
}

impl Shared {
    /// A connection is over, unless another one has taken its place.
    fn end(&self, attempt: u64, state: PublisherState) {
        let mut now = self.state.lock();
        if now.attempt == attempt {
            now.link = None;
            now.now = state;
        }
    }
}

impl Listener {
    fn connected(&self, session_present: bool, assigned: Option<String>) {
        let mut state = self.shared.state.lock();
        if state.attempt != self.attempt {
            return;
        }
        if !session_present {
            state.subscriptions.clear();
        }
        state.assigned = assigned;
        state.now = PublisherState::Connected { since: millis(nightjar_broker::now().wall), session_present };
        drop(state);
        self.answer(Ok(session_present));
    }

    fn received(&self, received: Received) {
        let mut state = self.shared.state.lock();
        if state.attempt == self.attempt {
            state.inbox.push(received);
        }
    }

    /// The connection ended, as it was meant to or not.
    fn ended(&self, outcome: Result<(), String>) {
        let state = match &outcome {
            Ok(()) => PublisherState::Disconnected,
            Err(why) => PublisherState::Failed { why: why.clone() },
        };
        self.shared.end(self.attempt, state);
        self.answer(outcome.and_then(|()| Err("The connection was closed".to_owned())));
    }

    fn answer(&self, outcome: Result<bool, String>) {
        if let Some(answer) = self.answer.lock().take() {
            // Nobody waits any more where it took too long.
            let _ = answer.send(outcome);
        }
    }
}

async fn patiently<T>(work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(Refusal(format!("The broker did not acknowledge it within {} s", PATIENCE.as_secs()))))
}

fn invalid_topic(what: &str, error: InvalidTopic) -> Fault {
    Fault::new(what, error, "Correct the topic")
}

fn payload_of(message: &OutgoingMessage) -> Result<Vec<u8>, Fault> {
    crate::views::payload::from_base64(&message.payload).map_err(|error| {
        Fault::new("The message was not published", format!("The payload is not base64 ({error})"), "Correct it")
    })
}

/// Bytes that the properties of a message take, at least.
fn weight(message: &OutgoingMessage) -> usize {
    let properties = &message.properties;
    let text = |text: &Option<String>| text.as_ref().map_or(0, |text| text.len() + 3);
    let user: usize = properties.user_properties.iter().map(|(name, value)| name.len() + value.len() + 5).sum();
    user + text(&properties.content_type) + text(&properties.response_topic) + text(&properties.correlation_data)
}

#[cfg(test)]
mod tests;
