//! Password files of mosquitto: a line for each user, `name:$7$…` or `name:$6$…`.

use std::path::Path;

use nightjar_broker::{Account, AccountName, PasswordHash, Timestamp};

use crate::foreign_file::{self, ForeignFileError, WrongLine};

/// Reads a file: an account for each user. Blocks on the disk.
pub(crate) fn open(file: &Path, now: Timestamp) -> Result<Vec<Account>, ForeignFileError> {
    let users = foreign_file::read(file, "a password file", read)?.into_iter();
    Ok(users.map(|(name, password)| Account { name, password, disabled: false, changed: now }).collect())
}

/// Reads all users, or says which lines are wrong.
fn read(text: &str) -> Result<Vec<(AccountName, PasswordHash)>, Vec<WrongLine>> {
    let mut users: Vec<(AccountName, PasswordHash)> = Vec::new();
    let mut wrong = Vec::new();
    let mut lines = std::collections::HashMap::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match user(line) {
            Ok((name, _)) if lines.contains_key(&name) => {
                let problem = format!("{name} is in line {} already: take one of them out", lines[&name]);
                wrong.push(WrongLine { number, problem });
            }
            Ok(user) => {
                lines.insert(user.0.clone(), number);
                users.push(user);
            }
            Err(problem) => wrong.push(WrongLine { number, problem }),
        }
    }
    if wrong.is_empty() { Ok(users) } else { Err(wrong) }
}

fn user(line: &str) -> Result<(AccountName, PasswordHash), String> {
    let (name, hash) = line.split_once(':').ok_or("there is no colon between user name and hash")?;
    let name = AccountName::new(name).map_err(|error| error.to_string())?;
    if !hash.starts_with('$') {
        return Err("the password is not hashed: `mosquitto_passwd -U FILE` hashes all passwords of a file".to_owned());
    }
    let hash = PasswordHash::parse(hash).map_err(|error| format!("the hash {error}"))?;
    Ok((name, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str =
        "$6$VMCpb4QcTlnI3eDV$fIBH8IxHT4ge7NXhJk5f8UyDgQpZpNPP19vm+eVU1/U0D9BaaYcbO6ScZEqmUQoYAVYnUcg0QTBVJRDRFx3IlQ==";
    const NEW: &str = "$7$101$QIjMtxD+zewjSAxG$WSwbeUKhxxOl5ZekMuyKnvROelKXfSjuEXL2kWElUF52uYJCbOg4RiKMDwtXTL2oKy04FD5zS3FDqHpuAgf/SA==";

    #[test]
    fn both_kinds_of_hashes_are_read() {
        for end in ["\n", "\r\n"] {
            let users = read(&format!("# mine{end}tv:{OLD}{end}{end}lamp:{NEW}{end}")).unwrap();
            let read: Vec<_> = users.iter().map(|(name, hash)| (&**name, hash.verify(b"secret"))).collect();
            assert_eq!(read, [("tv", true), ("lamp", true)]);
        }
        assert_eq!(read(""), Ok(vec![]));
    }

    #[test]
    fn every_wrong_line_is_named() {
        let text = format!("tv:{NEW}\nlamp\nradio:secret\n\n:{NEW}\ntv:{OLD}\nfan:$5$x$y\nhub:$7$101$x\nok:{OLD}\n");
        let wrong = read(&text).unwrap_err();
        let expected = [
            (2, "no colon"),
            (3, "mosquitto_passwd -U"),
            (5, "1 to 256 bytes"),
            (6, "line 1 already"),
            (7, "does not know"),
            (8, "cut off"),
        ];
        assert_eq!(wrong.len(), expected.len(), "{wrong:?}");
        for (wrong, (number, problem)) in wrong.iter().zip(expected) {
            assert_eq!(wrong.number, number);
            assert!(wrong.problem.contains(problem), "{wrong}");
        }
    }
}
