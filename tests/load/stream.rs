//! What travels below MQTT: the bytes themselves, or TLS, or WebSocket, or both, on a socket that may or may not block.
//!
//! Nothing that came stays behind in a layer: after a read only what the socket holds is left to read, as an
//! edge-triggered poll wants it. What was written does stay where the socket takes no more, and leaves with the next write.

use std::io::{self, ErrorKind, IoSlice, Read, Write};

use rustls::ClientConnection;

use crate::web_socket::{Frames, Head, Opcode};

/// Bytes that rustls may hold of a TLS record that has not come whole, and some to spare.
const RECORD: usize = 20 * 1024;

#[derive(Debug)]
pub(crate) struct Stream<S> {
    socket: S,
    /// `None` where MQTT is on the socket as it is, which then costs nothing more.
    layers: Option<Box<Layers>>,
}

#[derive(Debug, Default)]
struct Layers {
    tls: Option<ClientConnection>,
    web_socket: Option<Frames>,
    /// What the layers have made for the socket, and the bytes of it that it took.
    wire: Vec<u8>,
    sent: usize,
}

/// What one read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Came {
    /// Bytes of MQTT. May be 0, where what came says nothing yet.
    pub(crate) length: usize,
    /// The socket had no more.
    pub(crate) is_all: bool,
}

impl<S> Stream<S> {
    pub(crate) const fn plain(socket: S) -> Self {
        Self { socket, layers: None }
    }

    /// TLS, whose handshake is done.
    pub(crate) fn sealed(socket: S, mut tls: ClientConnection) -> Self {
        // All of what is written at once becomes records at once; how much that is, the caller bounds.
        tls.set_buffer_limit(None);
        let layers = Layers { tls: Some(tls), ..Layers::default() };
        Self { socket, layers: Some(Box::new(layers)) }
    }

    /// From here on everything is in frames.
    pub(crate) fn speak_web_socket(&mut self) {
        self.layers.get_or_insert_default().web_socket = Some(Frames::new());
    }

    pub(crate) const fn socket(&mut self) -> &mut S {
        &mut self.socket
    }

    /// Exchanges the socket for what is made of it.
    pub(crate) fn with_socket<T>(self, make: impl FnOnce(S) -> io::Result<T>) -> io::Result<Stream<T>> {
        Ok(Stream { socket: make(self.socket)?, layers: self.layers })
    }

    /// Bytes that the layers hold for the socket.
    pub(crate) fn pending(&self) -> usize {
        self.layers.as_ref().map_or(0, |layers| layers.wire.len() - layers.sent)
    }
}

impl<S: Read + Write> Stream<S> {
    /// Asks the socket once.
    ///
    /// # Errors
    /// `UnexpectedEof` where the connection has ended, `WouldBlock` where nothing came.
    pub(crate) fn read(&mut self, chunk: &mut [u8]) -> io::Result<Came> {
        match &mut self.layers {
            None => read_once(&mut self.socket, chunk),
            Some(layers) => layers.read(&mut self.socket, chunk),
        }
    }

    /// How many of the bytes are taken; with layers all of them, or none while the socket holds up what was before.
    ///
    /// # Errors
    /// `WouldBlock` where the socket takes no more.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.layers {
            None => write_once(&mut self.socket, bytes),
            Some(layers) => layers.write(&mut self.socket, bytes),
        }
    }

    /// The same for a socket that blocks.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut written = 0;
        while written < bytes.len() || self.pending() > 0 {
            written += self.write(&bytes[written..])?;
        }
        Ok(())
    }
}

impl Layers {
    fn read(&mut self, socket: &mut (impl Read + Write), chunk: &mut [u8]) -> io::Result<Came> {
        let Came { mut length, is_all } = match &mut self.tls {
            None => read_once(socket, chunk)?,
            Some(tls) => unseal(tls, socket, chunk)?,
        };
        if let Some(mut frames) = self.web_socket.take() {
            let mut pongs = Vec::new();
            let taken_off = frames.take_off(&mut chunk[..length], |ping| pongs.push(ping.to_vec()));
            self.web_socket = Some(frames);
            length = taken_off?;
            for pong in pongs {
                self.wrap(Opcode::Pong, &pong)?;
            }
        }
        // TLS may have something to say of its own.
        self.seal()?;
        if self.sent < self.wire.len() {
            ignore_blocked(self.push(socket))?;
        }
        Ok(Came { length, is_all })
    }

