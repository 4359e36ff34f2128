//! What was retained once, and what waits for a client that is away.

use std::process::Command;

use nightjar_tests::{DEADLINE, run};
use tempfile::TempDir;

use crate::desk::Desk;
use crate::{Subscriber, publish};

#[tokio::test]
async fn cleared_value_is_found_in_the_past_and_comes_back() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let desk = Desk::open(data.path(), 0).await?;
    let address = desk.address().await?;
    publish(address, &["-t", "plant/mode", "-m", "summer", "-r", "-q", "1"])?;
    publish(address, &["-i", "careless", "-t", "plant/mode", "-n", "-r", "-q", "1"])?;
    desk.screen("Retained").await?;
    desk.button("Past").await?;
    desk.see("This is the past.").await?;
    desk.see("Nothing was retained then").await?;
    desk.button("Change after").await?;
    desk.see("1 topic then").await?;
    desk.row("summer").await?;
    desk.button("Back to now").await?;
    desk.see_no("This is the past.").await?;

    desk.button("Cleared").await?;
    desk.row("summer").await?;
    desk.see("careless").await?;
    desk.button("Bring it back").await?;
    desk.see("plant/mode set again").await?;
    let mut late = Subscriber::new(address, "late", "plant/mode")?;
    late.receives("summer")?;

    // Over a newer value it asks.
    publish(address, &["-t", "plant/mode", "-m", "winter", "-r", "-q", "1"])?;
    desk.button("Now").await?;
    desk.row("winter").await?;
    desk.click("//*[@role='tab'][normalize-space(.)='History']").await?;
    desk.click("(//button[@aria-label='Set this value again'])[1]").await?;
    desk.see("It retains winter").await?;
    desk.button("Replace it").await?;
    late.receives("summer")?;
    desk.close().await
}

#[tokio::test]
async fn queue_of_a_client_that_is_away_is_looked_at_and_purged() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let desk = Desk::open(data.path(), 0).await?;
    let address = desk.address().await?;
    let port = address.port().to_string();
    let back = |arguments: &[&str]| -> anyhow::Result<String> {
        let mut command = Command::new("mosquitto_sub");
        command.args(["-h", "127.0.0.1", "-p", &port, "-c", "-i", "worker", "-t", "work", "-q", "1"]).args(arguments);
        Ok(run(&mut command, &[], DEADLINE)?.success()?.stdout)
    };
    back(&["-E"])?;
    for payload in ["first job", "second job", "third job"] {
        publish(address, &["-t", "work", "-m", payload, "-q", "1"])?;
    }
    desk.screen("Clients").await?;
    desk.row("worker").await?;
    desk.click("//*[@role='tab'][starts-with(normalize-space(.), 'Queue')]").await?;
    desk.see("third job").await?;
    desk.row("second job").await?;
    desk.see("Waiting message").await?;
    desk.click("//button[starts-with(normalize-space(.), 'Queue of')]").await?;
    desk.click("//*[@role='row'][contains(., 'first job')]//input").await?;
    desk.button("Purge 1").await?;
    desk.see("Purge 1 message that waits for worker?").await?;
    desk.click("//dialog//button[normalize-space(.)='Purge 1']").await?;
    desk.see_no("first job").await?;
    desk.button("Purge all").await?;
    desk.see("Purge all 2 messages that wait for worker?").await?;
    desk.click("//dialog//button[normalize-space(.)='Purge 2']").await?;
    desk.see("The queue is empty").await?;
    desk.click("//*[@role='tab'][normalize-space(.)='Timeline']").await?;
    desk.see("purged by the owner").await?;
    publish(address, &["-t", "work", "-m", "fourth job", "-q", "1"])?;
    assert_eq!(back(&["-C", "1"])?.trim(), "fourth job", "what was purged does not come");
    desk.close().await
}
