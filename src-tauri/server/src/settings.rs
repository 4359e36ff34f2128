//! `nightjar.toml`: what is remembered about the broker and its window. Every key has a default; comments that the user
//! wrote stay when Nightjar writes the file.

use std::path::{Path, PathBuf};

use nightjar_broker::{Access, Limits};
use nightjar_store::{Durability, Keeping};
use serde::Deserialize;
use toml::{Spanned, Value};

use crate::door_settings::{self, TlsTable};
use crate::history_settings::{self, HistorySettings, HistoryTable};
use crate::limit_settings::{self, Fault, LimitsTable};
use crate::settings_file::{SettingsFile, set, table};
use crate::wrong_file::explain;
use crate::{DoorSettings, SettingsError, history_edit};

/// The settings of a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `access = "this-computer"` (the default), `"password"` or `"anyone"`: who may connect.
    pub access: Access,
    /// `port = 1883`: where MQTT listens.
    pub port: u16,
    /// `durability = "power-loss"` (the default), `"crash"` or `"none"`: what an acknowledged message survives.
    pub durability: Durability,
    /// `listen-tls`, `listen-ws`, `listen-wss`: lists of addresses, none by default; `[tls]`: `certificate` and `key`.
    pub doors: DoorSettings,
    /// `[limits]`: what clients may ask of the broker.
    pub limits: Limits,
    /// `[history]`: what is kept for how long.
    pub history: HistorySettings,
    /// `[window]`: what the user set about the window.
    pub window: WindowSettings,
}

/// How the window looks, as its user set it.
#[derive(Clone, Debug, PartialEq, Eq)]
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
            doors: DoorSettings::default(),
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
    access: Option<Spanned<Value>>,
    port: Option<Spanned<Value>>,
    durability: Option<Spanned<Value>>,
    listen_tls: Option<Spanned<Value>>,
    listen_ws: Option<Spanned<Value>>,
    listen_wss: Option<Spanned<Value>>,
    tls: TlsTable,
    limits: LimitsTable,
    history: HistoryTable,
    window: WindowTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WindowTable {
    theme: Option<Spanned<Value>>,
    density: Option<Spanned<Value>>,
}

const ACCESS: [(&str, Access); 3] =
    [("this-computer", Access::ThisComputer), ("password", Access::Password), ("anyone", Access::Anyone)];
const DURABILITY: [(&str, Durability); 3] =
    [("power-loss", Durability::PowerLoss), ("crash", Durability::Crash), ("none", Durability::None)];
const THEMES: [(&str, &str); 3] = [("system", "system"), ("light", "light"), ("dark", "dark")];
const DENSITIES: [(&str, &str); 3] = [("compact", "compact"), ("normal", "normal"), ("comfortable", "comfortable")];

impl Settings {
    /// Reads the settings of a data directory; without a file they are the defaults.
    ///
    /// # Errors
    /// Where the file can't be read, or has something that can't be used: with its line, its name, and what to write.
    pub fn load(data_directory: &Path) -> Result<Self, SettingsError> {
        SettingsFile::of(data_directory).load()
    }

