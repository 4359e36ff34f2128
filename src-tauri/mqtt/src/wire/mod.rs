//! Integers, strings and properties as they stand on the wire (1.5 Data representation).

mod output;
mod properties;
mod reader;

pub(crate) use output::{Encode, EncodeProperties, Output, encode, packet_length};
pub(crate) use properties::PropertyReader;
pub(crate) use reader::{Reader, read_variable_byte_integer};
