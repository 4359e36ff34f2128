//! The command line of `nightjar-server`, which `nightjar serve` shares.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use nightjar_broker::{Access, Scheme};
use nightjar_store::{Durability, Keep};

use crate::account_cli::{self, AccountCommand};
use crate::ban_cli::{self, BanCommand};
use crate::care_cli::{self, CareCommand};
use crate::config_cli::{self, ConfigCommand};
use crate::history_settings;
use crate::rule_cli::{self, RuleCommand};
use crate::{
    CertificateFiles, ListenerState, LogLevel, LogSettings, Logging, Overrides, Server, SettingsFile, StartOptions,
    ToStderr, default_data_directory,
};

/// An MQTT broker that keeps every message.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The directory with nightjar.toml and nightjar.db; made if it is missing
    #[arg(long, value_name = "DIR", env = "NIGHTJAR_DATA_DIR", global = true)]
    data_dir: Option<PathBuf>,

    /// An address to listen at, such as 127.0.0.1:1883 or [::]:1883; may be repeated; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<SocketAddr>,

    /// An address to listen at for MQTT over TLS, such as 127.0.0.1:8883; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    listen_tls: Vec<SocketAddr>,

    /// An address to listen at for MQTT over WebSocket, such as 127.0.0.1:8083; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    listen_ws: Vec<SocketAddr>,

    /// An address to listen at for MQTT over WebSocket over TLS, such as 127.0.0.1:8084; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    listen_wss: Vec<SocketAddr>,

    /// The certificate for TLS, in PEM, with those that lead to its authority; otherwise Nightjar makes its own
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,

    /// The key of that certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,

    /// Let anyone connect who reaches the listeners, without a password, whatever the settings say
    #[arg(long)]
    allow_anonymous: bool,

    /// Tell nobody on the network of the broker by multicast DNS, whatever the settings say
    #[arg(long)]
    no_discovery: bool,

    /// What an acknowledged message survives: power-loss, crash or none
    #[arg(long, value_name = "LEVEL")]
    durability: Option<Durability>,

    /// How long messages are kept that no rule of the settings is for: nothing, "for ever", or a time such as "30 d"
    #[arg(long, value_name = "TIME", value_parser = history_settings::parse_keep)]
    keep: Option<Keep>,

    /// The settings, in the place of nightjar.toml in the data directory
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Write nightjar.log in the data directory, too, whatever the settings say
    #[arg(long)]
    log_file: bool,

    /// What is said at the standard error and in nightjar.log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<LogLevel>,

    /// Without one, the broker runs
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Care(CareCommand),

    /// Make, change and list the accounts of those who may log in; also while a broker runs
    #[command(subcommand)]
    Account(AccountCommand),

    /// Say who may publish and read what; also while a broker runs
    #[command(subcommand)]
    Rule(RuleCommand),

    /// Keep clients, users and addresses out, for a while or for good; also while a broker runs
    #[command(subcommand)]
    Ban(BanCommand),

    /// Look at the settings without a broker
    #[command(subcommand)]
    Config(ConfigCommand),
}

impl Arguments {
    /// What holds whatever the settings say.
    fn overrides(&self) -> Overrides {
        let listen = [
            (Scheme::Tcp, &self.listen),
            (Scheme::Tls, &self.listen_tls),
            (Scheme::WebSocket, &self.listen_ws),
            (Scheme::WebSocketTls, &self.listen_wss),
        ];
        let certificate = self.tls_certificate.clone().zip(self.tls_key.clone());
        Overrides {
            access: self.allow_anonymous.then_some(Access::Anyone),
            port: None,
            no_discovery: self.no_discovery,
            durability: self.durability,
            keep: self.keep,
            listen: listen.iter().flat_map(|(kind, at)| at.iter().map(|address| (*kind, *address))).collect(),
            certificate: certificate.map(|(certificate, key)| CertificateFiles { certificate, key }),
        }
    }
}

/// Runs the broker until SIGTERM or SIGINT. Exit code 0 after a clean stop, 1 where it could not start, 2 for a wrong
/// command line.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = Arguments::parse_from(arguments);
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "the one sentence that a user at a terminal is waiting for")]
fn complain(error: &anyhow::Error) {
    eprintln!("nightjar: {error:#}");
}

#[expect(clippy::print_stdout, reason = "whoever started the server waits for this line")]
fn announce(url: &str) {
    println!("listening on {url}");
}

fn run(mut arguments: Arguments) -> anyhow::Result<()> {
    if let Some(command) = arguments.command.take() {
        let data_directory = arguments.data_dir.unwrap_or_else(default_data_directory);
        Logging::start(LogLevel::default(), ToStderr::All);
        return match command {
            Command::Care(command) => care_cli::run(command, &data_directory),
            Command::Account(command) => account_cli::run(command, &data_directory),
            Command::Ban(command) => ban_cli::run(command, &data_directory),
            Command::Rule(command) => rule_cli::run(command, &data_directory),
            Command::Config(command) => config_cli::run(command, arguments.config, &data_directory),
        };
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads of the broker can't be started")?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> anyhow::Result<()> {
    let data_directory = arguments.data_dir.clone().unwrap_or_else(default_data_directory);
    let file = match &arguments.config {
        Some(file) if !file.exists() => anyhow::bail!("the settings file {} does not exist", file.display()),
        Some(file) => SettingsFile::at(file),
        None => SettingsFile::of(&data_directory),
    };
    let overrides = arguments.overrides();
    let options = StartOptions { overrides, ..StartOptions::with(&data_directory, file)? };
    let log = LogSettings {
        level: arguments.log_level.unwrap_or(options.settings.log.level),
        file: Some(arguments.log_file || options.settings.log.file == Some(true)),
        ..options.settings.log
    };
    let logging = Logging::start(log.level, ToStderr::All);
    let stop_asked = stop_signal()?;
    let reload_asked = reload_signal()?;
    let server = Server::start(options).await?;
    // Not before: until then the directory may be another's.
    if log.file == Some(true) {
        logging.open_file(&data_directory, &log);
    }
    for ListenerState { address, url, fault, .. } in server.listeners() {
        match fault {
            None => announce(&url),
            Some(fault) => tracing::warn!(%address, "not listening: {fault}"),
        }
    }
    for notice in server.notices() {
        tracing::warn!("{notice}");
    }
    tokio::select! {
        () = stop_asked => {}
        () = reload(&server, reload_asked) => {}
    }
    server.stop().await;
    logging.close_file();
    Ok(())
}

/// Puts the settings in force again whenever somebody asks for it; for ever.
async fn reload(server: &Server, mut asked: impl AsyncFnMut()) {
    loop {
        asked().await;
        match server.reload().await {
            Ok(changed) if changed.is_empty() => tracing::info!("the settings are as they were"),
            Ok(_) => {}
            Err(error) => tracing::error!("the settings from before hold: {error}"),
        }
    }
}

/// Waits for SIGHUP, with which a service is told to read its settings again.
#[cfg(unix)]
fn reload_signal() -> anyhow::Result<impl AsyncFnMut()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup()).context("SIGHUP can't be waited for")?;
    Ok(async move || {
        if hangup.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    })
}

/// There is no such signal: a save of the file leads to the same.
#[cfg(not(unix))]
fn reload_signal() -> anyhow::Result<impl AsyncFnMut()> {
    Ok(async || std::future::pending::<()>().await)
}

/// Ends when somebody asks the process to stop. Listens from the call on, not only once it is awaited.
#[cfg(unix)]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM can't be waited for")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT can't be waited for")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Ends when somebody asks the process to stop.
#[cfg(not(unix))]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
