//! Other programs, with deadlines: a test that hangs is a test that says nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What a program did that ran to its end.
#[derive(Debug)]
pub struct Outcome {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// The same where the program succeeded.
    ///
    /// # Errors
    /// Where it didn't, with what it said.
    pub fn success(self) -> anyhow::Result<Self> {
        if self.status.success() {
            return Ok(self);
        }
        bail!("{}\nstdout: {}\nstderr: {}", self.status, self.stdout, self.stderr)
    }
}

/// Runs a program to its end with the given standard input.
///
/// # Errors
/// Where it can't be started, or is not done by the deadline; it is killed then.
pub fn run(command: &mut Command, stdin: &[u8], deadline: Duration) -> anyhow::Result<Outcome> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{command:?} can't be started"))?;
    let mut input = child.stdin.take().context("stdin is piped")?;
    let stdin = stdin.to_vec();
    // A program that ends without reading its input closes the pipe; its exit code says what matters.
    let writer = thread::spawn(move || drop(input.write_all(&stdin)));
    let stdout = collect(child.stdout.take().context("stdout is piped")?);
    let stderr = collect(child.stderr.take().context("stderr is piped")?);
    let status = wait(&mut child, deadline);
    if status.is_err() {
        child.kill().and_then(|()| child.wait()).context("kill")?;
    }
    drop(writer.join());
    let outcome = Outcome {
        stdout: stdout.join().unwrap_or_default(),
        stderr: stderr.join().unwrap_or_default(),
        status: status.with_context(|| format!("{command:?}"))?,
    };
    Ok(outcome)
}

fn collect(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(stream.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for the end of a process.
///
/// # Errors
/// Where it still runs at the deadline.
pub fn wait(child: &mut Child, deadline: Duration) -> anyhow::Result<ExitStatus> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= end {
            bail!("the process still runs after {deadline:?}");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Sends SIGTERM: please stop.
///
/// # Errors
/// Where the process is gone.
pub fn terminate(child: &Child) -> anyhow::Result<()> {
    kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGTERM).context("SIGTERM")
}

/// The lines of a stream as they come; the stream is drained whether somebody asks or not.
#[derive(Debug)]
pub struct Lines {
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Lines {
    /// Starts to read.
    pub fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                if sender.send(text).is_err() {
                    // Nobody listens any more, but the program must not block on a full pipe.
                    drop(std::io::copy(&mut stream, &mut std::io::sink()));
                    return;
                }
                line.clear();
            }
        });
        Self { lines, seen: Vec::new() }
    }

    /// The first line from here on of which `pick` makes something.
    ///
    /// # Errors
    /// Where the stream ends, or the deadline passes, before that.
    pub fn find<T>(&mut self, deadline: Duration, mut pick: impl FnMut(&str) -> Option<T>) -> anyhow::Result<T> {
        let end = Instant::now() + deadline;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let picked = pick(&line);
                    if self.seen.len() < 200 {
                        self.seen.push(line.chars().take(300).collect());
                    }
                    if let Some(picked) = picked {
                        return Ok(picked);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("the line did not come within {deadline:?}; these did:\n{}", self.seen.join("\n"))
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the output ended before the line came; these did:\n{}", self.seen.join("\n"))
                }
            }
        }
    }

    /// All lines to the end of the stream.
    pub fn rest(&mut self, deadline: Duration) -> String {
        drop(self.find(deadline, |_| None::<()>));
        self.seen.join("\n")
    }
}
