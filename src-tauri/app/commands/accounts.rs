//! Who has a password, and what keeps devices away all the same.

use nightjar_broker::AccountName;
use nightjar_server::{AccountError, Password};
use nightjar_store::AccountsError;

use super::{Host, blocking, look};
use crate::views::accounts;
use crate::wire::{AccountErrors, AccountRow, Fault, FirewallHint};
use crate::{fault, firewall};

#[tauri::command]
pub(crate) async fn accounts(engine: Host<'_>) -> Result<Vec<AccountRow>, Fault> {
    look(&engine, |running| {
        let found = running.server.accounts();
        let found = found.map_err(|error| Fault::of_read("The accounts were not read", &error))?;
        Ok(accounts::all(running.broker(), &found))
    })
    .await
}

/// A password that nobody has yet.
#[tauri::command]
pub(crate) async fn generate_password() -> Result<String, Fault> {
    blocking(|| match Password::generated() {
        Ok(password) => Ok(password.as_str().to_owned()),
        Err(error) => Err(Fault::new("No password was made up", error, "Write one yourself")),
    })
    .await
}

/// Makes an account, which can log in when this has answered without errors.
#[tauri::command]
pub(crate) async fn add_account(engine: Host<'_>, name: String, password: String) -> Result<AccountErrors, Fault> {
    look(&engine, move |running| {
        let (name, password) = match checked(&name, password) {
            Ok(checked) => checked,
            Err(errors) => return Ok(errors),
        };
        match running.server.add_account(name, &password) {
            Ok(()) => Ok(AccountErrors::default()),
            Err(AccountError::Book(AccountsError::Exists { .. })) => {
                let taken = "There is an account of this name already: choose another".to_owned();
                Ok(AccountErrors { name: Some(taken), password: None })
            }
            Err(error) => Err(Fault::new("The account was not made", error, "Try again; everything is as before")),
        }
    })
    .await
}

fn checked(name: &str, password: String) -> Result<(AccountName, Password), AccountErrors> {
    let said = |error: &dyn std::fmt::Display| Some(fault::sentence(&error.to_string()));
    match (AccountName::new(name), Password::new(password)) {
        (Ok(name), Ok(password)) => Ok((name, password)),
        (name, password) => Err(AccountErrors {
            name: name.err().and_then(|error| said(&error)),
            password: password.err().and_then(|error| said(&error)),
        }),
    }
}

/// What may keep devices away from the listeners; nothing where no firewall is recognised.
#[tauri::command]
pub(crate) async fn firewall(engine: Host<'_>) -> Result<Option<FirewallHint>, Fault> {
    look(&engine, |running| {
        let mut ports: Vec<u16> = running.server.listeners().iter().map(|listener| listener.address.port()).collect();
        ports.sort_unstable();
        ports.dedup();
        Ok(firewall::hint(&ports))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_at_its_field() {
        assert!(checked("tv", "secret".to_owned()).is_ok());
        let errors = checked("a:b", String::new()).unwrap_err();
        assert!(errors.name.unwrap().starts_with("A user name has 1 to 256 bytes"));
        assert_eq!(errors.password.unwrap(), "The password is empty");
        let errors = checked("tv", String::new()).unwrap_err();
        assert!(errors.name.is_none() && errors.password.is_some());
    }
}
