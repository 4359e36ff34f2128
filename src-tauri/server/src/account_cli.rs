//! `nightjar-server account …`: who may log in. It works while a broker runs on the data directory, which then follows
//! within a second or two.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use nightjar_broker::{Access, Account, AccountName, PasswordHash};
use nightjar_store::AccountBook;

use crate::password::{LONGEST, Password};
use crate::{InvalidPassword, Settings, mosquitto_passwords};

/// Who may log in.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Add an account, with a password that is made up and shown this once
    Add {
        name: String,
        #[command(flatten)]
        source: PasswordSource,
    },

    /// Give an account another password, made up and shown this once; whoever uses the old one is disconnected
    Password {
        name: String,
        #[command(flatten)]
        source: PasswordSource,
    },

    /// Let nobody in with this account, and disconnect whoever is; it keeps its password
    Disable { name: String },

    /// Let an account in again
    Enable { name: String },

    /// Delete an account, and disconnect whoever uses it
    Remove { name: String },

    /// Show all accounts: name, state, and how the password is hashed
    List,

    /// Add all users of a password file of mosquitto, with their passwords; nothing is added where a line is wrong
    Import { file: PathBuf },
}

#[derive(Debug, Args)]
pub(crate) struct PasswordSource {
    /// Ask for the password, or read it from a line of the standard input; never from the command line, which others see
    #[arg(long)]
    password_stdin: bool,
}

pub(crate) fn run(command: AccountCommand, data_directory: &Path) -> anyhow::Result<()> {
    let name = |name: &str| AccountName::new(name).with_context(|| format!("{name:?} can't be the name of an account"));
    match command {
        AccountCommand::Add { name: wanted, source } => {
            let name = name(&wanted)?;
            let mut book = AccountBook::open(data_directory)?;
            if book.accounts()?.iter().any(|account| account.name == name) {
                bail!("there is an account {name} already: `account password` changes its password");
            }
            // Others may use the data directory while somebody thinks of a password.
            drop(book);
            let password = NewPassword::from(&source)?;
            book = AccountBook::open(data_directory)?;
            let changed = nightjar_broker::now().wall;
            book.add(&[Account { name: name.clone(), password: password.hash()?, disabled: false, changed }])?;
            password.show()?;
            say(&format!("the account {name} was added"));
            hint(data_directory);
        }
        AccountCommand::Password { name: wanted, source } => {
            let name = name(&wanted)?;
            let password = NewPassword::from(&source)?;
            let hash = password.hash()?;
            AccountBook::open(data_directory)?.set_password(&name, &hash, nightjar_broker::now().wall)?;
            password.show()?;
            say(&format!("the account {name} has another password"));
        }
        AccountCommand::Disable { name: wanted } => {
            AccountBook::open(data_directory)?.set_disabled(&name(&wanted)?, true)?;
            say(&format!("the account {wanted} is disabled"));
        }
        AccountCommand::Enable { name: wanted } => {
            AccountBook::open(data_directory)?.set_disabled(&name(&wanted)?, false)?;
            say(&format!("the account {wanted} is enabled"));
        }
        AccountCommand::Remove { name: wanted } => {
            AccountBook::open(data_directory)?.remove(&name(&wanted)?)?;
            say(&format!("the account {wanted} was deleted"));
        }
        AccountCommand::List => list(&AccountBook::open(data_directory)?.accounts()?)?,
        AccountCommand::Import { file } => import(data_directory, &file)?,
    }
    Ok(())
}

/// A password that somebody chose or that was made up.
struct NewPassword {
    password: Password,
    is_new: bool,
}

impl NewPassword {
    fn from(source: &PasswordSource) -> anyhow::Result<Self> {
        if !source.password_stdin {
            let password = Password::generated().context("the system gives no random numbers")?;
            return Ok(Self { password, is_new: true });
        }
        let text = if io::stdin().is_terminal() {
            let text = rpassword::prompt_password("Password: ").context("the password can't be read")?;
            let again = rpassword::prompt_password("Again: ").context("the password can't be read")?;
            ensure!(text == again, "the two passwords differ: try again");
            text
        } else {
            let mut line = String::new();
            let mut input = io::Read::take(io::stdin().lock(), LONGEST as u64 + 2);
            input.read_line(&mut line).context("the password can't be read: it has to be text in UTF-8")?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        };
        let password = Password::new(text).map_err(|error| match error {
            InvalidPassword::Empty => {
                anyhow::anyhow!("{error}: write one, or leave out --password-stdin to have one made up")
            }
            InvalidPassword::TooLong => error.into(),
        })?;
        Ok(Self { password, is_new: false })
    }

    fn hash(&self) -> anyhow::Result<PasswordHash> {
        Ok(self.password.hash()?)
    }

    /// Shows a password that was made up: nobody can, later.
    fn show(&self) -> io::Result<()> {
        if self.is_new { writeln!(io::stdout(), "{}", self.password.as_str()) } else { Ok(()) }
    }
}

fn list(accounts: &[Account]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for Account { name, password, disabled, .. } in accounts {
        let state = if *disabled { "disabled" } else { "enabled" };
        writeln!(out, "{name}\t{state}\t{}", password.scheme())?;
    }
    Ok(())
}

fn import(data_directory: &Path, file: &Path) -> anyhow::Result<()> {
    let accounts = mosquitto_passwords::open(file, nightjar_broker::now().wall)?;
    AccountBook::open(data_directory)?.add(&accounts).context("nothing was imported")?;
    say(&format!("{} accounts were imported", accounts.len()));
    hint(data_directory);
    Ok(())
}

/// Says what is missing for the accounts to matter.
fn hint(data_directory: &Path) {
    match Settings::load(data_directory) {
        Ok(Settings { access: Access::ThisComputer | Access::Anyone, .. }) => say(
            "nobody is asked for a password yet: write `access = \"password\"` in nightjar.toml, and start Nightjar again",
        ),
        Ok(Settings { access: Access::Password, .. }) => {}
        // Whoever starts the broker is told.
        Err(_) => {}
    }
}

#[expect(clippy::print_stderr, reason = "a user at a terminal asked for it; the output is the password, or data")]
fn say(sentence: &str) {
    eprintln!("{sentence}");
}
