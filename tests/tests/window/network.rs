//! Who gets in from another computer on the network, and who does not.

use std::fs;
use std::net::IpAddr;
use std::process::Command;

use anyhow::{Context, ensure};
use nightjar_tests::{DEADLINE, run};
use tempfile::TempDir;

use crate::desk::Desk;
use crate::far_computer::{FarComputer, NEAR, is_inside, run_inside};

/// The ports of the ways in that the window opens: the network is the test's own.
const TLS: u16 = 8883;
const WEB_SOCKET: u16 = 8083;

#[tokio::test]
async fn another_computer_gets_in_while_anyone_may_and_only_then() -> anyhow::Result<()> {
    if !is_inside() {
        return run_inside("network::another_computer_gets_in_while_anyone_may_and_only_then");
    }
    let far = FarComputer::connect()?;
    let data = TempDir::new()?;
    let desk = Desk::open(data.path(), 0).await?;
    let port = desk.address().await?.port();
    ensure!(!far.publish(port, "before", &[])?.status.success(), "nobody but this computer may connect out of the box");

    let announcements = far.browse("_mqtt._tcp.local.")?;
    desk.choose("Anyone on my network").await?;
    desk.see("Let anyone on your network connect?").await?;
    desk.button("Let anyone connect").await?;
    desk.see(&format!("mqtt://{NEAR}:{port}")).await?;
    let (name, addresses, announced) = announcements.found()?;
    ensure!(name.starts_with("Nightjar on ") && announced == port, "{name} at {announced}");
    ensure!(addresses.contains(&NEAR.parse()?) && !addresses.iter().any(IpAddr::is_loopback), "{addresses:?}");
    let file = data.path().join("nightjar.toml");
    let settings = fs::read_to_string(&file)?;
    fs::write(&file, format!("discovery = false\n{settings}"))?;
    ensure!(announcements.gone()? == name, "it is announced no longer once the settings say so");
    fs::write(&file, settings)?;
    ensure!(announcements.found()?.0 == name, "nor is it silent for longer than they say");
    far.publish(port, "while", &[])?.success()?;
    desk.screen("History").await?;
    desk.see("while").await?;
    ensure!(!desk.text().await?.contains("before"));
    let mut listener = far.subscribe(port)?;

    desk.screen("Overview").await?;
    desk.button("This computer").await?;
    desk.see(&format!("mqtt://127.0.0.1:{port}")).await?;
    listener.ended()?;
    ensure!(announcements.gone()? == name, "what can't be reached is not announced");
    ensure!(!far.publish(port, "after", &[])?.status.success(), "the way in is closed again");
    desk.close().await
}

#[tokio::test]
async fn first_run_lets_a_device_in_with_a_login_over_every_way() -> anyhow::Result<()> {
    if !is_inside() {
        return run_inside("network::first_run_lets_a_device_in_with_a_login_over_every_way");
    }
    let far = FarComputer::connect()?;
    let data = TempDir::new()?;
    let desk = Desk::open(data.path(), 0).await?;
    let port = desk.address().await?.port();
    for port in [port, TLS, WEB_SOCKET] {
        ensure!(!far.publish(port, "before", &[])?.status.success(), "out of the box no device gets in at {port}");
    }

    desk.choose("Devices on my network, with a password").await?;
    desk.type_into("User name", "car").await?;
    let password = desk.value("Password").await?;
    ensure!(password.len() == 20, "a password was made up: {password:?}");
    desk.button("Make it and let devices in").await?;
    desk.see("Note the password now").await?;
    desk.see(&password).await?;
    desk.button("I have it").await?;
    desk.see(&format!("mqtt://{NEAR}:{port}")).await?;
    desk.see(&format!("mosquitto_pub -h {NEAR} -p {port} -u car -P {password} -t hello/world")).await?;
    desk.tick(&format!("TLS {TLS}")).await?;
    desk.tick(&format!("WebSocket {WEB_SOCKET}")).await?;
    desk.button("Certificate…").await?;
    let authority = data.path().join("from-the-window.pem");
    fs::write(&authority, desk.lines("-----END CERTIFICATE-----").await?)?;
    let authority = authority.to_str().context("a path in UTF-8")?;
    desk.see(&fingerprint(authority)?).await?;
    desk.button("Close").await?;

    for wrong in [&[][..], &["-u", "car", "-P", "guess"], &["-u", "bus", "-P", &password]] {
        ensure!(!far.publish(port, "guessed", wrong)?.status.success(), "{wrong:?} was let in");
    }
    desk.see("Waiting for the first connection").await?;
    let login = ["-u", "car", "-P", &password];
    far.publish(port, "arrived plainly", &login)?.success()?;
    desk.see("Messages per second").await?;
    let trusting = ["--cafile", authority];
    far.publish(TLS, "arrived secretly", &[&login[..], &trusting].concat())?.success()?;
    ensure!(!far.publish(TLS, "guessed", &trusting)?.status.success(), "TLS is no login");
    far.publish_over_web_socket(WEB_SOCKET, "arrived from a page", "car", &password)?;
    desk.screen("History").await?;
    for payload in ["arrived plainly", "arrived secretly", "arrived from a page"] {
        desk.see(payload).await?;
    }
    ensure!(!desk.text().await?.contains("guessed"));
    desk.close().await
}

/// Of a certificate, as openssl sees it.
fn fingerprint(file: &str) -> anyhow::Result<String> {
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-in", file, "-noout", "-fingerprint", "-sha256"]);
    let told = run(&mut openssl, &[], DEADLINE)?.success()?.stdout;
    Ok(told.trim().split_once('=').context("name=fingerprint")?.1.to_owned())
}
