//! The client replays workload files.

use crate::harness::{
    Daemon, daytrade, output, program, replay_after_first_reply, text, within, workload,
};
use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Command, Stdio};
use tempfile::tempdir;

const FROZEN: [&str; 2] = ["--quotes", "simulated:7:frozen"];

fn check(name: &str, args: &[&str]) {
    let folder = tempdir().unwrap();
    let (file, expected) =
        (workload(&format!("{name}.txt")), workload(&format!("{name}.expected")));
    let mut all =
        vec!["replay", file.to_str().unwrap(), "--mask", "--expect", expected.to_str().unwrap()];
    all.extend(FROZEN);
    all.extend(args);
    let run = daytrade(folder.path(), &all, b"");
    assert_eq!(run.status.code(), Some(0), "{name} {args:?}: {}", text(&run.stderr));
    let want: String = std::fs::read_to_string(&expected).unwrap();
    assert!(
        text(&run.stdout) == want,
        "{name} {args:?}: the replies or their order differ from the file"
    );
    assert!(folder.path().join("testLOG").is_file(), "the log is in the current folder");
}

#[test]
fn the_workloads_produce_the_expected_replies_in_file_order() {
    for name in ["every-outcome", "1-user", "10-users"] {
        check(name, &[]);
    }
}

#[test]
fn several_connections_and_shards_produce_the_same_replies() {
    for name in ["every-outcome", "10-users"] {
        check(name, &["--connections", "7", "--shards", "5"]);
    }
}

#[test]
fn a_difference_is_reported_and_exits_with_1() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("want"), "[1] OK,ADD,6.00\n").unwrap();
    let run = daytrade(folder.path(), &["replay", "-", "--expect", "want"], b"[1] ADD,a,5\n");
    assert_eq!(run.status.code(), Some(1));
    assert!(
        text(&run.stderr).contains("expected [1] OK,ADD,6.00, got [1] OK,ADD,5.00"),
        "{}",
        text(&run.stderr)
    );
}

#[test]
fn a_piped_workload_is_replayed_and_summarized() {
    let folder = tempdir().unwrap();
    let run =
        daytrade(folder.path(), &[], b"\r\n[1] ADD,a,5 \r\n[2] ADD,a,-1\n[3] DUMPLOG,./testLOG");
    let replies = text(&run.stdout);
    let lines: Vec<_> = replies.lines().collect();
    assert_eq!((lines[0], lines.len()), ("[1] OK,ADD,5.00", 3));
    assert!(
        lines[1].starts_with("[2] ERR,BAD_AMOUNT,")
            && lines[2].starts_with("[3] OK,DUMPLOG,./testLOG,")
    );
    let summary = text(&run.stderr);
    assert!(
        summary.contains("2 ok, 1 refused\n") && summary.contains("-:3: BAD_AMOUNT: amount must"),
        "{summary}"
    );
    assert_eq!(run.status.code(), Some(0), "refused lines are part of a workload");
}

#[test]
fn tags_may_repeat_be_unordered_or_be_missing() {
    let folder = tempdir().unwrap();
    let input =
        b"[5] ADD,a,1\n[5] ADD,b,2\n[3] ADD,a,3\nADD,c,4\n[5] ADD,b,5\nADD,a,6\n[x] ADD,a,7\n";
    let run = daytrade(folder.path(), &["replay", "--connections", "3"], input);
    let want = "[5] OK,ADD,1.00\n[5] OK,ADD,2.00\n[3] OK,ADD,4.00\nOK,ADD,4.00\n\
                [5] OK,ADD,7.00\nOK,ADD,10.00\n\
                ERR,BAD_LINE,the tag must be [n] with n from 1 to 9223372036854775807\n";
    assert_eq!(text(&run.stdout), want);
}

#[test]
fn the_summary_can_be_json_and_the_replies_omitted() {
    let folder = tempdir().unwrap();
    let run = daytrade(
        folder.path(),
        &["replay", "--json"],
        b"[1] ADD,a,5\n[2] QUOTE,a,S\n[3] SELL,a,S,1\n",
    );
    let json: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((&json["lines"], &json["ok"]), (&3.into(), &2.into()));
    assert_eq!(json["refused"]["INSUFFICIENT_SHARES"], 1);
    assert_eq!(json["server"]["quote_cost"], "0.05");
    let run = daytrade(folder.path(), &["replay", "--quiet"], b"[1] ADD,a,5\n");
    assert!(run.stdout.is_empty() && text(&run.stderr).contains("1 ok, 0 refused"));
}