    /// Reads the settings from a file elsewhere.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_file(file: &Path) -> Result<Self, SettingsError> {
        SettingsFile::at(file).load()
    }

    /// Reads the text of a file, all of it or nothing.
    pub(crate) fn parse(text: &str, file: &Path) -> Result<Self, SettingsError> {
        Self::read(text, file).map_err(|Fault { span, problem }| {
            let before = &text.as_bytes()[..span.start.min(text.len())];
            let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
            SettingsError::Invalid { file: file.to_owned(), line, problem }
        })
    }

    fn read(text: &str, path: &Path) -> Result<Self, Fault> {
        let file: File = toml::from_str(text).map_err(|error| explain(text, &error))?;
        let defaults = Self::default();
        Ok(Self {
            access: word("access", &file.access, &ACCESS)?.unwrap_or(defaults.access),
            port: port(&file.port)?.unwrap_or(defaults.port),
            durability: word("durability", &file.durability, &DURABILITY)?.unwrap_or(defaults.durability),
            doors: DoorSettings {
                tls: door_settings::addresses("listen-tls", &file.listen_tls)?,
                web_socket: door_settings::addresses("listen-ws", &file.listen_ws)?,
                web_socket_tls: door_settings::addresses("listen-wss", &file.listen_wss)?,
                certificate: door_settings::certificate(&file.tls, path)?,
            },
            limits: limit_settings::read(&file.limits)?,
            history: history_settings::read(file.history)?,
            window: WindowSettings {
                theme: word("theme", &file.window.theme, &THEMES)?.map_or(defaults.window.theme, str::to_owned),
                density: word("density", &file.window.density, &DENSITIES)?
                    .map_or(defaults.window.density, str::to_owned),
            },
        })
    }

    /// Remembers who may connect.
    ///
    /// # Errors
    /// Where the file has something wrong, or can't be read or written; it then is as it was.
    pub fn remember_access(data_directory: &Path, access: Access) -> Result<(), SettingsError> {
        let name = ACCESS.iter().find(|(_, named)| *named == access).map_or("", |(name, _)| name);
        SettingsFile::of(data_directory).change(
            |document, before| {
                if before.access != access {
                    set(document.as_table_mut(), "access", name);
                }
            },
            |after| after.access == access,
        )
    }

    /// Remembers what the user set about the window.
    ///
    /// # Errors
    /// As [`Self::remember_access`].
    pub fn remember_window(data_directory: &Path, wanted: &WindowSettings) -> Result<(), SettingsError> {
        SettingsFile::of(data_directory).change(
            |document, before| {
                let WindowSettings { theme, density } = &before.window;
                for (key, old, new) in [("theme", theme, &wanted.theme), ("density", density, &wanted.density)] {
                    if old != new {
                        set(table(document, "window"), key, new);
                    }
                }
            },
            |after| after.window == *wanted,
        )
    }

    /// Remembers what is kept for how long. How many events are kept has no setting.
    ///
    /// # Errors
    /// As [`Self::remember_access`], and where a rule is none, such as one for a Shared Subscription.
    pub fn remember_keeping(data_directory: &Path, wanted: &Keeping) -> Result<(), SettingsError> {
        SettingsFile::of(data_directory).change(
            |document, before| history_edit::write(document, &before.history.keeping, wanted),
            |after| {
                after.history.keeping == Keeping { events: after.history.keeping.events, ..wanted.clone() }
                    && after.history.keeping.events.age == wanted.events.age
            },
        )
    }
}

/// One of a few words.
fn word<T: Copy>(name: &str, value: &Option<Spanned<Value>>, words: &[(&str, T)]) -> Result<Option<T>, Fault> {
    let Some(value) = value else { return Ok(None) };
    let found = words.iter().find(|(word, _)| value.get_ref().as_str() == Some(word));
    found.map(|&(_, meaning)| Some(meaning)).ok_or_else(|| {
        let quoted: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let choice =
            quoted.split_last().map_or_else(String::new, |(last, rest)| format!("{} or {last}", rest.join(", ")));
        Fault { span: value.span(), problem: format!("{name} can't be {}: write {choice}", value.get_ref()) }
    })
}

fn port(value: &Option<Spanned<Value>>) -> Result<Option<u16>, Fault> {
    let Some(value) = value else { return Ok(None) };
    match value.get_ref().as_integer().and_then(|number| u16::try_from(number).ok()) {
        Some(port) if port > 0 => Ok(Some(port)),
        _ => {
            let problem =
                format!("port can't be {}: write a whole number from 1 to 65535 (default 1883)", value.get_ref());
            Err(Fault { span: value.span(), problem })
        }
    }
}

