//! Puts the settings in force again when their file was saved.

use std::fs;
use std::path::Path;
use std::sync::Weak;
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::live::Live;

/// How often it looks. A change counts once it has stood for so long: an editor may write it in parts.
const EVERY: Duration = Duration::from_secs(1);

/// What tells one version of a file from another; `None` where there is no file.
type Version = Option<(Option<SystemTime>, u64, u64)>;

/// Looks until it is aborted, or nothing is left to be told.
pub(crate) fn follow(live: Weak<Live>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut looks = interval(EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = live.upgrade().map(|live| version(live.file.path()));
        let mut seen = known;
        loop {
            looks.tick().await;
            let Some(live) = live.upgrade() else { return };
            let path = live.file.path().to_owned();
            let Ok(now) = tokio::task::spawn_blocking(move || version(&path)).await else { return };
            let has_settled = seen.replace(now) == Some(now);
            if !has_settled || known == Some(now) {
                continue;
            }
            known = Some(now);
            if let Err(error) = live.reload().await {
                tracing::error!("the settings from before hold: {error}");
            }
        }
    })
}

fn version(file: &Path) -> Version {
    let metadata = fs::metadata(file).ok()?;
    #[cfg(unix)]
    let node = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let node = 0;
    Some((metadata.modified().ok(), metadata.len(), node))
}
