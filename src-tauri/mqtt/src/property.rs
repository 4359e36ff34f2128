use std::fmt;

/// Declares [`Property`] from the table of MQTT 5.0, 2.2.2.2.
macro_rules! properties {
    ($($identifier:literal $property:ident $name:literal $section:literal;)+) => {
        /// A property by its identifier (MQTT 5.0, 2.2.2.2 Property).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Property {
            $(#[doc = concat!("MQTT 5.0, ", $section, " ", $name, ".")] $property = $identifier,)+
        }

        impl Property {
            /// Every property, by rising identifier.
            pub const ALL: &[Self] = &[$(Self::$property),+];

            pub(crate) const fn from_identifier(identifier: u32) -> Option<Self> {
                match identifier {
                    $($identifier => Some(Self::$property),)+
                    _ => None,
                }
            }

            /// The name that the specification gives it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$property => $name,)+
                }
            }

            /// Where the specification defines it, first if it does so for several packets.
            pub const fn section(self) -> &'static str {
                match self {
                    $(Self::$property => concat!("MQTT 5.0, ", $section),)+
                }
            }
        }
    };
}

properties! {
    0x01 PayloadFormatIndicator "Payload Format Indicator" "3.3.2.3.2";
    0x02 MessageExpiryInterval "Message Expiry Interval" "3.3.2.3.3";
    0x03 ContentType "Content Type" "3.3.2.3.9";
    0x08 ResponseTopic "Response Topic" "3.3.2.3.5";
    0x09 CorrelationData "Correlation Data" "3.3.2.3.6";
    0x0B SubscriptionIdentifier "Subscription Identifier" "3.8.2.1.2";
    0x11 SessionExpiryInterval "Session Expiry Interval" "3.1.2.11.2";
    0x12 AssignedClientIdentifier "Assigned Client Identifier" "3.2.2.3.7";
    0x13 ServerKeepAlive "Server Keep Alive" "3.2.2.3.14";
    0x15 AuthenticationMethod "Authentication Method" "3.1.2.11.9";
    0x16 AuthenticationData "Authentication Data" "3.1.2.11.10";
    0x17 RequestProblemInformation "Request Problem Information" "3.1.2.11.7";
    0x18 WillDelayInterval "Will Delay Interval" "3.1.3.2.2";
    0x19 RequestResponseInformation "Request Response Information" "3.1.2.11.6";
    0x1A ResponseInformation "Response Information" "3.2.2.3.15";
    0x1C ServerReference "Server Reference" "3.2.2.3.16";
    0x1F ReasonString "Reason String" "3.2.2.3.9";
    0x21 ReceiveMaximum "Receive Maximum" "3.1.2.11.3";
    0x22 TopicAliasMaximum "Topic Alias Maximum" "3.1.2.11.5";
    0x23 TopicAlias "Topic Alias" "3.3.2.3.4";
    0x24 MaximumQos "Maximum QoS" "3.2.2.3.4";
    0x25 RetainAvailable "Retain Available" "3.2.2.3.5";
    0x26 UserProperty "User Property" "3.1.2.11.8";
    0x27 MaximumPacketSize "Maximum Packet Size" "3.1.2.11.4";
    0x28 WildcardSubscriptionAvailable "Wildcard Subscription Available" "3.2.2.3.11";
    0x29 SubscriptionIdentifiersAvailable "Subscription Identifiers Available" "3.2.2.3.12";
    0x2A SharedSubscriptionAvailable "Shared Subscription Available" "3.2.2.3.13";
}

impl fmt::Display for Property {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
