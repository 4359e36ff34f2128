use bytes::{Buf, Bytes};
use bytestring::ByteString;

use crate::{InvalidTopic, PacketIdentifier, TopicName, Violation};

/// Takes fields off the front of a packet, or of a packet's properties.
#[derive(Debug)]
pub(crate) struct Reader(Bytes);

impl Reader {
    pub(crate) const fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Violation> {
        self.0.try_get_u8().map_err(|_| Violation::Truncated)
    }

    pub(crate) fn two_bytes(&mut self) -> Result<u16, Violation> {
        self.0.try_get_u16().map_err(|_| Violation::Truncated)
    }

    pub(crate) fn four_bytes(&mut self) -> Result<u32, Violation> {
        self.0.try_get_u32().map_err(|_| Violation::Truncated)
    }

    /// Takes the next byte if it is 0: as a length, that of nothing.
    pub(crate) fn skip_zero(&mut self) -> bool {
        let is_zero = self.0.first() == Some(&0);
        if is_zero {
            self.0.advance(1);
        }
        is_zero
    }

    /// MQTT 5.0 only, and so as short as it can be.
    pub(crate) fn variable_byte_integer(&mut self) -> Result<u32, Violation> {
        let integer = read_variable_byte_integer(&self.0)?.ok_or(Violation::Truncated)?;
        if !integer.is_minimal() {
            return Err(Violation::VariableByteIntegerNotMinimal);
        }
        self.0.advance(integer.length);
        Ok(integer.value)
    }

    pub(crate) fn packet_identifier(&mut self) -> Result<PacketIdentifier, Violation> {
        PacketIdentifier::new(self.two_bytes()?).ok_or(Violation::ZeroPacketIdentifier)
    }

    /// The next `length` bytes.
    pub(crate) fn take(&mut self, length: usize) -> Result<Bytes, Violation> {
        if length > self.0.len() {
            return Err(Violation::Truncated);
        }
        Ok(self.0.split_to(length))
    }

    /// Binary Data (MQTT 5.0, 1.5.6).
    pub(crate) fn binary(&mut self) -> Result<Bytes, Violation> {
        let length = self.two_bytes()?;
        self.take(usize::from(length))
    }

    /// A UTF-8 Encoded String (1.5.4; in 3.1.1 1.5.3).
    pub(crate) fn string(&mut self) -> Result<ByteString, Violation> {
        let text = self.utf8()?;
        if text.as_bytes().contains(&0) {
            return Err(Violation::NullCharacter);
        }
        Ok(text)
    }

    /// A string that is a Topic Name; `None` where it is empty.
    pub(crate) fn topic_name(&mut self) -> Result<Option<TopicName>, Violation> {
        let text = self.utf8()?;
        if text.is_empty() {
            return Ok(None);
        }
        // On the path of every PUBLISH: no branch for each byte, so that the compiler looks at many of them at once.
        let forbidden = |byte| byte == 0 || byte == b'+' || byte == b'#';
        if text.as_bytes().iter().fold(false, |found, &byte| found | forbidden(byte)) {
            return Err(if text.as_bytes().contains(&0) {
                Violation::NullCharacter
            } else {
                InvalidTopic::WildcardInName.into()
            });
        }
        Ok(Some(TopicName::from_checked(text)))
    }

    fn utf8(&mut self) -> Result<ByteString, Violation> {
        ByteString::try_from(self.binary()?).map_err(|_| Violation::IllFormedUtf8)
    }

    /// All that is left.
    pub(crate) fn rest(self) -> Bytes {
        self.0
    }

    /// Says that the last field has been read.
    pub(crate) fn finish(self) -> Result<(), Violation> {
        match self.0.len() {
            0 => Ok(()),
            count => Err(Violation::TrailingBytes { count }),
        }
    }
}

/// MQTT 5.0, 1.5.5 Variable Byte Integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VariableByteInteger {
    pub(crate) value: u32,
    /// 1 to 4 bytes.
    pub(crate) length: usize,
}

impl VariableByteInteger {
    /// Whether fewer bytes could not hold the value [MQTT-1.5.5-1].
    pub(crate) const fn is_minimal(self) -> bool {
        self.length == 1 || self.value >> (7 * (self.length - 1)) != 0
    }
}

/// The integer at the start of `bytes`; `None` where they end before it does.
pub(crate) fn read_variable_byte_integer(bytes: &[u8]) -> Result<Option<VariableByteInteger>, Violation> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some(VariableByteInteger { value, length: index + 1 }));
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(Violation::VariableByteIntegerTooLong) }
}
