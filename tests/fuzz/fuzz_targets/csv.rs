//! Any file of prices is read or refused, and a price that is read is above zero.
#![no_main]

use daytrade_protocol::Money;
use daytrade_server::test_support::quotes::market::prices::read_rows;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|rows: &[u8]| {
    let with_header = [b"time,symbol,price\n", rows].concat();
    for file in [rows, &with_header] {
        if let Ok(rows) = read_rows(file) {
            assert!(rows.iter().all(|row| row.price > Money::ZERO));
        }
    }
});