/// Without texts, replies take another way through the client than those that are printed.
#[test]
fn a_replay_that_prints_nothing_counts_the_same_outcomes() {
    let expected = std::fs::read_to_string(workload("10-users.expected")).unwrap();
    let mut refused = BTreeMap::<&str, u64>::new();
    for line in expected.lines() {
        if let Some((_, refusal)) = line.split_once(" ERR,") {
            *refused.entry(refusal.split(',').next().unwrap()).or_default() += 1;
        }
    }
    let refusals: u64 = refused.values().sum();
    assert!(refused.len() > 3 && refusals > 100, "{refused:?}");
    let refused = serde_json::to_value(&refused).unwrap();
    for connections in ["1", "3"] {
        let folder = tempdir().unwrap();
        let file = workload("10-users.txt");
        let mut args = vec!["replay", file.to_str().unwrap(), "--json"];
        args.extend(["--connections", connections]);
        args.extend(FROZEN);
        let run = daytrade(folder.path(), &args, b"");
        let json: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!((&json["lines"], &json["ok"]), (&2_000.into(), &(2_000 - refusals).into()));
        assert_eq!(json["refused"], refused, "{connections} connections");
    }
}

#[test]
fn noreply_reads_its_outcomes_from_the_server() {
    let folder = tempdir().unwrap();
    // Includes a bad tag, and lines too long to append "noreply".
    let long = |tag: u32, length: usize| format!("[{tag}] DUMPLOG,{}\n", "b".repeat(length));
    let input = format!(
        "[1] ADD,a,5\n[2] ADD,a,0\r\n[0] ADD,a,5\n{}{}[3] ADD,a,5 noreply\n",
        long(4, 1_008),
        long(5, 1_400)
    );
    let run = daytrade(folder.path(), &["replay", "--noreply", "--json"], input.as_bytes());
    let json: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((&json["lines"], &json["ok"]), (&6.into(), &2.into()), "{json}");
    let refused: Vec<_> = ["BAD_AMOUNT", "BAD_LINE", "BAD_FILENAME", "LINE_TOO_LONG"]
        .map(|code| json["refused"][code].clone())
        .into();
    assert_eq!(refused, [1, 1, 1, 1], "{json}");
}

#[test]
fn fail_fast_stops_at_the_first_refusal_and_sends_nothing_after_it() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(&folder.path().join("data"), &[]);
    let run = daytrade(
        folder.path(),
        &["replay", "--fail-fast", "--connect", &server.address()],
        b"[1] ADD,a,5\n[2] BUY,a,S,6\n[3] ADD,a,5\n[4] ADD,a,5\n",
    );
    let summary = server.talk("DISPLAY_SUMMARY,a\n");
    assert!(summary.contains("-ACCOUNT,a,5.00,0.00,0.00"), "{summary}");
    let said = text(&run.stderr);
    assert!(said.contains("stopped at -:2: [2] ERR,INSUFFICIENT_FUNDS"), "{said}");
    assert!(said.contains("1 ok, 1 refused"), "{said}");
    assert_eq!(run.status.code(), Some(1));
    let replies = text(&run.stdout);
    assert!(
        replies.lines().count() == 2 && replies.contains("[2] ERR,INSUFFICIENT_FUNDS"),
        "{replies}"
    );
}

#[test]
fn a_closed_standard_output_is_not_an_error() {
    let folder = tempdir().unwrap();
    let mut child = Command::new(program("daytrade"))
        .arg("replay")
        .arg(workload("10-users.txt"))
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    within("first bytes of the replies", move || stdout.read_exact(&mut [0; 10]).unwrap());
    let run = output(child);
    assert_eq!((run.status.code(), text(&run.stderr).as_str()), (Some(0), ""));
}

#[test]
fn a_killed_server_ends_the_replay_with_exit_code_3() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &[]);
    let (child, stdin, _stdout) = replay_after_first_reply(&server);
    server.kill();
    drop(stdin);
    let run = output(child);
    assert_eq!(run.status.code(), Some(3), "{}", text(&run.stderr));
}

#[test]
fn a_rate_limits_the_replay() {
    let folder = tempdir().unwrap();
    let lines: String = (1..=30).map(|n| format!("[{n}] ADD,a,5\n")).collect();
    let run = daytrade(folder.path(), &["replay", "--rate", "100", "--json"], lines.as_bytes());
    let json: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert!(json["wall_ms"].as_u64().unwrap() >= 280, "{json}");
}
