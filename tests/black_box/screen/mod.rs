//! The trading screen in a terminal of its own.

mod terminal;

use crate::harness::{Daemon, program};
use std::path::Path;
use std::process::Command;
use tempfile::tempdir;
use terminal::Terminal;

fn frozen(folder: &Path) -> Daemon {
    Daemon::start(folder, &["--quotes", "simulated:7:frozen"])
}

#[test]
fn a_trader_adds_money_buys_and_commits() {
    let folder = tempdir().unwrap();
    let server = frozen(folder.path());
    let mut screen = Terminal::open(&["--connect", &server.address(), "--user", "alice"], &[]);
    screen.expect("Press a to add practice money");
    screen.press("a");
    screen.expect("0.00 -> 10,000.00");
    screen.press("\r");
    screen.expect("Cash 10,000.00");
    screen.press("jb550");
    screen.expect("208 shares at 2.64");
    screen.press("\r");
    screen.expect("BUY 208 XYZ @ 2.64 = 549.12");
    screen.expect("y COMMIT");
    screen.press_until("y", "bought 208 XYZ for 549.12");
    screen.expect("Cash 9,450.88");
    screen.press("q");
    let (status, raw) = screen.end();
    let said = String::from_utf8_lossy(&raw);
    assert_eq!(status, 0);
    assert!(said.contains("alice: 1 trade in this session"), "the leaving note");
    assert!(said.rfind("\x1b[?1049l") > said.rfind("\x1b[?1049h"), "the alternate screen was left");
    let summary = server.talk("DISPLAY_SUMMARY,alice\n");
    assert!(
        summary.contains("-ACCOUNT,alice,9450.88,0.00,0.00")
            && summary.contains("-HOLDING,XYZ,208,0,549.12"),
        "{summary}"
    );
}

#[test]
fn a_server_that_dies_and_comes_back_is_shown_as_it_is() {
    let folder = tempdir().unwrap();
    let server = frozen(folder.path());
    let (address, port) = (server.address(), server.port.to_string());
    server.talk("ADD,alice,1000\n");
    let mut screen = Terminal::open(&["--connect", &address, "--user", "alice"], &[]);
    screen.expect("Cash 1,000.00");
    server.kill();
    screen.expect("OFFLINE");
    screen.press("b");
    screen.expect("trading waits");
    let mut again = Command::new(program("daytraded"));
    again
        .args([
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--quotes",
            "simulated:7:frozen",
            "--data-dir",
        ])
        .arg(folder.path());
    let server = Daemon::spawn(&mut again).unwrap();
    screen.expect("connected again");
    screen.expect("Cash 1,000.00");
    screen.expect_gone("OFFLINE");
    screen.press("q");
    assert_eq!(screen.end().0, 0);
    drop(server);
}

/// What a shell script prints of the terminal's modes before the screen and behind it; `how` ends
/// the screen.
fn modes_before_and_after(script: &str, how: impl FnOnce(&mut Terminal)) -> (Vec<String>, Vec<u8>) {
    let folder = tempdir().unwrap();
    let server = frozen(folder.path());
    server.talk("ADD,alice,1000\n");
    let client = program("daytrade");
    let args = ["-c", script, client.to_str().unwrap(), &server.address()];
    let mut screen = Terminal::run("sh", &args, &[]);
    screen.expect("Cash 1,000.00");
    how(&mut screen);
    screen.expect("ALL OVER");
    let modes = ["before", "stopped", "after"];
    let modes = modes
        .iter()
        .filter_map(|name| std::fs::read_to_string(screen.home.path().join(name)).ok())
        .collect();
    (modes, screen.end().1)
}

const ONCE: &str =
    "stty -a > before; \"$0\" --user alice --connect \"$1\"; stty -a > after; echo ALL OVER";

fn assert_left(modes: &[String], raw: &[u8]) {
    assert!(modes.len() >= 2 && modes[0].contains("echo"), "{modes:?}");
    for mode in modes {
        assert_eq!(*mode, modes[0], "the modes are as they were");
    }
    let said = String::from_utf8_lossy(raw);
    for (on, off) in [
        ("\x1b[?1049h", "\x1b[?1049l"),
        ("\x1b[?2004h", "\x1b[?2004l"),
        ("\x1b[?1000h", "\x1b[?1000l"),
        ("\x1b[?25l", "\x1b[?25h"),
    ] {
        assert!(said.rfind(off) > said.rfind(on), "{on:?} was not undone");
    }
}

/// The process of the client behind a shell.
fn client_of(screen: &Terminal) -> String {
    let shell = screen.child.process_id().unwrap().to_string();
    let processes = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    // The fourth field, behind the name in brackets, is the parent.
    let parent = |pid: &String| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.to_owned())
    };
    processes.into_iter().find(|pid| parent(pid).as_ref() == Some(&shell)).unwrap()
}

#[test]
fn the_terminal_is_as_before_after_a_normal_end() {
    let (modes, raw) = modes_before_and_after(ONCE, |screen| screen.press("q"));
    assert_left(&modes, &raw);
}

#[test]
fn the_terminal_is_as_before_after_a_signal() {
    let (modes, raw) = modes_before_and_after(ONCE, |screen| {
        let kill = Command::new("kill").args(["-s", "TERM", &client_of(screen)]).status().unwrap();
        assert!(kill.success());
    });
    assert_left(&modes, &raw);
}

#[test]
fn the_terminal_is_as_before_after_a_panic() {
    let (modes, raw) = modes_before_and_after(ONCE, |screen| screen.press(":panic\r"));
    assert_left(&modes, &raw);
    assert!(
        String::from_utf8_lossy(&raw).contains("a defect, made on purpose"),
        "and what happened is said"
    );
}

