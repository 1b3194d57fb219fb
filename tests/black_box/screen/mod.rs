//! The trading screen in a pseudo-terminal.

mod memory;
mod own_server;
mod practice;
mod sources;
mod terminal;

use crate::harness::{Daemon, program, run, send_signal, text};
use std::path::Path;
use std::process::Command;
use tempfile::tempdir;
pub use terminal::Terminal;

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
    screen.press_until("y", "Bought 208 XYZ at 2.64 for 549.12");
    screen.expect("Cash 9,450.88");
    screen.press("q");
    let (status, raw) = screen.end();
    let output = String::from_utf8_lossy(&raw);
    assert_eq!(status, 0);
    assert!(output.contains("alice: 1 trade in this session"), "the summary after the exit");
    assert!(
        output.rfind("\x1b[?1049l") > output.rfind("\x1b[?1049h"),
        "the alternate screen is closed"
    );
    let summary = server.talk("DISPLAY_SUMMARY,alice\n");
    assert!(
        summary.contains("-ACCOUNT,alice,9450.88,0.00,0.00")
            && summary.contains("-HOLDING,XYZ,208,0,549.12"),
        "{summary}"
    );
}

#[test]
fn a_lost_and_a_restored_connection_are_shown() {
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
    let mut restart = Command::new(program("daytraded"));
    restart
        .args([
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--quotes",
            "simulated:7:frozen",
            "--data-dir",
        ])
        .arg(folder.path());
    let server = Daemon::spawn(&mut restart).unwrap();
    screen.expect("connected again");
    screen.expect("Cash 1,000.00");
    screen.expect_gone("OFFLINE");
    screen.quit();
    drop(server);
}

/// Runs the screen from a shell script that writes the terminal's modes to files before and after
/// it. `end` ends the screen. Returns the modes and all output.
fn modes_before_and_after(script: &str, end: impl FnOnce(&mut Terminal)) -> (Vec<String>, Vec<u8>) {
    let folder = tempdir().unwrap();
    let server = frozen(folder.path());
    server.talk("ADD,alice,1000\n");
    let client = program("daytrade");
    let args = ["-c", script, client.to_str().unwrap(), &server.address()];
    let mut screen = Terminal::run("sh", &args, &[]);
    screen.expect("Cash 1,000.00");
    end(&mut screen);
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

fn assert_restored(modes: &[String], raw: &[u8]) {
    assert!(modes.len() >= 2 && modes[0].contains("echo"), "{modes:?}");
    for mode in modes {
        assert_eq!(*mode, modes[0], "the modes are restored");
    }
    let output = String::from_utf8_lossy(raw);
    for (on, off) in [
        ("\x1b[?1049h", "\x1b[?1049l"),
        ("\x1b[?2004h", "\x1b[?2004l"),
        ("\x1b[?1000h", "\x1b[?1000l"),
        ("\x1b[?25l", "\x1b[?25h"),
    ] {
        assert!(output.rfind(off) > output.rfind(on), "{on:?} was not reverted");
    }
}

/// Returns the process id of the client, a child of the shell.
fn client_of(screen: &Terminal) -> u32 {
    let shell = screen.child.process_id().unwrap().to_string();
    let processes = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    // The fourth field, the second after the name in parentheses, is the parent.
    let parent = |pid: &String| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.to_owned())
    };
    let client = processes.into_iter().find(|pid| parent(pid).as_ref() == Some(&shell));
    client.unwrap().parse().unwrap()
}

#[test]
fn the_terminal_is_restored_after_a_normal_exit() {
    let (modes, raw) = modes_before_and_after(ONCE, |screen| screen.press("q"));
    assert_restored(&modes, &raw);
}

#[test]
fn the_terminal_is_restored_after_a_signal() {
    let (modes, raw) = modes_before_and_after(ONCE, |screen| {
        send_signal(client_of(screen), "TERM");
    });
    assert_restored(&modes, &raw);
}

#[test]
fn the_terminal_is_restored_after_a_panic() {
    let (modes, raw) = modes_before_and_after(ONCE, |screen| screen.press(":panic\r"));
    assert_restored(&modes, &raw);
    assert!(
        String::from_utf8_lossy(&raw).contains("a defect, made on purpose"),
        "the message of the panic is printed"
    );
}

#[test]
fn the_terminal_is_restored_during_a_suspend_and_the_screen_resumes() {
    let script = "set -m; stty -a > before; \"$0\" --user alice --connect \"$1\"; \
                  stty -a > stopped; echo IN THE SHELL; read -r line; fg; \
                  stty -a > after; echo ALL OVER";
    let (modes, raw) = modes_before_and_after(script, |screen| {
        screen.press("\x1a");
        screen.expect("IN THE SHELL");
        screen.press("\n");
        screen.expect("Cash 1,000.00");
        screen.press("q");
    });
    assert_eq!(modes.len(), 3);
    assert_restored(&modes, &raw);
}

