//! What the bench asks of the computer: cores to itself, many sockets, and what a process has used.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

/// How long a broker may go on working after the last message before its CPU time is taken.
const SETTLED_WITHIN: Duration = Duration::from_secs(20);

/// How often a process is asked whether it has come to rest, and the CPU time that counts as none meanwhile.
const REST: (Duration, Duration) = (Duration::from_millis(150), Duration::from_millis(10));

/// A core for the broker and one for the generator. On a computer with one core they share it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    all: CpuSet,
    broker: CpuSet,
    generator: CpuSet,
    pub(crate) are_separate: bool,
}

impl Cores {
    /// The first two that this process may run on.
    pub(crate) fn choose() -> anyhow::Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0)).context("which cores may be used")?;
        let cores: Vec<usize> =
            (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false)).take(2).collect();
        let only = |core: usize| -> anyhow::Result<CpuSet> {
            let mut set = CpuSet::new();
            set.set(core)?;
            Ok(set)
        };
        let first = *cores.first().context("no core may be used")?;
        let last = *cores.last().context("no core may be used")?;
        Ok(Self { all: allowed, broker: only(first)?, generator: only(last)?, are_separate: first != last })
    }

    /// Runs `start` on the broker's core: a process that it starts stays there. Then this thread takes the generator's.
    pub(crate) fn start<T>(&self, start: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        self.start_on(&self.broker, start)
    }

    /// The same for a process that may use all cores.
    pub(crate) fn start_anywhere<T>(&self, start: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        self.start_on(&self.all, start)
    }

    fn start_on<T>(&self, cores: &CpuSet, start: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let this_thread = Pid::from_raw(0);
        sched_setaffinity(this_thread, cores).context("the cores of a process")?;
        let started = start();
        sched_setaffinity(this_thread, &self.generator).context("the generator's core")?;
        started
    }
}

/// Lets this process, and those that it starts, have as many open files as the system allows.
pub(crate) fn raise_file_limit() -> anyhow::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("the limit of open files")
}

/// The CPU time that a process has used, all its threads together.
pub(crate) fn cpu_time(process: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold spaces; utime and stime are the 12th and 13th field behind it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| -> anyhow::Result<u64> { Ok(fields.get(index).context("/proc/PID/stat")?.parse()?) };
    // Linux counts in hundredths of a second here, whatever its timer does.
    let of_all = Duration::from_millis((ticks(11)? + ticks(12)?) * 10);
    // It knows better of threads that have not ended, which are nearly all.
    Ok(of_all.max(cpu_time_of_threads(process)?))
}

/// To the nanosecond, but without the threads that have ended.
fn cpu_time_of_threads(process: u32) -> anyhow::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end meanwhile, and a kernel may not have it.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanoseconds += text.split_whitespace().next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The same once the process has also done what it put off, such as writing its record.
pub(crate) fn settled_cpu_time(process: u32) -> anyhow::Result<Duration> {
    let end = Instant::now() + SETTLED_WITHIN;
    let mut used = cpu_time(process)?;
    loop {
        thread::sleep(REST.0);
        let before = std::mem::replace(&mut used, cpu_time(process)?);
        if used.saturating_sub(before) <= REST.1 || Instant::now() > end {
            return Ok(used);
        }
    }
}

/// Bytes of memory that a process has now.
pub(crate) fn resident(process: u32) -> anyhow::Result<u64> {
    status(process, "VmRSS:")
}

/// Bytes of memory that a process had at most.
pub(crate) fn most_resident(process: u32) -> anyhow::Result<u64> {
    status(process, "VmHWM:")
}

fn status(process: u32, field: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context("/proc/PID/status")?;
    let kilobytes: u64 = line.split_whitespace().next().context("/proc/PID/status")?.parse()?;
    Ok(kilobytes * 1024)
}

/// How long the disk under `folder` takes to have a small append for certain: the median of many.
pub(crate) fn sync_time(folder: &Path) -> anyhow::Result<Duration> {
    let path = folder.join("sync");
    let mut file = File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..100 {
        file.write_all(&[b'.'; 4096])?;
        let started = Instant::now();
        file.sync_data()?;
        times.push(started.elapsed());
    }
    fs::remove_file(path)?;
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// The load average of the last minute, five and fifteen.
pub(crate) fn load_average() -> anyhow::Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split_whitespace().take(3).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_grows_with_what_is_done() {
        let process = std::process::id();
        let before = cpu_time(process).unwrap();
        let mut sum = 0_u64;
        let end = before + Duration::from_millis(30);
        let deadline = Instant::now() + Duration::from_secs(30);
        while cpu_time(process).unwrap() < end {
            assert!(Instant::now() < deadline, "no CPU time is counted");
            sum = (0..100_000).fold(sum, |sum, number| sum ^ number);
        }
        // In this order: other tests of this process take memory meanwhile.
        let resident = resident(process).unwrap();
        assert!(resident > 0 && most_resident(process).unwrap() >= resident);
    }
}
