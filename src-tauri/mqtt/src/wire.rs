//! Integers, strings and properties as they stand on the wire.
