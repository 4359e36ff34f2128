//! `nightjar.toml`: what is remembered about the broker and its window. Every key has a default; comments that the user
//! wrote stay when Nightjar writes the file.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nightjar_broker::{Access, Limits};
use nightjar_store::Durability;
use serde::{Deserialize, Serialize};
use toml_edit::{DocumentMut, Item, Table, value};

use crate::SettingsError;
use crate::history_settings::{self, HistorySettings, HistoryTable};
use crate::limit_settings::{self, Fault, LimitsTable};

/// The settings of a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `access = "this-computer"` (the default) or `"anyone"`: who may connect.
    pub access: Access,
    /// `port = 1883`: where MQTT listens.
    pub port: u16,
    /// `durability = "power-loss"` (the default), `"crash"` or `"none"`: what an acknowledged message survives.
    pub durability: Durability,
    /// `[limits]`: what clients may ask of the broker.
    pub limits: Limits,
    /// `[history]`: what is kept for how long.
    pub history: HistorySettings,
    /// `[window]`: what the user set about the window.
    pub window: WindowSettings,
}

/// How the window looks, as its user set it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowSettings {
    /// `"system"` (the default), `"light"` or `"dark"`.
    pub theme: String,
    /// `"compact"`, `"normal"` (the default) or `"comfortable"`.
    pub density: String,
}

impl Default for WindowSettings {
    fn default() -> Self {
        Self { theme: "system".to_owned(), density: "normal".to_owned() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access: Access::default(),
            port: 1883,
            durability: Durability::default(),
            limits: Limits::default(),
            history: HistorySettings::default(),
            window: WindowSettings::default(),
        }
    }
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    access: Option<AccessName>,
    port: Option<u16>,
    durability: Option<DurabilityName>,
    limits: LimitsTable,
    history: HistoryTable,
    window: WindowSettings,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AccessName {
    ThisComputer,
    Anyone,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DurabilityName {
    PowerLoss,
    Crash,
    None,
}

const FILE: &str = "nightjar.toml";

impl Settings {
    /// Reads the settings of a data directory; without a file they are the defaults.
    ///
    /// # Errors
    /// Where the file can't be read, or has an unknown key or a value out of range: with the line.
    pub fn load(data_directory: &Path) -> Result<Self, SettingsError> {
        Self::load_file(&data_directory.join(FILE))
    }

    /// Reads the settings from a file elsewhere.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_file(file: &Path) -> Result<Self, SettingsError> {
        match fs::read_to_string(file) {
            Ok(text) => Self::parse(&text, file),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(SettingsError::Unreadable { file: file.to_owned(), source }),
        }
    }

    fn parse(text: &str, file: &Path) -> Result<Self, SettingsError> {
        let invalid = |start: usize, problem: String| {
            let before = &text.as_bytes()[..start.min(text.len())];
            let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
            SettingsError::Invalid { file: file.to_owned(), line, problem }
        };
        let parsed: File = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            invalid(start, error.message().lines().collect::<Vec<_>>().join(" "))
        })?;
        let limits =
            limit_settings::read(&parsed.limits).map_err(|Fault { span, problem }| invalid(span.start, problem))?;
        let history =
            history_settings::read(parsed.history).map_err(|Fault { span, problem }| invalid(span.start, problem))?;
        let defaults = Self::default();
        Ok(Self {
            access: match parsed.access {
                Some(AccessName::Anyone) => Access::Anyone,
                Some(AccessName::ThisComputer) | None => Access::ThisComputer,
            },
            port: parsed.port.unwrap_or(defaults.port),
            durability: match parsed.durability {
                Some(DurabilityName::PowerLoss) | None => Durability::PowerLoss,
                Some(DurabilityName::Crash) => Durability::Crash,
                Some(DurabilityName::None) => Durability::None,
            },
            limits,
            history,
            window: parsed.window,
        })
    }

    /// Remembers who may connect.
    ///
    /// # Errors
    /// Where the file can't be read or written.
    pub fn remember_access(data_directory: &Path, access: Access) -> Result<(), SettingsError> {
        let name = match access {
            Access::ThisComputer => "this-computer",
            Access::Anyone => "anyone",
        };
        edit(data_directory, |document| document["access"] = value(name))
    }

    /// Remembers what the user set about the window.
    ///
    /// # Errors
    /// Where the file can't be read or written.
    pub fn remember_window(data_directory: &Path, window: &WindowSettings) -> Result<(), SettingsError> {
        edit(data_directory, |document| {
            let table = document.entry("window").or_insert_with(|| Item::Table(Table::new()));
            table["theme"] = value(&window.theme);
            table["density"] = value(&window.density);
        })
    }
}

/// Where the data is unless somebody says otherwise.
pub fn default_data_directory() -> PathBuf {
    directories::ProjectDirs::from("org", "Nightjar", "nightjar")
        .map_or_else(|| PathBuf::from("nightjar-data"), |directories| directories.data_dir().to_owned())
}

/// Changes the file as a whole or not at all.
fn edit(data_directory: &Path, change: impl FnOnce(&mut DocumentMut)) -> Result<(), SettingsError> {
    let file = data_directory.join(FILE);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(source) if source.kind() == io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(SettingsError::Unreadable { file, source }),
    };
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| SettingsError::Invalid {
        file: file.clone(),
        line: 1,
        problem: error.message().to_owned(),
    })?;
    change(&mut document);
    write_whole(&file, &document.to_string()).map_err(|source| SettingsError::Unwritable { file, source })
}

fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    let new = file.with_extension("toml.new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.open(&new)?;
    written.write_all(text.as_bytes())?;
    written.sync_all()?;
    fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Settings, SettingsError> {
        Settings::parse(text, Path::new(FILE))
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        assert_eq!(load("").unwrap(), Settings::default());
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Settings::load(directory.path()).unwrap(), Settings::default());
    }

    #[test]
    fn a_wrong_value_names_its_line() {
        for (text, line) in [
            ("port = 1883\naccess = \"everyone\"\n", 2),
            ("port = 70000", 1),
            ("\n\nprot = 1883", 3),
            ("durability = \"none\"\n[window]\ncolour = 1\n", 3),
            ("access = ", 1),
            ("port = 1883\n\n[limits]\n# as large as it gets\nmaximum-packet-size = \"2 XB\"\n", 5),
            ("[limits]\nreceive-maximum = 5\nmaximum-conections = 5\n", 3),
        ] {
            let Err(SettingsError::Invalid { line: found, problem, .. }) = load(text) else {
                panic!("{text:?} was accepted");
            };
            assert_eq!(found, line, "{text:?}: {problem}");
        }
    }

    #[test]
    fn what_is_remembered_is_read_back_and_comments_stay() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(FILE);
        fs::write(&file, "# the port of the old broker\nport = 1884 # do not change\n").unwrap();
        Settings::remember_access(directory.path(), Access::Anyone).unwrap();
        let window = WindowSettings { theme: "dark".to_owned(), ..WindowSettings::default() };
        Settings::remember_window(directory.path(), &window).unwrap();
        let expected = Settings { access: Access::Anyone, port: 1884, window, ..Settings::default() };
        assert_eq!(Settings::load(directory.path()).unwrap(), expected);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("# the port of the old broker") && text.contains("# do not change"), "{text}");
    }
}
