//! What is measured.

use nightjar_tests::Broker;
use nightjar_tests::client::Place;

use super::contestant::Contestant;
use super::run::{Metric, Run};
use super::{connecting, retained};
use crate::generator;
use crate::plan::{Pattern, Plan, Transport};

/// Scenarios that share a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Throughput,
    Payloads,
    Listeners,
    Latency,
    Wildcards,
    Connections,
    Retained,
}

impl Group {
    pub(crate) const ALL: [Self; 7] = [
        Self::Throughput,
        Self::Payloads,
        Self::Listeners,
        Self::Latency,
        Self::Wildcards,
        Self::Connections,
        Self::Retained,
    ];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Throughput => "As many messages as the broker takes",
            Self::Payloads => "Larger payloads",
            Self::Listeners => "Other listeners",
            Self::Latency => "Latency at a fixed rate",
            Self::Wildcards => "Many wildcard subscriptions",
            Self::Connections => "Connections",
            Self::Retained => "Retained messages for a new subscriber",
        }
    }

    /// What the table shows of each run; the first is what the ratio to mosquitto is of.
    pub(crate) const fn columns(self) -> &'static [Metric] {
        use Metric::*;
        match self {
            Self::Throughput | Self::Payloads | Self::Listeners => {
                &[PerCpuSecond, PerSecond, Busy, Median, P99, P999, Memory]
            }
            Self::Latency => &[P99, Median, P999, AckMedian, AckP99, CpuPerMessage, Memory],
            Self::Wildcards => &[CpuPerMessage, PerSecond, Busy, P99, Memory],
            Self::Connections => &[PerCpuSecond, PerSecond, Busy, Median, P99, BytesPerConnection],
            Self::Retained => &[Median, CpuMilliseconds, Memory],
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    /// Part of the quick set.
    pub(crate) is_quick: bool,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Traffic(Traffic),
    /// Clients connect and leave, a number of them at once.
    Connecting {
        at_once: usize,
    },
    /// So many clients subscribe once and say nothing more.
    Idle {
        connections: usize,
    },
    /// So many retained messages for each new subscriber to `#`.
    Retained {
        messages: u32,
    },
}

/// The part of a [`Plan`] that differs.
#[derive(Clone, Copy, Debug)]
struct Traffic {
    pattern: Pattern,
    publishers: usize,
    subscribers: usize,
    qos: u8,
    window: u32,
    singly: bool,
    payload: usize,
    rate: u64,
    filters: usize,
    transport: Transport,
}

/// Fifty publish, fifty hear; the rest says how it differs.
const PAIRS: Traffic = Traffic {
    pattern: Pattern::Pairs,
    publishers: 50,
    subscribers: 50,
    qos: 0,
    // Ten messages a write: several devices' worth of haste, but no more than one read takes.
    window: 20,
    singly: false,
    payload: 64,
    rate: 0,
    filters: 1000,
    transport: Transport::Tcp,
};
const FAN_IN: Traffic = Traffic { pattern: Pattern::All, subscribers: 1, ..PAIRS };
const FAN_OUT: Traffic = Traffic { pattern: Pattern::All, publishers: 1, subscribers: 500, ..PAIRS };
const OVER_TLS: Traffic = Traffic { transport: Transport::Tls, ..PAIRS };
const OVER_WEB_SOCKET: Traffic = Traffic { transport: Transport::WebSocket, ..PAIRS };
const OVER_BOTH: Traffic = Traffic { transport: Transport::WebSocketTls, ..PAIRS };
const INGEST: Traffic = Traffic { pattern: Pattern::All, subscribers: 0, ..PAIRS };
const WILDCARDS: Traffic = Traffic { pattern: Pattern::Wildcards, publishers: 10, ..PAIRS };

