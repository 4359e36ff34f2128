//! Chapters 1 and 2: strings, the fixed header, Packet Identifiers.

use crate::statements::{Statement, client, tested};

pub(super) const STATEMENTS: &[Statement] = &[
    tested(
        "1.5.3-1",
        "strings are well-formed UTF-8, without surrogates; others end the connection",
        &[
            "strings::ill_formed_client_identifier",
            "strings::ill_formed_will_topic",
            "strings::ill_formed_user_name",
            "strings::ill_formed_topic_name",
            "strings::ill_formed_filter",
            "strings::ill_formed_filter_of_unsubscribe",
        ],
    ),
    tested("1.5.3-2", "U+0000 in a string ends the connection", &["strings::null_character"]),
    tested("1.5.3-3", "EF BB BF is the character U+FEFF, and stays", &["strings::byte_order_mark"]),
    tested("2.2.2-1", "reserved flags have the value that the table gives", &["framing::flags_that_are_sent"]),
    tested(
        "2.2.2-2",
        "others end the connection",
        &[
            "connect_below_5::flags",
            "framing::flags_of_puback",
            "framing::flags_of_pubrec",
            "framing::flags_of_pubrel",
            "framing::flags_of_pubcomp",
            "framing::flags_of_subscribe",
            "framing::flags_of_unsubscribe",
            "framing::flags_of_pingreq",
            "framing::flags_of_disconnect",
        ],
    ),
    tested(
        "2.3.1-1",
        "SUBSCRIBE, UNSUBSCRIBE and PUBLISH of QoS 1 and 2 have a Packet Identifier that is not 0",
        &["framing::packet_identifier_0", "framing::fields_beyond_the_end"],
    ),
    client("2.3.1-2", "a client's new flows have an unused Packet Identifier"),
    client("2.3.1-3", "what a client sends again keeps its identifier, which is in use until it is acknowledged"),
    tested(
        "2.3.1-4",
        "the same goes for what the server publishes",
        &["acknowledgements::identifiers_are_unused", "retransmission::messages_in_order"],
    ),
    tested("2.3.1-5", "a PUBLISH of QoS 0 has no Packet Identifier", &["framing_below_5::qos_0_has_no_identifier"]),
    tested(
        "2.3.1-6",
        "PUBACK, PUBREC and PUBREL carry the Packet Identifier of their PUBLISH",
        &[
            "acknowledgements::puback_answers",
            "acknowledgements::pubrec_and_pubcomp_answer",
            "acknowledgements::pubrec_is_answered_with_pubrel",
            "framing_below_5::answers_have_their_form",
        ],
    ),
    tested(
        "2.3.1-7",
        "SUBACK and UNSUBACK carry the Packet Identifier of their request",
        &["subscribe::suback_answers", "unsubscribe::unsuback_answers", "framing_below_5::answers_have_their_form"],
    ),
];
