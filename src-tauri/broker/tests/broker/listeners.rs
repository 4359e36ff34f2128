//! Listeners that come, change and go on real sockets, and what becomes of the connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::time::Duration;

use nightjar_broker::{Access, EventKind, ListenerOptions, Transport, WebSocketOptions};

use crate::peer::*;

/// CONNECT of MQTT 3.1.1 with a client identifier of one letter.
fn connect_bytes(name: u8) -> Vec<u8> {
    [b"\x10\x0D\x00\x04MQTT\x04\x02\x00\x3C\x00\x01".as_slice(), &[name]].concat()
}

/// Connects and says something; returns the connection and what came back: at most 4 bytes.
async fn say(address: SocketAddr, bytes: Vec<u8>) -> (TcpStream, Vec<u8>) {
    let talking = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(&bytes).unwrap();
        let mut answer = [0; 4];
        let count = match stream.read(&mut answer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("{error}"),
        };
        (stream, answer[..count].to_vec())
    });
    talking.await.unwrap()
}

/// Whether a connection still is one: a PINGREQ is answered.
async fn lives(mut stream: TcpStream) -> (TcpStream, bool) {
    let asking = tokio::task::spawn_blocking(move || {
        let mut answer = [0; 2];
        let lives = stream.write_all(b"\xC0\x00").is_ok() && stream.read_exact(&mut answer).is_ok();
        (stream, lives && answer == *b"\xD0\x00")
    });
    asking.await.unwrap()
}

/// Waits until somebody was refused for that reason.
async fn refusal(house: &House, words: &str) {
    let is_there = || house.journal.events(EventKind::Refused).iter().any(|event| event.detail.contains(words));
    let waiting = async {
        while !is_there() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), waiting).await.is_ok(), "nobody was told: {words}");
}

const LET_IN: &[u8] = b"\x20\x02\x00\x00";

fn local() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_come_and_go_without_touching_connections() {
    let house = house();
    let first = house.broker.open_listener(local(), ListenerOptions::default()).unwrap();
    let second = house.broker.open_listener(local(), ListenerOptions::default()).unwrap();
    assert_ne!(first.number, second.number);
    let (one, answer) = say(first.address, connect_bytes(b'1')).await;
    assert_eq!(answer, LET_IN);
    let (two, _) = say(second.address, connect_bytes(b'2')).await;
    let clients: Vec<_> = house.broker.listeners().iter().map(|listener| listener.connected).collect();
    assert_eq!(clients, [1, 1]);
    assert!(house.broker.close_listener(first.number).await && !house.broker.close_listener(first.number).await);
    assert!(TcpStream::connect(first.address).is_err(), "it is closed");
    let ((_one, one_lives), (_two, two_lives)) = (lives(one).await, lives(two).await);
    assert!(one_lives && two_lives);
    // The address is free again.
    let again = house.broker.open_listener(first.address, ListenerOptions::default()).unwrap();
    assert_eq!(again.address, first.address);
    let taken = house.broker.open_listener(first.address, ListenerOptions::default()).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    house.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_for_the_next_connection_and_who_may_no_longer_connect_goes() {
    let house = house();
    let listener = house.broker.open_listener(local(), ListenerOptions::default()).unwrap();
    let (first, answer) = say(listener.address, connect_bytes(b'1')).await;
    assert_eq!(answer, LET_IN);
    let full = ListenerOptions { maximum_connections: NonZeroUsize::new(1), ..ListenerOptions::default() };
    assert!(house.broker.change_listener(listener.number, full));
    let (_, answer) = say(listener.address, connect_bytes(b'2')).await;
    assert_eq!(answer, b"\x20\x02\x00\x03", "as many as the listener allows");
    let transport = Transport { tls: None, web_socket: Some(WebSocketOptions::default()) };
    let web_socket = ListenerOptions { transport, ..ListenerOptions::default() };
    assert!(house.broker.change_listener(listener.number, web_socket));
    let (_, answer) = say(listener.address, b"GET / HTTP/1.1\r\n\r\n".to_vec()).await;
    assert_eq!(answer, b"HTTP");
    let (first, still_lives) = lives(first).await;
    assert!(still_lives);
    // Programs on this computer without a name may stay where a password is asked for; the listener says so, not the broker.
    let password = ListenerOptions { access: Some(Access::Password), ..ListenerOptions::default() };
    assert!(house.broker.change_listener(listener.number, password));
    assert!(lives(first).await.1);
    house.broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_says_on_whose_behalf_it_connects() {
    let house = house();
    let behind = |proxies: &[&str]| ListenerOptions {
        proxies: proxies.iter().map(|address| address.parse().unwrap()).collect(),
        access: Some(Access::Anyone),
        ..ListenerOptions::default()
    };
    let listener = house.broker.open_listener(local(), behind(&["127.0.0.1"])).unwrap();
    let header = b"PROXY TCP4 192.0.2.7 127.0.0.1 49153 1883\r\n";
    let (client, answer) = say(listener.address, [header, &connect_bytes(b'c')[..]].concat()).await;
    assert_eq!(answer, LET_IN);
    let seen = house.broker.client("c").unwrap().connection.address;
    assert_eq!(seen, "192.0.2.7:49153".parse().unwrap());
    drop(client);
    // Without a header nobody gets in, and neither does a proxy that the settings do not name.
    let (_, answer) = say(listener.address, connect_bytes(b'd')).await;
    assert_eq!(answer, b"");
    refusal(&house, "does not begin with a header").await;
    house.broker.change_listener(listener.number, behind(&["192.0.2.1"]));
    let (_, answer) = say(listener.address, [header, &connect_bytes(b'e')[..]].concat()).await;
    assert_eq!(answer, b"");
    refusal(&house, "none of them").await;
    // Only this computer may connect here, which who is behind a proxy is not.
    let only_here = ListenerOptions { access: None, ..behind(&["127.0.0.1"]) };
    house.broker.change_listener(listener.number, only_here);
    let (_, answer) = say(listener.address, [header, &connect_bytes(b'f')[..]].concat()).await;
    assert_eq!(answer, b"\x20\x02\x00\x05");
    house.broker.stop().await;
}
