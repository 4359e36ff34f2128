//! A disk that is full pauses the record, and nothing else: what is acknowledged is kept, QoS 0 goes through, and the
//! record goes on by itself once there is room.
//!
//! The disk is a small tmpfs, which only a process that may mount can have. So each test runs itself once more in user
//! and mount namespaces of its own, where it may, and where nothing of this computer is touched.

use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nightjar_mqtt::{Packet, ProtocolVersion, QoS, ReasonCode};
use nightjar_tests::flows::{Publisher, Subscriber, Traffic};
use nightjar_tests::{Broker, DEADLINE, Peer, Record, program, run};
use tempfile::TempDir;

/// Set in the run within the namespaces.
const INSIDE: &str = "NIGHTJAR_TEST_INSIDE_MOUNTS";
/// Brings `$SYS` up to date often enough for a test.
const SETTINGS: &str = "[limits]\nsys-interval = \"1 s\"\n";
const JOURNAL: &str = "$SYS/broker/journal";
/// Longer than any phase takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn room_resumes_what_a_full_disk_pauses() -> anyhow::Result<()> {
    inside("room_resumes_what_a_full_disk_pauses", || full_and_free(false))
}

#[test]
fn what_was_promised_outlives_kill_9_on_a_full_disk() -> anyhow::Result<()> {
    inside("what_was_promised_outlives_kill_9_on_a_full_disk", || full_and_free(true))
}

#[test]
fn below_5_a_full_disk_gives_no_acknowledgement_until_the_client_comes_again() -> anyhow::Result<()> {
    inside("below_5_a_full_disk_gives_no_acknowledgement_until_the_client_comes_again", || {
        let disk = Disk::new(16)?;
        let mut broker = disk.start()?;
        let full = disk.fill()?;
        wait_for_journal(&mut broker, |state| state == "paused: the disk is full")?;
        let mut peer = Peer::join(broker.address(), ProtocolVersion::V311, "old")?;
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            peer.publish("t", "not taken", qos, true)?;
            // Nothing comes before it.
            peer.ping()?;
        }
        full.end()?;
        // It would wait for ever, as clients publish again when they connect again and at no other time.
        let before = peer.expect_end()?;
        ensure!(before.is_empty(), "{before:?}");
        let mut peer = Peer::join(broker.address(), ProtocolVersion::V311, "old")?;
        peer.publish_acknowledged("t", "taken", QoS::AtLeastOnce, true)?;
        let payloads: Vec<_> = disk.record()?.messages("t")?.into_iter().map(|message| message.payload).collect();
        ensure!(payloads == [b"taken"], "{payloads:?}");
        let dropped = disk.record()?.until(|record| {
            Ok(record.events("old")?.into_iter().find(|event| event.detail.contains("could not be recorded")))
        })?;
        ensure!(dropped.detail.contains('t'), "{dropped:?}");
        Ok(())
    })
}

#[test]
fn an_export_or_backup_that_does_not_fit_leaves_nothing_behind() -> anyhow::Result<()> {
    inside("an_export_or_backup_that_does_not_fit_leaves_nothing_behind", || {
        let journal = TempDir::new()?;
        let mut broker = Broker::nightjar(journal.path(), &[])?;
        let mut peer = Peer::join(broker.address(), ProtocolVersion::V5, "writer")?;
        for number in 0..40 {
            peer.publish_acknowledged("t", vec![b'x' + number % 3; 50_000], QoS::AtLeastOnce, false)?;
        }
        let disk = Disk::new(1)?;
        let (export, backup) = (disk.path().join("all.jsonl"), disk.path().join("copy.db"));
        for arguments in [
            vec!["export".as_ref(), "--output".as_ref(), export.as_os_str()],
            vec!["backup".as_ref(), backup.as_os_str()],
        ] {
            let mut command = Command::new(program("nightjar-server"));
            command.arg("--data-dir").arg(journal.path()).args(&arguments);
            let outcome = run(&mut command, &[], DEADLINE)?;
            ensure!(!outcome.status.success(), "{arguments:?} can't have succeeded");
            ensure!(outcome.stderr.contains("full") || outcome.stderr.contains("No space"), "{}", outcome.stderr);
            let left: Vec<_> =
                fs::read_dir(disk.path())?.map(|entry| Ok(entry?.file_name())).collect::<anyhow::Result<_>>()?;
            ensure!(left.is_empty(), "{arguments:?} leaves {left:?}");
        }
        // Nothing of that hurt the journal.
        peer.publish_acknowledged("t", "after", QoS::AtLeastOnce, false)?;
        ensure!(broker.stop()?.success());
        Ok(())
    })
}

