//! The HTTP request that a WebSocket begins with (RFC 6455, 4.2), and what whoever sends another is answered.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tungstenite::handshake::derive_accept_key;

use super::stream::WebSocket;

/// Bytes of a request at most. Browsers send cookies of the page's host along.
const LONGEST: usize = 8 << 10;
/// Header fields of a request at most.
const FIELDS: usize = 64;
/// How long whoever is refused has to read why.
const FAREWELL: Duration = Duration::from_secs(2);
/// What clients agree on.
pub(crate) const PATH: &str = "/mqtt";
/// Those that name no path, such as MQTT.js, ask for `/`.
const PATHS: [&str; 2] = [PATH, "/"];
/// `mqtt` [MQTT-6.0.0-3], and what clients said before it was registered.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// How a WebSocket listener takes connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebSocketOptions {
    /// Origins of the pages that may connect, such as `https://example.org`; none means all. Programs other than
    /// browsers send no Origin, and are not asked for one.
    pub origins: Vec<String>,
    /// What a request has to ask for, such as `/mqtt`; by default that, and `/`.
    pub path: Option<String>,
}

/// Why a connection did not become a WebSocket.
#[derive(Debug)]
pub(crate) enum Unopened {
    /// Nothing came.
    Nothing,
    /// The connection ended within the request.
    Ended,
    /// The request was answered with a refusal.
    Refused(Refusal),
}

/// A request that does not open a WebSocket for MQTT.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the request is not HTTP/1.1")]
    NotHttp,
    #[error("the request has more than {LONGEST} bytes or {FIELDS} header fields")]
    TooLong,
    #[error("the request is not GET")]
    NotGet,
    #[error("there is nothing at {asked:?}: connect to {offered}")]
    NoSuchPath { asked: String, offered: String },
    #[error("this is an MQTT broker, and takes WebSocket connections here: connect with an MQTT client")]
    NoUpgrade,
    #[error("the WebSocket version is not 13 (RFC 6455, 4.2.1)")]
    Version,
    #[error("Sec-WebSocket-Key is not one value of 16 bytes in base64 (RFC 6455, 4.2.1)")]
    Key,
    #[error("the subprotocol mqtt is not among those offered [MQTT-6.0.0-3]")]
    Subprotocol,
    #[error("pages of the origin {0:?} may not connect")]
    Origin(String),
}

impl Refusal {
    const fn status(&self) -> &'static str {
        match self {
            Self::NotHttp | Self::Key | Self::Subprotocol => "400 Bad Request",
            Self::TooLong => "431 Request Header Fields Too Large",
            Self::NotGet => "405 Method Not Allowed",
            Self::NoSuchPath { .. } => "404 Not Found",
            Self::NoUpgrade | Self::Version => "426 Upgrade Required",
            Self::Origin(_) => "403 Forbidden",
        }
    }

    fn response(&self) -> String {
        let body = format!("{self}\n");
        format!(
            "HTTP/1.1 {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nAllow: GET\r\n\
             Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n\r\n{body}",
            self.status(),
            body.len()
        )
    }
}

/// What a good request is answered with.
#[derive(Debug, PartialEq, Eq)]
struct Accepted {
    key: String,
    subprotocol: &'static str,
}

/// Takes the request and answers it. The caller bounds the time.
pub(crate) async fn open<S>(mut stream: S, options: &WebSocketOptions) -> Result<WebSocket<S>, Unopened>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = BytesMut::with_capacity(1 << 10);
    let answer = loop {
        if let Some(answer) = answer(&request, options) {
            break answer;
        }
        match stream.read_buf(&mut request).await {
            Ok(count) if count > 0 => {}
            _ if request.is_empty() => return Err(Unopened::Nothing),
            Ok(_) | Err(_) => return Err(Unopened::Ended),
        }
    };
    let (size, accepted) = match answer {
        Ok(answer) => answer,
        Err(refusal) => {
            // Who does not read the answer has had its time.
            let _ = tokio::time::timeout(FAREWELL, refuse(stream, &refusal)).await;
            return Err(Unopened::Refused(refusal));
        }
    };
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\
         Sec-WebSocket-Protocol: {}\r\n\r\n",
        derive_accept_key(accepted.key.as_bytes()),
        accepted.subprotocol
    );
    let answered = async {
        stream.write_all(response.as_bytes()).await?;
        stream.flush().await
    };
    answered.await.map_err(|_: io::Error| Unopened::Ended)?;
    request.advance(size);
    Ok(WebSocket::new(stream, request.freeze()))
}

