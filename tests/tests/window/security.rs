//! Accounts and rules that are made in the window, and what they mean for real clients.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use anyhow::ensure;
use nightjar_tests::{DEADLINE, Outcome, Record, run};
use tempfile::TempDir;

use crate::desk::Desk;

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
    fs::write(data.path().join("nightjar.toml"), "access = \"password\"\n")?;
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
