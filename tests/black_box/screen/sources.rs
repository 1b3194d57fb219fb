//! What the screen says of the source of its prices.

use super::Terminal;
use crate::harness::{Daemon, program};
use std::process::Command;
use tempfile::tempdir;

#[test]
fn a_quote_source_that_is_down_is_said_in_the_banner_the_ticket_and_the_log() {
    let folder = tempdir().unwrap();
    let mut command = Command::new(program("daytraded"));
    command.args(["quote-server", "--listen", "127.0.0.1:0", "--quotes", "simulated:7:frozen"]);
    let source = Daemon::spawn(&mut command).unwrap();
    let quotes = format!("legacy:{}", source.address());
    let server = Daemon::start(folder.path(), &["--quotes", &quotes]);
    server.talk("ADD,alice,1000\n");
    let mut screen = Terminal::open(&["--connect", &server.address(), "--user", "alice"], &[]);
    screen.expect("Cash 1,000.00");
    screen.expect("2.64");
    source.kill();
    screen.press("+qqq\r");
    screen.expect("!! NO QUOTES");
    screen.press(":buy qqq 100\r");
    screen.expect("Not sent: ");
    // The frame may arrive in parts; its last line is the key that closes it.
    screen.expect("Esc close");
    screen.press("\x1b");
    screen.expect_gone("Esc close");
    screen.press("4");
    screen.expect("The quote source does not answer. A price");
    screen.quit();
}

#[test]
fn a_simulated_market_says_that_it_is_one() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &["--quotes", "simulated:7:frozen"]);
    server.talk("ADD,alice,1000\n");
    let mut screen = Terminal::open(&["--connect", &server.address(), "--user", "alice"], &[]);
    screen.expect("Watchlist SIMULATED");
    screen.quit();
}
