//! MQTT over WebSocket: bytes made by hand, since no client library sends such.

use std::time::Duration;

use nightjar_broker::{EventKind, WebSocketOptions};
use nightjar_mqtt::{Packet, Publish};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::peer::*;

const REQUEST: &str = "GET /mqtt HTTP/1.1\r\nHost: broker\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Protocol: mqtt\r\n\r\n";
/// CONNECT of MQTT 5.0 with the client identifier "w", and its answer's type.
const CONNECT: &[u8] = b"\x10\x0E\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01w";
const CONNACK: u8 = 0x20;
const PINGREQ: &[u8] = b"\xC0\x00";
const PINGRESP: &[u8] = b"\xD0\x00";
const DISCONNECT: u8 = 0xE0;

/// The client's side of a WebSocket.
struct Browser {
    stream: DuplexStream,
}

impl Browser {
    fn arrive(house: &House, pipe: usize) -> Self {
        let (near, far) = tokio::io::duplex(pipe);
        let broker = house.broker.clone();
        tokio::spawn(async move {
            let address = "127.0.0.1:50000".parse().unwrap();
            broker.serve_web_socket(far, &WebSocketOptions::default(), address).await;
        });
        Self { stream: near }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The head of the answer to the request.
    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// One frame of the broker's: its first byte, and its payload.
    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let first = self.stream.read_u8().await.unwrap();
        let length = match self.stream.read_u8().await.unwrap() {
            126 => usize::from(self.stream.read_u16().await.unwrap()),
            127 => usize::try_from(self.stream.read_u64().await.unwrap()).unwrap(),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.unwrap();
        (first, payload)
    }

    /// A WebSocket whose client is let in.
    async fn join(house: &House) -> Self {
        let mut browser = Self::arrive(house, 1 << 16);
        // All at once, as a client that is in a hurry may not, but a proxy may.
        browser.send(&[REQUEST.as_bytes(), &masked(0x82, CONNECT)].concat()).await;
        let head = browser.head().await;
        assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("Sec-WebSocket-Protocol: mqtt\r\n"), "{head}");
        assert!(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
        let (first, connack) = browser.frame().await;
        assert_eq!((first, connack[0]), (0x82, CONNACK));
        browser
    }

    async fn expect_end(&mut self) {
        assert_eq!(self.stream.read(&mut [0]).await.unwrap(), 0, "something came behind the Close frame");
    }
}

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0xDE, 0xAD, 0xBE, 0xEF];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