/// Where the data is unless somebody says otherwise.
pub fn default_data_directory() -> PathBuf {
    directories::ProjectDirs::from("org", "Nightjar", "nightjar")
        .map_or_else(|| PathBuf::from("nightjar-data"), |directories| directories.data_dir().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Settings, SettingsError> {
        Settings::parse(text, Path::new("nightjar.toml"))
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        assert_eq!(load("").unwrap(), Settings::default());
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Settings::load(directory.path()).unwrap(), Settings::default());
    }

    #[test]
    fn all_of_a_file_is_read() {
        let text = "access = \"anyone\"\nport = 1884\ndurability = \"none\"\n[limits]\nreceive-maximum = 5\n\
                    [history]\nfile = \"1 GB\"\n[window]\ntheme = \"dark\"\ndensity = \"compact\"\n";
        for text in [text.to_owned(), text.replace('\n', "\r\n"), format!("\u{feff}{text}")] {
            let read = load(&text).unwrap();
            assert_eq!((read.access, read.port, read.durability), (Access::Anyone, 1884, Durability::None));
            assert_eq!((read.limits.receive_maximum, read.history.keeping.file), (5, Some(1_000_000_000)));
            assert_eq!((&*read.window.theme, &*read.window.density), ("dark", "compact"));
        }
    }

    #[test]
    fn listeners_and_the_certificate_are_read() {
        let text = "listen-tls = [\"0.0.0.0:8883\", \"[::]:8883\"]\nlisten-ws = [\"127.0.0.1:8083\"]\n\
                    [tls]\ncertificate = \"mine.pem\"\nkey = \"/keys/mine.pem\"\n";
        let doors = Settings::parse(text, Path::new("/data/nightjar.toml")).unwrap().doors;
        assert_eq!(doors.tls.len(), 2);
        assert_eq!((doors.web_socket[0].port(), doors.web_socket_tls.len()), (8083, 0));
        let files = doors.certificate.unwrap();
        assert_eq!(files.certificate, Path::new("/data/mine.pem"), "beside the settings");
        assert_eq!(files.key, Path::new("/keys/mine.pem"));
    }

    /// Wrong files: the line, and the beginning and the end of what is said.
    const WRONG: &[(&str, usize, &str, &str)] = &[
        (
            "port = 1883\naccess = \"everyone\"\n",
            2,
            "access can't be \"everyone\"",
            "\"this-computer\", \"password\" or \"anyone\"",
        ),
        ("access = true", 1, "access can't be true", "write \"this-computer\", \"password\" or \"anyone\""),
        ("port = 70000", 1, "port can't be 70000", "from 1 to 65535 (default 1883)"),
        ("port = 0", 1, "port can't be 0", "from 1 to 65535 (default 1883)"),
        ("port = \"1883\"", 1, "port can't be \"1883\"", "from 1 to 65535 (default 1883)"),
        (
            "\n\nprot = 1883",
            3,
            "there is no setting prot here",
            "listen-ws, listen-wss, tls, limits, history or window",
        ),
        ("durability = \"none\"\n[window]\ncolour = 1\n", 3, "there is no setting colour here", "theme or density"),
        ("listen-tls = \"0.0.0.0:8883\"", 1, "listen-tls can't be \"0.0.0.0:8883\"", "such as [\"0.0.0.0:8883\"]"),
        ("\nlisten-wss = [\"broker:8084\"]", 2, "listen-wss can't be", "a list of addresses with ports"),
        ("[tls]\nkey = \"a.pem\"", 2, "key is there without certificate", "name the file of the certificate"),
        ("[tls]\nkey = 5\ncertificate = \"a\"", 2, "key can't be 5", "the path of a file in PEM"),
        ("[window]\ntheme = \"drak\"", 2, "theme can't be \"drak\"", "\"system\", \"light\" or \"dark\""),
        ("access = ", 1, "the line can't be read", "correct it, or put # before it"),
        ("port = 1883\nport = 1884", 2, "the line can't be read", "correct it, or put # before it"),
        ("[window\n", 1, "the line can't be read", "correct it, or put # before it"),
        ("limits = 5", 1, "limits can't be 5", "write it as [limits], with its settings in the lines below"),
        ("history = \"all\"", 1, "history can't be \"all\"", "[history], with its settings in the lines below"),
        (
            "[history]\nrules = 5",
            2,
            "rules can't be 5",
            "write it as [[history.rules]], with its settings in the lines below",
        ),
        ("[[history.rules]]\nkeep = \"1 d\"", 1, "filter is missing", "give the rule one"),
        ("[history]\nkeep = 30", 2, "keep can't be 30", "or \"for ever\""),
        (
            "port = 1883\n\n[limits]\n# as large as it gets\nmaximum-packet-size = \"2 XB\"\n",
            5,
            "maximum-packet-size can't be \"2 XB\"",
            "(default \"2 MB\")",
        ),
        ("[limits]\nreceive-maximum = 5\nmaximum-conections = 5\n", 3, "[limits] has no setting", "in the README"),
    ];

    #[test]
    fn a_wrong_file_names_line_field_and_cure() {
        for &(text, line, what, cure) in WRONG {
            let Err(SettingsError::Invalid { line: found, problem, .. }) = load(text) else {
                panic!("{text:?} was accepted");
            };
            assert_eq!(found, line, "{text:?}: {problem}");
            let (said, how) = problem.rsplit_once(": ").unwrap_or_else(|| panic!("{text:?}: {problem} has no cure"));
            assert!(said.starts_with(what) && how.contains(cure), "{text:?}: {problem}");
        }
    }
}
