//! Another computer on the network: a namespace of its own at the other end of a cable (veth). A test that wants one runs
//! itself once more in a fresh network namespace, so that nothing of this computer's network is touched.

use std::fs;
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mdns_sd::{ServiceDaemon, ServiceEvent};
use nightjar_tests::{DEADLINE, Lines, Outcome, run};
use nix::sched::{CloneFlags, setns};
use serde_json::json;

/// Set in the run within the namespace.
const INSIDE: &str = "NIGHTJAR_TEST_INSIDE_NETWORK";
/// This computer's address on the cable, and the other one's.
pub(crate) const NEAR: &str = "10.77.0.1";
const FAR: &str = "10.77.0.2";

/// Whether the test runs in its namespace already.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs the test of that name in a network namespace of its own.
pub(crate) fn run_inside(name: &str) -> anyhow::Result<()> {
    let mut again = Command::new("unshare");
    again
        .args(["--map-root-user", "--net"])
        .arg(std::env::current_exe()?)
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1");
    run(&mut again, &[], 10 * DEADLINE)?.success()?;
    Ok(())
}

/// The namespace at the other end, for as long as its one process lives.
pub(crate) struct FarComputer(Child);

impl FarComputer {
    pub(crate) fn connect() -> anyhow::Result<Self> {
        ip(&["link", "set", "lo", "up"])?;
        let process = Command::new("unshare").args(["--net", "sleep", "600"]).spawn().context("unshare")?;
        let far = Self(process);
        let of = |process: &str| fs::read_link(format!("/proc/{process}/ns/net"));
        let id = far.0.id().to_string();
        let end = Instant::now() + DEADLINE;
        while of(&id)? == of("self")? {
            ensure!(Instant::now() < end, "the other namespace did not come to be");
            std::thread::sleep(Duration::from_millis(10));
        }
        ip(&["link", "add", "near", "type", "veth", "peer", "name", "far", "netns", &id])?;
        ip(&["address", "add", &format!("{NEAR}/24"), "dev", "near"])?;
        ip(&["link", "set", "near", "up"])?;
        for arguments in [
            &["ip", "address", "add", &format!("{FAR}/24"), "dev", "far"][..],
            &["ip", "link", "set", "far", "up"],
            &["ip", "link", "set", "lo", "up"],
        ] {
            run(&mut far.command(arguments), &[], DEADLINE)?.success()?;
        }
        Ok(far)
    }

    /// Listens there for brokers that are announced as this kind, such as `_mqtt._tcp.local.`.
    pub(crate) fn browse(&self, kind: &'static str) -> anyhow::Result<Announcements> {
        let namespace = fs::File::open(format!("/proc/{}/ns/net", self.0.id()))?;
        // A thread is born where the one is that makes it, and this one goes there first.
        let browsing = std::thread::spawn(move || -> anyhow::Result<Announcements> {
            setns(namespace, CloneFlags::CLONE_NEWNET)?;
            let daemon = ServiceDaemon::new()?;
            let events = daemon.browse(kind)?;
            Ok(Announcements { daemon, events })
        });
        browsing.join().map_err(|_| anyhow::anyhow!("the thread in the other namespace panicked"))?
    }

    /// What comes before a command that is to run there.
    pub(crate) fn entrance(&self) -> [String; 2] {
        ["nsenter".to_owned(), format!("--net=/proc/{}/ns/net", self.0.id())]
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let [nsenter, net] = self.entrance();
        let mut command = Command::new(nsenter);
        command.arg(net).args(arguments);
        command
    }

    /// Publishes with mosquitto_pub to the near computer; `options` are about how it connects.
    pub(crate) fn publish(&self, port: u16, payload: &str, options: &[&str]) -> anyhow::Result<Outcome> {
        let port = port.to_string();
        let arguments = ["mosquitto_pub", "-h", NEAR, "-p", &port, "-i", "toaster", "-t", "kitchen/toaster"];
        let message = ["-m", payload, "-q", "1"];
        run(&mut self.command(&[&arguments[..], &message, options].concat()), &[], DEADLINE)
    }

