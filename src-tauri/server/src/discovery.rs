//! Telling the network by multicast DNS that there is a broker, so that devices find it by what it does (RFC 6763) and this
//! computer by its name (RFC 6762): `_mqtt._tcp` and `_secure-mqtt._tcp`, as IANA has them. WebSocket has no name there.
//!
//! Only listeners that other computers can reach, and may connect to, are announced.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use mdns_sd::{IfKind, IfPredicate, MDNS_PORT, ServiceDaemon, ServiceInfo};
use nightjar_broker::{Access, Scheme};
use parking_lot::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};

use crate::ListenerSettings;
use crate::certificates::host_name;
use crate::live::Live;

/// How often it looks whether the listeners are others.
const EVERY: Duration = Duration::from_secs(1);

/// How long the goodbyes may take at the end: they are one packet each.
const GOODBYE: Duration = Duration::from_secs(1);

/// Apart from what announces, which may be held for as long as the network takes.
type Fault = Arc<Mutex<Option<String>>>;

/// Announces a broker's listeners as they are, until it is stopped.
#[derive(Debug)]
pub(crate) struct Announcer {
    discovery: Arc<Mutex<Discovery>>,
    fault: Fault,
    task: JoinHandle<()>,
}

impl Announcer {
    pub(crate) fn start(live: Weak<Live>) -> Self {
        let discovery = Discovery::on(Network::ALL);
        let fault = Arc::clone(&discovery.fault);
        let discovery = Arc::new(Mutex::new(discovery));
        let announcing = Arc::clone(&discovery);
        let task = tokio::spawn(async move {
            let mut looks = interval(EVERY);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut announced = Vec::new();
            loop {
                looks.tick().await;
                let Some(live) = live.upgrade() else { return };
                let wanted = wanted(&live);
                if wanted != announced {
                    announced.clone_from(&wanted);
                    announce(&announcing, wanted).await;
                }
            }
        });
        Self { discovery, fault, task }
    }

    /// Why the network was not told of all that it should be.
    pub(crate) fn fault(&self) -> Option<String> {
        self.fault.lock().clone()
    }

    /// Takes everything back.
    pub(crate) async fn stop(&self) {
        self.task.abort();
        announce(&self.discovery, Vec::new()).await;
    }
}

async fn announce(discovery: &Arc<Mutex<Discovery>>, services: Vec<Service>) {
    let discovery = Arc::clone(discovery);
    // Taking an announcement back waits for the packet that says so.
    if let Err(error) = spawn_blocking(move || discovery.lock().announce(&services)).await {
        tracing::error!(%error, "the network was not told of the broker");
    }
}

/// What there is to be announced of a broker now.
fn wanted(live: &Live) -> Vec<Service> {
    let settings = live.settings();
    if !settings.discovery {
        return Vec::new();
    }
    services(&live.listeners.listening(), settings.access)
}

/// What is announced.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Service {
    kind: &'static str,
    port: u16,
    /// Where it listens, unspecified ones included.
    at: Vec<IpAddr>,
}

impl Service {
    /// Whether it is reached at that address of this computer.
    fn is_reached_at(&self, address: IpAddr) -> bool {
        let is_at = |at: &IpAddr| match at {
            at if at.is_unspecified() => at.is_ipv4() == address.is_ipv4(),
            at => at.to_canonical() == address.to_canonical(),
        };
        self.at.iter().any(is_at)
    }
}

/// What there is to be announced, of what listens; `access` is for those that have none of their own.
fn services(listening: &[(ListenerSettings, SocketAddr)], access: Access) -> Vec<Service> {
    let mut services: Vec<Service> = Vec::new();
    for (listener, address) in listening {
        let kind = match listener.kind {
            Scheme::Tcp => "_mqtt._tcp.local.",
            Scheme::Tls => "_secure-mqtt._tcp.local.",
            Scheme::WebSocket | Scheme::WebSocketTls => continue,
        };
        let is_local = listener.access.unwrap_or(access) == Access::ThisComputer;
        // Behind a proxy, devices connect to the proxy.
        if is_local || address.ip().to_canonical().is_loopback() || !listener.proxies.is_empty() {
            continue;
        }
        let (port, at) = (address.port(), address.ip());
        match services.iter_mut().find(|service| service.kind == kind) {
            Some(service) if service.port == port => service.at.push(at),
            // A second port of a kind would need another name, and one leads in.
            Some(_) => {}
            None => services.push(Service { kind, port, at: vec![at] }),
        }
    }
    services
}

/// The announcements of a broker.
struct Discovery {
    /// There while anything is announced: it has a thread and sockets.
    daemon: Option<ServiceDaemon>,
    /// With the full names.
    announced: Vec<(Service, String)>,
    fault: Fault,
    network: Network,
}

/// Where it is heard.
#[derive(Clone, Copy, Debug)]
struct Network {
    /// Of UDP: that of multicast DNS.
    port: u16,
    /// Whether an interface takes part.
    includes: fn(IpAddr) -> bool,
}

