//! For any segment and snapshot, a start recovers accounts or refuses, and a second start gives the
//! same result.
#![no_main]

use daytrade_server::test_support::journal::{FaultDisk, segment_name, snapshot_name};
use daytrade_server::test_support::shard::recover_shard;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

fuzz_target!(|files: (Vec<u8>, Vec<u8>)| {
    let (segment, snapshot) = files;
    let files = BTreeMap::from([(segment_name(1), segment), (snapshot_name(1), snapshot)]);
    let disk = FaultDisk::with_files(files);
    if let Ok(first) = recover_shard(&disk, 0, true) {
        let Ok(second) = recover_shard(&disk, 0, true) else { panic!("a second start is refused") };
        assert_eq!(first.end.record, second.end.record);
        assert_eq!(first.book.state_hash(), second.book.state_hash());
    }
});