async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin, refusal: &Refusal) -> io::Result<()> {
    stream.write_all(refusal.response().as_bytes()).await?;
    stream.shutdown().await?;
    // Closing a socket with unread input would reset it, and the answer might never be read.
    let mut rest = [0; 512];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// The answer to a request, and the request's size; `None` as long as it is not whole.
fn answer(request: &[u8], options: &WebSocketOptions) -> Option<Result<(usize, Accepted), Refusal>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    match parsed.parse(request) {
        Ok(httparse::Status::Complete(size)) if size <= LONGEST => {
            Some(check(&parsed, options).map(|accepted| (size, accepted)))
        }
        Ok(httparse::Status::Complete(_)) | Err(httparse::Error::TooManyHeaders) => Some(Err(Refusal::TooLong)),
        Ok(httparse::Status::Partial) if request.len() > LONGEST => Some(Err(Refusal::TooLong)),
        Ok(httparse::Status::Partial) => None,
        Err(_) => Some(Err(Refusal::NotHttp)),
    }
}

fn check(request: &httparse::Request<'_, '_>, options: &WebSocketOptions) -> Result<Accepted, Refusal> {
    if request.version != Some(1) {
        return Err(Refusal::NotHttp);
    }
    if request.method != Some("GET") {
        return Err(Refusal::NotGet);
    }
    let path = request.path.unwrap_or_default();
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    if !options.path.as_deref().map_or_else(|| PATHS.contains(&path), |wanted| wanted == path) {
        let offered = options.path.as_deref().unwrap_or(PATH).to_owned();
        return Err(Refusal::NoSuchPath { asked: path.chars().take(100).collect(), offered });
    }
    if !has_token(request, "Upgrade", "websocket") || !has_token(request, "Connection", "upgrade") {
        return Err(Refusal::NoUpgrade);
    }
    if !fields(request, "Sec-WebSocket-Version").eq(["13"]) {
        return Err(Refusal::Version);
    }
    if let Some(origin) = fields(request, "Origin").next()
        && !options.origins.is_empty()
        && !options.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    {
        return Err(Refusal::Origin(origin.chars().take(100).collect()));
    }
    let mut keys = fields(request, "Sec-WebSocket-Key");
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) if is_key(key) => key.to_owned(),
        _ => return Err(Refusal::Key),
    };
    let offered = |subprotocol: &&str| tokens(request, "Sec-WebSocket-Protocol").any(|token| token == *subprotocol);
    let subprotocol = SUBPROTOCOLS.into_iter().find(offered).ok_or(Refusal::Subprotocol)?;
    Ok(Accepted { key, subprotocol })
}

/// The values of a header field, however often it is there. One that is not text counts as empty.
fn fields<'a>(request: &'a httparse::Request<'_, '_>, name: &str) -> impl Iterator<Item = &'a str> {
    let named = request.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    named.map(|field| std::str::from_utf8(field.value).unwrap_or_default().trim())
}

fn tokens<'a>(request: &'a httparse::Request<'_, '_>, name: &str) -> impl Iterator<Item = &'a str> {
    fields(request, name).flat_map(|value| value.split(',').map(str::trim))
}

fn has_token(request: &httparse::Request<'_, '_>, name: &str, token: &str) -> bool {
    tokens(request, name).any(|found| found.eq_ignore_ascii_case(token))
}