impl Network {
    /// All networks of this computer, which has no need to be told of itself.
    const ALL: Self = Self { port: MDNS_PORT, includes: |address| !address.is_loopback() };

    fn daemon(self) -> Result<ServiceDaemon, mdns_sd::Error> {
        let daemon = ServiceDaemon::new_with_port(self.port)?;
        let others = IfPredicate::new(move |interface| !(self.includes)(interface.ip()));
        daemon.disable_interface(IfKind::Predicate(others))?;
        Ok(daemon)
    }
}

impl Discovery {
    fn on(network: Network) -> Self {
        Self { daemon: None, announced: Vec::new(), fault: Fault::default(), network }
    }

    /// Announces these and nothing else. Where that can't be done it is logged, and told whoever asks: a broker that is not
    /// found by name works.
    fn announce(&mut self, services: &[Service]) {
        let gone: Vec<_> = self.announced.extract_if(.., |(service, _)| !services.contains(service)).collect();
        self.take_back(&gone);
        let mut fault = None;
        for service in services {
            if self.announced.iter().any(|(announced, _)| announced == service) {
                continue;
            }
            match self.register(service) {
                Ok(name) => self.announced.push((service.clone(), name)),
                Err(error) => {
                    tracing::warn!(%error, "devices can't find the broker by {}", service.kind);
                    fault = Some(format!("Devices can't find the broker on the network by themselves: {error}."));
                }
            }
        }
        *self.fault.lock() = fault;
        if self.announced.is_empty() {
            self.end();
        }
    }

    fn register(&mut self, service: &Service) -> Result<String, mdns_sd::Error> {
        let daemon = match &self.daemon {
            Some(daemon) => daemon,
            None => self.daemon.insert(self.network.daemon()?),
        };
        let info = record(service, &host_name())?;
        let name = info.get_fullname().to_owned();
        daemon.register(info)?;
        Ok(name)
    }

    /// Says goodbye, so that nobody goes on looking for what is no longer there.
    fn take_back(&self, gone: &[(Service, String)]) {
        let Some(daemon) = &self.daemon else { return };
        let told: Vec<_> = gone.iter().filter_map(|(_, name)| daemon.unregister(name).ok()).collect();
        let end = Instant::now() + GOODBYE;
        for told in told {
            // Where it takes longer, the announcement ends by itself within two minutes.
            let _ = told.recv_timeout(end.saturating_duration_since(Instant::now()));
        }
    }

    fn end(&mut self) {
        if let Some(daemon) = self.daemon.take()
            && let Ok(ended) = daemon.shutdown()
        {
            let _ = ended.recv_timeout(GOODBYE);
        }
    }
}

/// How a service is announced by a computer of that name: on the networks where it is reached, with the addresses there.
fn record(service: &Service, host: &str) -> Result<ServiceInfo, mdns_sd::Error> {
    let bare = host.split('.').next().filter(|bare| !bare.is_empty()).unwrap_or("nightjar");
    // Of 63 bytes at most (RFC 6763, 4.1.1).
    let mut instance = format!("Nightjar on {bare}");
    instance.truncate(instance.floor_char_boundary(63));
    let properties: &[(&str, &str)] = &[];
    let mut info = ServiceInfo::new(service.kind, &instance, &format!("{bare}.local."), (), service.port, properties)?
        .enable_addr_auto();
    let service = service.clone();
    let reached = IfPredicate::new(move |interface| service.is_reached_at(interface.ip()));
    info.set_interfaces(vec![IfKind::Predicate(reached)]);
    Ok(info)
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.announce(&[]);
    }
}

impl std::fmt::Debug for Discovery {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Discovery").field("announced", &self.announced).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use mdns_sd::ServiceEvent;
    use nightjar_broker::Terms;

    use super::*;

    const MQTT: &str = "_mqtt._tcp.local.";
    const SECURE: &str = "_secure-mqtt._tcp.local.";
    const DEADLINE: Duration = Duration::from_secs(30);

    fn listening(kind: Scheme, address: &str) -> (ListenerSettings, SocketAddr) {
        let address: SocketAddr = address.parse().unwrap();
        (ListenerSettings::new(kind, None, address.port(), Terms::default()), address)
    }

    fn service(kind: &'static str, port: u16, at: &[&str]) -> Service {
        Service { kind, port, at: at.iter().map(|at| at.parse().unwrap()).collect() }
    }

