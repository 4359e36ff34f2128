//! Other programs, with deadlines: a test that hangs is a test that says nothing.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a pipe is read on that outlives the program.
const LEFT_OPEN: Duration = Duration::from_secs(5);

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
    let (stdout, stderr) = (stdout.text(), stderr.text());
    let status = status.with_context(|| format!("{command:?}\nstdout: {stdout}\nstderr: {stderr}"))?;
    Ok(Outcome { status, stdout, stderr })
}

/// What a program writes into a pipe.
struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: thread::JoinHandle<()>,
}

/// Starts to read to the end.
fn collect(mut stream: impl Read + Send + 'static) -> Output {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let read = Arc::clone(&bytes);
    let reader = thread::spawn(move || {
        let mut chunk = vec![0; 64 << 10];
        loop {
            match stream.read(&mut chunk) {
                Ok(length @ 1..) => {
                    read.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&chunk[..length]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return,
            }
        }
    });
    Output { bytes, reader }
}

impl Output {
    /// All of it, once the program has ended. Programs that it started and left behind may hold the pipe open: they are
    /// not waited for.
    fn text(self) -> String {
        let end = Instant::now() + LEFT_OPEN;
        while !self.reader.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(2));
        }
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
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
