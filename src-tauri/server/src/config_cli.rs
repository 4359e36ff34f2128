//! `nightjar-server config …`: what is wrong with a settings file, before it takes effect.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Subcommand;

use crate::certificates::{Source, TlsSource};
use crate::listener_plan::{Overrides, plan};
use crate::{Settings, SettingsError, SettingsFile, WrongLine};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say everything that is wrong with a settings file, with its line and the cure; exit code 1 where something is
    Check {
        /// Otherwise that of --config, or nightjar.toml in the data directory
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

pub(crate) fn run(command: ConfigCommand, config: Option<PathBuf>, data_directory: &Path) -> anyhow::Result<()> {
    let ConfigCommand::Check { file } = command;
    let file = file.or(config).map_or_else(|| SettingsFile::of(data_directory), |file| SettingsFile::at(&file));
    if !file.path().exists() {
        bail!("the settings file {} does not exist", file.path().display());
    }
    let path = file.path().display();
    let faults = match file.load() {
        Ok(settings) => unusable_files(&settings, data_directory),
        Err(error @ SettingsError::Invalid { .. }) => {
            let line = |WrongLine { line, problem }| format!("{path}, line {line}: {problem}");
            error.wrong_lines().into_iter().map(line).collect()
        }
        Err(error) => vec![error.to_string()],
    };
    let count = match faults.len() {
        0 => {
            say(&format!("{path} can be used"));
            return Ok(());
        }
        1 => "1 fault".to_owned(),
        count => format!("{count} faults"),
    };
    for fault in &faults {
        say(fault);
    }
    bail!("{path} can't be used: {count}")
}

/// What is wrong with the certificates that the listeners need; Nightjar's own is not made for that.
fn unusable_files(settings: &Settings, data_directory: &Path) -> Vec<String> {
    let wanted = plan(settings, &Overrides::default(), data_directory);
    let mut sources: Vec<TlsSource> = wanted.into_iter().filter_map(|wanted| wanted.tls).collect();
    sources.dedup();
    let check = |source: TlsSource| match source.certificate {
        Source::Files(_) => source.load().err(),
        Source::Own(_) => source.clients.as_ref().and_then(|clients| clients.check().err()),
    };
    sources.into_iter().filter_map(check).map(|error| error.to_string()).collect()
}

#[expect(clippy::print_stdout, reason = "what the user asked for")]
fn say(line: &str) {
    println!("{line}");
}
