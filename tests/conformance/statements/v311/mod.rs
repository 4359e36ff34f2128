//! MQTT Version 3.1.1, OASIS Standard, 29 October 2014, with Errata 01.
//!
//! Its Appendix B writes a few ids otherwise than the text does (`MQTT-3-8.3-4`, `MQTT-3.1.2.7`, `MQTT-6.0.0.1`); here
//! they have the form that all others have.

mod connecting;
mod format;
mod operation;
mod publishing;
mod subscribing;

use nightjar_mqtt::ProtocolVersion;

use super::Table;

pub(crate) const TABLE: Table = Table {
    version: ProtocolVersion::V311,
    chapters: &[
        format::STATEMENTS,
        connecting::STATEMENTS,
        publishing::STATEMENTS,
        subscribing::STATEMENTS,
        operation::STATEMENTS,
    ],
    sections: &[
        ("1.5.3", 1, 3),
        ("2.2.2", 1, 2),
        ("2.3.1", 1, 7),
        ("3.1.0", 1, 2),
        ("3.1.2", 1, 24),
        ("3.1.3", 1, 11),
        ("3.1.4", 1, 5),
        ("3.2.0", 1, 1),
        ("3.2.2", 1, 6),
        ("3.3.1", 1, 12),
        ("3.3.2", 1, 3),
        ("3.3.4", 1, 1),
        ("3.3.5", 1, 2),
        ("3.6.1", 1, 1),
        ("3.8.1", 1, 1),
        ("3.8.3", 1, 4),
        ("3.8.4", 1, 6),
        ("3.9.3", 1, 2),
        ("3.10.1", 1, 1),
        ("3.10.3", 1, 2),
        ("3.10.4", 1, 6),
        ("3.12.4", 1, 1),
        ("3.14.1", 1, 1),
        ("3.14.4", 1, 3),
        ("4.1.0", 1, 2),
        ("4.3.1", 1, 1),
        ("4.3.2", 1, 2),
        ("4.3.3", 1, 2),
        ("4.4.0", 1, 1),
        ("4.5.0", 1, 2),
        ("4.6.0", 1, 6),
        ("4.7.1", 1, 3),
        ("4.7.2", 1, 1),
        ("4.7.3", 1, 4),
        ("4.8.0", 1, 2),
        ("6.0.0", 1, 4),
        ("7.0.0", 1, 2),
        ("7.1.1", 1, 1),
        ("7.1.2", 1, 1),
    ],
};
