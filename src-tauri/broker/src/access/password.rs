//! Hashes of passwords: argon2id, which Nightjar makes, and the two of mosquitto's password files, which it can check.
//!
//! ```text
//! $argon2id$v=19$m=19456,t=2,p=1$salt$hash     PHC string, base64 without padding
//! $7$iterations$salt$hash                      PBKDF2 with HMAC-SHA-512
//! $6$salt$hash                                 SHA-512 of password and salt
//! ```

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

/// Kibibytes, passes and lanes, as OWASP's Password Storage Cheat Sheet has them for argon2id.
const MEMORY: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Bytes.
const SALT: usize = 16;
const OUTPUT: usize = 32;
/// What a hash from elsewhere may cost: a login must not take all memory, nor minutes.
const MOST_MEMORY: u32 = 256 << 10;
const MOST_PASSES: u32 = 32;
const MOST_LANES: u32 = 16;
const MOST_ITERATIONS: u32 = 2_000_000;
/// Bytes of a salt or an output.
const MOST_BYTES: usize = 128;
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What is kept of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: Box<str>,
    scheme: Scheme,
    salt: Box<[u8]>,
    output: Box<[u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Argon2id { memory: u32, passes: u32, lanes: u32 },
    Pbkdf2Sha512 { iterations: u32 },
    Sha512,
}

/// A text that is no hash of a password, in words that go on from "the hash".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPasswordHash {
    #[error("is of a kind that Nightjar does not know: $argon2id$, $7$ and $6$ are those that it does")]
    UnknownScheme,
    #[error("has not the parts that its kind has: it was cut off or changed")]
    Malformed,
    #[error("asks for more memory or time than a login may take")]
    TooCostly,
}

/// The system gives no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers ({0})")]
pub struct NoRandomness(getrandom::Error);

impl PasswordHash {
    /// Hashes a password with argon2id and a new salt, which takes some 20 ms and 19 MB.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn of(password: &[u8]) -> Result<Self, NoRandomness> {
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt).map_err(NoRandomness)?;
        let scheme = Scheme::Argon2id { memory: MEMORY, passes: PASSES, lanes: LANES };
        let output = scheme.output(password, &salt, OUTPUT).unwrap_or_default();
        let text = format!(
            "$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}${}${}",
            BASE64.encode(salt),
            BASE64.encode(&output)
        );
        Ok(Self { text: text.into(), scheme, salt: salt.into(), output: output.into() })
    }

    /// Reads a hash as it is written.
    ///
    /// # Errors
    /// See [`InvalidPasswordHash`].
    pub fn parse(text: &str) -> Result<Self, InvalidPasswordHash> {
        use InvalidPasswordHash::{Malformed, TooCostly, UnknownScheme};
        let parts: Vec<&str> = text.split('$').collect();
        let (scheme, salt, output) = match parts[..] {
            ["", "argon2id", "v=19", costs, salt, output] => (argon2id(costs)?, salt, output),
            ["", "7", iterations, salt, output] => {
                let iterations = iterations.parse().ok().filter(|&iterations| iterations > 0).ok_or(Malformed)?;
                (Scheme::Pbkdf2Sha512 { iterations }, salt, output)
            }
            ["", "6", salt, output] => (Scheme::Sha512, salt, output),
            ["", "argon2id" | "7" | "6", ..] => return Err(Malformed),
            _ => return Err(UnknownScheme),
        };
        if matches!(scheme, Scheme::Pbkdf2Sha512 { iterations } if iterations > MOST_ITERATIONS) {
            return Err(TooCostly);
        }
        let bytes = |text: &str| BASE64.decode(text).ok().filter(|bytes| bytes.len() <= MOST_BYTES).ok_or(Malformed);
        let (salt, output) = (bytes(salt)?, bytes(output)?);
        let fits = match scheme {
            Scheme::Argon2id { .. } => salt.len() >= 8 && output.len() >= 16,
            // Shorter ones would be matched by chance.
            Scheme::Pbkdf2Sha512 { .. } => !salt.is_empty() && output.len() == Sha512::output_size(),
            Scheme::Sha512 => output.len() == Sha512::output_size(),
        };
        if !fits {
            return Err(Malformed);
        }
        Ok(Self { text: text.into(), scheme, salt: salt.into(), output: output.into() })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name of its kind.
    pub const fn scheme(&self) -> &'static str {
        match self.scheme {
            Scheme::Argon2id { .. } => "argon2id",
            Scheme::Pbkdf2Sha512 { .. } => "pbkdf2-sha512",
            Scheme::Sha512 => "sha512",
        }
    }

    /// Whether it is one of mosquitto's: they are quicker to guess than Nightjar's own.
    pub const fn is_foreign(&self) -> bool {
        !matches!(self.scheme, Scheme::Argon2id { .. })
    }

    /// Whether this is the password. Blocks for as long as the hash takes.
    pub fn verify(&self, password: &[u8]) -> bool {
        let output = self.scheme.output(password, &self.salt, self.output.len());
        output.is_some_and(|output| output.ct_eq(&self.output).into())
    }
}

