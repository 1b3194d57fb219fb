//! Sessions of a netcat script, compared byte for byte.

use crate::harness::{Daemon, has_tool, run, text, workload};
use std::process::Command;
use tempfile::tempdir;

const FROZEN: &[&str] = &["--quotes", "simulated:7:frozen", "--shards", "3"];

#[test]
fn an_untagged_session_is_answered_strictly_in_order() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let replies = server.talk(
        "\n# a comment\r\nPING\nADD,alice,100.5\r\nadd, alice ,\t1 \nADD,bob,5\nNOPE\n\
         [7] ADD,carol,1\nADD,dave\nADD,eve,0\nADD,frank,7",
    );
    let tagged = "[7] OK,ADD,1.00\n";
    assert!(replies.contains(tagged), "{replies}");
    assert_eq!(
        replies.replace(tagged, ""),
        "OK,PING\nOK,ADD,100.50\nOK,ADD,101.50\nOK,ADD,5.00\n\
         ERR,UNKNOWN_COMMAND,no such command; HELP lists them\n\
         ERR,BAD_ARGUMENTS,expected ADD,user,amount\n\
         ERR,BAD_AMOUNT,\
         amount must be dollars from 0.01 to 999999999999.99 with at most two decimals\n\
         OK,ADD,7.00\n"
    );
}

#[test]
fn a_summary_is_one_reply_of_several_lines() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let mut client = server.connect();
    client.send("[1] ADD,alice,100\n");
    assert_eq!(client.line(), "[1] OK,ADD,100.00");
    client.send("[2] DISPLAY_SUMMARY,alice\n");
    assert_eq!(client.line(), "[2]-ACCOUNT,alice,100.00,0.00,0.00");
    let history = client.line();
    assert!(
        history.starts_with("[2]-HISTORY,1") && history.ends_with(",1,ADD,,100.00,OK"),
        "{history}"
    );
    assert_eq!(client.line(), "[2] OK,DISPLAY_SUMMARY,alice,2");
}

#[test]
fn noreply_suppresses_replies_and_errors() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let replies = server.talk(
        "ADD,alice,5 noreply\nNOPE noreply\n[3] ADD,alice,x noreply\n\
         COMMIT_BUY,alice noreply\nADD,alice,1\n",
    );
    assert_eq!(replies, "OK,ADD,6.00\n");
}

#[test]
fn quit_ends_the_session_after_all_earlier_replies() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let mut client = server.connect();
    client.send("[1] ADD,alice,5\n[2] QUOTE,alice,S\nQUIT\n\nADD,alice,5\n");
    let replies = client.rest();
    assert!(
        replies.starts_with("[1] OK,ADD,5.00\n[2] OK,QUOTE,S,27.73,")
            && replies.ends_with("\nOK,QUIT\n"),
        "{replies}"
    );
}

#[test]
fn help_and_stats_are_readable() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let help = server.talk("[1] HELP\n");
    assert!(
        help.starts_with("[1]-ADD,user,amount\n") && help.ends_with("[1] OK,HELP,20\n"),
        "{help}"
    );
    let stats = server.talk("ADD,a,5\nQUOTE,a,S\nQUOTE,a,S\nSELL,a,S,1\nSTATS\n");
    for line in [
        "-STAT,commands_ok,3",
        "-STAT,refused_INSUFFICIENT_SHARES,1",
        "-STAT,quote_hits,1",
        "-STAT,quote_cache_hits,1",
        "-STAT,quote_cost,0.05",
    ] {
        assert!(stats.lines().any(|stat| stat == line), "{line} in {stats}");
    }
}

#[test]
fn the_real_netcat_can_send_a_file() {
    if !has_tool("nc") {
        return;
    }
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), FROZEN);
    let mut nc = Command::new("nc");
    nc.args(["-N", "127.0.0.1", &server.port.to_string()]);
    let lines = std::fs::read(workload("10-users.txt")).unwrap();
    let replies = text(&run(&mut nc, &lines).stdout);
    let answered = replies
        .lines()
        .filter(|line| line.split_once(']').is_some_and(|(_, rest)| rest.starts_with(' ')))
        .count();
    assert_eq!(answered, 2_000);
    assert!(
        replies.lines().last().unwrap().starts_with("[2000] OK,DUMPLOG,"),
        "DUMPLOG waits for all earlier commands"
    );
}