#[test]
fn a_disk_that_is_read_only_is_named_and_left_as_it_is() -> anyhow::Result<()> {
    inside("a_disk_that_is_read_only_is_named_and_left_as_it_is", || {
        let disk = Disk::new(16)?;
        let mut broker = disk.start()?;
        let mut peer = Peer::join(broker.address(), ProtocolVersion::V5, "writer")?;
        peer.publish_acknowledged("t", "kept", QoS::AtLeastOnce, true)?;
        broker.stop()?;
        let remount = |how: &str| {
            let mut mount = Command::new("mount");
            mount.args(["-o", &format!("remount,{how}")]).arg(disk.path());
            run(&mut mount, &[], DEADLINE)?.success()
        };
        remount("ro")?;
        let Err(error) = disk.start() else { bail!("it can't have started") };
        let said = format!("{error:#}");
        ensure!(said.contains("read-only") || said.contains("Read-only"), "{said}");
        ensure!(said.contains("--data-dir") && said.contains(&disk.path().display().to_string()), "{said}");
        remount("rw")?;
        let _broker = disk.start()?;
        ensure!(disk.record()?.messages("t")?.len() == 1, "nothing of it is lost");
        Ok(())
    })
}

/// Traffic of all kinds; the disk fills up, is full for a while (or the broker is killed then), and has room again.
fn full_and_free(kill: bool) -> anyhow::Result<()> {
    let disk = Disk::new(24)?;
    let mut broker = disk.start()?;
    let address = broker.address();
    let (mut present, mut away) = (Subscriber::new("present"), Subscriber::new("away"));
    present.subscribe(address)?;
    away.subscribe(address)?;
    let mut listening = present.start(address, usize::MAX);
    let mut bystander = Peer::join(address, ProtocolVersion::V5, "bystander")?;
    bystander.subscribe("live", QoS::AtMostOnce)?;
    let mut publishing = Publishing::default();
    for (name, version, qos) in [
        ("five-1", ProtocolVersion::V5, QoS::AtLeastOnce),
        ("five-2", ProtocolVersion::V5, QoS::ExactlyOnce),
        ("old-1", ProtocolVersion::V311, QoS::AtLeastOnce),
        ("old-2", ProtocolVersion::V311, QoS::ExactlyOnce),
    ] {
        publishing.start(Publisher::new(name, version, qos).with_window(8), address);
    }
    publishing.until("all publish", |traffic| traffic.acknowledged() > 300)?;

    let full = disk.fill()?;
    wait_for_journal(&mut broker, |state| state == "paused: the disk is full")?;
    // These begin now; what the others have on the way waits.
    let mut late = Publishing::default();
    for (name, qos) in [("late-1", QoS::AtLeastOnce), ("late-2", QoS::ExactlyOnce)] {
        late.start(Publisher::new(name, ProtocolVersion::V5, qos).with_window(8), address);
    }
    late.until("MQTT 5.0 is refused", |traffic| traffic.refused() > 50)?;
    for number in 0..100 {
        bystander.publish("live", number.to_string(), QoS::AtMostOnce, false)?;
        ensure!(bystander.receive_message()?.payload == number.to_string(), "QoS 0 goes through");
    }
    publishing.join_with(late);

    if kill {
        publishing.stop();
        broker.kill()?;
        let publishers = publishing.end()?;
        present = join(listening)?;
        // The disk is still full when it comes back.
        broker = disk.start()?;
        let address = broker.address();
        listening = present.start(address, usize::MAX);
        publishing = Publishing::default();
        for publisher in publishers {
            publishing.start(publisher, address);
        }
        wait_for_journal(&mut broker, |state| state == "paused: the disk is full")?;
        let mut probe = Peer::join(address, ProtocolVersion::V5, "probe")?;
        probe.publish("other", "", QoS::AtLeastOnce, false)?;
        match probe.receive()? {
            Packet::PubAck(answer) => ensure!(answer.reason_code == ReasonCode::QUOTA_EXCEEDED, "{answer:?}"),
            other => bail!("not a PUBACK: {other:?}"),
        }
    }
    full.end()?;

    // There is room again: everything goes on by itself, and nothing is missing.
    wait_for_journal(&mut broker, |state| state == "recording")?;
    publishing.mark();
    publishing.until("all go on", |traffic| traffic.acknowledged_since_mark() > 200)?;
    publishing.stop();
    let publishers = publishing.end()?;
    broker.stop()?;
    present = join(listening)?;
    let mut broker = disk.start()?;
    for subscriber in [&mut present, &mut away] {
        subscriber.drain(broker.address(), &publishers)?;
    }
    for publisher in &publishers {
        publisher.check_finished()?;
        publisher.check_history(disk.path())?;
        publisher.check_retained(broker.address())?;
        present.check(publisher)?;
        away.check(publisher)?;
    }
    let paused = disk.record()?.all_events()?.into_iter().find(|event| event.detail.contains("the journal was paused"));
    let paused = paused.context("the pause is on record")?;
    ensure!(paused.kind == "broker" && paused.detail.contains("because the disk is full"), "{paused:?}");
    broker.stop()?;
    Ok(())
}

