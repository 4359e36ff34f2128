//! What a peer can do wrong, as one table: the case, the Reason Code that answers it, the clause, the sentence.

use std::fmt;

use crate::{InvalidTopic, PacketType, Property, ReasonCode};

/// Declares [`Violation`] from a table, so that a case can't be without its Reason Code, clause and sentence.
macro_rules! violations {
    ($(
        $(#[doc = $doc:literal])+
        $variant:ident $(($inner:ident: $inner_type:ty))? $({ $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty),+ })?
            => $reason_code:expr, $clause:expr, $sentence:literal;
    )+) => {
        /// How a peer broke the protocol, with the clause that it broke.
        ///
        /// Clauses are quoted as MQTT 5.0 numbers them; where MQTT 3.1.1 has another number for the same rule, that one
        /// follows. Rules that the specification states without numbering them are quoted by section.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Violation {
            $($(#[doc = $doc])+ $variant $(($inner_type))? $({ $($(#[doc = $field_doc])+ $field: $type),+ })?,)+
        }

        impl Violation {
            /// The Reason Code that tells the peer (MQTT 5.0, 4.13 Handling errors).
            #[expect(unused_variables, reason = "a row names the fields for those of its columns that need them")]
            pub const fn reason_code(&self) -> ReasonCode {
                match self {
                    $(Self::$variant $(($inner))? $({ $($field),+ })? => $reason_code,)+
                }
            }

            /// The clause that was broken: `MQTT-3.1.0-1`, or a section where the rule has no number.
            #[expect(unused_variables, reason = "a row names the fields for those of its columns that need them")]
            pub const fn clause(&self) -> &'static str {
                match self {
                    $(Self::$variant $(($inner))? $({ $($field),+ })? => $clause,)+
                }
            }

            fn write_sentence(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant $(($inner))? $({ $($field),+ })? => write!(formatter, $sentence),)+
                }
            }
        }
    };
}

