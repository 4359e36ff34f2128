//! Chapters 4 Operational behavior, 6 WebSocket and 7 Conformance.

use crate::statements::{Statement, client, tested, untestable};

const NO_WEBSOCKET: &str = "it is about WebSocket, and this suite speaks to servers over TCP";

pub(super) const STATEMENTS: &[Statement] = &[
    tested(
        "4.1.0-1",
        "a session's state is kept as long as the session",
        &["sessions::goes_on", "sessions_below_5::collects_while_away"],
    ),
    tested("4.1.0-2", "which is at least as long as its connection", &["sessions::lasts_with_the_connection"]),
    tested("4.3.1-1", "QoS 0 is sent with DUP 0", &["acknowledgements::first_attempt_has_no_dup"]),
    tested(
        "4.3.2-1",
        "QoS 1, sender: an unused identifier, DUP 0 first, unacknowledged until PUBACK",
        &[
            "acknowledgements::identifiers_are_unused",
            "acknowledgements::first_attempt_has_no_dup",
            "sessions::sends_again",
            "retransmission::new_messages_follow",
        ],
    ),
    tested(
        "4.3.2-2",
        "QoS 1, receiver: PUBACK, after which the identifier stands for a new message",
        &["acknowledgements::puback_answers", "acknowledgements::identifier_is_free_after_puback"],
    ),
    tested(
        "4.3.3-1",
        "QoS 2, sender: an unused identifier, DUP 0 first, unacknowledged until PUBREC; then PUBREL until PUBCOMP, and \
         never the message again",
        &[
            "acknowledgements::identifiers_are_unused",
            "acknowledgements::first_attempt_has_no_dup",
            "acknowledgements::pubrec_is_answered_with_pubrel",
            "acknowledgements::pubrec_without_publish",
            "sessions::sends_again",
            "sessions::releases_again",
            "retransmission::only_what_is_unacknowledged",
        ],
    ),
    tested(
        "4.3.3-2",
        "QoS 2, receiver: PUBREC however often it comes until PUBREL, delivered once; PUBCOMP, after which the \
         identifier stands for a new message",
        &[
            "acknowledgements::pubrec_and_pubcomp_answer",
            "acknowledgements::repeated_qos_2_is_one_message",
            "acknowledgements::pubrel_without_publish",
            "acknowledgements::identifier_is_free_after_pubcomp",
            "sessions::remembers_what_it_received",
        ],
    ),
    tested(
        "4.4.0-1",
        "on return what is unacknowledged is sent again, with its identifier",
        &["sessions::sends_again", "sessions::releases_again", "retransmission::only_what_is_unacknowledged"],
    ),
    tested(
        "4.5.0-1",
        "a message is added to every session that subscribed to it",
        &["sessions::every_subscriber", "subscribe_below_5::share_is_a_level"],
    ),
    client("4.5.0-2", "a client acknowledges what it does not want, too"),
    tested(
        "4.6.0-1",
        "what is sent again comes in the first order",
        &["retransmission::messages_in_order", "retransmission::messages_in_order_twice"],
    ),
    client("4.6.0-2", "a client sends PUBACK in the order of the messages"),
    client("4.6.0-3", "a client sends PUBREC in the order of the messages"),
    tested("4.6.0-4", "PUBRELs come in the order of the PUBRECs", &["retransmission::releases_in_order"]),
    tested(
        "4.6.0-5",
        "every topic is an ordered one unless it is said otherwise",
        &["ordering::live", "ordering::queued"],
    ),
    tested(
        "4.6.0-6",
        "on an ordered topic messages of a client and a QoS keep their order, and these rules bind the server",
        &[
            "ordering::live",
            "ordering::queued",
            "retransmission::messages_in_order",
            "retransmission::messages_in_order_twice",
            "retransmission::releases_in_order",
        ],
    ),
    tested("4.7.1-1", "wildcards are for filters, not for topic names", &["publish::wildcards_in_topic_name"]),
    tested("4.7.1-2", "# stands for whole levels, and last", &["topics::misplaced_wildcards", "topics::wildcards"]),
    tested("4.7.1-3", "+ stands for a whole level", &["topics::misplaced_wildcards", "topics::wildcards"]),
    tested("4.7.2-1", "filters that begin with a wildcard match no topic with $", &["topics::dollar"]),
    tested("4.7.3-1", "topics and filters are not empty", &["topics::empty"]),
    tested("4.7.3-2", "they have no U+0000", &["strings::null_character"]),
    tested("4.7.3-3", "they have at most 65,535 bytes", &["topics::longest"]),
    tested("4.7.3-4", "matching changes no character", &["topics::as_they_are"]),
    tested(
        "4.8.0-1",
        "a violation of the protocol ends the connection, unless it is said otherwise",
        &[
            "framing::reserved_packet_types",
            "framing::packets_of_servers",
            "framing::length_of_five_bytes",
            "framing::fields_beyond_the_end",
            "framing::bytes_after_the_end",
            "framing_below_5::length_of_more_bytes_than_needed",
            "publish_below_5::dup_of_qos_0",
        ],
    ),
    untestable(
        "4.8.0-2",
        "so does a transient error of the server's own",
        "nothing that a client may send gives every server such an error",
    ),
    untestable("6.0.0-1", "packets come in binary frames; others end the connection", NO_WEBSOCKET),
    untestable("6.0.0-2", "packets and frames need not end together", NO_WEBSOCKET),
    client("6.0.0-3", "a client offers the subprotocol mqtt"),
    untestable("6.0.0-4", "the server chooses the subprotocol mqtt", NO_WEBSOCKET),
    untestable(
        "7.0.0-1",
        "a server that connects to others is a good client, too",
        "what a server says to other servers does not come to its clients",
    ),
    tested(
        "7.0.0-2",
        "no extension is needed to work together: what the server sends has the form of chapters 2 and 3",
        &["framing_below_5::answers_have_their_form", "framing::lengths_that_are_sent"],
    ),
    tested("7.1.1-1", "there is a transport of ordered, lossless bytes", &["framing::packets_in_pieces"]),
    client("7.1.2-1", "a client supports such a transport"),
];
