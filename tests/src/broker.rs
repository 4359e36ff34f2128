//! A broker as a process of its own, which ends with the value that stands for it.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::client::Kind;
use crate::programs::{find, program};
use crate::{DEADLINE, Lines, terminate, wait};

/// A running broker.
#[derive(Debug)]
pub struct Broker {
    process: Child,
    address: SocketAddr,
    /// What it says of its listeners beyond the first.
    stdout: Option<Lines>,
    stderr: Lines,
}

impl Broker {
    /// Starts `nightjar-server` on a free port of this computer.
    ///
    /// # Errors
    /// Where it does not say that it listens, with what it said instead.
    pub fn nightjar(data_dir: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        Self::nightjar_from(&program("nightjar-server"), data_dir, arguments)
    }

    /// The same with the program named, for the bench, which runs a release build.
    ///
    /// # Errors
    /// Where it does not say that it listens, with what it said instead.
    pub fn nightjar_from(program: &Path, data_dir: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir).args(arguments);
        Self::announced(command)
    }

    /// Starts any program that says `listening on mqtt://ADDRESS` once it does.
    ///
    /// # Errors
    /// Where it does not say so, with what it said instead.
    pub fn announced(mut command: Command) -> anyhow::Result<Self> {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{command:?} can't be started"))?;
        let mut stderr = Lines::of(process.stderr.take().context("stderr is piped")?);
        let mut stdout = Lines::of(process.stdout.take().context("stdout is piped")?);
        let listening = stdout.find(DEADLINE, |line| line.strip_prefix("listening on mqtt://")?.parse().ok());
        match listening {
            Ok(address) => Ok(Self { process, address, stdout: Some(stdout), stderr }),
            Err(error) => {
                drop(process.kill());
                drop(process.wait());
                Err(error.context(format!("{command:?}: {}", stderr.rest(Duration::from_secs(1)))))
            }
        }
    }

    /// Starts mosquitto on a free port of this computer, open to all of it, with its files in `folder`.
    ///
    /// # Errors
    /// Where it is not installed or does not start.
    pub fn mosquitto(folder: &Path) -> anyhow::Result<Self> {
        Self::mosquitto_with(folder, &[])
    }

    /// The same with further lines of configuration.
    ///
    /// # Errors
    /// Where it is not installed or does not start.
    pub fn mosquitto_with(folder: &Path, lines: &[String]) -> anyhow::Result<Self> {
        let program = find("mosquitto").context("mosquitto is not installed")?;
        let mut attempts = 0;
        // mosquitto can't choose a port itself, and between our choice and its start somebody may take it.
        loop {
            attempts += 1;
            match Self::mosquitto_on(&program, folder, free_port()?, lines) {
                Err(_) if attempts < 5 => {}
                result => return result,
            }
        }
    }

    fn mosquitto_on(program: &Path, folder: &Path, address: SocketAddr, further: &[String]) -> anyhow::Result<Self> {
        let configuration = folder.join("mosquitto.conf");
        let mut lines = vec![
            format!("listener {} {}", address.port(), address.ip()),
            "allow_anonymous true".to_owned(),
            "log_dest stderr".to_owned(),
            // As Nightjar: a resumed session loses nothing that a test or a bench leaves waiting.
            "max_queued_messages 0".to_owned(),
        ];
        lines.extend_from_slice(further);
        fs::write(&configuration, lines.join("\n") + "\n")?;
        let mut process = Command::new(program)
            .arg("-c")
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stderr = Lines::of(process.stderr.take().context("stderr is piped")?);
        let running = stderr.find(DEADLINE, |line| line.ends_with(" running").then_some(()));
        if let Err(error) = running {
            drop(process.kill());
            drop(process.wait());
            return Err(error);
        }
        Ok(Self { process, address, stdout: None, stderr })
    }

    /// Starts rumqttd on a free port of this computer, with its configuration in `folder`.
    ///
    /// # Errors
    /// Where it is not installed or does not listen.
    pub fn rumqttd(folder: &Path) -> anyhow::Result<Self> {
        let program = find("rumqttd").context("rumqttd is not installed")?;
        let address = free_port()?;
        let configuration = folder.join("rumqttd.toml");
        // Its own example's values, but for room for the largest payload and the most connections of the bench.
        let text = format!(
            "id = 0\n[router]\nid = 0\nmax_connections = 20010\nmax_outgoing_packet_count = 200\n\
             max_segment_size = 104857600\nmax_segment_count = 10\n[v4.1]\nname = \"v4-1\"\nlisten = \"{address}\"\n\
             next_connection_delay_ms = 1\n[v4.1.connections]\nconnection_timeout_ms = 60000\n\
             max_payload_size = 1048576\nmax_inflight_count = 100\ndynamic_filters = true\n"
        );
        fs::write(&configuration, text)?;
        let mut process = Command::new(program)
            .arg("--quiet")
            .arg("--config")
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = Lines::of(process.stderr.take().context("stderr is piped")?);
        let mut broker = Self { process, address, stdout: None, stderr };
        // It says nothing that could be waited for.
        let end = Instant::now() + DEADLINE;
        while TcpStream::connect(address).is_err() {
            ensure!(Instant::now() < end, "rumqttd does not listen: {}", broker.stderr());
            thread::sleep(Duration::from_millis(10));
        }
        Ok(broker)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the next listener that it has beside plain TCP, in the order `mqtts`, `ws`, `wss`.
    ///
    /// # Errors
    /// Where it does not say that it has one.
    pub fn door(&mut self, kind: Kind) -> anyhow::Result<SocketAddr> {
        let (begin, end) = match kind {
            Kind::Tcp => return Ok(self.address),
            Kind::Tls => ("listening on mqtts://", ""),
            Kind::WebSocket => ("listening on ws://", "/mqtt"),
            Kind::WebSocketTls => ("listening on wss://", "/mqtt"),
        };
        let stdout = self.stdout.as_mut().context("only nightjar-server says where it listens")?;
        stdout.find(DEADLINE, |line| line.strip_prefix(begin)?.strip_suffix(end)?.parse().ok())
    }

    /// The process identifier.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// Where it still runs at the deadline.
    pub fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        terminate(&self.process)?;
        wait(&mut self.process, DEADLINE).with_context(|| self.stderr.rest(Duration::ZERO))
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// Where there is nothing to kill.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// What it has said on standard error so far, or until it ended.
    pub fn stderr(&mut self) -> String {
        self.stderr.rest(Duration::from_millis(100))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
