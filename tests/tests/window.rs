//! The real window: the built program on a display, driven through WebKitWebDriver, with real clients beside it.

#[path = "window/desk.rs"]
mod desk;
#[path = "window/far_computer.rs"]
mod far_computer;
#[path = "window/logs.rs"]
mod logs;
#[path = "window/network.rs"]
mod network;
#[path = "window/past.rs"]
mod past;
#[path = "window/security.rs"]
mod security;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use desk::{Desk, command, nightjar};
use nightjar_tests::{DEADLINE, Lines, Outcome, Record, run, terminate, wait};
use tempfile::TempDir;

/// Publishes with mosquitto_pub.
fn publish(address: SocketAddr, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", "127.0.0.1", "-p", &address.port().to_string()]).args(arguments);
    run(&mut command, &[], DEADLINE)?.success()?;
    Ok(())
}

/// mosquitto_sub, which ends with the value.
struct Subscriber {
    process: Child,
    lines: Lines,
}

impl Subscriber {
    /// Subscribes; the broker has acknowledged it when this returns.
    fn new(address: SocketAddr, client: &str, filter: &str) -> anyhow::Result<Self> {
        // Into a pipe it would write only when it has a few kilobytes.
        let mut process = Command::new("stdbuf")
            .args([
                "-oL",
                "mosquitto_sub",
                "-h",
                "127.0.0.1",
                "-p",
                &address.port().to_string(),
                "-i",
                client,
                "-t",
                filter,
                "-q",
                "1",
                "-d",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("mosquitto_sub (package mosquitto-clients)")?;
        let stdout = process.stdout.take().context("stdout is piped")?;
        let mut subscriber = Self { process, lines: Lines::of(stdout) };
        subscriber.lines.find(DEADLINE, |line| line.starts_with("Subscribed").then_some(()))?;
        Ok(subscriber)
    }

    fn receives(&mut self, payload: &str) -> anyhow::Result<()> {
        self.lines.find(DEADLINE, |line| (line == payload).then_some(()))
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[tokio::test]
async fn first_run_card_stays_until_something_connects() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let desk = Desk::open(data.path(), 0).await?;
    desk.see("Your broker is running").await?;
    desk.see("Waiting for the first connection").await?;
    publish(desk.address().await?, &["-t", "first", "-m", "1"])?;
    desk.see("Messages per second").await?;
    desk.see_no("Your broker is running").await?;
    desk.close().await?;

    let desk = Desk::open(data.path(), 0).await?;
    desk.see("Messages per second").await?;
    assert!(!desk.text().await?.contains("Your broker is running"), "it is for the very first time only");
    desk.close().await
}

#[tokio::test]
async fn message_of_a_device_stands_in_every_screen_and_survives_a_restart() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let desk = Desk::open(data.path(), 0).await?;
    let address = desk.address().await?;
    let subscriber = Subscriber::new(address, "hall-tablet", "hello/#")?;
    publish(address, &["-i", "press-11", "-t", "hello/world", "-m", "good evening", "-q", "1", "-r"])?;

    desk.screen("Topics").await?;
    desk.type_into("Filter topics", "hello/world").await?;
    desk.row("world").await?;
    desk.see("good evening").await?;
    desk.see("press-11").await?;

    desk.screen("History").await?;
    desk.row("good evening").await?;
    desk.see("press-11").await?;

    desk.screen("Retained").await?;
    desk.row("good evening").await?;

    desk.screen("Clients").await?;
    desk.row("hall-tablet").await?;
    desk.see("hello/#").await?;
    drop(subscriber);
    desk.close().await?;

    let stored = Record::open(data.path())?.messages("hello/world")?;
    assert_eq!(stored.len(), 1, "the message is in nightjar.db, once");

    let desk = Desk::open(data.path(), 0).await?;
    desk.address().await?;
    desk.screen("History").await?;
    desk.row("good evening").await?;
    desk.see("press-11").await?;
    desk.screen("Retained").await?;
    desk.row("good evening").await?;
    desk.screen("Topics").await?;
    desk.see("hello").await?;
    let mut late = Subscriber::new(desk.address().await?, "late", "hello/world")?;
    late.receives("good evening").context("a retained message is still retained after a restart")?;
    desk.close().await
}

#[tokio::test]
async fn message_from_the_window_reaches_a_device() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let desk = Desk::open(data.path(), 0).await?;
    let address = desk.address().await?;
    let mut subscriber = Subscriber::new(address, "hall-tablet", "from/the/window")?;
    desk.screen("Publish").await?;
    desk.type_into("Topic", "from/the/window").await?;
    desk.type_into("Payload", "hello out there").await?;
    desk.click("//*[@role='group'][@aria-label='QoS']//button[normalize-space(.)='2']").await?;
    desk.button("Connect and publish").await?;
    subscriber.receives("hello out there")?;
    desk.see("Acknowledged").await?;

    desk.screen("Clients").await?;
    desk.row("nightjar-window").await?;
    desk.close().await?;

    let stored = Record::open(data.path())?.messages("from/the/window")?;
    let publishers: Vec<_> = stored.iter().map(|message| (message.client.as_deref(), message.qos)).collect();
    assert_eq!(publishers, [(Some("nightjar-window"), 2)], "it is on record with its publisher, once");
    Ok(())
}

#[tokio::test]
async fn retained_message_is_cleared_from_the_window() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let desk = Desk::open(data.path(), 0).await?;
    let address = desk.address().await?;
    publish(address, &["-t", "keep/this", "-m", "kept", "-r", "-q", "1"])?;
    publish(address, &["-t", "clear/that", "-m", "superfluous", "-r", "-q", "1"])?;
    let mut subscriber = Subscriber::new(address, "watcher", "clear/that")?;
    subscriber.receives("superfluous")?;
    desk.screen("Retained").await?;
    desk.see("superfluous").await?;
    desk.click("//*[@aria-label='Select clear/that']").await?;
    desk.click("//button[starts-with(normalize-space(.), 'Clear 1')]").await?;
    desk.click("//dialog//button[starts-with(normalize-space(.), 'Clear')]").await?;
    desk.see_no("superfluous").await?;
    desk.see("kept").await?;
    let mut late = Subscriber::new(address, "late", "#")?;
    late.receives("kept")?;
    desk.close().await?;
    let stored = Record::open(data.path())?.messages("clear/that")?;
    assert_eq!(stored.len(), 2, "clearing is on record like any message");
    Ok(())
}

