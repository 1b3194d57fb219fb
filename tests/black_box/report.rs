//! `daytrade report`: its figures are the server's, whatever happened.

use crate::harness::{Daemon, daytrade, program, text};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use tempfile::tempdir;

/// Returns the report of an account as JSON.
fn report(server: &Daemon, user: &str, options: &[&str]) -> Value {
    let mut command = Command::new(program("daytrade"));
    command.args(["report", user, "--json", "--connect", &server.address()]).args(options);
    let run = command.output().unwrap();
    assert!(run.status.success(), "{}", text(&run.stderr));
    serde_json::from_slice(&run.stdout).unwrap()
}

/// Returns the lines of an account's summary.
fn summary(server: &Daemon, user: &str) -> Vec<String> {
    let mut client = server.connect();
    client.send(&format!("DISPLAY_SUMMARY,{user}\n"));
    let mut lines = vec![client.line()];
    while lines.last().is_some_and(|line| line.starts_with('-')) {
        lines.push(client.line());
    }
    lines
}

/// Replays a workload of random commands.
fn replay(folder: &Path, server: &Daemon, seed: &str) -> Vec<String> {
    let options = ["generate", "--users", "6", "--commands", "3000", "--seed", seed];
    let workload = daytrade(folder, &options, b"").stdout;
    let address = server.address();
    let replayed = daytrade(folder, &["replay", "-", "-q", "--connect", &address], &workload);
    assert!(replayed.status.success(), "{}", text(&replayed.stderr));
    let lines = text(&workload);
    let user = |line: &str| line.split(',').nth(1).map(|user| user.trim().to_owned());
    let mut users: Vec<String> =
        lines.lines().filter(|line| line.contains("] ADD,")).filter_map(user).collect();
    users.sort();
    users.dedup();
    users
}

#[test]
fn realised_profit_cash_and_holdings_equal_the_summary_for_random_histories() {
    let folder = tempdir().unwrap();
    let mut sold = 0;
    for seed in ["1", "2"] {
        let data = folder.path().join(seed);
        let server = Daemon::start(&data, &["--quotes", &format!("simulated:{seed}")]);
        for user in replay(folder.path(), &server, seed) {
            let report = report(&server, &user, &[]);
            let summary = summary(&server, &user);
            let account: Vec<&str> = summary[0].split(',').collect();
            let said = |name: &str| report[name].as_str().unwrap().to_owned();
            assert_eq!(&account[2..], [said("cash"), said("reserved"), said("realised")], "{user}");
            let held: Vec<String> = summary
                .iter()
                .filter_map(|line| line.strip_prefix("-HOLDING,"))
                .map(|line| {
                    let fields: Vec<&str> = line.split(',').collect();
                    let shares = fields[1..3].iter().map(|n| n.parse::<u64>().unwrap());
                    format!("{},{},{}", fields[0], shares.sum::<u64>(), fields[3])
                })
                .collect();
            let positions = report["positions"].as_array().unwrap().iter();
            let positions: Vec<String> = positions
                .map(|one| {
                    let text = |name: &str| one[name].as_str().unwrap();
                    format!("{},{},{}", text("symbol"), one["shares"], text("cost"))
                })
                .collect();
            assert_eq!(positions, held, "{user}");
            sold += report["trips"].as_array().unwrap().len();
        }
    }
    assert!(sold > 10, "{sold} sales only");
}