impl Scenario {
    /// All of them, in the order of the tables.
    pub(crate) fn all() -> Vec<Self> {
        use Group::*;
        let traffic = |group, is_quick, name, traffic| Self { name, group, is_quick, kind: Kind::Traffic(traffic) };
        vec![
            traffic(Throughput, true, "fan-in QoS 0, 50 → 1", FAN_IN),
            traffic(Throughput, true, "fan-in QoS 1, 50 → 1", Traffic { qos: 1, ..FAN_IN }),
            traffic(Throughput, true, "fan-out QoS 0, 1 → 500", FAN_OUT),
            traffic(Throughput, true, "pairs QoS 0, 50 ↔ 50", PAIRS),
            traffic(Throughput, true, "pairs QoS 1, 50 ↔ 50", Traffic { qos: 1, ..PAIRS }),
            traffic(Throughput, true, "pairs QoS 2, 50 ↔ 50", Traffic { qos: 2, ..PAIRS }),
            traffic(Throughput, true, "pairs QoS 0, one message per write", Traffic { singly: true, ..PAIRS }),
            traffic(Throughput, true, "pairs QoS 0, one message on its way", Traffic { window: 1, ..PAIRS }),
            traffic(Throughput, true, "ingest QoS 0, no subscriber", INGEST),
            traffic(Throughput, true, "ingest QoS 1, no subscriber", Traffic { qos: 1, ..INGEST }),
            traffic(Payloads, false, "pairs QoS 0, 1 KiB", Traffic { payload: 1 << 10, ..PAIRS }),
            traffic(Payloads, true, "pairs QoS 0, 64 KiB", Traffic { payload: 64 << 10, window: 4, ..PAIRS }),
            traffic(Listeners, true, "pairs QoS 0 over TLS", OVER_TLS),
            traffic(Listeners, true, "pairs QoS 0 over WebSocket", OVER_WEB_SOCKET),
            traffic(Listeners, false, "pairs QoS 0 over both", OVER_BOTH),
            traffic(Listeners, false, "pairs QoS 1 over TLS", Traffic { qos: 1, ..OVER_TLS }),
            traffic(Listeners, false, "pairs QoS 1 over WebSocket", Traffic { qos: 1, ..OVER_WEB_SOCKET }),
            traffic(Latency, true, "pairs QoS 0, 10,000/s", Traffic { rate: 10_000, ..PAIRS }),
            traffic(Latency, false, "pairs QoS 1, 10,000/s", Traffic { rate: 10_000, qos: 1, ..PAIRS }),
            traffic(Latency, true, "pairs QoS 1, 1,000/s", Traffic { rate: 1_000, qos: 1, ..PAIRS }),
            traffic(Wildcards, true, "1,000 filters", WILDCARDS),
            traffic(Wildcards, false, "10,000 filters", Traffic { filters: 10_000, ..WILDCARDS }),
            traffic(Wildcards, true, "100,000 filters", Traffic { filters: 100_000, ..WILDCARDS }),
            Self {
                name: "connect, CONNACK, disconnect",
                group: Connections,
                is_quick: true,
                kind: Kind::Connecting { at_once: 50 },
            },
            Self {
                name: "10,000 idle, one subscription each",
                group: Connections,
                is_quick: true,
                kind: Kind::Idle { connections: 10_000 },
            },
            Self {
                name: "100,000 retained to a new #",
                group: Retained,
                is_quick: true,
                kind: Kind::Retained { messages: 100_000 },
            },
        ]
    }

    /// Whether every round would say the same.
    pub(crate) const fn is_steady(&self) -> bool {
        matches!(self.kind, Kind::Idle { .. })
    }

    /// What the clients speak below MQTT.
    pub(crate) const fn transport(&self) -> Transport {
        match &self.kind {
            Kind::Traffic(traffic) => traffic.transport,
            Kind::Connecting { .. } | Kind::Idle { .. } | Kind::Retained { .. } => Transport::Tcp,
        }
    }

    /// Whether there is something to measure: no broker has no subscriptions, hears no QoS, and knows nothing below
    /// MQTT; rumqttd is measured over plain TCP only.
    pub(crate) fn is_for(&self, contestant: Contestant) -> bool {
        let is_plain = self.transport() == Transport::Tcp;
        match contestant {
            Contestant::Floor => match &self.kind {
                Kind::Traffic(traffic) => {
                    is_plain && traffic.pattern != Pattern::Wildcards && (traffic.qos == 0 || traffic.subscribers == 0)
                }
                Kind::Connecting { .. } => true,
                Kind::Idle { .. } | Kind::Retained { .. } => false,
            },
            Contestant::Rumqttd => is_plain,
            _ => true,
        }
    }

    /// Puts the load on a broker that has just started, at the listener that it is for.
    pub(crate) fn measure(&self, broker: &Broker, place: Place, seconds: u64) -> anyhow::Result<Run> {
        match &self.kind {
            Kind::Traffic(traffic) => {
                let plan = traffic.plan(place, broker.process_id(), seconds);
                Ok(Run::of(&generator::run(&plan)?))
            }
            Kind::Connecting { at_once } => connecting::rate(broker, *at_once, seconds),
            Kind::Idle { connections } => connecting::idle(broker, *connections),
            Kind::Retained { messages } => retained::measure(broker, *messages),
        }
    }
}

impl Traffic {
    fn plan(&self, place: Place, process: u32, seconds: u64) -> Plan {
        Plan {
            address: place.address,
            transport: place.kind,
            authority: place.kind.is_tls().then_some(place.authority),
            pattern: self.pattern,
            publishers: self.publishers,
            subscribers: self.subscribers,
            topics: 20 * self.publishers,
            filters: self.filters,
            prefix: "bench".to_owned(),
            payload: self.payload,
            qos: self.qos,
            rate: self.rate,
            seconds,
            window: self.window,
            singly: self.singly,
            process: Some(process),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_scenario_can_be_and_has_a_name_of_its_own() {
        let all = Scenario::all();
        let names: HashSet<&str> = all.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), all.len());
        for scenario in &all {
            if let Kind::Traffic(traffic) = &scenario.kind {
                let place = Place { kind: traffic.transport, ..Place::plain(([127, 0, 0, 1], 1).into()) };
                traffic.plan(place, 1, 1).check().expect(scenario.name);
            }
        }
    }

    #[test]
    fn each_group_has_scenarios_and_a_quick_one() {
        for group in Group::ALL {
            assert!(Scenario::all().iter().any(|scenario| scenario.group == group && scenario.is_quick), "{group:?}");
        }
    }
}