#[tokio::test]
async fn who_may_connect_takes_effect_at_once_and_is_remembered() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    // Nobody on this computer's network is to hear of a test.
    std::fs::write(data.path().join("nightjar.toml"), "discovery = false\n")?;
    let desk = Desk::open(data.path(), 0).await?;
    let local = desk.address().await?;
    // Any 127.x.y.z is this computer, but only a listener for every address answers at this one.
    let elsewhere = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), local.port()));
    assert!(TcpStream::connect(elsewhere).is_err(), "out of the box it listens on 127.0.0.1 alone");
    desk.choose("Anyone on my network").await?;
    desk.see("Let anyone on your network connect?").await?;
    assert!(TcpStream::connect(elsewhere).is_err(), "it asks first");
    desk.button("Let anyone connect").await?;
    desk.see("Anyone on your network may connect").await?;
    TcpStream::connect(elsewhere).context("now it listens on every address")?;
    desk.close().await?;

    let settings = std::fs::read_to_string(data.path().join("nightjar.toml"))?;
    assert!(settings.contains("access = \"anyone\""), "{settings}");
    let desk = Desk::open(data.path(), local.port()).await?;
    desk.address().await?;
    TcpStream::connect(elsewhere).context("it is remembered")?;
    desk.choose("This computer only").await?;
    desk.see("Only this computer may connect").await?;
    assert!(TcpStream::connect(elsewhere).is_err(), "and taken back");
    TcpStream::connect(local).context("while this computer may still connect")?;
    desk.close().await
}

