//! No line of a server causes a panic in a client's parser, nor in the printing of what it read.
#![no_main]

use daytrade_protocol::ServerLine;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|lines: &[u8]| {
    for line in lines.split(|byte| *byte == b'\n') {
        let _ = ServerLine::parse(line).map(|read| format!("{read:?}"));
    }
});
