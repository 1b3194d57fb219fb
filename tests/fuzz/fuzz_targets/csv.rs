//! Any file of prices is read or refused, and the prices that are read are in order of time.
#![no_main]

use daytrade_server::test_support::quotes::csv::read_rows;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|rows: &[u8]| {
    let with_header = [b"time,symbol,price\n", rows].concat();
    for file in [rows, &with_header] {
        if let Ok(prices) = read_rows(file) {
            assert!(prices.values().all(|rows| rows.is_sorted_by_key(|(time, _)| *time)));
        }
    }
});
