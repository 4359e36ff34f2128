//! What the user set about the window, in `[window]` of `nightjar.toml`.

use std::path::Path;

use nightjar_server::{LogSettings, Settings, WindowSettings};

use crate::wire::{Density, Fault, Preferences, Theme};

/// The preferences; the defaults where the file can't be used, which the start complains about.
pub fn load(data_directory: &Path) -> Preferences {
    let window = Settings::load(data_directory).map(|settings| settings.window).unwrap_or_default();
    Preferences {
        theme: match &*window.theme {
            "light" => Theme::Light,
            "dark" => Theme::Dark,
            _ => Theme::System,
        },
        density: match &*window.density {
            "compact" => Density::Compact,
            "comfortable" => Density::Comfortable,
            _ => Density::Normal,
        },
    }
}

/// How much is logged, and where; the defaults where the file can't be used.
pub fn log(data_directory: &Path) -> LogSettings {
    Settings::load(data_directory).map(|settings| settings.log).unwrap_or_default()
}

/// Remembers the preferences.
///
/// # Errors
/// Where the file can't be read or written.
pub fn save(data_directory: &Path, preferences: &Preferences) -> Result<(), Fault> {
    let window = WindowSettings {
        theme: match preferences.theme {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
        .to_owned(),
        density: match preferences.density {
            Density::Compact => "compact",
            Density::Normal => "normal",
            Density::Comfortable => "comfortable",
        }
        .to_owned(),
    };
    Settings::remember_window(data_directory, &window)
        .map_err(|error| Fault::new("The setting was not remembered", error, "It holds until Nightjar is closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let defaults = Preferences { theme: Theme::System, density: Density::Normal };
        assert_eq!(load(directory.path()), defaults);
        for theme in [Theme::Light, Theme::Dark, Theme::System] {
            for density in [Density::Compact, Density::Comfortable, Density::Normal] {
                let preferences = Preferences { theme, density };
                save(directory.path(), &preferences).unwrap();
                assert_eq!(load(directory.path()), preferences);
            }
        }
        std::fs::write(directory.path().join("nightjar.toml"), "port = nonsense").unwrap();
        assert_eq!(load(directory.path()), defaults);
    }
}
