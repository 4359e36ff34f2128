//! What the fuzz target `decode` found, once more: every input that reaches some corner of the decoder.

use std::fs;
use std::path::Path;

use bytes::BytesMut;
use nightjar_mqtt::{Decoder, ProtocolVersion};

/// Decodes to the end or to the first violation; what comes out survives being encoded.
fn decode(mut decoder: Decoder, bytes: &[u8], name: &str) {
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(packet)) = decoder.decode(&mut buffer) {
        let version = decoder.version().expect("a packet came, so the version is known");
        let mut encoded = BytesMut::new();
        packet.encode(version, &mut encoded).expect("what came in small goes out small");
        let again = Decoder::for_version(version, usize::MAX).decode(&mut encoded);
        assert_eq!(again, Ok(Some(packet)), "{name}");
    }
}

#[test]
fn the_seeds_find_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/decode");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the seeds are in the repository") {
        let path = entry.unwrap().path();
        let input = fs::read(&path).unwrap();
        let name = path.display().to_string();
        // The first byte says how the target cuts the rest.
        let bytes = input.get(1..).unwrap_or_default();
        decode(Decoder::new(1 << 16), bytes, &name);
        for version in [ProtocolVersion::V31, ProtocolVersion::V311, ProtocolVersion::V5] {
            decode(Decoder::for_version(version, 1 << 16), bytes, &name);
        }
        count += 1;
    }
    assert!(count > 100, "only {count} seeds");
}
