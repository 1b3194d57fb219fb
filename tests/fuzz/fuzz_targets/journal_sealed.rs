//! Records of any bytes in frames with correct checksums, in both formats: a start recovers
//! accounts or refuses, and a second start gives the same accounts.
#![no_main]

use daytrade_server::test_support::journal::{
    FaultDisk, FileOptions, FileStore, SealedFrame, sealed_segment, segment_name,
};
use daytrade_server::test_support::shard::recover_shard;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::sync::Arc;

fuzz_target!(|frames: (bool, Vec<(u8, Vec<u8>)>)| {
    let (is_first_format, frames) = frames;
    let version = if is_first_format { 1 } else { 2 };
    let sealed = |(records, payload): &(u8, Vec<u8>)| SealedFrame {
        version,
        records: u32::from(*records),
        payload: payload.clone(),
    };
    let frames: Vec<_> = frames.iter().map(sealed).collect();
    let files = BTreeMap::from([(segment_name(1), sealed_segment(0, version, &frames))]);
    let options = FileOptions { segment_bytes_max: 1 << 20, free_bytes_min: 0, fill_bytes: 0 };
    let store = FileStore::new(Arc::new(FaultDisk::with_files(files)), 0, options);
    if let Ok(first) = recover_shard(&store, 0, true) {
        let second = recover_shard(&store, 0, true);
        let Ok(second) = second else { panic!("a second start is refused") };
        assert_eq!(first.book.state_hash(), second.book.state_hash());
    }
});
