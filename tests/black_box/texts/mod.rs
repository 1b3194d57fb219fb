//! What the command line says, word for word: help and errors, with their exit codes.
//! `TRYCMD=overwrite` takes new words over.

use crate::harness::program;
use tempfile::tempdir;

#[test]
fn help_and_errors_say_what_they_have_said() {
    // A home of its own, so that no configuration of whoever runs this is read.
    let home = tempdir().unwrap();
    trycmd::TestCases::new()
        .env("HOME", home.path().to_str().unwrap())
        .env("USER", "alice")
        .env("COLUMNS", "100")
        .register_bin("daytrade", program("daytrade"))
        .register_bin("daytraded", program("daytraded"))
        .case("black_box/texts/*.trycmd");
}