    fn write(&mut self, socket: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
        if !self.wire.is_empty() {
            self.push(socket)?;
            return Ok(0);
        }
        self.wrap(Opcode::Binary, bytes)?;
        ignore_blocked(self.push(socket))?;
        Ok(bytes.len())
    }

    /// Makes one message of the bytes: a frame, a record, or a frame in as few records as it takes.
    fn wrap(&mut self, opcode: Opcode, bytes: &[u8]) -> io::Result<()> {
        let head = self.web_socket.is_some().then(|| Head::new(opcode, bytes.len()));
        let head = head.as_ref().map_or(&[][..], Head::as_bytes);
        match &mut self.tls {
            None => {
                self.wire.extend_from_slice(head);
                self.wire.extend_from_slice(bytes);
                Ok(())
            }
            Some(tls) => {
                let taken = tls.writer().write_vectored(&[IoSlice::new(head), IoSlice::new(bytes)])?;
                debug_assert_eq!(taken, head.len() + bytes.len(), "its buffer has no limit");
                self.seal()
            }
        }
    }

    fn seal(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            tls.write_tls(&mut self.wire)?;
        }
        Ok(())
    }

    fn push(&mut self, socket: &mut impl Write) -> io::Result<()> {
        while self.sent < self.wire.len() {
            match write_once(socket, &self.wire[self.sent..]) {
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.wire.clear();
        self.sent = 0;
        Ok(())
    }
}

/// Reads records into the end of `chunk`, and what is in them into its beginning.
fn unseal(tls: &mut ClientConnection, socket: &mut impl Read, chunk: &mut [u8]) -> io::Result<Came> {
    // What comes out is no more than what goes in and what was there before, and so has room in the rest.
    let room = chunk.len().saturating_sub(RECORD) / 2;
    if room == 0 {
        return Err(io::Error::other("the broker sent a packet that is too large to be heard over TLS"));
    }
    let (plain, sealed) = chunk.split_at_mut(chunk.len() - room);
    let came = read_once(socket, sealed)?;
    let mut sealed = &sealed[..came.length];
    let mut length = 0;
    while !sealed.is_empty() {
        if tls.read_tls(&mut sealed)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let state = tls.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        let end = length + state.plaintext_bytes_to_read();
        tls.reader().read_exact(&mut plain[length..end])?;
        length = end;
    }
    Ok(Came { length, is_all: came.is_all })
}

fn read_once(socket: &mut impl Read, chunk: &mut [u8]) -> io::Result<Came> {
    match socket.read(chunk)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        length => Ok(Came { length, is_all: length < chunk.len() }),
    }
}

fn write_once(socket: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    match socket.write(bytes)? {
        0 => Err(ErrorKind::WriteZero.into()),
        length => Ok(length),
    }
}

