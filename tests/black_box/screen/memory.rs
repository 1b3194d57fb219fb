//! What the screen knows after a restart: trades, the value of the day, alerts and the watchlist.

use super::{Terminal, frozen};
use crate::harness::Daemon;
use std::path::Path;
use tempfile::tempdir;

/// Opens the screen of alice at a server, with its state in `home`.
fn open(server: &Daemon, home: &Path) -> Terminal {
    let env = [("HOME", home.to_str().unwrap())];
    Terminal::open(&["--connect", &server.address(), "--user", "alice"], &env)
}

#[test]
fn trades_of_an_earlier_session_are_listed_found_and_on_the_chart() {
    let (folder, home) = (tempdir().unwrap(), tempdir().unwrap());
    let server = frozen(folder.path());
    server.talk(
        "[1] ADD,alice,1000\n[2] BUY,alice,XYZ,100\n[3] COMMIT_BUY,alice\n\
         [4] SELL,alice,XYZ,50\n[5] COMMIT_SELL,alice\n",
    );
    // Many reads: they are no part of an account's history.
    server.talk(&"QUOTE,alice,XYZ\nDISPLAY_SUMMARY,alice\n".repeat(30));
    let mut screen = open(&server, home.path());
    screen.expect("Cash 949.84");
    screen.press("4");
    screen.expect("Sold 18 XYZ at 2.64 for 47.52, profit 0.00");
    screen.expect("Bought 37 XYZ at 2.64 for 97.68 (earlier session)");
    screen.expect("Added 1,000.00 (earlier session)");
    screen.press("/sold xyz\r");
    screen.expect("1 of 5 match sold xyz");
    assert!(!screen.shows("Bought"), "only what matches");
    screen.press("\x1b");
    screen.expect("Bought 37 XYZ");
    screen.press("G\r");
    screen.expect("[1] ADD,alice,1000.00");
    screen.press("x");
    screen.expect_gone("[1] ADD,alice,1000.00");
    screen.quit();
}

#[test]
fn an_order_of_another_client_is_listed_at_once() {
    let (folder, home) = (tempdir().unwrap(), tempdir().unwrap());
    let server = frozen(folder.path());
    server.talk("ADD,alice,10000\n");
    let mut screen = open(&server, home.path());
    screen.expect("Cash 10,000.00");
    screen.press("4");
    let mut other = server.connect();
    other.ask("BUY,alice,XYZ,100");
    screen.expect("Reserved 37 XYZ at 2.64 for 97.68");
    // Orders in quick succession: each line says what really happened.
    other.ask("BUY,alice,ABC,1200");
    other.ask("CANCEL_BUY,alice");
    other.ask("BUY,alice,ZZZ,100");
    other.ask("COMMIT_BUY,alice");
    screen.expect("Cancelled: BUY 1 ABC at");
    screen.expect("Bought 23 ZZZ at 4.19 for 96.37");
    assert!(!screen.has_shown("Bought 37 XYZ") && !screen.has_shown("BUY 37 XYZ at 2.64, "));
    other.ask("CANCEL_BUY,alice");
    screen.expect("Cancelled: BUY 37 XYZ at 2.64");
    other.ask("COMMIT_SELL,alice");
    screen.expect("NO_PENDING_SELL: no sale was pending");
    screen.quit();
}

#[test]
fn alerts_the_watchlist_and_its_order_are_kept_for_each_server() {
    let (folder, home) = (tempdir().unwrap(), tempdir().unwrap());
    let server = frozen(folder.path());
    server.talk("ADD,alice,1000\n");
    let mut screen = open(&server, home.path());
    screen.expect("Cash 1,000.00");
    screen.press("+zzz\r");
    screen.expect("ZZZ");
    screen.expect("4.19");
    screen.press("!2.00\r");
    screen.expect("Alert set: ZZZ falls to 2.00");
    screen.press("o");
    screen.expect("sort: name");
    screen.quit();
    let mut again = open(&server, home.path());
    again.expect("Cash 1,000.00");
    again.expect("ZZZ");
    again.expect("sort: name");
    again.press("3");
    again.expect("ZZZ falls to 2.00");
    again.quit();
    // Another server is another place.
    let other_folder = tempdir().unwrap();
    let other = frozen(other_folder.path());
    other.talk("ADD,alice,1000\n");
    let mut elsewhere = open(&other, home.path());
    elsewhere.expect("Cash 1,000.00");
    assert!(!elsewhere.shows("ZZZ") && !elsewhere.shows("sort: name"));
    elsewhere.quit();
}
