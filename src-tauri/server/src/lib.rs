//! The broker and its journal, joined: what runs behind the window, and what `nightjar-server` runs without one.

pub mod cli;

mod access_watcher;
mod account_cli;
mod addresses;
mod ban_cli;
mod care_cli;
mod certificates;
mod door_settings;
mod doors;
mod error;
mod foreign_file;
mod history_edit;
mod history_settings;
mod limit_settings;
mod mosquitto_acl;
mod mosquitto_passwords;
mod quantity;
mod rule_cli;
mod server;
mod settings;
mod settings_file;
mod wrong_file;

pub use addresses::network_addresses;
pub use certificates::{CertificateError, CertificateFiles};
pub use doors::{Door, DoorSettings};
pub use error::{SettingsError, StartError};
pub use history_settings::HistorySettings;
pub use server::{ListenerState, Server, StartOptions};
pub use settings::{Settings, WindowSettings, default_data_directory};
pub use settings_file::SettingsFile;