    /// Publishes with MQTT.js over WebSocket.
    pub(crate) fn publish_over_web_socket(
        &self,
        port: u16,
        payload: &str,
        name: &str,
        password: &str,
    ) -> anyhow::Result<()> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/mqttjs/driver.js");
        let hex: String = payload.bytes().map(|byte| format!("{byte:02x}")).collect();
        let requests = [
            json!({
                "do": "connect", "host": NEAR, "port": port, "webSocket": true, "version": 5,
                "clientIdentifier": "panel", "login": { "username": name, "password": password },
            }),
            json!({
                "do": "publish", "topic": "kitchen/panel", "payload": hex, "qos": 1,
                "retain": false,
            }),
            json!({ "do": "disconnect" }),
        ];
        let lines: String = requests.iter().map(|request| format!("{request}\n")).collect();
        let outcome = run(&mut self.command(&["node", script]), lines.as_bytes(), DEADLINE)?.success()?;
        ensure!(outcome.stdout.contains("\"published\""), "{}", outcome.stdout);
        Ok(())
    }

    /// A client that stays; it is connected when this returns. mosquitto_sub holds its lines back where they go to a pipe.
    pub(crate) fn subscribe(&self, port: u16) -> anyhow::Result<Listener> {
        let port = port.to_string();
        let arguments =
            ["stdbuf", "-oL", "mosquitto_sub", "-h", NEAR, "-p", &port, "-i", "car", "-t", "#", "-d", "-V", "5"];
        let mut process = self
            .command(&arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("mosquitto_sub (package mosquitto-clients)")?;
        let stdout = process.stdout.take().context("stdout is piped")?;
        let mut listener = Listener { process, lines: Lines::of(stdout) };
        listener.lines.find(DEADLINE, |line| line.starts_with("Subscribed").then_some(()))?;
        Ok(listener)
    }
}

impl Drop for FarComputer {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What the other computer hears by multicast DNS.
pub(crate) struct Announcements {
    daemon: ServiceDaemon,
    events: mdns_sd::Receiver<ServiceEvent>,
}

impl Announcements {
    /// Waits until a broker is announced; its name, and where it is.
    pub(crate) fn found(&self) -> anyhow::Result<(String, Vec<IpAddr>, u16)> {
        let service = self.until("announced", |event| match event {
            ServiceEvent::ServiceResolved(service) => Some(service),
            _ => None,
        })?;
        let addresses = service.addresses.iter().map(mdns_sd::ScopedIp::to_ip_addr).collect();
        Ok((service.fullname, addresses, service.port))
    }

    /// Waits until what was announced is taken back.
    pub(crate) fn gone(&self) -> anyhow::Result<String> {
        self.until("taken back", |event| match event {
            ServiceEvent::ServiceRemoved(_, name) => Some(name),
            _ => None,
        })
    }

    fn until<T>(&self, what: &str, pick: impl Fn(ServiceEvent) -> Option<T>) -> anyhow::Result<T> {
        let end = Instant::now() + DEADLINE;
        loop {
            let event = self.events.recv_deadline(end).with_context(|| format!("nothing was {what}"))?;
            if let Some(picked) = pick(event) {
                return Ok(picked);
            }
        }
    }
}

impl Drop for Announcements {
    fn drop(&mut self) {
        drop(self.daemon.shutdown());
    }
}

/// mosquitto_sub on the other computer.
pub(crate) struct Listener {
    process: Child,
    lines: Lines,
}

impl Listener {
    /// Waits until the broker has told it to go.
    pub(crate) fn ended(&mut self) -> anyhow::Result<()> {
        self.lines.find(DEADLINE, |line| line.starts_with("Received DISCONNECT").then_some(()))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    run(Command::new("ip").args(arguments), &[], DEADLINE)?.success()?;
    Ok(())
}
