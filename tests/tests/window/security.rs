//! Accounts, rules, bans and listeners that are made in the window, and what they mean for real clients.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use nightjar_mqtt::{Packet, ProtocolVersion, ReasonCode};
use nightjar_tests::{DEADLINE, Outcome, Peer, Record, run};
use tempfile::TempDir;

use crate::desk::Desk;

#[tokio::test]
async fn files_of_mosquitto_are_taken_over() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    fs::write(data.path().join("nightjar.toml"), "access = \"password\"\ndiscovery = false\n")?;
    let (passwords, acl) = (data.path().join("passwd"), data.path().join("acl"));
    fs::write(&passwords, "")?;
    let path = |file: &Path| file.to_str().map(str::to_owned).context("a temporary path is UTF-8");
    let mut command = Command::new("mosquitto_passwd");
    run(command.args(["-b", &path(&passwords)?, "tv", "secret"]), &[], DEADLINE)?.success()?;
    fs::write(&acl, "user tv\ntopic readwrite home/tv/#\ntopics x\n")?;

    let desk = Desk::open(data.path(), 0).await?;
    let address = desk.address().await?;
    desk.screen("Security").await?;
    desk.click("//button[@aria-label='Import a password file of mosquitto…']").await?;
    desk.type_into("File", &path(&passwords)?).await?;
    desk.button("Import the accounts").await?;
    desk.see("1 account imported").await?;
    publish(address, "secret", "one")?.success()?;

    desk.tab("Rules").await?;
    desk.click("//button[@aria-label='Import an ACL file of mosquitto…']").await?;
    desk.type_into("File", &path(&acl)?).await?;
    desk.button("Import the rules").await?;
    desk.see("line 3: it begins with").await?;
    fs::write(&acl, "user tv\ntopic readwrite home/tv/#\n")?;
    desk.button("Import the rules").await?;
    desk.see("Rules 1").await?;
    desk.type_into("Account of the client", "tv").await?;
    desk.type_into("Topic of the test", "home/tv/on").await?;
    desk.see("Rule 1 decides:").await?;
    desk.type_into("Topic of the test", "home/light").await?;
    desk.see("No rule matches, so the last line decides.").await?;
    desk.close().await
}

#[tokio::test]
async fn who_is_banned_in_the_window_is_turned_out_until_the_ban_is_lifted() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let desk = Desk::open(data.path(), 0).await?;
    let address = desk.address().await?;
    let mut press = Peer::join(address, ProtocolVersion::V5, "press-11")?;
    desk.screen("Clients").await?;
    desk.row("press-11").await?;
    desk.button("Ban…").await?;
    desk.see("press-11 would be disconnected, and kept out.").await?;
    desk.select("For how long", "1h").await?;
    desk.type_into("Note", "loops").await?;
    desk.button("Ban").await?;
    desk.see("press-11 is banned").await?;
    let told = press.expect_end()?;
    let is_ban = |packet: &Packet| matches!(packet, Packet::Disconnect(end) if end.reason_code == ReasonCode::ADMINISTRATIVE_ACTION);
    ensure!(told.iter().any(is_ban), "it is told: {told:?}");
    ensure!(crate::publish(address, &["-i", "press-11", "-t", "a", "-m", "0"]).is_err(), "it stays out");

    desk.screen("Security").await?;
    desk.tab("Bans 1").await?;
    desk.row("loops").await?;
    desk.see("in 59 min").await?;
    desk.button("Lift the ban").await?;
    desk.see("Nobody is banned").await?;
    crate::publish(address, &["-i", "press-11", "-t", "a", "-m", "1", "-q", "1"])?;
    desk.close().await
}

