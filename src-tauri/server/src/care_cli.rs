//! What `nightjar-server` does with a journal beside serving it: `sql`, `export`, `import`, `backup`, `check`. All but the
//! import work while a broker uses the same data directory.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use nightjar_broker::Timestamp;
use nightjar_mqtt::TopicFilter;
use nightjar_store::{
    Archive, CareError, ExportFormat, JsonCondition, Keeping, Options, Order, Search, Store, parse_time,
};

/// What to do with the journal of the data directory.
#[derive(Debug, Subcommand)]
pub(crate) enum CareCommand {
    /// Run a statement that reads, such as "select time, topic, text from messages limit 10"
    ///
    /// The views messages, events, retained_messages, topics and gaps have names and times as text (UTC);
    /// topic_matches(topic, 'a/+/#') is a function. Columns are separated by tabs.
    Sql { statement: String },

    /// Write a selection of the messages as JSON Lines or CSV
    Export(Box<Export>),

    /// Append the messages of a JSON Lines export; no broker may use the data directory meanwhile
    Import { file: PathBuf },

    /// Copy the whole journal to a new file, while it may be in use
    Backup { file: PathBuf },

    /// Look at every page and every message; exit code 1 where something is wrong
    Check,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Only topics that this filter matches
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,

    /// Only what this client published
    #[arg(long, value_name = "IDENTIFIER")]
    client: Option<String>,

    /// Only payloads that contain this text
    #[arg(long, value_name = "TEXT", default_value = "")]
    text: String,

    /// Only JSON payloads that meet this condition, such as '$.temperature > 30'
    #[arg(long, value_name = "CONDITION")]
    json: Option<JsonCondition>,

    /// Only from this time on (UTC), such as 2026-11-22 or 2026-11-22T14:00:00
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,

    /// Only up to this time (UTC)
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,

    /// What topics retained at this time (UTC) instead; only --filter counts beside it
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with_all = ["client", "text", "json", "from", "to"])]
    retained_at: Option<Timestamp>,

    /// jsonl or csv
    #[arg(long, value_name = "FORMAT", default_value = "jsonl")]
    format: ExportFormat,

    /// The file to write, which must not be there yet; without one, the terminal
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn time(text: &str) -> Result<Timestamp, String> {
    parse_time(text).ok_or_else(|| "write a time in UTC, such as 2026-11-22 or 2026-11-22T14:00:00".to_owned())
}

pub(crate) fn run(command: CareCommand, data_directory: &Path) -> anyhow::Result<()> {
    match command {
        CareCommand::Sql { statement } => sql(&Archive::open(data_directory)?, &statement),
        CareCommand::Export(wanted) => export(&Archive::open(data_directory)?, *wanted),
        CareCommand::Import { file } => import(data_directory, &file),
        CareCommand::Backup { file } => {
            Archive::open(data_directory)?.backup(&file, |_share| true)?;
            say(&format!("the journal was copied to {}", file.display()));
            Ok(())
        }
        CareCommand::Check => {
            let archive = Archive::open(data_directory)?;
            let findings = archive.check(|_share| true)?;
            for finding in &findings {
                say(finding);
            }
            if !findings.is_empty() {
                bail!("the journal is damaged: restore a backup, or let Nightjar start anew beside it");
            }
            say(&format!("the journal is good: {} messages", archive.messages()?));
            Ok(())
        }
    }
}

#[expect(clippy::print_stderr, reason = "a user at a terminal asked for it; the output may be data")]
fn say(sentence: &str) {
    eprintln!("{sentence}");
}

/// A reader that has seen enough, such as `head`, is no error.
fn unless_closed(result: Result<(), CareError>) -> anyhow::Result<()> {
    match result {
        Err(CareError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

fn sql(archive: &Archive, statement: &str) -> anyhow::Result<()> {
    let out = std::cell::RefCell::new(BufWriter::new(io::stdout().lock()));
    let write = |line: String| writeln!(out.borrow_mut(), "{line}").map_err(CareError::Output);
    let result = archive.sql(
        statement,
        |names| write(names.join("\t")),
        |row| write(row.iter().map(ToString::to_string).collect::<Vec<_>>().join("\t")),
    );
    unless_closed(result.and_then(|()| out.borrow_mut().flush().map_err(CareError::Output)))
}

fn export(archive: &Archive, wanted: Export) -> anyhow::Result<()> {
    let filter = wanted.filter.map(TopicFilter::new).transpose().context("the topic filter is not valid")?;
    let search = Search {
        filter,
        client: wanted.client,
        text: wanted.text,
        json: wanted.json,
        from: wanted.from,
        to: wanted.to,
        retained_at: wanted.retained_at,
        order: Order::OldestFirst,
        ..Search::default()
    };
    let Some(file) = wanted.output else {
        let mut out = BufWriter::new(io::stdout().lock());
        return unless_closed(archive.export(&search, wanted.format, &mut out, |_share| true).map(drop));
    };
    let written = archive.export_to_file(&search, wanted.format, &file, |_share| true)?;
    say(&format!("{written} messages were written to {}", file.display()));
    Ok(())
}

fn import(data_directory: &Path, file: &Path) -> anyhow::Result<()> {
    let input = File::open(file).with_context(|| format!("{} can't be read", file.display()))?;
    // What is imported may be old; the broker that starts next applies its rules.
    let options = Options { keeping: Keeping::everything(), ..Options::new(data_directory) };
    let store = Store::open(&options)?.store;
    let imported = store.import(BufReader::new(input));
    store.close()?;
    say(&format!("{} messages were imported", imported?.messages));
    Ok(())
}
