//! MQTT Version 5.0, OASIS Standard, 7 March 2019.

mod format;

use nightjar_mqtt::ProtocolVersion;

use super::Table;

pub(crate) const TABLE: Table = Table {
    version: ProtocolVersion::V5,
    chapters: &[format::STATEMENTS],
    sections: &[
        ("1.5.4", 1, 3),
        ("1.5.5", 1, 1),
        ("1.5.7", 1, 1),
        ("2.1.3", 1, 1),
        // 2.2.1-1 was dropped before the standard was.
        ("2.2.1", 2, 6),
        ("2.2.2", 1, 1),
    ],
};
