//! What becomes of what is beyond a limit: who is told, in which words, and what is on record.
#![expect(clippy::unwrap_used, reason = "a test that can't go on should panic")]

#[expect(dead_code, reason = "each test program uses its own part of it")]
#[path = "../peer/mod.rs"]
mod peer;

use std::time::Duration;

use nightjar_broker::{DropReason, EventKind, Limits};
use nightjar_mqtt::{
    Connect, Disconnect, DisconnectProperties, Packet, Publish, PublishProperties, ReasonCode, SubscriptionOptions,
};
use peer::*;

mod connack;
mod connections;
mod pace;
mod packets;
mod retained;
mod sessions;
mod sys_topics;
mod topics;

fn dropped(house: &House, reason: DropReason) -> u64 {
    house.broker.totals().dropped[reason as usize]
}
