//! Any log is judged or refused.
#![no_main]

use daytrade_tui::check::failed_rules;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|log: &[u8]| {
    failed_rules(log);
    failed_rules(&[b"<log>", log, b"</log>"].concat());
});
