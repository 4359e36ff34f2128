//! Passwords of accounts, before they are hashes.

use nightjar_broker::PasswordHash;

/// Bytes of the longest one: CONNECT has room for no more.
pub(crate) const LONGEST: usize = 65_535;
/// Without those that are taken for one another.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Five bits each.
const GENERATED_LENGTH: usize = 20;

/// A password that a client can send. It is never logged.
pub struct Password(String);

/// A text that can't be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    #[error("the password is empty")]
    Empty,
    #[error("the password is longer than MQTT has room for")]
    TooLong,
}

impl Password {
    /// # Errors
    /// Where it is empty, or longer than the 65,535 bytes of CONNECT.
    pub fn new(text: String) -> Result<Self, InvalidPassword> {
        match text.len() {
            0 => Err(InvalidPassword::Empty),
            1..=LONGEST => Ok(Self(text)),
            _ => Err(InvalidPassword::TooLong),
        }
    }

    /// A new one of a hundred random bits, which is easy to type off.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn generated() -> Result<Self, getrandom::Error> {
        let mut random = [0; GENERATED_LENGTH];
        getrandom::fill(&mut random)?;
        // 256 is a multiple of the letters' number, so that none is likelier.
        Ok(Self(random.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it. It takes tens of milliseconds, and blocks.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn hash(&self) -> Result<PasswordHash, nightjar_broker::NoRandomness> {
        PasswordHash::of(self.0.as_bytes())
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Password")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_made_up_is_long_and_new() {
        let (first, second) = (Password::generated().unwrap(), Password::generated().unwrap());
        assert_ne!(first.as_str(), second.as_str());
        assert_eq!(first.as_str().len(), GENERATED_LENGTH);
        assert!(first.as_str().bytes().all(|byte| LETTERS.contains(&byte)));
        assert!(!format!("{first:?}").contains(first.as_str()));
    }

    #[test]
    fn one_has_to_fit_into_connect() {
        assert_eq!(Password::new(String::new()).unwrap_err(), InvalidPassword::Empty);
        assert_eq!(Password::new("x".repeat(LONGEST + 1)).unwrap_err(), InvalidPassword::TooLong);
        assert!(Password::new("x".repeat(LONGEST)).is_ok());
    }
}
