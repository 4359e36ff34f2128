//! The ways in beside plain MQTT: TLS, and WebSocket with it or without.

use nightjar_broker::Scheme;
use nightjar_server::{ListenerEdit, ListenerSettings, Server, Settings, StartError, usual_port};

use super::Host;
use crate::wire::{Fault, Status, WayIn};

/// Opens a way in at its usual port, for whoever may connect to the broker, or closes it; it is remembered.
#[tauri::command]
pub(crate) async fn set_way_in(engine: Host<'_>, kind: WayIn, open: bool) -> Result<Status, Fault> {
    let running = engine.running()?;
    let kind = scheme(kind);
    if open {
        self::open(&running.server, kind).await?
    } else {
        close(&running.server, kind).await?
    }
    Ok(engine.status())
}

const fn scheme(way: WayIn) -> Scheme {
    match way {
        WayIn::Tls => Scheme::Tls,
        WayIn::WebSocket => Scheme::WebSocket,
        WayIn::WebSocketTls => Scheme::WebSocketTls,
    }
}

async fn open(server: &Server, kind: Scheme) -> Result<(), Fault> {
    if server.listeners().iter().any(|listener| listener.kind == kind) {
        return Ok(());
    }
    let wanted = ListenerEdit { kind, address: None, port: usual_port(kind), access: None, certificate: None };
    server.add_listener(wanted).await.map_err(|error| fault("The listener was not opened", &error))
}

async fn close(server: &Server, kind: Scheme) -> Result<(), Fault> {
    const WHAT: &str = "The listener was not closed";
    let settings = server.settings();
    let places: Vec<usize> = places(&settings, kind);
    if places.iter().any(|&place| !is_plain(&settings, place)) {
        return Err(Fault::new(
            WHAT,
            "It has settings of its own in nightjar.toml, which would be lost",
            "Remove its [[listener]] there",
        ));
    }
    if places.is_empty() && server.listeners().iter().any(|listener| listener.kind == kind) {
        return Err(Fault::new(WHAT, "The command line asked for it", "Start Nightjar without that option"));
    }
    // From the last to the first: the others keep their places.
    for place in places.into_iter().rev() {
        server.remove_listener(place).await.map_err(|error| fault(WHAT, &error))?;
    }
    Ok(())
}

/// Where listeners of a kind stand in the settings.
fn places(settings: &Settings, kind: Scheme) -> Vec<usize> {
    let listeners = settings.listeners.iter().enumerate();
    listeners.filter(|(_, listener)| listener.kind == kind).map(|(place, _)| place).collect()
}

/// Whether a listener has nothing that opening it anew would not give it.
fn is_plain(settings: &Settings, place: usize) -> bool {
    settings.listeners.get(place).is_some_and(|listener| {
        *listener == ListenerSettings::new(listener.kind, None, usual_port(listener.kind), settings.terms.clone())
    })
}

fn fault(what: &str, error: &StartError) -> Fault {
    Fault::new(what, format!("{}: {}", error.what(), error.why()), error.action())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use nightjar_server::{Overrides, StartOptions};

    use super::*;

    async fn server(text: &str) -> (tempfile::TempDir, Server) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("nightjar.toml"), text).unwrap();
        let overrides = Overrides { port: Some(0), no_discovery: true, ..Overrides::default() };
        let options = StartOptions { overrides, ..StartOptions::of(directory.path()).unwrap() };
        let server = Server::start(options).await.unwrap();
        (directory, server)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_has_settings_of_its_own_is_not_closed_by_a_tick() {
        // A port that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text = format!("[[listener]]\nkind = \"ws\"\nport = {port}\nmaximum-qos = 1\n");
        let (directory, server) = server(&text).await;
        open(&server, Scheme::WebSocket).await.unwrap();
        let fault = close(&server, Scheme::WebSocket).await.unwrap_err();
        assert!(fault.why.contains("settings of its own"), "{fault:?}");
        assert_eq!(std::fs::read_to_string(directory.path().join("nightjar.toml")).unwrap(), text);
        close(&server, Scheme::Tls).await.unwrap();
        server.stop().await;
    }

    #[test]
    fn only_what_a_tick_would_make_is_plain() {
        let settings = Settings::default();
        let plain = ListenerSettings::new(Scheme::Tls, None, 8883, settings.terms.clone());
        let elsewhere = ListenerSettings { port: 8884, ..plain.clone() };
        let settings = Settings { listeners: vec![plain, elsewhere], ..settings };
        assert_eq!(places(&settings, Scheme::Tls), [0, 1]);
        assert!(is_plain(&settings, 0) && !is_plain(&settings, 1) && !is_plain(&settings, 2));
    }
}
