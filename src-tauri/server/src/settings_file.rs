//! `nightjar.toml` on the disk: one setting of it is changed at a time, whole or not at all, and everything else in it stays
//! as its user wrote it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use crate::{Settings, SettingsError};

/// Its name in a data directory.
const NAME: &str = "nightjar.toml";

/// Each change reads the file, changes what it read, and puts that in its place: one at a time.
static CHANGING: Mutex<()> = Mutex::new(());

/// A settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsFile {
    path: PathBuf,
}

/// A text that could take the place of another.
struct Changed {
    text: String,
    before: String,
    after: Settings,
}

impl SettingsFile {
    /// The one of a data directory.
    pub fn of(data_directory: &Path) -> Self {
        Self { path: data_directory.join(NAME) }
    }

    /// One elsewhere.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the settings; without a file they are the defaults.
    ///
    /// # Errors
    /// Where the file can't be read, or has something that can't be used: with its line, its name, and what to write.
    pub fn load(&self) -> Result<Settings, SettingsError> {
        Settings::parse(&self.text()?, &self.path)
    }

    /// Changes the file, of which `change` gets what it says, too; comments, order and whatever it does not touch stay.
    /// `is_meant` looks at what the file would say then.
    ///
    /// # Errors
    /// Where the file, as it is or as it would be, can't be used, and where it can't be read or written. It then is as it
    /// was.
    pub(crate) fn change(
        &self,
        change: impl FnOnce(&mut DocumentMut, &Settings),
        is_meant: impl FnOnce(&Settings) -> bool,
    ) -> Result<(), SettingsError> {
        let _one_at_a_time = CHANGING.lock();
        let Changed { text, before, after } = self.changed(change)?;
        if !is_meant(&after) {
            let problem = "the file is written in a way that can't be changed here: change it with an editor";
            return Err(SettingsError::Refused { problem: problem.to_owned() });
        }
        if text == before {
            return Ok(());
        }
        replace(&self.path, &text).map_err(|source| SettingsError::Unwritable { file: self.path.clone(), source })
    }

    /// What the settings would be after a change, which is not made.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(crate) fn preview(&self, change: impl FnOnce(&mut DocumentMut, &Settings)) -> Result<Settings, SettingsError> {
        Ok(self.changed(change)?.after)
    }

    fn changed(&self, change: impl FnOnce(&mut DocumentMut, &Settings)) -> Result<Changed, SettingsError> {
        let before = self.text()?;
        let settings = Settings::parse(&before, &self.path)?;
        let invalid = |error: toml_edit::TomlError| SettingsError::Refused { problem: error.message().to_owned() };
        let mut document: DocumentMut = before.parse().map_err(invalid)?;
        change(&mut document, &settings);
        let text = document.to_string();
        let after = Settings::parse(&text, &self.path).map_err(|error| match error {
            SettingsError::Invalid { problem, .. } => SettingsError::Refused { problem },
            error => error,
        })?;
        Ok(Changed { text, before, after })
    }

    fn text(&self) -> Result<String, SettingsError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(text),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(source) => Err(SettingsError::Unreadable { file: self.path.clone(), source }),
        }
    }
}

/// Sets a value. The comment behind it stays, and so does a value that says the same already.
pub(crate) fn set(table: &mut dyn TableLike, key: &str, value: impl Into<Value>) {
    let mut value = value.into();
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            if old.to_string() != value.to_string() {
                *old = value;
            }
        }
        None => {
            table.insert(key, Item::Value(value));
        }
    }
}

/// A table at the top of the file, made where it is missing.
pub(crate) fn table<'a>(document: &'a mut DocumentMut, name: &str) -> &'a mut dyn TableLike {
    let item = document.entry(name).or_insert_with(|| Item::Table(Table::new()));
    item.as_table_like_mut().expect("the file was read as settings, in which this is a table")
}

/// Puts a text in the place of a file, so that whoever reads it finds the old one or the new one.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    // A link stays one: what it points at is replaced.
    let file = match fs::canonicalize(file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => file.to_owned(),
        Err(error) => return Err(error),
    };
    let permissions = match fs::metadata(&file) {
        Ok(metadata) => Some(metadata.permissions()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    // Putting another file in its place would not ask for that permission.
    if permissions.as_ref().is_some_and(fs::Permissions::readonly) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only"));
    }
    let mut new = file.clone().into_os_string();
    new.push(".new");
    let new = PathBuf::from(new);
    let written = write_new(&new, text, permissions).and_then(|()| fs::rename(&new, &file));
    if written.is_err() {
        // Where this fails, too, the next change writes over it.
        let _ = fs::remove_file(&new);
        return written;
    }
    sync_directory(&file)
}

fn write_new(file: &Path, text: &str, permissions: Option<fs::Permissions>) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut new = options.open(file)?;
    if let Some(permissions) = permissions {
        new.set_permissions(permissions)?;
    }
    new.write_all(text.as_bytes())?;
    new.sync_all()
}

