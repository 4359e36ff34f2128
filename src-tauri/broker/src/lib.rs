//! The broker: connections, sessions, routing, access. It knows no SQL and no window.
//!
//! ```text
//! listener ─▶ connection ⇄ session      session/ and routing/ are pure: no tokio, no clock
//!                  │
//!                  ├─▶ router ─▶ outbox of each subscriber ─▶ its connection
//!                  └─▶ journal (a trait; whoever owns the broker brings one)
//! ```

mod access;
mod admission;
mod assured_queue;
mod bell;
mod broker;
mod certificate_name;
mod client_card;
mod client_identifier;
mod clock;
mod connection;
mod counters;
mod delivering;
mod delivery;
mod desk;
mod door;
mod drop_reason;
mod entrance;
mod event;
mod flapping;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod handshake;
mod housekeeping;
mod journal;
mod kept;
mod limits;
mod listener;
mod load_average;
#[cfg(feature = "measuring")]
pub mod measuring;
mod message;
mod mount_point;
mod outbox;
mod pace;
mod pauses;
mod proxy_protocol;
mod queue_view;
mod read_buffer;
mod receiving;
mod registry;
mod restoring;
mod route_cache;
mod router;
mod routes;
mod routing;
mod session;
mod session_record;
mod session_subscriptions;
mod share;
mod shared;
mod subscribing;
mod subscriptions;
mod sys_topics;
mod terms;
mod timestamp;
mod tls;
mod token_bucket;
mod turns;
mod web_socket;
mod wire;

pub use access::{
    Access, Account, AccountName, Ban, BanList, BanNumber, BanTarget, Decided, Denial, Effect, Explanation,
    InvalidAccountName, InvalidBan, InvalidPasswordHash, InvalidRuleFilter, Network, NoRandomness, Operation,
    Operations, PasswordHash, Question, RefusedLogin, Rehash, Rule, RuleFilter, RuleNumber, RulePreview, RuleSet,
    RuleSetError, RuleSubject,
};
pub use broker::{Broker, Listening, Options, OwnMessage};
pub use certificate_name::CertificateName;
pub use client_card::{ClientInfo, ConnectionInfo, SubscriptionState};
pub use client_identifier::ClientIdentifier;
pub use clock::{Moment, now};
pub use counters::Totals;
pub use door::{ListenerNumber, ListenerOptions};
pub use drop_reason::DropReason;
pub use event::{Event, EventKind};
pub use journal::{Forgetful, Journal, Progress, Record, Sequence};
pub use kept::{KeptQueue, KeptSession, Page, PageQuery, QueueUnreadable, QueuedMessage, Restored};
pub use limits::Limits;
pub use listener::{Scheme, Transport};
pub use message::{Message, RetainSource};
pub use mount_point::{InvalidMountPoint, MountPoint};
pub use queue_view::{Purge, Purged, QueueEntry, QueueKey, QueueView};
pub use session_record::{Place, Queued, SessionAbout, SessionAway, SessionNumber, SessionRecord, Source};
pub use terms::Terms;
pub use timestamp::Timestamp;
pub use tls::{ClientAuthority, Tls, TlsError, TlsIdentity};
pub use web_socket::WebSocketOptions;
