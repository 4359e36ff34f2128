//! Why a login was refused, as an event says it, and back: whoever reads the event may offer what would let them in.

use crate::AccountName;

/// Characters of a user name in an event.
const QUOTED: usize = 64;
const NO_ACCOUNT: &str = "there is no such account";
const WRONG_PASSWORD: &str = "the password is wrong";
const DISABLED: &str = "it is disabled";

/// A login that was refused, with the name that it gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusedLogin {
    NoAccount(String),
    WrongPassword(String),
    Disabled(String),
}

impl RefusedLogin {
    /// What an event says of it: `user "tv": the password is wrong`.
    pub(super) fn detail(&self) -> String {
        let (name, why) = match self {
            Self::NoAccount(name) => (name, NO_ACCOUNT),
            Self::WrongPassword(name) => (name, WRONG_PASSWORD),
            Self::Disabled(name) => (name, DISABLED),
        };
        format!("user {}: {why}", quoted(name))
    }

    /// What the detail of an event tells of it; `None` where it is about something else, or where the name is cut or could
    /// not be an account's.
    pub fn of(detail: &str) -> Option<Self> {
        let (_, rest) = detail.split_once(": user \"")?;
        let (name, why) = rest.rsplit_once("\": ")?;
        let name = unquoted(name)?;
        AccountName::new(&name).ok()?;
        match why {
            NO_ACCOUNT => Some(Self::NoAccount(name)),
            WRONG_PASSWORD => Some(Self::WrongPassword(name)),
            DISABLED => Some(Self::Disabled(name)),
            _ => None,
        }
    }
}

/// A user name as a sentence can have it.
pub(super) fn quoted(name: &str) -> String {
    let mut cut: String = name.chars().take(QUOTED).collect();
    if cut.len() < name.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}

/// The same the other way, for names that need no escape but of the quotation itself.
fn unquoted(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        name.push(match letter {
            '\\' => letters.next().filter(|next| matches!(next, '\\' | '"' | '\''))?,
            letter => letter,
        });
    }
    (!name.ends_with('…')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_event_says_is_read_back() {
        for name in ["tv", "Jürgen Müller", "a \"b\" \\c", "it's", "%u/#", "x\": user \"y"] {
            for login in [RefusedLogin::NoAccount, RefusedLogin::WrongPassword, RefusedLogin::Disabled] {
                let login = login(name.to_owned());
                let detail = format!("from 10.0.0.7:4: Not authorized (0x87): {}", login.detail());
                let expected = AccountName::new(name).is_ok().then_some(login);
                assert_eq!(RefusedLogin::of(&detail), expected, "{detail}");
            }
        }
    }

    #[test]
    fn what_is_cut_or_no_name_offers_nothing() {
        let long = RefusedLogin::NoAccount("x".repeat(65)).detail();
        let control = RefusedLogin::NoAccount("a\nb".to_owned()).detail();
        for detail in [
            &*format!("from 10.0.0.7:4: Bad User Name or Password (0x86): {long}"),
            &format!("from 10.0.0.7:4: Bad User Name or Password (0x86): {control}"),
            "from 10.0.0.7:4: Not authorized (0x87): a user name and a password are needed",
            "from 10.0.0.7:4: Bad User Name or Password (0x86): user \"tv\" gave no password",
            "",
        ] {
            assert_eq!(RefusedLogin::of(detail), None, "{detail}");
        }
    }
}