#[tokio::test]
async fn listeners_are_opened_changed_and_closed_and_the_file_keeps_its_comments() -> anyhow::Result<()> {
    const MINE: &str = "# mine\naccess = \"this-computer\" # for now\n";
    let data = TempDir::new()?;
    let file = data.path().join("nightjar.toml");
    fs::write(&file, MINE)?;
    let desk = Desk::open(data.path(), 0).await?;
    let main = desk.address().await?;
    // Another program's, for as long as this is there.
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let (used, free) = (taken.local_addr()?.port(), free_port()?);
    desk.screen("Security").await?;
    desk.button("Open another…").await?;
    desk.select("Kind", "tcp").await?;
    desk.type_into("Port", &used.to_string()).await?;
    desk.button("Open the listener").await?;
    desk.see(&format!("Another program, perhaps another MQTT broker, uses port {used}")).await?;
    ensure!(fs::read_to_string(&file)? == MINE, "what does not work is not written");

    desk.type_into("Port", &free.to_string()).await?;
    desk.button("Open the listener").await?;
    desk.see(&format!("127.0.0.1:{free}")).await?;
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    crate::publish(at(free), &["-t", "a", "-m", "1"])?;
    let written = fs::read_to_string(&file)?;
    ensure!(written.starts_with(MINE) && written.contains(&format!("port = {free}")), "{written}");

    let mut through = Peer::join(at(free), ProtocolVersion::V5, "press-11")?;
    let other = free_port()?;
    desk.click(&format!("//button[@aria-label='MQTT on port {free}']")).await?;
    desk.click("//*[@role='menuitem'][normalize-space(.)='Change…']").await?;
    desk.type_into("Port", &other.to_string()).await?;
    desk.button("Change the listener").await?;
    desk.see(&format!("127.0.0.1:{other}")).await?;
    crate::publish(at(other), &["-t", "a", "-m", "2"])?;
    through.ping()?;

    desk.click(&format!("//button[@aria-label='MQTT on port {other}']")).await?;
    desk.click("//*[@role='menuitem'][normalize-space(.)='Close…']").await?;
    desk.button("Close the listener").await?;
    desk.see_no(&format!("127.0.0.1:{other}")).await?;
    ensure!(crate::publish(at(other), &["-t", "a", "-m", "3"]).is_err(), "it is closed");
    crate::publish(main, &["-t", "a", "-m", "4"])?;
    ensure!(fs::read_to_string(&file)? == MINE, "the file is as it was");
    desk.close().await
}

/// A port that nobody uses at the moment.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Publishes to `home/tv` as the account `tv`.
fn publish(address: SocketAddr, password: &str, payload: &str) -> anyhow::Result<Outcome> {
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", "127.0.0.1", "-p", &address.port().to_string(), "-V", "5", "-q", "1"]);
    command.args(["-i", "tv-1", "-u", "tv", "-P", password, "-t", "home/tv", "-m", payload]);
    run(&mut command, &[], DEADLINE)
}

#[tokio::test]
async fn an_account_and_rules_of_the_window_refuse_and_allow_a_real_client() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    fs::write(data.path().join("nightjar.toml"), "access = \"password\"\ndiscovery = false\n")?;
    let desk = Desk::open(data.path(), 0).await?;
    let address = desk.address().await?;
    desk.screen("Security").await?;
    ensure!(!publish(address, "correct horse", "too early")?.status.success(), "there is no account yet");

    // Who was refused is how the account comes to be.
    desk.tab("Denied").await?;
    desk.row("tv-1").await?;
    desk.see("there is no such account").await?;
    desk.button("Make the account…").await?;
    desk.type_into("Password", "correct horse").await?;
    desk.button("Make the account").await?;
    desk.see("Note the password now").await?;
    desk.button("I have it").await?;
    publish(address, "correct horse", "one")?.success()?;
    ensure!(!publish(address, "guess", "guessed")?.status.success(), "the password counts");

    desk.tab("Rules").await?;
    desk.button("New rule").await?;
    desk.button("Denies").await?;
    desk.type_into("Topic filter", "home/#").await?;
    desk.button("Add the rule").await?;
    desk.row("home/#").await?;
    let denied = publish(address, "correct horse", "two")?;
    ensure!(denied.stderr.contains("Not authorized"), "the client is told: {}", denied.stderr);

    // And so is the exception.
    desk.tab("Denied").await?;
    desk.see("More was denied").await?;
    desk.button("Show").await?;
    desk.row("publish to home/tv").await?;
    desk.see("Rule 1 denies it").await?;
    desk.button("Allow this…").await?;
    desk.button("Add the rule").await?;
    desk.see("Rules 2").await?;
    let allowed = publish(address, "correct horse", "three")?.success()?;
    ensure!(!allowed.stderr.contains("Not authorized"), "{}", allowed.stderr);

    desk.type_into("Account of the client", "tv").await?;
    desk.type_into("Topic of the test", "home/tv").await?;
    desk.see("Rule 2 decides:").await?;
    desk.type_into("Topic of the test", "home/light").await?;
    desk.see("Rule 1 decides:").await?;
    desk.close().await?;

    let messages = Record::open(data.path())?.messages("home/tv")?;
    let payloads: Vec<_> = messages.iter().map(|message| String::from_utf8_lossy(&message.payload)).collect();
    assert_eq!(payloads, ["one", "three"]);
    Ok(())
}
