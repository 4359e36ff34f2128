//! Sections 3.14 DISCONNECT and 3.15 AUTH.

use crate::statements::{Statement, tested, untestable};

const NO_AUTH_COMES: &str =
    "a server sends AUTH only for a method that it knows, and there is none that every server has to know";

pub(super) const STATEMENTS: &[Statement] = &[
    tested(
        "3.14.0-1",
        "no DISCONNECT from the server before CONNACK has let the client in",
        &["connect::first_packet", "connect::malformed", "connack::refusal"],
    ),
    tested(
        "3.14.1-1",
        "reserved flags are 0; others are answered with 0x81",
        &["framing::flags_of_disconnect", "framing::flags_of_disconnect_are_named"],
    ),
    tested("3.14.2-1", "the reason code is one of DISCONNECT's", &["disconnect::of_the_server"]),
    tested("3.14.2-2", "the server sends no Session Expiry Interval", &["disconnect::of_the_server"]),
    tested("3.14.2-3", "no Reason String that makes DISCONNECT too large", &["packet_size::disconnect"]),
    tested("3.14.2-4", "no User Property that makes DISCONNECT too large", &["packet_size::disconnect"]),
    tested("3.14.4-1", "nothing follows DISCONNECT", &["disconnect::of_the_server", "disconnect::nothing_after_it"]),
    tested("3.14.4-2", "who sends it closes the connection", &["disconnect::of_the_server"]),
    tested("3.14.4-3", "DISCONNECT 0x00 takes the Will back", &["wills::not_after_disconnect"]),
    tested("3.15.1-1", "the flags of AUTH are 0", &["framing::flags_of_auth"]),
    untestable("3.15.2-1", "the reason code is one of AUTH's", NO_AUTH_COMES),
    untestable("3.15.2-2", "no Reason String that makes AUTH too large", NO_AUTH_COMES),
    untestable("3.15.2-3", "no User Property that makes AUTH too large", NO_AUTH_COMES),
];