/// So that the new name is on the disk, too.
#[cfg(unix)]
fn sync_directory(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

#[cfg(not(unix))]
fn sync_directory(_file: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use nightjar_broker::Access;

    use super::*;
    use crate::WindowSettings;

    const WRITTEN: &str = "\
# the port of the old broker
port = 1884 # do not change

access = \"this-computer\"   # ask Anna first

[window]
# at night
theme = \"dark\"

[limits]
receive-maximum = 5
";

    fn remember_access(directory: &Path, access: Access) -> Result<(), SettingsError> {
        Settings::remember_access(&SettingsFile::of(directory), access)
    }

    fn file_with(text: &str) -> (tempfile::TempDir, SettingsFile) {
        let directory = tempfile::tempdir().unwrap();
        let file = SettingsFile::of(directory.path());
        fs::write(file.path(), text).unwrap();
        (directory, file)
    }

    fn text_of(file: &SettingsFile) -> String {
        fs::read_to_string(file.path()).unwrap()
    }

    #[test]
    fn one_field_changes_and_all_else_stays() {
        let (directory, file) = file_with(WRITTEN);
        remember_access(directory.path(), Access::Anyone).unwrap();
        assert_eq!(text_of(&file), WRITTEN.replace("\"this-computer\"", "\"anyone\""));
        let window = WindowSettings { theme: "light".to_owned(), ..file.load().unwrap().window };
        Settings::remember_window(directory.path(), &window).unwrap();
        let expected = WRITTEN.replace("\"this-computer\"", "\"anyone\"").replace("\"dark\"", "\"light\"");
        assert_eq!(text_of(&file), expected, "a default that is not there is not written");
        let read = file.load().unwrap();
        assert_eq!((read.access, read.port, &read.window), (Access::Anyone, Some(1884), &window));
        let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [NAME], "nothing else is left behind");
    }

    #[test]
    fn a_file_is_made_where_there_is_none_and_only_its_owner_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        remember_access(directory.path(), Access::ThisComputer).unwrap();
        let file = SettingsFile::of(directory.path());
        assert!(!file.path().exists(), "there is nothing to remember yet");
        remember_access(directory.path(), Access::Anyone).unwrap();
        assert_eq!(text_of(&file), "access = \"anyone\"\n");
        #[cfg(unix)]
        assert_eq!(mode(file.path()), 0o600);
    }

    #[cfg(unix)]
    fn mode(file: &Path) -> u32 {
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(file).unwrap().permissions()) & 0o777
    }

    #[cfg(unix)]
    #[test]
    fn mode_and_link_are_kept() {
        use std::os::unix::fs::PermissionsExt;
        let (elsewhere, target) = file_with(WRITTEN);
        fs::set_permissions(target.path(), fs::Permissions::from_mode(0o640)).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let link = SettingsFile::of(directory.path());
        std::os::unix::fs::symlink(target.path(), link.path()).unwrap();
        remember_access(directory.path(), Access::Anyone).unwrap();
        assert!(fs::symlink_metadata(link.path()).unwrap().is_symlink());
        assert_eq!(
            (SettingsFile::of(elsewhere.path()).load().unwrap().access, mode(target.path())),
            (Access::Anyone, 0o640)
        );
    }

    #[test]
    fn a_wrong_file_is_not_written_over() {
        for (text, line) in [("port = 1883\ncolour = 1\n", 2), ("access = \n", 1), ("[window]\ntheme = \"drak\"\n", 2)]
        {
            let (directory, file) = file_with(text);
            let error = remember_access(directory.path(), Access::Anyone).unwrap_err();
            let SettingsError::Invalid { line: found, .. } = &error else { panic!("{error}") };
            assert_eq!((*found, text_of(&file)), (line, text.to_owned()), "{error}");
        }
    }

    #[test]
    fn what_would_be_wrong_is_refused() {
        let (_directory, file) = file_with(WRITTEN);
        let error = file.change(|document, _| set(document.as_table_mut(), "port", 0), |_| true).unwrap_err();
        assert!(
            matches!(&error, SettingsError::Refused { problem } if problem.starts_with("port can't be 0")),
            "{error}"
        );
        let error = file.change(|_, _| {}, |settings| settings.port == Some(1)).unwrap_err();
        assert!(error.to_string().contains("with an editor"), "{error}");
        assert_eq!(text_of(&file), WRITTEN);
    }

    #[test]
    fn a_file_or_directory_that_takes_nothing_is_left_as_it_is() {
        let (directory, file) = file_with(WRITTEN);
        let mut permissions = fs::metadata(file.path()).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(file.path(), permissions).unwrap();
        let error = remember_access(directory.path(), Access::Anyone).unwrap_err();
        assert!(matches!(error, SettingsError::Unwritable { .. }), "{error}");
        assert_eq!(text_of(&file), WRITTEN);

        // Something else is where the new file has to be.
        let (directory, file) = file_with(WRITTEN);
        fs::create_dir(directory.path().join("nightjar.toml.new")).unwrap();
        let error = remember_access(directory.path(), Access::Anyone).unwrap_err();
        assert!(matches!(error, SettingsError::Unwritable { .. }), "{error}");
        assert_eq!(text_of(&file), WRITTEN);
    }

    #[test]
    fn changes_at_once_are_all_in_the_file() {
        let (_directory, file) = file_with(WRITTEN);
        let settings = ["receive-maximum", "maximum-inflight", "maximum-aliases-to-client", "topic-alias-maximum"];
        std::thread::scope(|scope| {
            for name in settings {
                let file = &file;
                scope.spawn(move || {
                    for number in 1..=20 {
                        file.change(|document, _| set(table(document, "limits"), name, number), |_| true).unwrap();
                    }
                });
            }
        });
        let text = text_of(&file);
        assert!(settings.iter().all(|name| text.contains(&format!("{name} = 20\n"))), "{text}");
        assert!(text.starts_with("# the port of the old broker\n"), "{text}");
    }
}
