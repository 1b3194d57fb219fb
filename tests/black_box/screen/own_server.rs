//! The screen with a server in its own process: other clients reach that server, hostile input does
//! not end it, and a panic stops it properly.

use super::Terminal;
use crate::harness::{program, run, send_signal, text};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::tempdir;

const FROZEN: [&str; 2] = ["--quotes", "simulated:7:frozen"];

/// Opens the screen of alice with a server of its own, whose data is in `home`.
fn open(home: &Path) -> Terminal {
    let args = [&["--user", "alice"], &FROZEN[..]].concat();
    Terminal::open(&args, &[("HOME", home.to_str().unwrap())])
}

/// Runs the client beside it.
fn beside(home: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(program("daytrade"));
    let command = command.args(args).env_clear().env("HOME", home).current_dir(home);
    let run = run(command, b"");
    (run.status.code(), text(&run.stdout), text(&run.stderr))
}

/// Returns the files that say where the server of the data folder listens.
fn addresses(home: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name() == "address" {
                found.push(entry.path());
            }
        }
    }
    found
}

fn add_money(screen: &mut Terminal) {
    screen.expect("Press a to add practice money");
    screen.press("a");
    screen.expect("0.00 -> 10,000.00");
    screen.press("\r");
    screen.expect("Cash 10,000.00");
}

#[test]
fn hostile_input_of_a_terminal_ends_neither_the_screen_nor_its_server() {
    let home = tempdir().unwrap();
    let mut screen = open(home.path());
    screen.expect("Press a to add practice money");
    for input in [
        "\x1b[<0;0;5M",
        "\x1b[<0;5;0M",
        "\x1b[<0;0;0m",
        "\x1b[<64;65535;65535M",
        "\x1b[<99999999999;1;1M",
        "\x1b[M\x20\x20\x20",
        "\x1b[32;0;0M",
        "\x1b[0;0R",
        "\x1b[9999999999999999999~",
        "\x1b[;;;;M",
        "\x1b[200~paste\x1b[201~",
    ] {
        screen.press(input);
    }
    add_money(&mut screen);
    screen.quit();
}

#[test]
fn a_panic_of_the_screen_stops_its_server_properly() {
    let home = tempdir().unwrap();
    let mut screen = open(home.path());
    add_money(&mut screen);
    assert_eq!(addresses(home.path()).len(), 1, "the server says where it listens");
    screen.press(":panic\r");
    let (status, raw) = screen.end();
    assert_ne!(status, 0);
    assert!(String::from_utf8_lossy(&raw).contains("a defect, made on purpose"));
    assert_eq!(addresses(home.path()), [] as [PathBuf; 0], "the server was stopped");
    let mut again = open(home.path());
    again.expect("Cash 10,000.00");
    again.quit();
}

#[test]
fn other_clients_of_a_data_folder_use_the_server_that_is_open() {
    let home = tempdir().unwrap();
    let mut screen = open(home.path());
    add_money(&mut screen);
    let (code, out, error) = beside(home.path(), &["--user", "alice", "status"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("alice\t10000.00\t0.00"), "{out}");
    // A second screen trades, and the first one shows it at once.
    let mut second = open(home.path());
    second.expect("Cash 10,000.00");
    second.press("jb550\r");
    second.expect("y COMMIT");
    second.press_until("y", "Bought 208 XYZ at 2.64 for 549.12");
    screen.expect("Bought 208 XYZ at 2.64 for 549.12");
    screen.expect("Cash 9,450.88");
    second.quit();
    screen.quit();
}

#[test]
fn a_screen_finds_the_server_of_its_data_folder_again_at_another_address() {
    let home = tempdir().unwrap();
    let mut first = open(home.path());
    add_money(&mut first);
    let mut second = open(home.path());
    second.expect("Cash 10,000.00");
    first.quit();
    second.expect("OFFLINE");
    let mut third = open(home.path());
    third.expect("Cash 10,000.00");
    second.expect("connected again");
    second.expect_gone("OFFLINE");
    let address = std::fs::read_to_string(&addresses(home.path())[0]).unwrap();
    second.expect(&format!("LIVE {}", address.trim()));
    second.quit();
    third.quit();
}

#[test]
fn a_killed_screen_leaves_nothing_that_keeps_the_next_one_out() {
    let home = tempdir().unwrap();
    let mut screen = open(home.path());
    add_money(&mut screen);
    send_signal(screen.child.process_id().unwrap(), "KILL");
    screen.end();
    let args = [&["status", "--user", "alice"], &FROZEN[..]].concat();
    let (code, out, error) = beside(home.path(), &args);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("alice\t10000.00\t0.00"), "{out}");
}
