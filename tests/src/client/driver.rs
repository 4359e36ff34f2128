//! Client libraries of other languages: a small program a family (`tests/clients/`) does what we say, line by line.
//!
//! Requests and answers are JSON objects, one a line; payloads are hexadecimal. `connect`, `subscribe`, `publish` and
//! `disconnect` are answered by `connected`, `subscribed`, `published` and `disconnected`, or by `failed`; a `message`
//! may come at any time. The driver decides nothing: what should happen is written once, in the tests.

use std::collections::VecDeque;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use nightjar_mqtt::{ProtocolVersion, QoS};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Family, Kind, Message, Session, Subscriber};
use crate::programs::tests_folder;
use crate::{DEADLINE, Lines, hex, wait};

/// A family whose clients run in a driver.
#[derive(Clone, Debug)]
pub struct Driver {
    name: &'static str,
    program: PathBuf,
    script: PathBuf,
    /// A browser has no sockets but these.
    only_web_socket: bool,
}

impl Driver {
    /// paho-mqtt, for Python.
    pub fn paho() -> Self {
        Self {
            name: "paho",
            program: tests_folder().join(".venv/bin/python"),
            script: tests_folder().join("clients/paho/driver.py"),
            only_web_socket: false,
        }
    }

    /// MQTT.js, for JavaScript.
    pub fn mqttjs() -> Self {
        Self {
            name: "mqttjs",
            program: "node".into(),
            script: tests_folder().join("clients/mqttjs/driver.js"),
            only_web_socket: false,
        }
    }

    /// MQTT.js in a page of Chromium, which trusts the authority of the broker and no other.
    pub fn browser() -> Self {
        Self {
            name: "browser",
            program: "node".into(),
            script: tests_folder().join("clients/mqttjs/browser.js"),
            only_web_socket: true,
        }
    }

    fn connect(&self, session: &Session) -> anyhow::Result<(Connection, bool)> {
        let scratch = tempfile::tempdir()?;
        let mut process = Command::new(&self.program)
            .arg(&self.script)
            .env("TMPDIR", scratch.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("{} can't be started: make setup installs it", self.program.display()))?;
        let mut connection = Connection {
            requests: process.stdin.take().context("stdin is piped")?,
            answers: Lines::of(process.stdout.take().context("stdout is piped")?),
            process,
            messages: VecDeque::new(),
            // A browser is a large program: on a busy computer, four at once take long to start.
            patience: if self.only_web_socket { 4 * DEADLINE } else { DEADLINE },
            _scratch: scratch,
        };
        let will = session.will.as_ref().map(|will| {
            json!({
                "topic": will.topic,
                "payload": hex::encode(&will.payload),
                "qos": will.qos.level(),
                "retain": will.retain,
            })
        });
        let answer = connection.ask(&json!({
            "do": "connect",
            "host": session.place.address.ip(),
            "port": session.place.address.port(),
            "webSocket": session.place.kind.is_web_socket(),
            "authority": session.place.kind.is_tls().then_some(&session.place.authority),
            "version": match session.version {
                ProtocolVersion::V5 => 5,
                _ => 4,
            },
            "clientIdentifier": session.client_identifier,
            "kept": session.kept,
            "will": will,
        }))?;
        let session_present = answer["sessionPresent"].as_bool().context("sessionPresent")?;
        Ok((connection, session_present))
    }
}

impl Family for Driver {
    fn name(&self) -> &'static str {
        self.name
    }

    fn speaks(&self, kind: Kind) -> bool {
        kind.is_web_socket() || !self.only_web_socket
    }

    fn subscribe(&self, session: &Session, filter: &str, maximum_qos: QoS) -> anyhow::Result<Box<dyn Subscriber>> {
        let (mut connection, session_present) = self.connect(session)?;
        ensure!(!session_present, "a new client finds a session that it never had");
        let answer = connection.ask(&json!({ "do": "subscribe", "filter": filter, "qos": maximum_qos.level() }))?;
        ensure!(answer["granted"] == maximum_qos.level(), "granted {}", answer["granted"]);
        Ok(Box::new(connection))
    }

    fn resume(&self, session: &Session, _filter: &str, _maximum_qos: QoS) -> anyhow::Result<Box<dyn Subscriber>> {
        let (connection, session_present) = self.connect(session)?;
        ensure!(session_present, "the broker does not know the session any more");
        Ok(Box::new(connection))
    }

    fn publish(&self, session: &Session, messages: &[Message]) -> anyhow::Result<()> {
        let (mut connection, _) = self.connect(session)?;
        for message in messages {
            connection.ask(&json!({
                "do": "publish",
                "topic": message.topic,
                "payload": hex::encode(&message.payload),
                "qos": message.qos.level(),
                "retain": message.retain,
            }))?;
        }
        connection.leave()
    }
}

struct Connection {
    process: Child,
    requests: ChildStdin,
    answers: Lines,
    messages: VecDeque<Message>,
    /// How long an answer may take.
    patience: Duration,
    /// What a browser leaves behind; one that is killed can't remove it itself.
    _scratch: TempDir,
}

impl Connection {
    /// Sends a request and waits for its answer; messages that come before it are kept.
    fn ask(&mut self, request: &Value) -> anyhow::Result<Value> {
        writeln!(self.requests, "{request}")?;
        loop {
            let line = self.next_line()?;
            match line["event"].as_str() {
                Some("message") => self.messages.push_back(message(&line)?),
                Some("failed") => bail!("{}: {}", request["do"], line["reason"]),
                Some(_) => return Ok(line),
                None => bail!("not an event: {line}"),
            }
        }
    }

    fn next_line(&mut self) -> anyhow::Result<Value> {
        let line = self.answers.find(self.patience, |line| Some(line.to_owned()))?;
        serde_json::from_str(&line).with_context(|| line)
    }
}

fn message(line: &Value) -> anyhow::Result<Message> {
    let level = line["qos"].as_u64().context("qos")?;
    Ok(Message {
        topic: line["topic"].as_str().context("topic")?.to_owned(),
        payload: hex::decode(line["payload"].as_str().context("payload")?)?,
        qos: QoS::from_level(u8::try_from(level)?).context("qos")?,
        retain: line["retain"].as_bool().context("retain")?,
    })
}

impl Subscriber for Connection {
    fn receive(&mut self) -> anyhow::Result<Message> {
        if let Some(message) = self.messages.pop_front() {
            return Ok(message);
        }
        let line = self.next_line()?;
        ensure!(line["event"] == "message", "not a message: {line}");
        message(&line)
    }

    fn leave(&mut self) -> anyhow::Result<()> {
        self.ask(&json!({ "do": "disconnect" }))?;
        wait(&mut self.process, DEADLINE).map(drop)
    }

    fn vanish(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