fn ignore_blocked(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use rustls::crypto::ring;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
    use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection};

    use super::*;

    /// A socket that brings what the test says, and takes so many bytes before it blocks.
    #[derive(Debug, Default)]
    struct Socket {
        incoming: VecDeque<Vec<u8>>,
        outgoing: Vec<u8>,
        room: usize,
    }

    impl Read for Socket {
        fn read(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
            let part = self.incoming.pop_front().ok_or(ErrorKind::WouldBlock)?;
            chunk[..part.len()].copy_from_slice(&part);
            Ok(part.len())
        }
    }

    impl Write for Socket {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let length = bytes.len().min(self.room);
            if length == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.room -= length;
            self.outgoing.extend_from_slice(&bytes[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Both ends of TLS after their handshake.
    fn tls() -> (ClientConnection, ServerConnection) {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(own.cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut bytes = Vec::new();
            client.write_tls(&mut bytes).unwrap();
            hear(&mut server, &bytes);
            bytes.clear();
            server.write_tls(&mut bytes).unwrap();
            let mut bytes = &bytes[..];
            while !bytes.is_empty() {
                client.read_tls(&mut bytes).unwrap();
                client.process_new_packets().unwrap();
            }
        }
        (client, server)
    }

    /// What the other end makes of records.
    fn hear(server: &mut ServerConnection, mut bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        while !bytes.is_empty() {
            server.read_tls(&mut bytes).unwrap();
            let length = server.process_new_packets().unwrap().plaintext_bytes_to_read();
            let start = plain.len();
            plain.resize(start + length, 0);
            server.reader().read_exact(&mut plain[start..]).unwrap();
        }
        plain
    }

    #[test]
    fn frame_that_the_socket_takes_in_parts_leaves_once() {
        let mut stream = Stream::plain(Socket { room: 3, ..Socket::default() });
        stream.speak_web_socket();
        assert_eq!(stream.write(b"first").unwrap(), 5);
        assert_eq!(stream.pending(), 8);
        assert_eq!(stream.write(b"second").unwrap_err().kind(), ErrorKind::WouldBlock);
        stream.socket().room = 100;
        assert_eq!(stream.write(b"second").unwrap(), 0, "only what waited leaves");
        assert_eq!(stream.write(b"second").unwrap(), 6);
        assert_eq!(stream.pending(), 0);
        assert_eq!(stream.socket().outgoing, b"\x82\x85\0\0\0\0first\x82\x86\0\0\0\0second");
    }

    #[test]
    fn ping_is_answered_behind_what_waits() {
        let incoming = VecDeque::from([b"\x82\x01a\x89".to_vec(), b"\x02hi\x82\x01b".to_vec()]);
        let mut stream = Stream::plain(Socket { incoming, room: 2, ..Socket::default() });
        stream.speak_web_socket();
        stream.write(b"x").unwrap();
        let mut chunk = [0; 64];
        assert_eq!(stream.read(&mut chunk).unwrap(), Came { length: 1, is_all: true });
        assert_eq!(stream.read(&mut chunk).unwrap(), Came { length: 1, is_all: true });
        assert_eq!(chunk[0], b'b');
        stream.socket().room = 100;
        stream.write(b"").unwrap();
        assert_eq!(stream.socket().outgoing, b"\x82\x81\0\0\0\0x\x8A\x82\0\0\0\0hi");
    }

    #[test]
    fn nothing_that_came_stays_in_tls_however_it_is_split() {
        let (client, mut server) = tls();
        server.set_buffer_limit(None);
        let message: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
        server.writer().write_all(&message).unwrap();
        let mut records = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut records).unwrap();
        }
        // Records of 16 KiB, in pieces that end anywhere in them.
        let incoming = records.chunks(23_456).map(<[u8]>::to_vec).collect();
        let mut stream = Stream::sealed(Socket { incoming, room: usize::MAX, ..Socket::default() }, client);
        let mut chunk = vec![0; 2 * 23_456 + RECORD + 2];
        let mut heard = Vec::new();
        while let Ok(came) = stream.read(&mut chunk) {
            heard.extend_from_slice(&chunk[..came.length]);
        }
        assert!(heard == message, "{} of {} bytes", heard.len(), message.len());
        let error = stream.read(&mut chunk[..RECORD]).unwrap_err();
        assert_ne!(error.kind(), ErrorKind::WouldBlock, "it says that there is no room: {error}");
    }

    #[test]
    fn frames_in_tls_arrive_whole_behind_a_socket_that_blocks() {
        let (client, mut server) = tls();
        let mut stream = Stream::sealed(Socket { room: 1_000, ..Socket::default() }, client);
        stream.speak_web_socket();
        let message = vec![b'.'; 100_000];
        assert_eq!(stream.write(&message).unwrap(), message.len());
        assert!(stream.pending() > 99_000);
        stream.socket().room = usize::MAX;
        assert_eq!(stream.write(b"").unwrap(), 0);
        assert_eq!(stream.pending(), 0);
        let heard = hear(&mut server, &stream.socket().outgoing);
        assert_eq!(heard.len(), 14 + message.len());
        assert_eq!(heard[..14], *b"\x82\xFF\0\0\0\0\0\x01\x86\xA0\0\0\0\0");
    }
}