violations! {
    /// A packet type that the version has no packet for: 0, and 15 below MQTT 5.0.
    ReservedPacketType {
        /// The upper half of the packet's first byte.
        packet_type: u8
    } => ReasonCode::MALFORMED_PACKET, "MQTT 5.0, 2.1.2; 3.1.1, 2.2.1", "packet type {packet_type} is reserved";

    /// Flags of the fixed header that the packet type does not have.
    ReservedFlags {
        /// The packet's type.
        packet: PacketType,
        /// The lower half of the packet's first byte.
        flags: u8
    } => ReasonCode::MALFORMED_PACKET, packet.flags_clause(), "{packet} came with the reserved flag bits {flags:04b}";

    /// A Remaining Length, or another Variable Byte Integer, that does not end with its fourth byte.
    VariableByteIntegerTooLong => ReasonCode::MALFORMED_PACKET, "MQTT 5.0, 1.5.5; 3.1.1, 2.2.3",
        "a variable byte integer has more than four bytes";

    /// A Variable Byte Integer with more bytes than its value needs.
    VariableByteIntegerNotMinimal => ReasonCode::MALFORMED_PACKET, "MQTT-1.5.5-1",
        "a variable byte integer has more bytes than its value needs";

    /// A packet that is larger than the receiver takes.
    PacketTooLarge {
        /// Bytes of the whole packet.
        size: usize,
        /// The most that is taken, in bytes.
        limit: usize
    } => ReasonCode::PACKET_TOO_LARGE, "MQTT-3.2.2-15",
        "the packet of {size} bytes is larger than the {limit} bytes that are allowed";

    /// A field reaches beyond the end of its packet or of the packet's properties.
    Truncated => ReasonCode::MALFORMED_PACKET, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1",
        "the packet ends in the middle of a field";

    /// Bytes that belong to no field.
    TrailingBytes {
        /// How many.
        count: usize
    } => ReasonCode::MALFORMED_PACKET, "MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1",
        "the packet goes on for {count} bytes after its last field";

    /// The first packet of a client is another one.
    FirstPacketNotConnect {
        /// The type of the packet that came instead.
        packet: PacketType
    } => ReasonCode::PROTOCOL_ERROR, "MQTT-3.1.0-1", "the first packet is {packet} instead of CONNECT";

    /// Another CONNECT on the same connection.
    SecondConnect => ReasonCode::PROTOCOL_ERROR, "MQTT-3.1.0-2", "a second CONNECT came";

    /// A packet that only a server sends came from a client.
    NotFromClient {
        /// The packet's type.
        packet: PacketType
    } => ReasonCode::PROTOCOL_ERROR, "MQTT 5.0, 2.1.2; 3.1.1, 2.2.1", "a client sent {packet}, which only servers send";

    /// A string that is not UTF-8; encoded surrogates (U+D800 to U+DFFF) are among these.
    IllFormedUtf8 => ReasonCode::MALFORMED_PACKET, "MQTT-1.5.4-1; 3.1.1: MQTT-1.5.3-1", "a string is not well-formed UTF-8";

    /// U+0000 in a string.
    NullCharacter => ReasonCode::MALFORMED_PACKET, "MQTT-1.5.4-2; 3.1.1: MQTT-1.5.3-2", "a string contains a null character";

    /// A Packet Identifier of 0.
    ZeroPacketIdentifier => ReasonCode::PROTOCOL_ERROR, "MQTT-2.2.1-3; 3.1.1: MQTT-2.3.1-1", "the packet identifier is 0";

    /// A Topic Name or Topic Filter that is none.
    Topic(topic: InvalidTopic) => topic.reason_code(), topic.clause(), "{topic}";

    /// A property identifier that the specification does not assign.
    UnknownProperty {
        /// The identifier.
        identifier: u32
    } => ReasonCode::MALFORMED_PACKET, "MQTT 5.0, 2.2.2.2", "there is no property with the identifier {identifier}";

    /// A property that the packet does not have.
    PropertyNotAllowed {
        /// The property.
        property: Property,
        /// The type of its packet; CONNECT for a property of the Will, too.
        packet: PacketType
    } => ReasonCode::MALFORMED_PACKET, "MQTT 5.0, 2.2.2.2", "the property {property} does not belong there in {packet}";

    /// A property that comes again though it may come only once.
    DuplicateProperty {
        /// The property.
        property: Property
    } => ReasonCode::PROTOCOL_ERROR, property.section(), "the property {property} comes more than once";

    /// A property of one bit with another value.
    PropertyNotZeroOrOne {
        /// The property.
        property: Property,
        /// Its value.
        value: u8
    } => ReasonCode::PROTOCOL_ERROR, property.section(), "the property {property} is {value}, and may be 0 or 1 only";

    /// A Receive Maximum of 0.
    ZeroReceiveMaximum => ReasonCode::PROTOCOL_ERROR, "MQTT 5.0, 3.1.2.11.3", "the receive maximum is 0";

    /// A Maximum Packet Size of 0.
    ZeroMaximumPacketSize => ReasonCode::PROTOCOL_ERROR, "MQTT 5.0, 3.1.2.11.4", "the maximum packet size is 0";

    /// A Topic Alias of 0.
    ZeroTopicAlias => ReasonCode::TOPIC_ALIAS_INVALID, "MQTT-3.3.2-8", "the topic alias is 0";

    /// A Subscription Identifier of 0.
    ZeroSubscriptionIdentifier => ReasonCode::PROTOCOL_ERROR, "MQTT 5.0, 3.8.2.1.2", "the subscription identifier is 0";

    /// A Reason Code, or a return code of MQTT 3.1.1, that the packet does not have.
    UnknownReasonCode {
        /// The packet's type.
        packet: PacketType,
        /// The code.
        code: u8
    } => ReasonCode::PROTOCOL_ERROR, packet.reason_code_clause(), "{packet} has no reason code 0x{code:02X}";

    /// Authentication Data without an Authentication Method.
    AuthenticationDataWithoutMethod => ReasonCode::PROTOCOL_ERROR, "MQTT 5.0, 3.1.2.11.10",
        "authentication data came without an authentication method";

    /// A CONNECT of a protocol that is neither MQTT 3.1, 3.1.1 nor 5.0. The server may say so before it hangs up.
    UnsupportedProtocol {
        /// The Protocol Name, cut after 16 characters, control characters escaped.
        name: String,
        /// The Protocol Level.
        level: u8
    } => ReasonCode::UNSUPPORTED_PROTOCOL_VERSION, "MQTT-3.1.2-1, MQTT-3.1.2-2",
        "the protocol \"{name}\" of level {level} is none of MQTT 3.1, 3.1.1 and 5.0";

    /// The lowest bit of the Connect Flags.
    ReservedConnectFlag => ReasonCode::MALFORMED_PACKET, "MQTT-3.1.2-3", "the reserved bit of the connect flags is set";

    /// A Will QoS of 3.
    WillQosThree => ReasonCode::MALFORMED_PACKET, "MQTT-3.1.2-12; 3.1.1: MQTT-3.1.2-14", "the will's QoS is 3";

    /// A Will QoS although there is no Will.
    WillQosWithoutWill => ReasonCode::MALFORMED_PACKET, "MQTT-3.1.2-11; 3.1.1: MQTT-3.1.2-13",
        "the connect flags have a will QoS, but no will";

    /// Will Retain although there is no Will.
    WillRetainWithoutWill => ReasonCode::MALFORMED_PACKET, "MQTT-3.1.2-13; 3.1.1: MQTT-3.1.2-15",
        "the connect flags have will retain, but no will";

    /// A Password without a User Name, which only MQTT 5.0 allows.
    PasswordWithoutUserName => ReasonCode::MALFORMED_PACKET, "3.1.1: MQTT-3.1.2-22", "a password came without a user name";

    /// Bits of the Connect Acknowledge Flags beside Session Present.
    ReservedConnAckFlags => ReasonCode::MALFORMED_PACKET, "MQTT-3.2.2-1; 3.1.1, 3.2.2.1",
        "reserved bits of the connect acknowledge flags are set";

    /// Session Present in a CONNACK that refuses.
    SessionPresentInRefusal => ReasonCode::PROTOCOL_ERROR, "MQTT-3.2.2-6; 3.1.1: MQTT-3.2.2-4",
        "a CONNACK that refuses the connection has session present";

    /// A PUBLISH with both QoS bits.
    QosThree => ReasonCode::MALFORMED_PACKET, "MQTT-3.3.1-4", "the QoS is 3";

    /// DUP, which says that this is another attempt, at QoS 0, which has only one.
    DupAtQosZero => ReasonCode::MALFORMED_PACKET, "MQTT-3.3.1-2", "DUP is set at QoS 0";

    /// An empty Topic Name, and no Topic Alias that stands for one.
    NoTopic => ReasonCode::PROTOCOL_ERROR, "MQTT 5.0, 3.3.2.1; 3.1.1: MQTT-4.7.3-1",
        "the topic name is empty, and there is no topic alias";

    /// A Response Topic with a wildcard.
    WildcardInResponseTopic => ReasonCode::PROTOCOL_ERROR, "MQTT-3.3.2-14", "the response topic contains a wildcard (+ or #)";

    /// A Subscription Identifier in a client's PUBLISH.
    SubscriptionIdentifierFromClient => ReasonCode::PROTOCOL_ERROR, "MQTT-3.3.4-6",
        "a client sent a PUBLISH with a subscription identifier";

    /// A SUBSCRIBE for nothing.
    NoSubscriptions => ReasonCode::PROTOCOL_ERROR, "MQTT-3.8.3-2; 3.1.1: MQTT-3.8.3-3", "SUBSCRIBE has no topic filter";

    /// Bits of the Subscription Options that have no meaning.
    ReservedSubscriptionOptions {
        /// The options.
        options: u8
    } => ReasonCode::MALFORMED_PACKET, "MQTT-3.8.3-5; 3.1.1: MQTT-3-8.3-4",
        "the subscription options {options:08b} have reserved bits";

    /// A Subscription with a maximum QoS of 3.
    SubscriptionQosThree => ReasonCode::PROTOCOL_ERROR, "MQTT 5.0, 3.8.3.1; 3.1.1: MQTT-3-8.3-4", "a subscription's QoS is 3";

    /// A Subscription with a Retain Handling of 3.
    RetainHandlingThree => ReasonCode::PROTOCOL_ERROR, "MQTT 5.0, 3.8.3.1", "a subscription's retain handling is 3";

    /// No Local at a Shared Subscription.
    NoLocalOnSharedSubscription => ReasonCode::PROTOCOL_ERROR, "MQTT-3.8.3-4", "a shared subscription has no local";

    /// An UNSUBSCRIBE from nothing.
    NoFilters => ReasonCode::PROTOCOL_ERROR, "MQTT-3.10.3-2", "UNSUBSCRIBE has no topic filter";

    /// An AUTH without an Authentication Method.
    NoAuthenticationMethod => ReasonCode::PROTOCOL_ERROR, "MQTT 5.0, 3.15.2.2.2", "AUTH has no authentication method";
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_sentence(formatter)?;
        match self {
            // Its sentence comes with the clause already.
            Self::Topic(_) => Ok(()),
            _ => write!(formatter, " [{}]", self.clause()),
        }
    }
}

impl std::error::Error for Violation {}

impl From<InvalidTopic> for Violation {
    fn from(topic: InvalidTopic) -> Self {
        Self::Topic(topic)
    }
}
