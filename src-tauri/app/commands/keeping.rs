//! What is kept for how long.

use nightjar_server::{SettingsError, StartError};

use super::{Host, look, unreadable};
use crate::views::keeping;
use crate::wire::{Fault, Keeping, KeepingForecast, KeepingRules};

#[tauri::command]
pub(crate) async fn keeping(engine: Host<'_>) -> Result<Keeping, Fault> {
    look(&engine, |running| keeping::state(running.store()).map_err(unreadable)).await
}

/// What rules would let go of, before they hold.
#[tauri::command]
pub(crate) async fn keeping_forecast(engine: Host<'_>, rules: KeepingRules) -> Result<KeepingForecast, Fault> {
    look(&engine, move |running| keeping::forecast(running.store(), &rules)).await
}

#[tauri::command]
pub(crate) async fn set_keeping(engine: Host<'_>, rules: KeepingRules) -> Result<Keeping, Fault> {
    look(&engine, move |running| {
        let wanted = keeping::keeping(&rules, &running.store().keeping())?;
        running.server.set_keeping(wanted).map_err(not_remembered)?;
        keeping::state(running.store()).map_err(unreadable)
    })
    .await
}

fn not_remembered(error: SettingsError) -> Fault {
    let holds = matches!(error, SettingsError::Unwritable { .. });
    let error = StartError::from(error);
    if holds {
        let action = format!("{}; until Nightjar is closed they hold all the same", error.action());
        return Fault::new("The rules hold, but were not remembered", error.why(), action);
    }
    Fault::new("The rules were not changed", error.why(), error.action())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_wrong_file_is_named_by_line_with_the_cure() {
        let problem = "port can't be 0: write a whole number from 1 to 65535".to_owned();
        let (file, others) = (PathBuf::from("/d/nightjar.toml"), Vec::new());
        let fault = not_remembered(SettingsError::Invalid { file, line: 3, problem, others });
        assert_eq!(fault.what, "The rules were not changed");
        assert_eq!(fault.why, "/d/nightjar.toml, line 3: port can't be 0");
        assert_eq!(fault.action, "Write a whole number from 1 to 65535");
        let source = std::io::ErrorKind::PermissionDenied.into();
        let fault = not_remembered(SettingsError::Unwritable { file: PathBuf::from("/d/nightjar.toml"), source });
        assert!(fault.what.contains("hold") && fault.action.starts_with("Make it"), "{fault:?}");
    }
}
