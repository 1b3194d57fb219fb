//! No bytes, in chunks of any size, cause a panic in the codec or the parser, and the codec's
//! buffer stays bounded.
#![no_main]

use bytes::BytesMut;
use daytrade_protocol::{LineCodec, parse_line};
use libfuzzer_sys::fuzz_target;
use tokio_util::codec::Decoder as _;

fuzz_target!(|chunks: Vec<Vec<u8>>| {
    let (mut codec, mut buffer) = (LineCodec::default(), BytesMut::new());
    for chunk in chunks {
        buffer.extend_from_slice(&chunk);
        while let Ok(Some(mut block)) = codec.decode(&mut buffer) {
            while let Some(line) = block.next_line() {
                let _ = parse_line(line);
            }
        }
        assert!(buffer.len() <= 2_048, "an incomplete line is bounded");
    }
});
