//! Settings that change while the server runs, and its listeners with them.
#![expect(clippy::unwrap_used, reason = "a test that can't go on should panic")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nightjar_broker::{Access, Scheme};
use nightjar_server::{
    Effect, ListenerEdit, ListenerSource, ListenerState, Overrides, Server, StartError, StartOptions,
};
use tempfile::TempDir;

/// A server on a settings file; plain TCP on any port.
async fn server(directory: &Path, text: &str) -> Server {
    fs::write(directory.join("nightjar.toml"), text).unwrap();
    // Nobody on this computer's network is to hear of a test.
    let overrides = Overrides { port: Some(0), no_discovery: true, ..Overrides::default() };
    Server::start(StartOptions { overrides, ..StartOptions::of(directory).unwrap() }).await.unwrap()
}

/// The same with addresses that the command line gives.
async fn listening_at(directory: &Path, listen: Vec<(Scheme, SocketAddr)>) -> Server {
    let overrides = Overrides { listen, no_discovery: true, ..Overrides::default() };
    Server::start(StartOptions { overrides, ..StartOptions::of(directory).unwrap() }).await.unwrap()
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn table(kind: &str, port: u16) -> String {
    format!("[[listener]]\nkind = \"{kind}\"\naddress = \"127.0.0.1\"\nport = {port}\n")
}

fn of_tables(server: &Server) -> Vec<ListenerState> {
    let listeners = server.listeners().into_iter();
    listeners.filter(|listener| matches!(listener.source, ListenerSource::Table(_))).collect()
}

fn edit(kind: Scheme, port: u16) -> ListenerEdit {
    let address = Some("127.0.0.1".parse().unwrap());
    ListenerEdit { kind, address, port, access: None, certificate: None }
}

/// Waits until something is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A client that was welcomed: who only waits to be accepted is hung up on where the listener closes.
fn joined(address: SocketAddr, client: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let connect = [b"\x10\x0D\x00\x04MQTT\x04\x02\x00\x00\x00\x01", client.as_bytes()].concat();
    stream.write_all(&connect).unwrap();
    stream.read_exact(&mut [0; 4]).unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_what_changed_and_leaves_connections_alone() {
    let directory = TempDir::new().unwrap();
    let (first, second) = (free_port(), free_port());
    let server = server(directory.path(), &table("tcp", first)).await;
    let main = server.listeners()[0].address;
    let (stays, goes_on) = (joined(main, "a"), joined(([127, 0, 0, 1], first).into(), "b"));
    assert_eq!(server.reload().await.unwrap(), []);

    let text = format!("[limits]\nreceive-maximum = 9\n[history]\nkeep = \"1 d\"\n{}", table("ws", second));
    fs::write(directory.path().join("nightjar.toml"), text).unwrap();
    let changed = server.reload().await.unwrap();
    let changed: Vec<_> = changed.iter().map(|changed| (changed.name, changed.effect)).collect();
    let expected =
        [("[limits]", Effect::NewConnections), ("[[listener]]", Effect::NewConnections), ("[history]", Effect::Now)];
    assert_eq!(changed, expected);
    assert!(TcpStream::connect(("127.0.0.1", first)).is_err(), "it is closed");
    TcpStream::connect(("127.0.0.1", second)).unwrap();
    assert_eq!(server.listeners()[0].address, main, "the port that was any stays what it became");
    assert_eq!(server.store().keeping().otherwise, nightjar_store::Keep::for_age(Duration::from_secs(86_400)));
    for stream in [stays, goes_on] {
        stream.set_nonblocking(true).unwrap();
        let error = (&stream).read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "nobody hung up");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_says_what_the_command_line_has_the_place_of() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("nightjar.toml");
    let server = listening_at(directory.path(), vec![(Scheme::Tcp, ([127, 0, 0, 1], 0).into())]).await;
    let listens = server.listeners();
    let (tcp, ws) = (free_port(), free_port());
    for (text, expected) in [
        (table("tcp", tcp), vec![("[[listener]]", Effect::Overridden)]),
        (format!("port = {tcp}\n"), vec![("port", Effect::Overridden), ("[[listener]]", Effect::Overridden)]),
        (format!("port = {tcp}\n{}", table("ws", ws)), vec![("[[listener]]", Effect::NewConnections)]),
    ] {
        fs::write(&file, &text).unwrap();
        let changed = server.reload().await.unwrap();
        let changed: Vec<_> = changed.iter().map(|changed| (changed.name, changed.effect)).collect();
        assert_eq!(changed, expected, "{text}");
    }
    assert!(TcpStream::connect(("127.0.0.1", tcp)).is_err());
    TcpStream::connect(("127.0.0.1", ws)).unwrap();
    assert_eq!(server.listeners()[..1], listens);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_are_shown_as_they_were_until_a_change_is_through() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("nightjar.toml");
    let (first, second) = (free_port(), free_port());
    let server = Arc::new(server(directory.path(), &table("tcp", first)).await);
    let done = Arc::new(AtomicBool::new(false));
    let watching = {
        let (server, done) = (Arc::clone(&server), Arc::clone(&done));
        tokio::task::spawn_blocking(move || {
            let mut least = usize::MAX;
            while !done.load(Ordering::Relaxed) {
                least = least.min(of_tables(&server).len());
            }
            least
        })
    };
    for turn in 0..20 {
        fs::write(&file, table("tcp", if turn % 2 == 0 { second } else { first })).unwrap();
        server.reload().await.unwrap();
    }
    done.store(true, Ordering::Relaxed);
    assert_eq!(watching.await.unwrap(), 1, "there is always one");
    assert_eq!(of_tables(&server)[0].address.port(), first);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_of_the_file_is_noticed_and_a_wrong_one_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("nightjar.toml");
    let port = free_port();
    let server = server(directory.path(), "").await;
    fs::write(&file, format!("{}[limits]\nmaximum-qos = 7\n", table("tcp", port))).unwrap();
    let Err(StartError::Settings(error)) = server.reload().await else { panic!("it was taken") };
    assert!(error.to_string().contains("maximum-qos can't be 7"), "{error}");
    assert!(of_tables(&server).is_empty());
    // A certificate that can't be used is as good a reason.
    let wrong = format!("{}certificate = \"no.pem\"\nkey = \"no.pem\"\n", table("tls", port));
    fs::write(&file, wrong).unwrap();
    assert!(matches!(server.reload().await, Err(StartError::Certificate(_))));
    assert!(of_tables(&server).is_empty());
    fs::write(&file, table("tcp", port)).unwrap();
    until("the save is not noticed", || of_tables(&server).len() == 1).await;
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_does_not_keep_the_others_and_is_tried_again() {
    let directory = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let nowhere = "[[listener]]\nkind = \"tcp\"\naddress = \"192.0.2.1\"\nport = 4\n";
    let server = server(directory.path(), &format!("{}{nowhere}", table("tcp", port))).await;
    let [in_use, elsewhere] = &of_tables(&server)[..] else { panic!("{:?}", server.listeners()) };
    assert!(in_use.fault.as_ref().unwrap().contains("another program"), "{in_use:?}");
    assert!(elsewhere.fault.as_ref().unwrap().contains("not an address of this computer"), "{elsewhere:?}");
    drop(taken);
    until("it is not tried again", || of_tables(&server)[0].fault.is_none()).await;
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert!(of_tables(&server)[1].fault.is_some());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_of_plain_tcp_is_changed_while_clients_stay() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("nightjar.toml");
    let (first, second) = (free_port(), free_port());
    fs::write(&file, format!("# mine\nport = {first} # plain\n")).unwrap();
    let overrides = Overrides { no_discovery: true, ..Overrides::default() };
    let options = StartOptions { overrides, ..StartOptions::of(directory.path()).unwrap() };
    let server = Server::start(options).await.unwrap();
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let mut client = joined(at(first), "a");

    server.set_port(second).await.unwrap();
    assert_eq!(server.settings().port, Some(second));
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("# mine\nport = {second} # plain\n"));
    assert!(TcpStream::connect(at(first)).is_err());
    let newcomer = joined(at(second), "b");
    client.write_all(b"\xC0\x00").unwrap();
    let mut answer = [0; 2];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"\xD0\x00", "who is connected stays, and is answered");

    // A port in use: everything is as it was.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = server.set_port(taken.local_addr().unwrap().port()).await;
    assert!(matches!(refused, Err(StartError::Listen { .. })), "{refused:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("# mine\nport = {second} # plain\n"));
    assert_eq!(server.settings().port, Some(second));
    drop((joined(at(second), "c"), newcomer));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_of_the_command_line_is_not_changed() {
    let directory = TempDir::new().unwrap();
    let server = server(directory.path(), "# mine\n").await;
    assert!(server.has_fixed_port());
    let Err(refused) = server.set_port(free_port()).await else { panic!("it was changed") };
    assert!(refused.to_string().contains("--port"), "{refused}");
    assert_eq!(fs::read_to_string(directory.path().join("nightjar.toml")).unwrap(), "# mine\n");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_adds_changes_and_removes_a_listener() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("nightjar.toml");
    let server = server(directory.path(), "# mine\nport = 1883 # plain\n").await;
    let (first, second) = (free_port(), free_port());
    server.add_listener(edit(Scheme::Tls, first)).await.unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# mine\nport = 1883 # plain\n\n[[listener]]\nkind = \"tls\"\n"), "{text}");
    assert_eq!(of_tables(&server)[0].address, SocketAddr::from(([127, 0, 0, 1], first)));
    assert!(directory.path().join("certs/ca.pem").exists());

    let moved = ListenerEdit { access: Some(Access::Anyone), ..edit(Scheme::Tls, second) };
    server.change_listener(0, moved.clone()).await.unwrap();
    assert_eq!(ListenerEdit::of(&server.settings().listeners[0]), moved);
    assert!(TcpStream::connect(("127.0.0.1", first)).is_err());
    TcpStream::connect(("127.0.0.1", second)).unwrap();

    // A port in use: everything is as it was.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let before = fs::read_to_string(&file).unwrap();
    let wanted = edit(Scheme::WebSocket, taken.local_addr().unwrap().port());
    for refused in [server.add_listener(wanted.clone()).await, server.change_listener(0, wanted).await] {
        assert!(matches!(refused, Err(StartError::Listen { .. })), "{refused:?}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    assert_eq!((of_tables(&server).len(), of_tables(&server)[0].fault.as_deref()), (1, None));
    TcpStream::connect(("127.0.0.1", second)).unwrap();

    server.remove_listener(0).await.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "# mine\nport = 1883 # plain\n");
    assert!(TcpStream::connect(("127.0.0.1", second)).is_err());
    assert!(server.remove_listener(0).await.is_err() && server.change_listener(0, edit(Scheme::Tcp, 1)).await.is_err());
    server.stop().await;
}