impl Scheme {
    /// `None` where the costs are none that argon2 takes, which were then not read by [`PasswordHash::parse`].
    fn output(self, password: &[u8], salt: &[u8], length: usize) -> Option<Vec<u8>> {
        let mut output = vec![0; length];
        match self {
            Self::Argon2id { memory, passes, lanes } => {
                let params = Params::new(memory, passes, lanes, Some(length)).ok()?;
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                argon2.hash_password_into(password, salt, &mut output).ok()?;
            }
            Self::Pbkdf2Sha512 { iterations } => {
                pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut output);
            }
            Self::Sha512 => output = Sha512::new().chain_update(password).chain_update(salt).finalize().to_vec(),
        }
        Some(output)
    }
}

/// `m=19456,t=2,p=1`.
fn argon2id(costs: &str) -> Result<Scheme, InvalidPasswordHash> {
    use InvalidPasswordHash::{Malformed, TooCostly};
    let costs: Vec<_> = costs.split(',').collect();
    let [memory, passes, lanes] = costs[..] else { return Err(Malformed) };
    let number = |text: &str, name| text.strip_prefix(name).and_then(|number| number.parse().ok()).ok_or(Malformed);
    let (memory, passes, lanes) = (number(memory, "m=")?, number(passes, "t=")?, number(lanes, "p=")?);
    if memory > MOST_MEMORY || passes > MOST_PASSES || lanes > MOST_LANES {
        return Err(TooCostly);
    }
    Params::new(memory, passes, lanes, None).map_err(|_| Malformed)?;
    Ok(Scheme::Argon2id { memory, passes, lanes })
}

impl std::fmt::Debug for PasswordHash {
    /// Never the hash: what is formatted may end in a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PasswordHash").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of "secret", as argon2's reference program and two versions of mosquitto_passwd wrote them.
    const SECRET: &[&str] = &[
        "$argon2id$v=19$m=8192,t=3,p=4$JqcjpnxbfJrXBiMKQi0KsA$50IuivuFjpTrssNQq44YzxqJc1cWxqQRH1pUPDNPYZY",
        "$7$101$QIjMtxD+zewjSAxG$WSwbeUKhxxOl5ZekMuyKnvROelKXfSjuEXL2kWElUF52uYJCbOg4RiKMDwtXTL2oKy04FD5zS3FDqHpuAgf/SA==",
        "$6$VMCpb4QcTlnI3eDV$fIBH8IxHT4ge7NXhJk5f8UyDgQpZpNPP19vm+eVU1/U0D9BaaYcbO6ScZEqmUQoYAVYnUcg0QTBVJRDRFx3IlQ==",
    ];

    #[test]
    fn hashes_of_other_programs_are_checked() {
        for text in SECRET {
            let hash = PasswordHash::parse(text).unwrap();
            assert!(hash.verify(b"secret"), "{text}");
            assert!(!hash.verify(b"Secret") && !hash.verify(b"") && !hash.verify(b"secrets"), "{text}");
            assert_eq!(hash.as_str(), *text);
            assert_eq!(hash.is_foreign(), !text.starts_with("$argon2id$"));
        }
    }

    #[test]
    fn a_hash_is_salted_and_comes_back_as_it_was_written() {
        let (first, second) = (PasswordHash::of(b"secret").unwrap(), PasswordHash::of(b"secret").unwrap());
        assert_ne!(first.as_str(), second.as_str());
        assert!(first.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let read = PasswordHash::parse(first.as_str()).unwrap();
        assert_eq!(read, first);
        assert!(read.verify(b"secret") && !read.verify(b"secret "));
        assert!(!format!("{first:?}").contains(first.as_str()), "a log has no hash");
    }

    #[test]
    fn what_is_no_hash_is_told_apart() {
        use InvalidPasswordHash::{Malformed, TooCostly, UnknownScheme};
        let hash = PasswordHash::of(b"x").unwrap();
        let own = hash.as_str();
        for (text, expected) in [
            (String::new(), UnknownScheme),
            ("secret".to_owned(), UnknownScheme),
            ("$1$salt$hash".to_owned(), UnknownScheme),
            ("$6$c2FsdA==".to_owned(), Malformed),
            ("$6$c2FsdA==$aGFzaA==".to_owned(), Malformed),
            ("$6$***$aGFzaA==".to_owned(), Malformed),
            ("$7$0$c2FsdA==$aGFzaA==".to_owned(), Malformed),
            ("$7$-1$c2FsdA==$aGFzaA==".to_owned(), Malformed),
            ("$7$4000000000$c2FsdA==$aGFzaA==".to_owned(), TooCostly),
            (own.replace("m=19456", "m=4000000000"), TooCostly),
            (own.replace("t=2", "t=1000"), TooCostly),
            (own.replace("m=19456", "m=1"), Malformed),
            (own.replace(",p=1", ""), Malformed),
            (own[..own.len() - 30].to_owned(), Malformed),
            (format!("{own}$"), Malformed),
            (own.replace("v=19", "v=16"), Malformed),
        ] {
            assert_eq!(PasswordHash::parse(&text), Err(expected), "{text}");
        }
    }
}
