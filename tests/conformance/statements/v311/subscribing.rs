//! Sections 3.8 SUBSCRIBE to 3.14 DISCONNECT.

use crate::statements::{Statement, client, tested};

pub(super) const STATEMENTS: &[Statement] = &[
    tested("3.8.1-1", "the flags of SUBSCRIBE are 0010, or the connection ends", &["framing::flags_of_subscribe"]),
    tested("3.8.3-1", "Topic Filters are strings", &["strings::ill_formed_filter"]),
    tested("3.8.3-2", "wildcards are supported, or refused", &["topics::wildcards"]),
    tested("3.8.3-3", "there is at least one filter", &["subscribe::no_filter"]),
    tested(
        "3.8.3-4",
        "reserved bits are 0 and the QoS is not 3, or the connection ends",
        &["subscribe::reserved_options", "subscribe::qos_3"],
    ),
    tested(
        "3.8.4-1",
        "SUBSCRIBE gets a SUBACK",
        &[
            "subscribe::suback_answers",
            "subscribe_below_5::every_filter_is_answered",
            "subscribe_below_5::share_without_a_group",
        ],
    ),
    tested("3.8.4-2", "with its Packet Identifier", &["subscribe::suback_answers"]),
    tested(
        "3.8.4-3",
        "the same filter replaces the subscription; its retained messages come again, and none is lost",
        &["subscribe::replaced_subscription", "subscribe::replacing_loses_nothing"],
    ),
    tested("3.8.4-4", "many filters are as many subscriptions, with one SUBACK", &["subscribe::many_filters"]),
    tested(
        "3.8.4-5",
        "SUBACK has a code for each: the granted QoS or a failure",
        &["subscribe::many_filters", "subscribe::granted_qos", "subscribe_below_5::every_filter_is_answered"],
    ),
    tested("3.8.4-6", "a message has the lower of its QoS and the granted one", &["subscribe::delivered_qos"]),
    tested("3.9.3-1", "the codes are in the order of the filters", &["subscribe::many_filters"]),
    tested("3.9.3-2", "they are 0, 1, 2 or 0x80", &["subscribe_below_5::every_filter_is_answered"]),
    tested("3.10.1-1", "the flags of UNSUBSCRIBE are 0010, or the connection ends", &["framing::flags_of_unsubscribe"]),
    tested("3.10.3-1", "Topic Filters are strings", &["strings::ill_formed_filter_of_unsubscribe"]),
    tested("3.10.3-2", "there is at least one", &["unsubscribe::no_filter"]),
    tested(
        "3.10.4-1",
        "filters are compared byte by byte; the same one ends",
        &["unsubscribe::filter_is_compared_exactly"],
    ),
    tested("3.10.4-2", "no new messages come for it", &["unsubscribe::nothing_new_comes"]),
    tested("3.10.4-3", "QoS 1 and 2 flows that were begun are finished", &["unsubscribe::started_flows_end"]),
    tested("3.10.4-4", "UNSUBSCRIBE gets an UNSUBACK with its Packet Identifier", &["unsubscribe::unsuback_answers"]),
    tested("3.10.4-5", "also where it ends nothing", &["unsubscribe::unsuback_answers"]),
    tested("3.10.4-6", "many filters are handled as many UNSUBSCRIBEs", &["unsubscribe::many_filters"]),
    tested("3.12.4-1", "PINGREQ gets a PINGRESP", &["ping::each_is_answered"]),
    tested("3.14.1-1", "the flags of DISCONNECT are 0, or the connection ends", &["framing::flags_of_disconnect"]),
    client("3.14.4-1", "a client closes the connection after DISCONNECT"),
    client("3.14.4-2", "a client sends nothing after DISCONNECT"),
    tested("3.14.4-3", "DISCONNECT takes the Will back", &["wills::not_after_disconnect"]),
];