/// 16 bytes in base64: 22 digits and the padding.
fn is_key(key: &str) -> bool {
    key.strip_suffix("==").is_some_and(|digits| {
        digits.len() == 22 && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "GET /mqtt HTTP/1.1\r\nHost: broker\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
                        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
                        Sec-WebSocket-Protocol: chat, mqtt\r\n\r\n";

    fn answer_to(request: &str) -> Option<Result<&'static str, Refusal>> {
        let options = WebSocketOptions::default();
        answer(request.as_bytes(), &options).map(|answer| answer.map(|(_, accepted)| accepted.subprotocol))
    }

    #[test]
    fn a_good_request_is_accepted_once_it_is_whole() {
        for end in 0..GOOD.len() {
            assert_eq!(answer_to(&GOOD[..end]), None);
        }
        assert_eq!(answer_to(GOOD), Some(Ok("mqtt")));
        for (old, new, subprotocol) in [
            ("/mqtt ", "/ ", "mqtt"),
            ("/mqtt ", "/mqtt?token=1 ", "mqtt"),
            ("chat, mqtt", "mqttv3.1", "mqttv3.1"),
            ("chat, mqtt", "mqttv3.1,mqtt", "mqtt"),
            ("Protocol: chat, mqtt", "Protocol: chat\r\nsec-websocket-protocol: mqtt", "mqtt"),
        ] {
            assert_eq!(answer_to(&GOOD.replace(old, new)), Some(Ok(subprotocol)), "{new}");
        }
        let request = format!("{GOOD}\u{7}frames");
        let (size, _) = answer(request.as_bytes(), &WebSocketOptions::default()).unwrap().unwrap();
        assert_eq!(size, GOOD.len(), "what comes behind is not of the request");
    }

    #[test]
    fn every_other_request_is_told_what_is_wrong() {
        let long = format!("Host: {}", "x".repeat(LONGEST));
        let many = (0..=FIELDS).fold(String::new(), |fields, number| format!("{fields}X{number}: y\r\n")) + "Host";
        for (old, new, refusal) in [
            ("GET", "POST", Refusal::NotGet),
            ("HTTP/1.1", "HTTP/1.0", Refusal::NotHttp),
            ("GET /mqtt HTTP/1.1", "\u{10}\u{c}\u{0}\u{4}MQTT\u{4}", Refusal::NotHttp),
            ("/mqtt ", "/chat ", Refusal::NoSuchPath { asked: "/chat".to_owned(), offered: "/mqtt".to_owned() }),
            ("Upgrade: WebSocket\r\n", "", Refusal::NoUpgrade),
            ("Upgrade: WebSocket", "Upgrade: h2c", Refusal::NoUpgrade),
            ("keep-alive, Upgrade", "keep-alive", Refusal::NoUpgrade),
            ("Version: 13", "Version: 8", Refusal::Version),
            ("Sec-WebSocket-Version: 13\r\n", "", Refusal::Version),
            ("dGhlIHNhbXBsZSBub25jZQ==", "short", Refusal::Key),
            ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j!!==", Refusal::Key),
            ("Host: broker", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", Refusal::Key),
            ("chat, mqtt", "chat, mqtts", Refusal::Subprotocol),
            ("Sec-WebSocket-Protocol: chat, mqtt\r\n", "", Refusal::Subprotocol),
            ("Host: broker", &long, Refusal::TooLong),
            ("Host", &many, Refusal::TooLong),
        ] {
            assert_eq!(answer_to(&GOOD.replace(old, new)), Some(Err(refusal)), "{new}");
        }
        let endless = format!("GET /{}", "x".repeat(LONGEST));
        assert_eq!(answer_to(&endless), Some(Err(Refusal::TooLong)));
    }

    #[test]
    fn a_path_of_its_own_is_the_only_one() {
        let options = WebSocketOptions { path: Some("/broker".to_owned()), ..Default::default() };
        let ask = |path: &str| answer(GOOD.replace("/mqtt ", path).as_bytes(), &options).unwrap().map(drop);
        assert_eq!(ask("/broker?a=b "), Ok(()));
        for path in ["/mqtt", "/", "/broker/"] {
            let refusal = Refusal::NoSuchPath { asked: path.to_owned(), offered: "/broker".to_owned() };
            assert_eq!(ask(&format!("{path} ")), Err(refusal));
        }
    }

    #[test]
    fn origins_are_those_of_the_list_where_there_is_one() {
        let options = WebSocketOptions { origins: vec!["https://panel.example".to_owned()], ..Default::default() };
        let ask = |origin: &str| {
            let request = GOOD.replace("Host: broker", &format!("Host: broker\r\n{origin}"));
            answer(request.as_bytes(), &options).unwrap().map(drop)
        };
        assert_eq!(ask("Origin: https://PANEL.example"), Ok(()));
        assert_eq!(ask("X: no browser"), Ok(()));
        for origin in ["https://other.example", "https://panel.example.evil", "null", ""] {
            assert_eq!(ask(&format!("Origin: {origin}")), Err(Refusal::Origin(origin.to_owned())));
        }
    }
}
