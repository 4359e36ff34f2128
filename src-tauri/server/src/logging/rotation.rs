//! A file that makes way for the next one when it is full: `nightjar.log`, `nightjar.log.1` and so on, the oldest last.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file to append to, and its predecessors.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    /// Bytes of the largest file.
    most_bytes: u64,
    /// How many files there are at most, the one that is written included; at least 1.
    most_files: u32,
    file: File,
    bytes: u64,
}

impl RotatingFile {
    /// Goes on with the file, or begins it, for its owner alone.
    pub(super) fn open(path: &Path, most_bytes: u64, most_files: u32) -> io::Result<Self> {
        let file = append(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), most_bytes, most_files: most_files.max(1), file, bytes })
    }

    /// Writes lines, which have to end in a line break, into one file.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.bytes > 0 && self.bytes + lines.len() as u64 > self.most_bytes {
            self.rotate()?;
        }
        self.file.write_all(lines)?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.most_files).rev() {
            let from = if number == 1 { self.path.clone() } else { self.predecessor(number - 1) };
            match fs::rename(&from, self.predecessor(number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.most_files == 1 {
            fs::remove_file(&self.path)?;
        }
        // Those of settings that had more.
        let mut number = self.most_files;
        while fs::remove_file(self.predecessor(number)).is_ok() {
            number += 1;
        }
        self.file = append(&self.path)?;
        self.bytes = 0;
        Ok(())
    }

    fn predecessor(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn it_never_takes_more_than_its_files_have_room_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("nightjar.log");
        let mut file = RotatingFile::open(&path, 100, 3).unwrap();
        for number in 0..100 {
            file.write(format!("line number {number:03}\n").as_bytes()).unwrap();
        }
        assert_eq!(names(directory.path()), ["nightjar.log", "nightjar.log.1", "nightjar.log.2"]);
        let texts: Vec<_> = ["nightjar.log.2", "nightjar.log.1", "nightjar.log"]
            .map(|name| fs::read_to_string(directory.path().join(name)).unwrap())
            .into();
        assert!(texts.iter().all(|text| text.len() <= 100), "{texts:?}");
        let all = texts.concat();
        assert!(all.ends_with("line number 099\n"), "the newest are there");
        let numbers: Vec<u32> = all.lines().map(|line| line[12..].parse().unwrap()).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "in order, and none is missing between: {all}");
    }

    #[test]
    fn it_goes_on_where_it_was_and_gives_up_what_fewer_files_have_no_room_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("nightjar.log");
        for _ in 0..3 {
            RotatingFile::open(&path, 12, 4).unwrap().write(b"12345678\n").unwrap();
        }
        assert_eq!(names(directory.path()), ["nightjar.log", "nightjar.log.1", "nightjar.log.2"]);
        let mut single = RotatingFile::open(&path, 12, 1).unwrap();
        single.write(b"abcdefgh\n").unwrap();
        assert_eq!(names(directory.path()), ["nightjar.log"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "abcdefgh\n");
        single.write(b"a line that is longer than a file\n").unwrap();
        assert!(fs::read_to_string(&path).unwrap().starts_with("a line"), "it is written all the same");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