    #[test]
    fn only_what_others_can_reach_and_may_connect_to_is_announced() {
        let (v4, v6) = (listening(Scheme::Tcp, "0.0.0.0:1883"), listening(Scheme::Tcp, "[::]:1883"));
        let (one, tls) = (listening(Scheme::Tcp, "192.168.1.7:1884"), listening(Scheme::Tls, "[::]:8883"));
        for access in [Access::Password, Access::Anyone] {
            let both = services(&[v4.clone(), v6.clone()], access);
            assert_eq!(both, [service(MQTT, 1883, &["0.0.0.0", "::"])]);
            let kinds = [service(MQTT, 1884, &["192.168.1.7"]), service(SECURE, 8883, &["::"])];
            assert_eq!(services(&[one.clone(), tls.clone()], access), kinds);
            assert_eq!(services(&[one.clone(), v4.clone()], access), kinds[..1], "one port of a kind");
            for local in ["127.0.0.1:1883", "[::1]:1883", "[::ffff:127.0.0.1]:1883"] {
                assert_eq!(services(&[listening(Scheme::Tcp, local)], access), [], "{local}");
            }
            assert_eq!(services(&[listening(Scheme::WebSocket, "0.0.0.0:8083")], access), []);
        }
        assert_eq!(services(&[v4.clone(), tls.clone()], Access::ThisComputer), []);
        let with = |access: Option<Access>, proxies: &[&str]| {
            let proxies = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
            (ListenerSettings { access, proxies, ..tls.0.clone() }, tls.1)
        };
        let open = with(Some(Access::Password), &[]);
        assert_eq!(services(&[v4.clone(), open], Access::ThisComputer), [service(SECURE, 8883, &["::"])]);
        let closed = with(Some(Access::ThisComputer), &[]);
        assert_eq!(services(&[v4, closed], Access::Anyone), [service(MQTT, 1883, &["0.0.0.0"])]);
        assert_eq!(services(&[with(None, &["192.168.1.9"])], Access::Anyone), [], "its clients connect to the proxy");
    }

    #[test]
    fn a_service_is_announced_where_it_is_reached() {
        let is_reached = |at: &[&str], address: &str| service(MQTT, 1883, at).is_reached_at(address.parse().unwrap());
        assert!(is_reached(&["0.0.0.0"], "10.0.0.7") && !is_reached(&["0.0.0.0"], "fd00::7"));
        assert!(is_reached(&["0.0.0.0", "::"], "fd00::7"));
        assert!(is_reached(&["10.0.0.7"], "10.0.0.7") && !is_reached(&["10.0.0.7"], "192.168.1.7"));
    }

    #[test]
    fn a_computer_may_be_called_anything() {
        let record = |host: &str| record(&service(MQTT, 1883, &["0.0.0.0"]), host).unwrap();
        let desk = record("desk.home.arpa");
        assert_eq!((desk.get_fullname(), desk.get_hostname()), ("Nightjar on desk._mqtt._tcp.local.", "desk.local."));
        assert_eq!(record("").get_hostname(), "nightjar.local.");
        let long = record(&"ä".repeat(40));
        let instance = long.get_fullname().strip_suffix("._mqtt._tcp.local.").unwrap();
        assert!(instance.starts_with("Nightjar on ä") && instance.len() <= 63, "{instance}");
    }

    #[test]
    fn what_can_not_be_announced_is_told_until_it_is_no_longer_wanted() {
        let mut discovery = Discovery::on(Network { port: 0, includes: |_| false });
        let fault = Arc::clone(&discovery.fault);
        // Not a name that a service can have.
        discovery.announce(&[service("mqtt", 1883, &["0.0.0.0"])]);
        let told = fault.lock().clone();
        assert!(told.as_ref().is_some_and(|told| told.starts_with("Devices can't find")), "{told:?}");
        discovery.announce(&[]);
        assert_eq!(*fault.lock(), None);
    }

    #[test]
    fn who_looks_for_a_broker_finds_it_until_it_stops() {
        // Nothing leaves this computer, and no other program has the port.
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        drop(socket);
        let network = Network { port, includes: |address| address == IpAddr::from([127, 0, 0, 1]) };
        let browser = network.daemon().unwrap();
        let events = browser.browse(SECURE).unwrap();
        let until = |is_it: &dyn Fn(&ServiceEvent) -> bool| {
            let end = Instant::now() + DEADLINE;
            while !is_it(&events.recv_deadline(end).unwrap()) {}
        };
        let mut discovery = Discovery::on(network);
        discovery.announce(&[service(MQTT, 1883, &["0.0.0.0"]), service(SECURE, 8883, &["0.0.0.0"])]);
        until(&|event| {
            matches!(event, ServiceEvent::ServiceResolved(found) if found.port == 8883
                && found.addresses.iter().all(|address| address.to_ip_addr().is_loopback()))
        });
        discovery.announce(&[service(MQTT, 1883, &["0.0.0.0"])]);
        until(&|event| matches!(event, ServiceEvent::ServiceRemoved(..)));
        discovery.announce(&[service(MQTT, 1883, &["0.0.0.0"]), service(SECURE, 8884, &["0.0.0.0"])]);
        until(&|event| matches!(event, ServiceEvent::ServiceResolved(found) if found.port == 8884));
        drop(discovery);
        until(&|event| matches!(event, ServiceEvent::ServiceRemoved(..)));
        browser.shutdown().unwrap().recv_timeout(DEADLINE).unwrap();
    }
}