/// Publishers at work.
#[derive(Default)]
struct Publishing(Vec<(Arc<Traffic>, JoinHandle<anyhow::Result<Publisher>>)>);

impl Publishing {
    fn start(&mut self, publisher: Publisher, address: SocketAddr) {
        let traffic = Arc::default();
        let thread = publisher.keep_at(address, &traffic);
        self.0.push((traffic, thread));
    }

    fn join_with(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Waits until that is so of each.
    fn until(&mut self, what: &str, condition: impl Fn(&Traffic) -> bool) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while !self.0.iter().all(|(traffic, _)| condition(traffic)) {
            let traffic: Vec<_> = self.0.iter().map(|(traffic, _)| traffic).collect();
            ensure!(Instant::now() < end, "{what}: not within {PATIENCE:?}, {traffic:?}");
            if let Some(index) = self.0.iter().position(|(_, thread)| thread.is_finished()) {
                let publisher = join(self.0.remove(index).1)?;
                bail!("{what}: {publisher:?} gave up");
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn mark(&self) {
        for (traffic, _) in &self.0 {
            traffic.mark();
        }
    }

    fn stop(&self) {
        for (traffic, _) in &self.0 {
            traffic.stop();
        }
    }

    fn end(self) -> anyhow::Result<Vec<Publisher>> {
        self.0.into_iter().map(|(_, thread)| join(thread)).collect()
    }
}

fn join<T>(thread: JoinHandle<anyhow::Result<T>>) -> anyhow::Result<T> {
    thread.join().expect("no thread of this test panics")
}

/// Waits until the broker says of its journal what is wanted, where everybody can see it.
fn wait_for_journal(broker: &mut Broker, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let mut peer = Peer::join(broker.address(), ProtocolVersion::V5, "onlooker")?;
    peer.subscribe(JOURNAL, QoS::AtMostOnce)?;
    peer.set_deadline(PATIENCE);
    let mut last = None;
    loop {
        let Ok(message) = peer.receive_message() else { bail!("{JOURNAL} is {last:?}: {}", broker.stderr()) };
        last = Some(message.payload.clone());
        if wanted(std::str::from_utf8(&message.payload)?) {
            return Ok(());
        }
    }
}

/// Runs a test in namespaces of its own.
fn inside(name: &str, test: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    let server = program("nightjar-server");
    let mut again = Command::new("unshare");
    again
        .args(["--map-root-user", "--mount"])
        .arg(std::env::current_exe()?)
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .env("NIGHTJAR_TEST_PROGRAMS", server.parent().context("a program lies in a folder")?);
    run(&mut again, &[], 6 * PATIENCE)?
        .success()
        .context("in namespaces of its own; without the right to have them, this test can't say anything")?;
    Ok(())
}

/// A small disk, in memory.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn new(mebibytes: usize) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"]).arg(folder.path());
        run(&mut mount, &[], DEADLINE)?.success()?;
        Ok(Self { folder })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn start(&self) -> anyhow::Result<Broker> {
        let settings = self.folder.path().join("nightjar.toml");
        if !settings.exists() {
            fs::write(&settings, SETTINGS)?;
        }
        Broker::nightjar(self.path(), &[])
    }

    fn record(&self) -> anyhow::Result<Record> {
        Record::open(self.path())
    }

    /// Takes all the room that there is, and whatever becomes free, until that ends.
    fn fill(&self) -> anyhow::Result<Full> {
        let file = self.path().join("filling");
        let mut filling = File::create(&file).context("the filling can't be created")?;
        let mut fill = move || {
            for chunk in [&[0; 65_536][..], &[0; 4_096], &[0; 1]] {
                while filling.write_all(chunk).is_ok() {}
            }
        };
        fill();
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let filler = thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                fill();
                thread::sleep(Duration::from_millis(1));
            }
        });
        Ok(Full { file, over, filler })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The namespace ends with this process, and the disk with it; but the folder can't be removed before.
        drop(Command::new("umount").arg("--lazy").arg(self.folder.path()).status());
    }
}

/// A disk that is full.
struct Full {
    file: PathBuf,
    over: Arc<AtomicBool>,
    filler: JoinHandle<()>,
}

impl Full {
    fn end(self) -> anyhow::Result<()> {
        self.over.store(true, Ordering::Relaxed);
        self.filler.join().expect("no thread of this test panics");
        Ok(fs::remove_file(self.file)?)
    }
}
