//! The cases, by chapter.

mod acknowledgements;
mod aliases;
mod auth;
mod capabilities;
mod connack;
mod connect;
mod disconnect;
mod expiry;
mod flow_control;
mod framing;
mod keep_alive;
mod ordering;
mod packet_size;
mod ping;
mod publish;
mod retained;
mod sessions;
mod shared;
mod strings;
mod subscribe;
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
        wills::CASES,
        acknowledgements::CASES,
        framing::CASES,
        strings::CASES,
        connect::CASES,
        connack::CASES,
        capabilities::CASES,
        packet_size::CASES,
        publish::CASES,
        retained::CASES,
        aliases::CASES,
        subscribe::CASES,
        unsubscribe::CASES,
        ping::CASES,
        disconnect::CASES,
        auth::CASES,
        ordering::CASES,
        topics::CASES,
        shared::CASES,
        flow_control::CASES,
    ]
    .concat()
}
