//! `nightjar-server ban …`: who is kept out. It works while a broker runs on the data directory, which then follows within a
//! second or two.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};
use nightjar_broker::{Ban, BanList, BanNumber, BanTarget, Timestamp};
use nightjar_store::{BanBook, BansError, write_time};

use crate::quantity::Kind;

/// Who is kept out, and disconnected.
#[derive(Debug, Subcommand)]
pub(crate) enum BanCommand {
    /// Keep out whoever has this client identifier
    Client {
        identifier: String,
        #[command(flatten)]
        terms: Terms,
    },

    /// Keep out whoever gives this user name
    User {
        name: String,
        #[command(flatten)]
        terms: Terms,
    },

    /// Keep out an address, such as 192.168.1.7, or a network, such as 192.168.1.0/24
    Address {
        address: String,
        #[command(flatten)]
        terms: Terms,
    },

    /// Let somebody in again, by the number of the ban
    Lift { number: u32 },

    /// Show the bans that are in force: number, who, since when, until when, and why
    List,
}

#[derive(Debug, Args)]
pub(crate) struct Terms {
    /// For how long, such as "10 min" or 7d; for good without it
    #[arg(long = "for", value_name = "TIME", value_parser = parse_time)]
    time: Option<Duration>,
    /// Why, for whoever looks at the list later
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let milliseconds = Kind::Seconds.parse(text).ok_or_else(|| Kind::Seconds.form().to_owned())?;
    if milliseconds == 0 { Err("write a time above zero".to_owned()) } else { Ok(Duration::from_millis(milliseconds)) }
}

pub(crate) fn run(command: BanCommand, data_directory: &Path) -> anyhow::Result<()> {
    let now = nightjar_broker::now().wall;
    match command {
        BanCommand::Client { identifier, terms } => ban(data_directory, BanTarget::client(&identifier)?, &terms, now),
        BanCommand::User { name, terms } => ban(data_directory, BanTarget::user(&name)?, &terms, now),
        BanCommand::Address { address, terms } => {
            ban(data_directory, BanTarget::parse("address", &address)?, &terms, now)
        }
        BanCommand::Lift { number } => {
            let lift = |list: &mut BanList| list.lift(BanNumber(number)).map_err(BansError::from);
            let (ban, _) = BanBook::open(data_directory)?.change(lift)?;
            say(&format!("{} may connect again", ban.target));
            Ok(())
        }
        BanCommand::List => Ok(list(&BanBook::open(data_directory)?.bans()?, now)?),
    }
}

fn ban(data_directory: &Path, target: BanTarget, terms: &Terms, now: Timestamp) -> anyhow::Result<()> {
    let until = terms.time.map(|time| {
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(now.micros().saturating_add(micros))
    });
    let said = target.to_string();
    let add = |list: &mut BanList| list.add(target, now, until, &terms.note).map_err(BansError::from);
    let (number, _) = BanBook::open(data_directory)?.change(add)?;
    let end = until.map_or_else(|| "for good".to_owned(), |until| format!("until {}", write_time(until)));
    say(&format!("{said} is kept out {end}: ban {number}"));
    Ok(())
}

fn list(list: &BanList, now: Timestamp) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for Ban { number, target, since, until, note } in list.bans.iter().filter(|ban| ban.holds(now)) {
        let until = until.map_or_else(|| "for good".to_owned(), write_time);
        writeln!(out, "{number}\t{}\t{}\t{}\t{until}\t{note}", target.kind(), target.text(), write_time(*since))?;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a user at a terminal asked for it; the output is data")]
fn say(sentence: &str) {
    eprintln!("{sentence}");
}
