//! `mosquitto_pub` and `mosquitto_sub`, the tools that most people try a broker with.

use std::process::{Child, Command, Stdio};

use anyhow::Context;
use nightjar_mqtt::{ProtocolVersion, QoS};

use super::{Family, Kind, Message, Session, Subscriber};
use crate::{DEADLINE, Lines, hex, run, terminate, wait};

/// The family of mosquitto's own clients.
#[derive(Clone, Copy, Debug)]
pub struct Mosquitto;

impl Family for Mosquitto {
    fn name(&self) -> &'static str {
        "mosquitto-clients"
    }

    /// Its WebSocket is the broker's alone.
    fn speaks(&self, kind: Kind) -> bool {
        !kind.is_web_socket()
    }

    fn subscribe(&self, session: &Session, filter: &str, maximum_qos: QoS) -> anyhow::Result<Box<dyn Subscriber>> {
        // It flushes its output after a message, but not after the line that says that it has subscribed.
        let mut command = Command::new("stdbuf");
        command.args(["-oL", "mosquitto_sub"]).args(arguments(session));
        command.args(["-d", "-F", "message %q %r %x %t", "-t", filter]);
        command.args(["-q", &maximum_qos.level().to_string()]);
        if session.kept {
            command.arg("-c");
            if session.version == ProtocolVersion::V5 {
                command.args(["-x", "3600"]);
            }
        }
        if let Some(will) = &session.will {
            command.args(["--will-topic", &will.topic, "--will-qos", &will.qos.level().to_string()]);
            command.args(["--will-payload", std::str::from_utf8(&will.payload)?]);
            if will.retain {
                command.arg("--will-retain");
            }
        }
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .context("mosquitto_sub can't be started: make setup installs it")?;
        let mut subscription = Subscription {
            lines: Lines::of(process.stdout.take().context("stdout is piped")?),
            process,
            early: Vec::new(),
        };
        subscription.wait_for_suback()?;
        Ok(Box::new(subscription))
    }

    /// `mosquitto_sub` can't connect without subscribing; the waiting messages arrive all the same.
    fn resume(&self, session: &Session, filter: &str, maximum_qos: QoS) -> anyhow::Result<Box<dyn Subscriber>> {
        self.subscribe(session, filter, maximum_qos)
    }

    /// When it is told to stop, `mosquitto_sub` wants its will to be published, if the protocol has a way to say so.
    fn leaves_with_will(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::V5
    }

    fn publish(&self, session: &Session, messages: &[Message]) -> anyhow::Result<()> {
        for message in messages {
            let mut command = Command::new("mosquitto_pub");
            command.args(arguments(session)).args(["-t", &message.topic, "-q", &message.qos.level().to_string()]);
            if message.retain {
                command.arg("-r");
            }
            command.arg(if message.payload.is_empty() { "-n" } else { "-s" });
            run(&mut command, &message.payload, DEADLINE)?.success()?;
        }
        Ok(())
    }
}

fn arguments(session: &Session) -> Vec<String> {
    let version = match session.version {
        ProtocolVersion::V31 => "mqttv31",
        ProtocolVersion::V311 => "mqttv311",
        ProtocolVersion::V5 => "mqttv5",
    };
    let (host, port) = (session.place.address.ip().to_string(), session.place.address.port().to_string());
    let words = ["-h", &host, "-p", &port, "-V", version, "-i", &session.client_identifier];
    let mut arguments = words.map(str::to_owned).to_vec();
    if session.place.kind.is_tls() {
        arguments.extend(["--cafile".to_owned(), session.place.authority.display().to_string()]);
    }
    arguments
}

struct Subscription {
    process: Child,
    lines: Lines,
    /// A resumed session's messages may come before the SUBACK.
    early: Vec<Message>,
}

impl Subscription {
    fn wait_for_suback(&mut self) -> anyhow::Result<()> {
        let early = &mut self.early;
        self.lines.find(DEADLINE, |line| {
            early.extend(message(line));
            line.starts_with("Subscribed (mid:").then_some(())
        })
    }
}

/// Reads a line of our own `-F`; mosquitto's debug lines have another form.
fn message(line: &str) -> Option<Message> {
    let mut words = line.strip_prefix("message ")?.splitn(4, ' ');
    Some(Message {
        qos: QoS::from_level(words.next()?.parse().ok()?)?,
        retain: words.next()? == "1",
        payload: hex::decode(words.next()?).ok()?,
        topic: words.next()?.to_owned(),
    })
}

impl Subscriber for Subscription {
    fn receive(&mut self) -> anyhow::Result<Message> {
        if self.early.is_empty() { self.lines.find(DEADLINE, message) } else { Ok(self.early.remove(0)) }
    }

    fn leave(&mut self) -> anyhow::Result<()> {
        terminate(&self.process)?;
        wait(&mut self.process, DEADLINE).map(drop)
    }

    fn vanish(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
