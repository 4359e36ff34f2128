//! What Nightjar says about itself, in the window and in its file.

use std::fs;

use tempfile::TempDir;

use crate::desk::Desk;
use crate::publish;

#[tokio::test]
async fn what_happens_is_in_the_log_of_the_window_and_in_its_file() -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let desk = Desk::open(data.path(), 0).await?;
    let address = desk.address().await?;
    desk.screen("Logs").await?;
    publish(address, &["-i", "press-11", "-t", "a", "-m", "1"])?;
    desk.type_into("Filter records", "press-11").await?;
    desk.row("connected: from 127.0.0.1").await?;
    desk.see("nightjar_broker::shared").await?;

    desk.select("What is recorded from now on", "error").await?;
    desk.see_selected("What is recorded from now on", "error").await?;
    // Acknowledged, and so in the history before that is looked at.
    publish(address, &["-i", "unheard", "-t", "a", "-m", "1", "-q", "1"])?;
    desk.screen("History").await?;
    desk.see("unheard").await?;
    desk.close().await?;

    let text = fs::read_to_string(data.path().join("nightjar.log"))?;
    assert!(text.contains("client=press-11"), "{text}");
    assert!(!text.contains("unheard"), "below the level, nothing is written: {text}");
    let settings = fs::read_to_string(data.path().join("nightjar.toml"))?;
    assert!(settings.contains("level = \"error\""), "the level is remembered: {settings}");
    Ok(())
}
