//! The brokers that are measured, each started fresh in a folder of its own.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::ValueEnum;
use nightjar_tests::{Broker, is_installed};

/// Connections that every broker is let have: the idle ones, and a few more.
const CONNECTIONS: usize = 15_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Contestant {
    /// mosquitto, which keeps nothing
    Mosquitto,
    /// mosquitto with `persistence true`, saved every second
    MosquittoSaving,
    /// rumqttd, where it is installed
    Rumqttd,
    /// Nightjar with `keep = "nothing"` and `durability = "none"`
    Off,
    /// Nightjar with `--durability none`: the history is in memory
    None,
    /// Nightjar with `--durability crash`
    Crash,
    /// Nightjar with `--durability power-loss`, its default
    PowerLoss,
    /// No broker: packets are passed on without being looked at, which is what the sockets alone cost
    Floor,
}

impl Contestant {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mosquitto => "mosquitto",
            Self::MosquittoSaving => "mosquitto, saving",
            Self::Rumqttd => "rumqttd",
            Self::Off => "nightjar, off",
            Self::None => "nightjar, none",
            Self::Crash => "nightjar, crash",
            Self::PowerLoss => "nightjar, power-loss",
            Self::Floor => "no broker",
        }
    }

    pub(crate) fn is_installed(self) -> bool {
        match self {
            Self::Mosquitto | Self::MosquittoSaving => is_installed("mosquitto"),
            Self::Rumqttd => is_installed("rumqttd"),
            Self::Off | Self::None | Self::Crash | Self::PowerLoss | Self::Floor => true,
        }
    }

    pub(crate) fn start(self, server: &Path, folder: &Path) -> anyhow::Result<Broker> {
        match self {
            Self::Mosquitto => Broker::mosquitto(folder),
            Self::MosquittoSaving => Broker::mosquitto_with(
                folder,
                &[
                    "persistence true".to_owned(),
                    format!("persistence_location {}/", folder.display()),
                    "autosave_interval 1".to_owned(),
                ],
            ),
            Self::Rumqttd => Broker::rumqttd(folder),
            Self::Off => nightjar(server, folder, "none", "[history]\nkeep = \"nothing\"\n"),
            Self::None => nightjar(server, folder, "none", ""),
            Self::Crash => nightjar(server, folder, "crash", ""),
            Self::PowerLoss => nightjar(server, folder, "power-loss", ""),
            Self::Floor => {
                let mut command = Command::new(env::current_exe()?);
                command.arg("floor");
                Broker::announced(command)
            }
        }
    }
}

fn nightjar(server: &Path, folder: &Path, durability: &str, settings: &str) -> anyhow::Result<Broker> {
    let settings = format!("{settings}[limits]\nmaximum-connections = {CONNECTIONS}\n");
    fs::write(folder.join("nightjar.toml"), settings)?;
    Broker::nightjar_from(server, folder, &["--durability", durability])
}
