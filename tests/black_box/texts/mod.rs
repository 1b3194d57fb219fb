//! Snapshots of the help texts and errors of the command line, with their exit codes.
//! `TRYCMD=overwrite` updates them.

use crate::harness::program;
use tempfile::tempdir;

#[test]
fn help_and_errors_match_their_snapshots() {
    // An empty home, so that the developer's own configuration is not read.
    let home = tempdir().unwrap();
    trycmd::TestCases::new()
        .env("HOME", home.path().to_str().unwrap())
        .env("USER", "alice")
        .env("COLUMNS", "100")
        .register_bin("daytrade", program("daytrade"))
        .register_bin("daytraded", program("daytraded"))
        .case("black_box/texts/*.trycmd");
}
