//! The broker and its journal, joined: what runs behind the window, and what `nightjar-server` runs without one.

pub mod cli;

mod access_watcher;
mod account_cli;
mod accounts;
mod addresses;
mod ban_cli;
mod care_cli;
mod certificates;
mod config_cli;
mod discovery;
mod error;
mod foreign_file;
mod history_edit;
mod history_settings;
mod limit_settings;
mod listener_edit;
mod listener_plan;
mod listener_settings;
mod listeners;
mod live;
mod log_settings;
mod logging;
mod mosquitto_acl;
mod mosquitto_passwords;
mod password;
mod quantity;
mod rule_cli;
mod server;
mod settings;
mod settings_file;
mod settings_reader;
mod settings_watcher;

pub use accounts::{AccountError, ImportedAccounts};
pub use addresses::network_addresses;
pub use certificates::{
    AuthorityView, CertificateError, CertificateFacts, CertificateFiles, ClientCertificates, own_certificate,
};
pub use error::{SettingsError, StartError, WrongLine};
pub use foreign_file::ForeignFileError;
pub use history_settings::HistorySettings;
pub use listener_edit::ListenerEdit;
pub use listener_plan::{ListenerSource, Overrides};
pub use listener_settings::{ListenerSettings, usual_port};
pub use listeners::ListenerState;
pub use live::{ChangedSetting, Effect};
pub use log_settings::LogSettings;
pub use logging::{
    LogField, LogFileState, LogLevel, LogPage, LogRecord, LogSearch, Logging, ToStderr, UnknownLogLevel,
};
pub use mosquitto_acl::Acl;
pub use password::{InvalidPassword, Password};
pub use server::{Server, StartOptions};
pub use settings::{Settings, WindowSettings, default_data_directory};
pub use settings_file::SettingsFile;
