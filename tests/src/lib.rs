//! What the black-box tests share. They see Nightjar from the outside only: processes, sockets, files.
//!
//! - `tests/clients.rs`: the matrix of real clients, against Nightjar, mosquitto, or any address
//! - `conformance/`: every normative statement of the specification, against any broker
//! - `tests/server.rs`: the process: listening line, signals, refusals, hostile bytes, the record
//! - `tests/crash.rs`: what was acknowledged survives `kill -9`
//! - `tests/sessions.rs`: so do durable sessions, their queues and the states of QoS 1 and 2
//! - `tests/disk.rs`: a disk that is full pauses the record and nothing else, and goes on by itself
//! - `tests/away.rs`: a durable subscriber that is away costs disk and not memory
//! - `tests/rules.rs`: rules and bans, beside a broker that runs
//! - `tests/window.rs`: the real window, on a display of its own (feature `window`)
//! - `load/`: the load generator and `make bench`
//!
//! A test here waits for an event, with a deadline; it never sleeps and hopes.

mod broker;
pub mod client;
pub mod flows;
mod hex;
mod peer;
mod process;
mod programs;
mod record;

use std::time::Duration;

pub use broker::Broker;
pub use peer::{Peer, connect};
pub use process::{Lines, Outcome, run, terminate, wait};
pub use programs::{is_installed, program};
pub use record::{Event, Record, RecordedMessage};

/// How long a test waits for something that should take milliseconds: long enough for two busy cores.
pub const DEADLINE: Duration = Duration::from_secs(30);