#[test]
fn the_terminal_is_as_before_in_the_shell_and_the_screen_comes_back() {
    let script = "set -m; stty -a > before; \"$0\" --user alice --connect \"$1\"; stty -a > stopped; echo IN THE SHELL; \
                  read -r line; fg; stty -a > after; echo ALL OVER";
    let (modes, raw) = modes_before_and_after(script, |screen| {
        screen.press("\x1a");
        screen.expect("IN THE SHELL");
        screen.press("\n");
        screen.expect("Cash 1,000.00");
        screen.press("q");
    });
    assert_eq!(modes.len(), 3);
    assert_left(&modes, &raw);
}

#[test]
fn a_replay_is_watched_and_jumps_to_its_refusals() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("w.txt");
    std::fs::write(&file, "[1] ADD,a,100\n[2] ADD,a,1\n[3] COMMIT_BUY,a\n[4] ADD,a,2\n").unwrap();
    let mut screen = Terminal::open(&["replay", file.to_str().unwrap(), "--ui"], &[]);
    screen.expect("PAUSED");
    screen.press(".");
    screen.expect("[1] ADD,a,100");
    screen.press("f");
    screen.expect("ERR NO_PENDING_BUY");
    screen.expect("3 lines sent");
    assert!(!screen.shows("[4] ADD"), "it stands at the refusal");
    screen.press(" ");
    screen.expect("ended");
    screen.press("q");
    let (status, raw) = screen.end();
    assert_eq!(status, 0);
    assert!(String::from_utf8_lossy(&raw).contains("4 lines, 3 ok, 1 refused, 0 not as expected"));
}

#[test]
fn a_trigger_is_set_and_seen_to_fire() {
    let folder = tempdir().unwrap();
    let server = frozen(folder.path());
    server.talk("ADD,alice,1000\n");
    let mut screen = Terminal::open(&["--connect", &server.address(), "--user", "alice"], &[]);
    screen.expect("Cash 1,000.00");
    screen.press("jt100\t2.60");
    screen.expect("ok to send");
    screen.press("\r");
    screen.expect("armed: fires at 2.60 or below");
    // XYZ is 2.64 and stays so: at 2.70 the new price is reached already, and the form says so.
    screen.press("t100\t2.70");
    screen.expect("buys 37 now, at 2.64");
    screen.press("\r");
    screen.expect("bought 37 XYZ at 2.64");
    screen.expect("Cash 902.32");
    screen.press("q");
    assert_eq!(screen.end().0, 0);
    assert!(server.talk("DISPLAY_SUMMARY,alice\n").contains("-HOLDING,XYZ,37,0,97.68"));
}

#[test]
fn without_colour_there_is_none_and_the_selected_row_is_still_seen() {
    let folder = tempdir().unwrap();
    let server = frozen(folder.path());
    let mut screen =
        Terminal::open(&["--connect", &server.address(), "--user", "alice"], &[("NO_COLOR", "1")]);
    server.talk("ADD,alice,1000\n");
    screen.expect("Cash 1,000.00");
    let row =
        screen.parser.screen().contents().lines().position(|line| line.contains("▸ABC")).unwrap();
    assert!(screen.parser.screen().cell(row as u16, 3).unwrap().inverse());
    screen.press("q");
    let (_, raw) = screen.end();
    let said = String::from_utf8_lossy(&raw);
    for code in ["\x1b[38;", "\x1b[48;", "\x1b[31m", "\x1b[32m", "\x1b[36m"] {
        assert!(!said.contains(code), "{code:?}");
    }
}

#[test]
fn what_the_screen_shows_can_be_had_without_one() {
    let folder = tempdir().unwrap();
    let server = frozen(folder.path());
    server.talk("[1] ADD,alice,1000\n[2] BUY,alice,XYZ,100\n[3] COMMIT_BUY,alice\n[4] SET_BUY_AMOUNT,alice,ABC,50\n");
    let address = server.address();
    let said = |args: &[&str]| {
        let run = Command::new(program("daytrade"))
            .args(args)
            .args(["--connect", &address])
            .output()
            .unwrap();
        assert!(run.status.success(), "{args:?}: {}", String::from_utf8_lossy(&run.stderr));
        assert!(!run.stdout.contains(&0x1b), "no escape bytes in a pipe");
        String::from_utf8(run.stdout).unwrap()
    };
    assert_eq!(
        said(&["status", "--user", "alice"]),
        "user\tcash\treserved\trealised\tholdings\tpending\ttriggers\nalice\t852.32\t50.00\t0.00\t1\t0\t1\n"
    );
    assert_eq!(
        said(&["holdings", "--user", "alice"]).lines().nth(1),
        Some("XYZ\t37\t37\t0\t97.68\t2.64")
    );
    let holdings: serde_json::Value =
        serde_json::from_str(&said(&["holdings", "--user", "alice", "--json"])).unwrap();
    assert_eq!(holdings[0]["symbol"], "XYZ");
    let triggers: serde_json::Value =
        serde_json::from_str(&said(&["triggers", "--user", "alice", "--json"])).unwrap();
    assert_eq!(
        (&triggers[0]["side"], &triggers[0]["price"]),
        (&"BUY".into(), &serde_json::Value::Null)
    );
    assert!(said(&["quote", "XYZ", "--user", "alice"]).contains("XYZ\t2.64\t"));
    let picture = said(&["snapshot", "--user", "alice", "--size", "80x24", "--ascii"]);
    assert_eq!(picture.lines().count(), 24);
    assert!(picture.contains("Cash 852.32") && picture.contains("Watchlist"), "{picture}");
    assert!(said(&["snapshot", "--user", "alice", "--html"]).contains("<pre"));
}
