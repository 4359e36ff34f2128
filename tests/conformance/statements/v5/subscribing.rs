//! Sections 3.8 SUBSCRIBE to 3.12 PINGREQ.

use crate::statements::{Statement, tested};

pub(super) const STATEMENTS: &[Statement] = &[
    tested("3.8.1-1", "the flags of SUBSCRIBE are 0010", &["framing::flags_of_subscribe"]),
    tested("3.8.3-1", "Topic Filters are strings", &["strings::ill_formed_filter"]),
    tested("3.8.3-2", "there is at least one", &["subscribe::no_filter"]),
    tested("3.8.3-3", "No Local: a client's messages don't come back to it", &["subscribe::no_local"]),
    tested("3.8.3-4", "not together with a shared subscription", &["subscribe::no_local_of_shared"]),
    tested(
        "3.8.3-5",
        "reserved bits of the options are 0",
        &["subscribe::reserved_options", "subscribe::retain_handling_3", "subscribe::qos_3"],
    ),
    tested("3.8.4-1", "SUBSCRIBE gets a SUBACK", &["subscribe::suback_answers"]),
    tested("3.8.4-2", "with its Packet Identifier", &["subscribe::suback_answers"]),
    tested(
        "3.8.4-3",
        "the same filter replaces the subscription",
        &[
            "subscribe::replaced_subscription",
            "subscribe::replacing_options",
            "publish::subscription_identifier_of_retained",
        ],
    ),
    tested(
        "3.8.4-4",
        "with Retain Handling 0 retained messages come again, and none is lost",
        &["subscribe::replacing_loses_nothing"],
    ),
    tested("3.8.4-5", "many filters are as many subscriptions, with one SUBACK", &["subscribe::many_filters"]),
    tested("3.8.4-6", "SUBACK has a code for each", &["subscribe::many_filters"]),
    tested("3.8.4-7", "which is the granted QoS or a failure", &["subscribe::granted_qos"]),
    tested("3.8.4-8", "a message has the lower of its QoS and the granted one", &["subscribe::delivered_qos"]),
    tested("3.9.2-1", "no Reason String that makes SUBACK too large", &["packet_size::answers"]),
    tested("3.9.2-2", "no User Property that makes SUBACK too large", &["packet_size::answers"]),
    tested("3.9.3-1", "the codes are in the order of the filters", &["subscribe::many_filters"]),
    tested("3.9.3-2", "they are SUBACK's own", &["subscribe::granted_qos", "subscribe::refused_subscriptions"]),
    tested("3.10.1-1", "the flags of UNSUBSCRIBE are 0010", &["framing::flags_of_unsubscribe"]),
    tested("3.10.3-1", "Topic Filters are strings", &["strings::ill_formed_filter_of_unsubscribe"]),
    tested("3.10.3-2", "there is at least one", &["unsubscribe::no_filter"]),
    tested(
        "3.10.4-1",
        "filters are compared character by character; the same one ends",
        &["unsubscribe::filter_is_compared_exactly", "shared::unsubscribed"],
    ),
    tested("3.10.4-2", "no new messages come for it", &["unsubscribe::nothing_new_comes", "shared::unsubscribed"]),
    tested("3.10.4-3", "QoS 1 and 2 flows that were begun are finished", &["unsubscribe::started_flows_end"]),
    tested("3.10.4-4", "UNSUBSCRIBE gets an UNSUBACK", &["unsubscribe::unsuback_answers"]),
    tested("3.10.4-5", "with its Packet Identifier, also for nothing", &["unsubscribe::unsuback_answers"]),
    tested("3.10.4-6", "many filters are handled as many UNSUBSCRIBEs", &["unsubscribe::many_filters"]),
    tested("3.11.2-1", "no Reason String that makes UNSUBACK too large", &["packet_size::answers"]),
    tested("3.11.2-2", "no User Property that makes UNSUBACK too large", &["packet_size::answers"]),
    tested("3.11.3-1", "the codes are in the order of the filters", &["unsubscribe::codes_in_order"]),
    tested("3.11.3-2", "they are UNSUBACK's own", &["unsubscribe::codes_in_order"]),
    tested("3.12.4-1", "PINGREQ gets a PINGRESP", &["ping::each_is_answered"]),
];