#[test]
fn a_replay_on_the_screen_jumps_to_its_refusals() {
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
    assert!(!screen.shows("[4] ADD"), "the replay pauses at the refusal");
    screen.expect("cash 101.00");
    screen.press(" ");
    screen.expect("ended");
    screen.expect("cash 103.00");
    // Back in time, after the end: the account stands beside the line.
    screen.press("F");
    screen.expect("Account after line 3");
    screen.expect("cash 101.00");
    screen.press(",,");
    screen.expect("Account after line 1");
    screen.expect("cash 100.00");
    screen.press("q");
    let (status, raw) = screen.end();
    assert_eq!(status, 0);
    assert!(String::from_utf8_lossy(&raw).contains("4 lines, 3 ok, 1 refused, 0 not as expected"));
}

#[test]
fn a_trigger_is_set_and_its_fill_is_shown() {
    let folder = tempdir().unwrap();
    let server = frozen(folder.path());
    server.talk("ADD,alice,1000\n");
    let mut screen = Terminal::open(&["--connect", &server.address(), "--user", "alice"], &[]);
    screen.expect("Cash 1,000.00");
    screen.press("jt100\t2.60");
    screen.expect("ok to send");
    screen.press("\r");
    screen.expect("Armed: buys XYZ at 2.60 or below");
    // The price of XYZ stays 2.64, so a trigger at 2.70 fires at once, and the form shows this.
    screen.press("t100\t2.70");
    screen.expect("buys 37 now, at 2.64");
    screen.press("\r");
    screen.expect("bought 37 XYZ at 2.64");
    screen.expect("Cash 902.32");
    screen.quit();
    assert!(server.talk("DISPLAY_SUMMARY,alice\n").contains("-HOLDING,XYZ,37,0,97.68"));
}

#[test]
fn no_color_disables_colors_and_the_selected_row_is_still_marked() {
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
    let output = String::from_utf8_lossy(&raw);
    for code in ["\x1b[38;", "\x1b[48;", "\x1b[31m", "\x1b[32m", "\x1b[36m"] {
        assert!(!output.contains(code), "{code:?}");
    }
}

#[test]
fn queries_print_the_data_of_the_screen() {
    let folder = tempdir().unwrap();
    let server = frozen(folder.path());
    server.talk(
        "[1] ADD,alice,1000\n[2] BUY,alice,XYZ,100\n[3] COMMIT_BUY,alice\n\
         [4] SET_BUY_AMOUNT,alice,ABC,50\n",
    );
    let address = server.address();
    let query = |args: &[&str]| {
        let mut command = Command::new(program("daytrade"));
        let run = run(command.args(args).args(["--connect", &address]), b"");
        assert!(run.status.success(), "{args:?}: {}", text(&run.stderr));
        assert!(!run.stdout.contains(&0x1b), "no escape bytes in a pipe");
        text(&run.stdout)
    };
    assert_eq!(
        query(&["status", "--user", "alice"]),
        "user\tcash\treserved\trealised\tholdings\tpending\ttriggers\tequity\tprofit\n\
         alice\t852.32\t50.00\t0.00\t1\t0\t1\t1000.00\t0.00\n"
    );
    assert_eq!(
        query(&["holdings", "--user", "alice"]).lines().nth(1),
        Some("XYZ\t37\t37\t0\t97.68\t2.64\t2.64\t0.00")
    );
    let holdings: serde_json::Value =
        serde_json::from_str(&query(&["holdings", "--user", "alice", "--json"])).unwrap();
    assert_eq!(holdings[0]["symbol"], "XYZ");
    let triggers: serde_json::Value =
        serde_json::from_str(&query(&["triggers", "--user", "alice", "--json"])).unwrap();
    assert_eq!(
        (&triggers[0]["side"], &triggers[0]["price"]),
        (&"BUY".into(), &serde_json::Value::Null)
    );
    assert!(query(&["quote", "XYZ", "--user", "alice"]).contains("XYZ\t2.64\t"));
    let screen = query(&["snapshot", "--user", "alice", "--size", "80x24", "--ascii"]);
    assert_eq!(screen.lines().count(), 24);
    assert!(screen.contains("Cash 852.32") && screen.contains("Watchlist"), "{screen}");
    assert!(query(&["snapshot", "--user", "alice", "--html"]).contains("<pre"));
    let picture = query(&["snapshot", "--user", "alice", "--svg"]);
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
    assert!(picture.contains(">852.32</text>"), "{picture}");
    let activity = query(&["activity", "--user", "alice", "-n", "2"]);
    let commands: Vec<&str> =
        activity.lines().skip(1).filter_map(|line| line.split('\t').nth(2)).collect();
    assert_eq!(commands, ["SET_BUY_AMOUNT", "COMMIT_BUY"], "the newest first: {activity}");
}
