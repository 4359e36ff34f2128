//! Another computer on the network: a namespace of its own at the other end of a cable (veth). The test runs itself once
//! more in a fresh network namespace, so that nothing of this computer's network is touched.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nightjar_tests::{DEADLINE, Lines, Outcome, run};
use tempfile::TempDir;

use crate::desk::Desk;

const NAME: &str = "network::another_computer_gets_in_while_anyone_may_and_only_then";
/// Set in the run within the namespace.
const INSIDE: &str = "NIGHTJAR_TEST_INSIDE_NETWORK";
/// This computer's address on the cable, and the other one's.
const NEAR: &str = "10.77.0.1";
const FAR: &str = "10.77.0.2";

#[tokio::test]
async fn another_computer_gets_in_while_anyone_may_and_only_then() -> anyhow::Result<()> {
    if std::env::var_os(INSIDE).is_some() {
        return in_the_namespace().await;
    }
    let mut again = Command::new("unshare");
    again
        .args(["--map-root-user", "--net"])
        .arg(std::env::current_exe()?)
        .args(["--exact", NAME, "--nocapture"])
        .env(INSIDE, "1");
    run(&mut again, &[], 5 * DEADLINE)?.success()?;
    Ok(())
}

async fn in_the_namespace() -> anyhow::Result<()> {
    let far = FarComputer::connect()?;
    let data = TempDir::new()?;
    let desk = Desk::open(data.path(), 0).await?;
    let port = desk.address().await?.port();
    ensure!(!far.publish(port, "before")?.status.success(), "nobody but this computer may connect out of the box");

    desk.button("Anyone on my network").await?;
    desk.see("Let anyone on your network connect?").await?;
    desk.button("Let anyone connect").await?;
    desk.see(&format!("mqtt://{NEAR}:{port}")).await?;
    far.publish(port, "while")?.success()?;
    desk.screen("History").await?;
    desk.see("while").await?;
    ensure!(!desk.text().await?.contains("before"));
    let mut listener = far.subscribe(port)?;

    desk.screen("Overview").await?;
    desk.button("This computer only").await?;
    desk.see(&format!("mqtt://127.0.0.1:{port}")).await?;
    listener.ended()?;
    ensure!(!far.publish(port, "after")?.status.success(), "the way in is closed again");
    desk.close().await
}

/// The namespace at the other end, for as long as its one process lives.
struct FarComputer(Child);

impl FarComputer {
    fn connect() -> anyhow::Result<Self> {
        ip(&["link", "set", "lo", "up"])?;
        let process = Command::new("unshare").args(["--net", "sleep", "600"]).spawn().context("unshare")?;
        let far = Self(process);
        let of = |process: &str| fs::read_link(format!("/proc/{process}/ns/net"));
        let id = far.0.id().to_string();
        let end = Instant::now() + DEADLINE;
        while of(&id)? == of("self")? {
            ensure!(Instant::now() < end, "the other namespace did not come to be");
            std::thread::sleep(Duration::from_millis(10));
        }
        ip(&["link", "add", "near", "type", "veth", "peer", "name", "far", "netns", &id])?;
        ip(&["address", "add", &format!("{NEAR}/24"), "dev", "near"])?;
        ip(&["link", "set", "near", "up"])?;
        for arguments in
            [&["ip", "address", "add", &format!("{FAR}/24"), "dev", "far"][..], &["ip", "link", "set", "far", "up"]]
        {
            run(&mut far.command(arguments), &[], DEADLINE)?.success()?;
        }
        Ok(far)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.0.id())).args(arguments);
        command
    }

    fn publish(&self, port: u16, payload: &str) -> anyhow::Result<Outcome> {
        let port = port.to_string();
        let arguments = [
            "mosquitto_pub",
            "-h",
            NEAR,
            "-p",
            &port,
            "-i",
            "toaster",
            "-t",
            "kitchen/toaster",
            "-m",
            payload,
            "-q",
            "1",
        ];
        run(&mut self.command(&arguments), &[], DEADLINE)
    }

    /// A client that stays; it is connected when this returns. mosquitto_sub holds its lines back where they go to a pipe.
    fn subscribe(&self, port: u16) -> anyhow::Result<Listener> {
        let port = port.to_string();
        let arguments =
            ["stdbuf", "-oL", "mosquitto_sub", "-h", NEAR, "-p", &port, "-i", "car", "-t", "#", "-d", "-V", "5"];
        let mut process = self
            .command(&arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("mosquitto_sub (package mosquitto-clients)")?;
        let stdout = process.stdout.take().context("stdout is piped")?;
        let mut listener = Listener { process, lines: Lines::of(stdout) };
        listener.lines.find(DEADLINE, |line| line.starts_with("Subscribed").then_some(()))?;
        Ok(listener)
    }
}

impl Drop for FarComputer {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// mosquitto_sub on the other computer.
struct Listener {
    process: Child,
    lines: Lines,
}

impl Listener {
    /// Waits until the broker has told it to go.
    fn ended(&mut self) -> anyhow::Result<()> {
        self.lines.find(DEADLINE, |line| line.starts_with("Received DISCONNECT").then_some(()))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    run(Command::new("ip").args(arguments), &[], DEADLINE)?.success()?;
    Ok(())
}
