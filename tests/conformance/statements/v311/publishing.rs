//! Sections 3.3 PUBLISH to 3.7 PUBCOMP.

use crate::statements::{Statement, tested};

pub(super) const STATEMENTS: &[Statement] = &[
    tested("3.3.1-1", "another attempt has DUP 1", &["sessions::sends_again", "retransmission::messages_in_order"]),
    tested(
        "3.3.1-2",
        "QoS 0 has DUP 0",
        &["acknowledgements::first_attempt_has_no_dup", "publish_below_5::dup_of_qos_0"],
    ),
    tested(
        "3.3.1-3",
        "DUP going out has nothing to do with DUP coming in",
        &["acknowledgements::first_attempt_has_no_dup"],
    ),
    tested("3.3.1-4", "the QoS is not 3, or the connection ends", &["publish::qos_3"]),
    tested(
        "3.3.1-5",
        "RETAIN 1: the message is stored, with its QoS",
        &["retained::replaced", "publish_below_5::retained_with_its_qos"],
    ),
    tested(
        "3.3.1-6",
        "a new subscription gets the last one of each topic",
        &["publish_below_5::retained_for_each_new_subscription"],
    ),
    tested(
        "3.3.1-7",
        "one of QoS 0 replaces the old one, and may itself be forgotten",
        &["publish_below_5::retained_at_qos_0"],
    ),
    tested(
        "3.3.1-8",
        "for a new subscription it has RETAIN 1",
        &["publish_below_5::retained_for_each_new_subscription"],
    ),
    tested("3.3.1-9", "for an old one it has RETAIN 0", &["retained::not_as_published"]),
    tested("3.3.1-10", "an empty one removes it, and is delivered", &["retained::emptied"]),
    tested("3.3.1-11", "an empty one is not retained", &["retained::emptied"]),
    tested("3.3.1-12", "RETAIN 0: what is retained stays as it is", &["retained::plain_messages_leave_it"]),
    tested("3.3.2-1", "the Topic Name comes first, and is a string", &["strings::ill_formed_topic_name"]),
    tested("3.3.2-2", "the Topic Name has no wildcards", &["publish::wildcards_in_topic_name"]),
    tested(
        "3.3.2-3",
        "the Topic Name matches the subscription's filter",
        &["topics::wildcards", "subscribe_below_5::share_is_a_level"],
    ),
    tested(
        "3.3.4-1",
        "the answer is that of the QoS",
        &[
            "acknowledgements::qos_0_is_not_answered",
            "acknowledgements::puback_answers",
            "acknowledgements::pubrec_and_pubcomp_answer",
        ],
    ),
    tested("3.3.5-1", "of overlapping subscriptions the highest QoS counts", &["publish::overlapping"]),
    tested(
        "3.3.5-2",
        "a message that is not allowed is acknowledged as others are, or ends the connection",
        &["publish::refused_messages"],
    ),
    tested("3.6.1-1", "the flags of PUBREL are 0010, or the connection ends", &["framing::flags_of_pubrel"]),
];