#[tokio::test(start_paused = true)]
async fn packets_need_not_fit_frames() {
    let house = house();
    let mut browser = Browser::join(&house).await;
    // One packet in three frames with a Ping between them, and two packets in one frame, all of it byte by byte.
    let mut bytes = masked(0x02, &PINGREQ[..1]);
    bytes.extend(masked(0x89, b"hello"));
    bytes.extend(masked(0x00, b""));
    bytes.extend(masked(0x80, &PINGREQ[1..]));
    bytes.extend(masked(0x82, &[PINGREQ, PINGREQ].concat()));
    for byte in bytes {
        browser.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(browser.frame().await, (0x8A, b"hello".to_vec()), "the Ping is answered at once");
    let mut packets = Vec::new();
    while packets.len() < 3 * PINGRESP.len() {
        let (first, payload) = browser.frame().await;
        assert_eq!(first, 0x82);
        packets.extend(payload);
    }
    assert_eq!(packets, PINGRESP.repeat(3));
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_through_a_narrow_pipe_unharmed() {
    let house = house();
    let mut browser = Browser::arrive(&house, 100);
    browser.send(REQUEST.as_bytes()).await;
    browser.head().await;
    browser.send(&masked(0x82, CONNECT)).await;
    browser.frame().await;
    browser.send(&masked(0x82, b"\x82\x07\x00\x01\x00\x00\x01t\x00")).await;
    browser.frame().await;
    let payload: Vec<u8> = (0..50_000_u32).map(|number| (number ^ (number >> 8)) as u8).collect();
    let mut publisher = house.client(V5, "publisher").await;
    let publish = Publish { payload: payload.clone().into(), ..message(Q0, 0, "t", "") };
    publisher.send(Packet::Publish(publish)).await;
    let mut received = Vec::new();
    while received.len() < payload.len() {
        let (first, part) = browser.frame().await;
        assert_eq!(first, 0x82);
        received.extend(part);
    }
    assert!(received.ends_with(&payload));
}

#[tokio::test(start_paused = true)]
async fn wrong_frames_end_the_connection_with_the_reason() {
    for (wrong, code, words) in [
        (b"\x82\x02\xC0\x00".to_vec(), 1002, "not masked"),
        (masked(0x81, PINGREQ), 1003, "MQTT-6.0.0-1"),
        (masked(0x80, PINGREQ), 1002, "continues nothing"),
        (masked(0xC2, PINGREQ), 1002, "reserved bits"),
        (masked(0x83, PINGREQ), 1002, "opcode 3"),
        (masked(0x89, &[0; 126]), 1002, "more than 125"),
        (masked(0x09, b""), 1002, "is fragmented"),
        ([masked(0x02, b"\xC0"), masked(0x82, PINGREQ)].concat(), 1002, "before the one before it was whole"),
        ([&b"\x82\xFF\x7F"[..], &[0xFF; 7], &[0; 4]].concat(), 1009, "longer than any MQTT packet"),
        (masked(0x88, b"x"), 1002, "Close frame is malformed"),
    ] {
        let house = house();
        let mut browser = Browser::join(&house).await;
        browser.send(&wrong).await;
        let (_, disconnect) = browser.frame().await;
        assert_eq!((disconnect[0], disconnect[2]), (DISCONNECT, 0x82), "{words}");
        assert_eq!(browser.frame().await, (0x88, u16::to_be_bytes(code).to_vec()), "{words}");
        drop(browser);
        let event = house.event(EventKind::Violation).await;
        assert!(event.detail.contains(words) && event.detail.contains("127.0.0.1:50000"), "{}", event.detail);
        assert_eq!(event.client.as_deref(), Some("w"));
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_frames_before_connect_are_on_record_too() {
    let house = house();
    let mut browser = Browser::arrive(&house, 1 << 10);
    browser.send(REQUEST.as_bytes()).await;
    browser.head().await;
    browser.send(&masked(0x81, CONNECT)).await;
    assert_eq!(browser.frame().await, (0x88, 1003_u16.to_be_bytes().to_vec()));
    let event = house.event(EventKind::Violation).await;
    assert!(event.detail.contains("from 127.0.0.1:50000") && event.detail.contains("MQTT-6.0.0-1"));
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_is_answered_and_ends_the_connection() {
    let house = house();
    let mut browser = Browser::join(&house).await;
    browser.send(&masked(0x88, &1001_u16.to_be_bytes())).await;
    assert_eq!(browser.frame().await, (0x88, 1001_u16.to_be_bytes().to_vec()));
    browser.expect_end().await;
    assert!(house.event(EventKind::Lost).await.detail.contains("without DISCONNECT"));

    let mut browser = Browser::join(&house).await;
    browser.send(&masked(0x82, b"\xE0\x00")).await;
    assert_eq!(browser.frame().await, (0x88, 1000_u16.to_be_bytes().to_vec()), "DISCONNECT is answered by Close");
    house.event(EventKind::Disconnected).await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_something_else_is_told_what_this_is() {
    let house = house();
    let mut browser = Browser::arrive(&house, 1 << 10);
    browser.send(b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n").await;
    let head = browser.head().await;
    assert!(head.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{head}");
    browser.stream.shutdown().await.unwrap();
    let mut body = String::new();
    browser.stream.read_to_string(&mut body).await.unwrap();
    assert!(body.contains("this is an MQTT broker"), "{body}");
    let event = house.event(EventKind::Refused).await;
    assert!(event.detail.starts_with("from 127.0.0.1:50000: no WebSocket: this is an MQTT broker"), "{}", event.detail);
}

#[tokio::test(start_paused = true)]
async fn half_a_handshake_has_the_time_of_a_connect() {
    let (house, before) = (house(), nightjar_broker::now());
    let mut browser = Browser::arrive(&house, 1 << 10);
    browser.send(&REQUEST.as_bytes()[..REQUEST.len() - 1]).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    // The rest of the request does not start the time anew.
    browser.send(b"\n").await;
    browser.head().await;
    browser.expect_end().await;
    assert_eq!((nightjar_broker::now().steady - before.steady).as_secs(), 10);
    assert!(house.event(EventKind::Refused).await.detail.contains("no whole CONNECT came within 10 s"));

    let mut browser = Browser::arrive(&house, 1 << 10);
    browser.send(b"GET /mq").await;
    browser.expect_end().await;
    let detail = house.event(EventKind::Refused).await.detail;
    assert!(detail.contains("the handshake below MQTT was not done within 10 s"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn who_only_looks_is_not_on_record() {
    let house = house();
    let mut browser = Browser::arrive(&house, 1 << 10);
    browser.stream.shutdown().await.unwrap();
    browser.expect_end().await;
    assert!(house.journal.events(EventKind::Refused).is_empty());
    assert_eq!(house.broker.totals().refused_connections, 0);
}
