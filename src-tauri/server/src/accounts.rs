//! The accounts of a broker that runs, changed from within it: what is changed holds when the call returns.

use std::collections::HashSet;
use std::path::Path;

use nightjar_broker::{Account, AccountName, NoRandomness};
use nightjar_store::{AccountBook, AccountsError, ReadError};

use crate::{ForeignFileError, Password, Server, mosquitto_passwords};

/// Why accounts were not changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error(transparent)]
    Book(#[from] AccountsError),
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error(transparent)]
    File(#[from] ForeignFileError),
}

/// What became of a password file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedAccounts {
    pub added: usize,
    /// Those that were there already, which stay as they are.
    pub kept: Vec<AccountName>,
}

impl Server {
    /// All accounts, by name. Blocks on the disk.
    ///
    /// # Errors
    /// Where they can't be read.
    pub fn accounts(&self) -> Result<Vec<Account>, ReadError> {
        // Only looking must not make a database where there is none.
        Ok(AccountBook::watch(self.data_directory()).changed()?.unwrap_or_default())
    }

    /// Adds an account, which can log in from then on. Blocks on the hash and the disk.
    ///
    /// # Errors
    /// Where there is one of that name already, or it can't be kept.
    pub fn add_account(&self, name: AccountName, password: &Password) -> Result<(), AccountError> {
        // It takes longest, and needs no file.
        let password = password.hash()?;
        let changed = nightjar_broker::now().wall;
        self.change_accounts(|book| book.add(&[Account { name, password, disabled: false, changed }]))
    }

    /// Gives an account another password, and disconnects who uses the old one. Blocks on the hash and the disk.
    ///
    /// # Errors
    /// Where there is no such account, or it can't be kept.
    pub fn set_account_password(&self, name: &AccountName, password: &Password) -> Result<(), AccountError> {
        let password = password.hash()?;
        let now = nightjar_broker::now().wall;
        self.change_accounts(|book| book.set_password(name, &password, now))
    }

    /// Lets an account in no longer, and disconnects who uses it; or lets it in again. Blocks on the disk.
    ///
    /// # Errors
    /// As [`Self::set_account_password`].
    pub fn set_account_disabled(&self, name: &AccountName, disabled: bool) -> Result<(), AccountError> {
        self.change_accounts(|book| book.set_disabled(name, disabled))
    }

    /// Deletes an account, and disconnects who uses it. Blocks on the disk.
    ///
    /// # Errors
    /// As [`Self::set_account_password`].
    pub fn remove_account(&self, name: &AccountName) -> Result<(), AccountError> {
        self.change_accounts(|book| book.remove(name))
    }

    /// Adds the users of a password file of mosquitto, with their passwords, who are not there yet. Blocks on the disk.
    ///
    /// # Errors
    /// Where the file can't be read, a line is wrong, or they can't be kept: nobody is added then.
    pub fn import_accounts(&self, file: &Path) -> Result<ImportedAccounts, AccountError> {
        let accounts = mosquitto_passwords::open(file, nightjar_broker::now().wall)?;
        let mut imported = ImportedAccounts { added: 0, kept: Vec::new() };
        self.change_accounts(|book| {
            let there: HashSet<AccountName> = book.accounts()?.into_iter().map(|account| account.name).collect();
            let (kept, new): (Vec<_>, Vec<_>) = accounts.into_iter().partition(|account| there.contains(&account.name));
            imported =
                ImportedAccounts { added: new.len(), kept: kept.into_iter().map(|account| account.name).collect() };
            book.add(&new)
        })?;
        Ok(imported)
    }

    fn change_accounts(
        &self,
        change: impl FnOnce(&mut AccountBook) -> Result<(), AccountsError>,
    ) -> Result<(), AccountError> {
        change(&mut AccountBook::open(self.data_directory())?)?;
        self.follow_accounts();
        Ok(())
    }
}
