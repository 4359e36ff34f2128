//! `nightjar.toml`: what is remembered about the broker and its window. Every key has a default; comments that the user
//! wrote stay when Nightjar writes the file.

use std::path::{Path, PathBuf};

use nightjar_broker::{Access, Terms};
use nightjar_store::{Durability, Keeping};

use crate::history_settings::{self, HistorySettings};
use crate::listener_settings::{self, ListenerSettings};
use crate::log_settings::{self, LogSettings};
use crate::logging::LogLevel;
use crate::settings_file::{SettingsFile, set, table};
use crate::settings_reader::{Section, line_of, read_text};
use crate::{CertificateFiles, SettingsError, WrongLine, history_edit, limit_settings};

/// The settings of a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `access = "this-computer"` (the default), `"password"` or `"anyone"`: who may connect.
    pub access: Access,
    /// `port = 1883`: where MQTT over TCP listens, for whoever may connect; `"off"` where it does not.
    pub port: Option<u16>,
    /// `discovery = true` (the default): devices on the network are told of the broker, where they may connect.
    pub discovery: bool,
    /// `durability = "power-loss"` (the default), `"crash"` or `"none"`: what an acknowledged message survives.
    pub durability: Durability,
    /// `[tls]` with `certificate` and `key`: what TLS listeners show; by default what Nightjar makes itself.
    pub certificate: Option<CertificateFiles>,
    /// `[limits]`: what clients may ask of the broker.
    pub terms: Terms,
    /// `[[listener]]`: the listeners beside that of `port`.
    pub listeners: Vec<ListenerSettings>,
    /// `[history]`: what is kept for how long.
    pub history: HistorySettings,
    /// `[log]`: what the program says about itself.
    pub log: LogSettings,
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
            port: Some(1883),
            discovery: true,
            durability: Durability::default(),
            certificate: None,
            terms: Terms::default(),
            listeners: Vec::new(),
            history: HistorySettings::default(),
            log: LogSettings::default(),
            window: WindowSettings::default(),
        }
    }
}

