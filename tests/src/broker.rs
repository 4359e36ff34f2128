//! A broker as a process of its own, which ends with the value that stands for it.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;

use crate::programs::{find, program};
use crate::{DEADLINE, Lines, terminate, wait};

/// A running broker.
#[derive(Debug)]
pub struct Broker {
    process: Child,
    address: SocketAddr,
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
        let mut process = Command::new(program)
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} can't be started", program.display()))?;
        let mut stderr = Lines::of(process.stderr.take().context("stderr is piped")?);
        let mut stdout = Lines::of(process.stdout.take().context("stdout is piped")?);
        let listening = stdout.find(DEADLINE, |line| line.strip_prefix("listening on mqtt://")?.parse().ok());
        match listening {
            Ok(address) => Ok(Self { process, address, stderr }),
            Err(error) => {
                drop(process.kill());
                drop(process.wait());
                Err(error.context(format!("nightjar-server: {}", stderr.rest(Duration::from_secs(1)))))
            }
        }
    }

    /// Starts mosquitto on a free port of this computer, open to all of it, with its files in `folder`.
    ///
    /// # Errors
    /// Where it is not installed or does not start.
    pub fn mosquitto(folder: &Path) -> anyhow::Result<Self> {
        let program = find("mosquitto").context("mosquitto is not installed")?;
        let mut attempts = 0;
        // mosquitto can't choose a port itself, and between our choice and its start somebody may take it.
        loop {
            attempts += 1;
            match Self::mosquitto_on(&program, folder, free_port()?) {
                Err(_) if attempts < 5 => {}
                result => return result,
            }
        }
    }

    fn mosquitto_on(program: &Path, folder: &Path, address: SocketAddr) -> anyhow::Result<Self> {
        let configuration = folder.join("mosquitto.conf");
        let lines = [
            format!("listener {} {}", address.port(), address.ip()),
            "allow_anonymous true".to_owned(),
            "log_dest stderr".to_owned(),
            // As Nightjar: a resumed session loses nothing that a test or a bench leaves waiting.
            "max_queued_messages 0".to_owned(),
        ];
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
        Ok(Self { process, address, stderr })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
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
