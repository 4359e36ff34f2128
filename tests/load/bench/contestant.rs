//! The brokers that are measured, each started fresh in a folder of its own.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;
use clap::ValueEnum;
use nightjar_tests::client::Place;
use nightjar_tests::{Broker, is_installed};

use crate::plan::Transport;

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

    /// Starts it, and says where it listens for clients that speak `transport`.
    pub(crate) fn start(self, server: &Path, folder: &Path, transport: Transport) -> anyhow::Result<(Broker, Place)> {
        let broker = match self {
            Self::Mosquitto => return mosquitto(folder, transport, Vec::new()),
            Self::MosquittoSaving => {
                let saving = vec![
                    "persistence true".to_owned(),
                    format!("persistence_location {}/", folder.display()),
                    "autosave_interval 1".to_owned(),
                ];
                return mosquitto(folder, transport, saving);
            }
            Self::Off => return nightjar(server, folder, transport, "none", "[history]\nkeep = \"nothing\"\n"),
            Self::None => return nightjar(server, folder, transport, "none", ""),
            Self::Crash => return nightjar(server, folder, transport, "crash", ""),
            Self::PowerLoss => return nightjar(server, folder, transport, "power-loss", ""),
            Self::Rumqttd => Broker::rumqttd(folder)?,
            Self::Floor => {
                let mut command = Command::new(env::current_exe()?);
                command.arg("floor");
                Broker::announced(command)?
            }
        };
        ensure!(transport == Transport::Tcp, "{} is measured over plain TCP only", self.name());
        let place = Place::plain(broker.address());
        Ok((broker, place))
    }
}

/// mosquitto with a listener of this kind. Another beside it is plain, for 2.0.11 does not start with WebSocket alone.
fn mosquitto(folder: &Path, transport: Transport, mut lines: Vec<String>) -> anyhow::Result<(Broker, Place)> {
    if transport == Transport::Tcp {
        let broker = Broker::mosquitto_with(folder, &lines)?;
        let place = Place::plain(broker.address());
        return Ok((broker, place));
    }
    // Where somebody takes the port in between, the bench tries again.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    lines.push(format!("listener {} {}", address.port(), address.ip()));
    let mut authority = PathBuf::new();
    if transport.is_tls() {
        let own = rcgen::generate_simple_self_signed([address.ip().to_string()])?;
        let key = folder.join("key.pem");
        authority = folder.join("certificate.pem");
        fs::write(&authority, own.cert.pem())?;
        fs::write(&key, own.signing_key.serialize_pem())?;
        lines.push(format!("certfile {}", authority.display()));
        lines.push(format!("keyfile {}", key.display()));
        // Started by root it would become somebody who can't read them.
        lines.push("user root".to_owned());
    }
    if transport.is_web_socket() {
        lines.push("protocol websockets".to_owned());
    }
    Ok((Broker::mosquitto_with(folder, &lines)?, Place { address, kind: transport, authority }))
}

fn nightjar(
    server: &Path,
    folder: &Path,
    transport: Transport,
    durability: &str,
    settings: &str,
) -> anyhow::Result<(Broker, Place)> {
    let settings = format!("{settings}[limits]\nmaximum-connections = {CONNECTIONS}\n");
    fs::write(folder.join("nightjar.toml"), settings)?;
    let mut arguments = vec!["--durability", durability];
    let listen = match transport {
        Transport::Tcp => None,
        Transport::Tls => Some("--listen-tls"),
        Transport::WebSocket => Some("--listen-ws"),
        Transport::WebSocketTls => Some("--listen-wss"),
    };
    arguments.extend(listen.into_iter().flat_map(|listen| [listen, "127.0.0.1:0"]));
    let mut broker = Broker::nightjar_from(server, folder, &arguments)?;
    let place = Place { address: broker.door(transport)?, kind: transport, authority: folder.join("certs/ca.pem") };
    Ok((broker, place))
}
