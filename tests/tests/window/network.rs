//! Who gets in from another computer on the network, and who does not.

use std::fs;
use std::net::IpAddr;

use anyhow::ensure;
use tempfile::TempDir;

use crate::desk::Desk;
use crate::far_computer::{FarComputer, NEAR, is_inside, run_inside};

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
async fn first_run_lets_a_device_in_with_a_login_that_the_window_made() -> anyhow::Result<()> {
    if !is_inside() {
        return run_inside("network::first_run_lets_a_device_in_with_a_login_that_the_window_made");
    }
    let far = FarComputer::connect()?;
    let data = TempDir::new()?;
    let desk = Desk::open(data.path(), 0).await?;
    let port = desk.address().await?.port();
    ensure!(!far.publish(port, "before", &[])?.status.success(), "out of the box no device gets in");

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

    for wrong in [&[][..], &["-u", "car", "-P", "guess"], &["-u", "bus", "-P", &password]] {
        ensure!(!far.publish(port, "guessed", wrong)?.status.success(), "{wrong:?} was let in");
    }
    desk.see("Waiting for the first connection").await?;
    far.publish(port, "arrived", &["-u", "car", "-P", &password])?.success()?;
    desk.see("Messages per second").await?;
    desk.screen("History").await?;
    desk.see("arrived").await?;
    ensure!(!desk.text().await?.contains("guessed"));
    desk.close().await
}