#[test]
fn a_day_of_trading_is_told_in_words_rows_and_json() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(&folder.path().join("data"), &["--quotes", "simulated:7:frozen"]);
    let mut client = server.connect();
    for line in [
        "ADD,al,1000",
        "BUY,al,S,300",
        "COMMIT_BUY,al",
        "SELL,al,S,60",
        "COMMIT_SELL,al",
        "BUY,al,S,100",
        "CANCEL_BUY,al",
        "BUY,al,S,5000",
        "SET_BUY_AMOUNT,al,S,100",
        "SET_BUY_TRIGGER,al,S,50",
    ] {
        client.ask(line);
    }
    let address = server.address();
    let run = |options: &[&str]| {
        let all = [&["report", "al", "--connect", &address], options].concat();
        let run = daytrade(folder.path(), &all, b"");
        assert!(run.status.success(), "{}", text(&run.stderr));
        text(&run.stdout)
    };
    let said = run(&[]);
    for line in [
        "  paid in                      1000.00",
        "  cash                          694.97  0.00 reserved",
        "  value                        1000.00  +0 %",
        "  realised profit                 0.00  0 won, 0 lost; best S 0.00, worst S 0.00",
        "  turnover                      415.95  3 trades",
        "  orders                            10  commands, 1 refused; 0 expired, 1 cancelled, 1 \
         triggers fired",
        "  S             11          305.03       27.73          305.03            0.00",
    ] {
        assert!(said.lines().any(|have| have == line), "{line:?} is not in\n{said}");
    }
    let rows = run(&["--csv"]);
    let rows: Vec<&str> = rows.lines().collect();
    assert!(rows[0].starts_with("at_ms,number,command,outcome,symbol,"), "{rows:?}");
    assert_eq!(rows.len(), 1 + 11, "{rows:#?}");
    assert!(rows.last().unwrap().contains("SET_BUY_TRIGGER,FILLED,S,"), "{rows:#?}");
    assert!(rows.last().unwrap().ends_with(",694.97,0.00,1000.00"), "{rows:#?}");
    // Times outside of the report are followed, and not reported.
    let later = report(&server, "al", &["--from", "2100-01-01"]);
    assert_eq!((&later["counts"]["commands"], &later["cash"]), (&0.into(), &"694.97".into()));
    let nobody = daytrade(folder.path(), &["report", "bo", "--connect", &address], b"");
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text(&nobody.stderr).contains("bo has no account"), "{}", text(&nobody.stderr));
}

#[test]
fn a_report_of_a_data_folder_needs_no_running_server() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Daemon::start(&data, &[]);
    server.connect().ask("ADD,al,1000");
    assert!(server.signal("TERM").success());
    let data = data.to_str().unwrap();
    let run = daytrade(folder.path(), &["report", "al", "--json", "--data-dir", data], b"");
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(report["cash"], "1000.00");
}

/// Returns the bytes of all journals of a data folder.
fn journals(data: &Path) -> Vec<Vec<u8>> {
    let shards = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = shards
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("shard-"))
        .flat_map(|shard| std::fs::read_dir(shard).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "journal"))
        .collect();
    files.sort();
    let trimmed = |path: &std::path::PathBuf| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
        bytes
    };
    files.iter().map(trimmed).collect()
}

#[test]
fn a_report_of_a_data_folder_keeps_to_its_prices_and_changes_nothing() {
    let folder = tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("prices.csv"));
    std::fs::write(&file, "time,symbol,price\n1700000000000,S,5\n1700009000000,S,900\n").unwrap();
    let quotes = format!("csv:{}", file.display());
    let server = Daemon::start(&data, &["--quotes", &quotes, "--speed", "0.001"]);
    let mut client = server.connect();
    for line in ["ADD,al,1000", "BUY,al,S,500", "COMMIT_BUY,al"] {
        assert!(client.ask(line).starts_with("OK,"));
    }
    client.ask("SET_SELL_AMOUNT,al,S,500");
    client.ask("SET_SELL_TRIGGER,al,S,6");
    assert!(server.signal("TERM").success());
    let before = journals(&data);
    assert!(before.iter().any(|journal| journal.len() > 200));
    let path = data.to_str().unwrap();
    let run = daytrade(folder.path(), &["report", "al", "--json", "--data-dir", path], b"");
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((&report["value"], &report["realised"]), (&"1000.00".into(), &"0.00".into()));
    assert_eq!(journals(&data), before);
    // Another command opens the market that the folder was played with.
    let run = daytrade(folder.path(), &["quote", "S", "--json", "--data-dir", path], b"");
    assert!(text(&run.stdout).contains("5.00"), "{}{}", text(&run.stdout), text(&run.stderr));
}