#[tokio::test]
async fn port_in_use_is_explained_and_tried_again() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let occupant = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = occupant.local_addr()?.port();
    let desk = Desk::open(data.path(), port).await?;
    desk.see(&format!("can't listen on 127.0.0.1:{port}")).await?;
    desk.see("Another program").await?;
    desk.button("Retry").await?;
    desk.see("can't listen").await?;
    drop(occupant);
    // The attempt from before may still have been on its way, and then there is nothing to retry.
    desk.click("//button[normalize-space(.)='Retry'] | //h1[normalize-space(.)='Your broker is running']").await?;
    desk.see("Your broker is running").await?;
    publish(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), &["-t", "a", "-m", "b", "-q", "1"])?;
    desk.close().await
}

#[tokio::test]
async fn theme_is_taken_at_once_and_remembered() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let desk = Desk::open(data.path(), 0).await?;
    desk.address().await?;
    for theme in ["Dark", "Light", "Dark"] {
        desk.click("//button[@aria-label='Appearance and keys']").await?;
        desk.click(&format!("//*[starts-with(@role, 'menuitem')][normalize-space(.)='{theme}']")).await?;
        until_root(&desk, &theme.to_lowercase()).await?;
    }
    desk.close().await?;
    let desk = Desk::open(data.path(), 0).await?;
    desk.address().await?;
    until_root(&desk, "dark").await?;
    desk.close().await
}

async fn until_root(desk: &Desk, theme: &str) -> anyhow::Result<()> {
    let end = Instant::now() + DEADLINE;
    while desk.root("data-theme").await? != theme {
        ensure!(Instant::now() < end, "the page is not {theme}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[test]
fn sigterm_ends_it_with_0_and_everything_committed() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let mut process = command(data.path())?
        .args(["--port", &address.port().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let end = Instant::now() + DEADLINE;
    while TcpStream::connect(address).is_err() {
        ensure!(Instant::now() < end, "the broker behind the window does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    // QoS 0 is committed lazily, so this is what a careless stop would lose.
    publish(address, &["-t", "last/words", "-m", "good night"])?;
    terminate(&process)?;
    let status = wait(&mut process, DEADLINE)?;
    assert_eq!(status.code(), Some(0));
    assert_eq!(Record::open(data.path())?.messages("last/words")?.len(), 1);
    Ok(())
}

#[test]
fn without_a_display_it_says_so_and_names_the_way_out() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    for display in [None, Some(":65000")] {
        let mut command = command(data.path())?;
        command.env_remove("WAYLAND_DISPLAY").env_remove("DISPLAY");
        if let Some(display) = display {
            command.env("DISPLAY", display);
        }
        let Outcome { status, stderr, .. } = run(&mut command, &[], DEADLINE)?;
        assert_eq!(status.code(), Some(1), "{display:?}: {stderr}");
        let sentences: Vec<_> = stderr.lines().filter(|line| line.starts_with("nightjar: ")).collect();
        assert_eq!(sentences.len(), 1, "{display:?}: {stderr}");
        assert!(sentences[0].contains("nightjar serve"), "{display:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{display:?}: {stderr}");
    }
    Ok(())
}

#[test]
fn serve_is_the_server_without_a_window() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let mut process = Command::new(nightjar()?)
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data.path())
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdout = Lines::of(process.stdout.take().context("stdout is piped")?);
    let address: SocketAddr = stdout.find(DEADLINE, |line| line.strip_prefix("listening on mqtt://")?.parse().ok())?;
    publish(address, &["-t", "a", "-m", "b", "-q", "1"])?;
    terminate(&process)?;
    assert_eq!(wait(&mut process, DEADLINE)?.code(), Some(0));
    Ok(())
}
