//! For any segment and snapshot, a start recovers accounts or refuses, and a second start gives the
//! same result.
#![no_main]

use daytrade_server::test_support::journal::{
    FaultDisk, FileOptions, FileStore, segment_name, snapshot_name,
};
use daytrade_server::test_support::shard::recover_shard;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::sync::Arc;

fuzz_target!(|files: (Vec<u8>, Vec<u8>)| {
    let (segment, snapshot) = files;
    let files = BTreeMap::from([(segment_name(1), segment), (snapshot_name(1), snapshot)]);
    let options = FileOptions { segment_bytes_max: 1 << 20, free_bytes_min: 0, fill_bytes: 0 };
    let store = FileStore::new(Arc::new(FaultDisk::with_files(files)), 0, options);
    if let Ok(first) = recover_shard(&store, 0, true) {
        let second = recover_shard(&store, 0, true);
        let Ok(second) = second else { panic!("a second start is refused") };
        assert_eq!(first.end.record, second.end.record);
        assert_eq!(first.book.state_hash(), second.book.state_hash());
    }
});