pub(crate) const ACCESS: [(&str, Access); 3] =
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
        read_text(text, |top| Self::read(top, file)).map_err(|faults| {
            let lines = faults
                .into_iter()
                .map(|fault| WrongLine { line: line_of(text, fault.span.start), problem: fault.problem });
            SettingsError::invalid(file, lines)
        })
    }

    fn read(top: &mut Section<'_>, file: &Path) -> Self {
        let defaults = Self::default();
        let access = top.word("access", &ACCESS).unwrap_or(defaults.access);
        let port = port(top).unwrap_or(defaults.port);
        let discovery = top.flag("discovery").unwrap_or(defaults.discovery);
        let durability = top.word("durability", &DURABILITY).unwrap_or(defaults.durability);
        let mut tls = top.section("tls");
        let certificate = listener_settings::certificate(&mut tls, file);
        tls.finish();
        let terms = limit_settings::read(top.section("limits"));
        let listeners = top.sections("listener").into_iter();
        let listeners = listeners.filter_map(|one| listener_settings::read(one, &terms, file)).collect();
        let history = history_settings::read(top.section("history"));
        let log = log_settings::read(top.section("log"));
        let mut window = top.section("window");
        let theme = window.word("theme", &THEMES).map_or(defaults.window.theme, str::to_owned);
        let density = window.word("density", &DENSITIES).map_or(defaults.window.density, str::to_owned);
        window.finish();
        let window = WindowSettings { theme, density };
        Self { access, port, discovery, durability, certificate, terms, listeners, history, log, window }
    }

    /// Remembers who may connect.
    ///
    /// # Errors
    /// Where the file has something wrong, or can't be read or written; it then is as it was.
    pub fn remember_access(file: &SettingsFile, access: Access) -> Result<(), SettingsError> {
        let name = ACCESS.iter().find(|(_, named)| *named == access).map_or("", |(name, _)| name);
        file.change(
            |document, before| {
                if before.access != access {
                    set(document.as_table_mut(), "access", name);
                }
            },
            |after| after.access == access,
        )
    }

    /// Remembers which port plain TCP has.
    ///
    /// # Errors
    /// As [`Self::remember_access`].
    pub(crate) fn remember_port(file: &SettingsFile, port: u16) -> Result<(), SettingsError> {
        file.change(
            |document, before| {
                if before.port != Some(port) {
                    set(document.as_table_mut(), "port", i64::from(port));
                }
            },
            |after| after.port == Some(port),
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

    /// Remembers how much is logged.
    ///
    /// # Errors
    /// As [`Self::remember_access`].
    pub fn remember_log_level(data_directory: &Path, level: LogLevel) -> Result<(), SettingsError> {
        SettingsFile::of(data_directory).change(
            |document, before| {
                if before.log.level != level {
                    set(table(document, "log"), "level", level.name());
                }
            },
            |after| after.log.level == level,
        )
    }

    /// Remembers what is kept for how long. How many events are kept has no setting.
    ///
    /// # Errors
    /// As [`Self::remember_access`], and where a rule is none, such as one for a Shared Subscription.
    pub fn remember_keeping(file: &SettingsFile, wanted: &Keeping) -> Result<(), SettingsError> {
        file.change(
            |document, before| history_edit::write(document, &before.history.keeping, wanted),
            |after| {
                after.history.keeping == Keeping { events: after.history.keeping.events, ..wanted.clone() }
                    && after.history.keeping.events.age == wanted.events.age
            },
        )
    }
}

/// The port of plain TCP.
fn port(top: &mut Section<'_>) -> Option<Option<u16>> {
    top.value("port", "write \"off\", or a whole number from 1 to 65535 (default 1883)", |value| match value.as_str() {
        Some("off") => Some(None),
        Some(_) => None,
        None => Some(Some(u16::try_from(value.as_integer()?).ok().filter(|&port| port > 0)?)),
    })
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
        let text = "access = \"anyone\"\nport = 1884\ndiscovery = false\ndurability = \"none\"\n[limits]\nreceive-maximum = 5\n\
                    [history]\nfile = \"1 GB\"\n\
                    [log]\nlevel = \"debug\"\nfile = true\nfile-size = \"1 MB\"\nfiles = 2\n[window]\ntheme = \"dark\"\ndensity = \"compact\"\n";
        for text in [text.to_owned(), text.replace('\n', "\r\n"), format!("\u{feff}{text}")] {
            let read = load(&text).unwrap();
            assert_eq!((read.access, read.port, read.durability), (Access::Anyone, Some(1884), Durability::None));
            assert_eq!((read.terms.limits.receive_maximum, read.history.keeping.file), (5, Some(1_000_000_000)));
            let log = LogSettings { level: LogLevel::Debug, file: Some(true), file_size: 1_000_000, files: 2 };
            assert_eq!(read.log, log);
            assert_eq!((&*read.window.theme, &*read.window.density), ("dark", "compact"));
        }
    }

    #[test]
    fn listeners_have_the_limits_of_all_and_their_own() {
        let text = "port = \"off\"\n[tls]\ncertificate = \"mine.pem\"\nkey = \"/keys/mine.pem\"\n\
                    [[listener]]\nkind = \"tls\"\nmaximum-qos = 1\n[limits]\nreceive-maximum = 5\n";
        let read = Settings::parse(text, Path::new("/data/nightjar.toml")).unwrap();
        assert_eq!(read.port, None);
        let files = read.certificate.unwrap();
        assert_eq!(files.certificate, Path::new("/data/mine.pem"), "beside the settings");
        assert_eq!(files.key, Path::new("/keys/mine.pem"));
        let terms = &read.listeners[0].terms;
        assert_eq!((terms.limits.receive_maximum, terms.maximum_qos.level()), (5, 1));
        assert_eq!(read.terms.maximum_qos.level(), 2, "its own is not everybody's");
    }

    #[test]
    fn all_that_is_wrong_is_said() {
        let text = "port = 0\n[limits]\nretain = 1\n[[listener]]\nkind = \"tls\"\n[[listener]]\nprot = 1\n";
        let Err(error @ SettingsError::Invalid { .. }) = load(text) else { panic!("{text:?} was accepted") };
        let lines: Vec<_> = error.wrong_lines().iter().map(|wrong| wrong.line).collect();
        assert_eq!(lines, [1, 3, 6, 7], "{error:?}");
        assert!(error.to_string().contains("line 1 (and 3 others): port can't be 0"), "{error}");
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
        ("discovery = \"yes\"", 1, "discovery can't be \"yes\"", "write true or false"),
        ("port = 0", 1, "port can't be 0", "from 1 to 65535 (default 1883)"),
        ("port = \"1883\"", 1, "port can't be \"1883\"", "from 1 to 65535 (default 1883)"),
        (
            "\n\nprot = 1883",
            3,
            "there is no setting prot here",
            "access, port, discovery, durability, tls, limits, listener, history, log or window",
        ),
        ("durability = \"none\"\n[window]\ncolour = 1\n", 3, "there is no setting colour here", "theme or density"),
        ("port = \"on\"", 1, "port can't be \"on\"", "write \"off\""),
        ("listener = \"tls\"", 1, "listener can't be \"tls\"", "write it as [[listener]]"),
        ("\n[listener]\nkind = \"tls\"", 2, "listener can't be", "write it as [[listener]]"),
        ("[[listener]]\nport = 8883", 1, "kind is missing", "write kind = "),
        ("[[listener]]\nkind = \"tls\"\n\n# mine\nkey = \"a.pem\"\n", 5, "key is there without", "name the file"),
        ("[tls]\nkey = \"a.pem\"", 2, "key is there without certificate", "name the file of the certificate"),
        ("[tls]\nkey = 5\ncertificate = \"a\"", 2, "key can't be 5", "the path of a file in PEM"),
        ("[window]\ntheme = \"drak\"", 2, "theme can't be \"drak\"", "\"system\", \"light\" or \"dark\""),
        (
            "[log]\nlevel = \"loud\"",
            2,
            "level can't be \"loud\"",
            "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
        ),
        ("[log]\nfile = \"on\"", 2, "file can't be \"on\"", "true or false"),
        ("[log]\nfile-size = \"1 kB\"", 2, "file-size can't be \"1 kB\"", "from \"64 kB\" to \"10 GB\""),
        ("[log]\nfiles = 0", 2, "files can't be 0", "from 1 to 100"),
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
