//! The cases, by chapter.

mod acknowledgements;
mod aliases;
mod auth;
mod capabilities;
mod connack;
mod connect;
mod connect_below_5;
mod disconnect;
mod expiry;
mod flow_control;
mod framing;
mod framing_below_5;
mod keep_alive;
mod level_3;
mod ordering;
mod packet_size;
mod ping;
mod publish;
mod publish_below_5;
mod retained;
mod retransmission;
mod sessions;
mod sessions_below_5;
mod shared;
mod strings;
mod subscribe;
mod subscribe_below_5;
mod topics;
mod unsubscribe;
mod wills;

use crate::case::Case;

/// Cases that wait for a timer of the specification come first, so that the others fill their time.
pub(crate) fn all() -> Vec<Case> {
    [
        keep_alive::CASES,
        expiry::CASES,
        sessions::CASES,
        sessions_below_5::CASES,
        wills::CASES,
        acknowledgements::CASES,
        framing::CASES,
        framing_below_5::CASES,
        strings::CASES,
        connect::CASES,
        connect_below_5::CASES,
        connack::CASES,
        capabilities::CASES,
        packet_size::CASES,
        publish::CASES,
        publish_below_5::CASES,
        retained::CASES,
        aliases::CASES,
        subscribe::CASES,
        subscribe_below_5::CASES,
        unsubscribe::CASES,
        ping::CASES,
        disconnect::CASES,
        auth::CASES,
        ordering::CASES,
        retransmission::CASES,
        topics::CASES,
        shared::CASES,
        flow_control::CASES,
        level_3::CASES,
    ]
    .concat()
}
