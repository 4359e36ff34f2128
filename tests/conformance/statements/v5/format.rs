//! Chapters 1 and 2: strings, integers, the fixed header, Packet Identifiers, properties.

use crate::statements::{Statement, tested};

pub(super) const STATEMENTS: &[Statement] = &[
    tested(
        "1.5.4-1",
        "strings are well-formed UTF-8, without surrogates",
        &[
            "strings::ill_formed_client_identifier",
            "strings::ill_formed_topic_name",
            "strings::ill_formed_filter",
            "strings::ill_formed_authentication_method",
            "strings::ill_formed_reason_string",
        ],
    ),
    tested("1.5.4-2", "no U+0000 in strings", &["strings::null_character"]),
    tested("1.5.4-3", "EF BB BF is the character U+FEFF, and stays", &["strings::byte_order_mark"]),
    tested("1.5.5-1", "variable byte integers are as short as they can be", &["framing::lengths_that_are_sent"]),
    tested("1.5.7-1", "both halves of a string pair are strings", &["strings::ill_formed_user_property"]),
    tested(
        "2.1.3-1",
        "reserved flags have the value that the table gives",
        &[
            "framing::flags_that_are_sent",
            "framing::flags_of_puback",
            "framing::flags_of_pubrec",
            "framing::flags_of_pubcomp",
            "framing::flags_of_pingreq",
        ],
    ),
    tested("2.2.1-2", "a PUBLISH of QoS 0 has no Packet Identifier", &["framing::packets_in_pieces"]),
    tested(
        "2.2.1-3",
        "a client's new flows have an unused Packet Identifier, not 0",
        &["framing::packet_identifier_0"],
    ),
    tested("2.2.1-4", "so have the server's", &["acknowledgements::identifiers_are_unused"]),
    tested(
        "2.2.1-5",
        "acknowledgements carry the Packet Identifier of their PUBLISH",
        &["acknowledgements::puback_answers", "acknowledgements::pubrec_and_pubcomp_answer"],
    ),
    tested(
        "2.2.1-6",
        "SUBACK and UNSUBACK carry the Packet Identifier of their request",
        &["subscribe::suback_answers", "unsubscribe::unsuback_answers"],
    ),
    tested("2.2.2-1", "no properties are a Property Length of 0", &["framing::properties_that_are_sent"]),
];
