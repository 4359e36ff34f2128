//! Files of other programs, line by line.

use std::path::Path;

use anyhow::{Context, ensure};

/// Bytes of the largest file.
const LARGEST: u64 = 64 << 20;
/// Wrong lines that are named.
const NAMED: usize = 20;

/// A line that can't be used, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {number}: {problem}")]
pub(crate) struct WrongLine {
    pub(crate) number: usize,
    pub(crate) problem: String,
}

/// Reads a file as a whole, or says which lines are wrong. `what` follows "is too large to be".
pub(crate) fn read<T>(
    file: &Path,
    what: &str,
    parse: impl FnOnce(&str) -> Result<T, Vec<WrongLine>>,
) -> anyhow::Result<T> {
    let unreadable = || format!("{} can't be read", file.display());
    let size = std::fs::metadata(file).with_context(unreadable)?.len();
    ensure!(size <= LARGEST, "{} is too large to be {what}", file.display());
    let text = String::from_utf8(std::fs::read(file).with_context(unreadable)?)
        .with_context(|| format!("{} is not {what} of mosquitto: it is no text in UTF-8", file.display()))?;
    parse(&text).map_err(|wrong| {
        let lines: Vec<_> = wrong.iter().take(NAMED).map(|wrong| format!("\n  {wrong}")).collect();
        let more = if wrong.len() > lines.len() { "\n  …" } else { "" };
        anyhow::anyhow!("{} has wrong lines, and nothing was imported:{}{more}", file.display(), lines.concat())
    })
}
