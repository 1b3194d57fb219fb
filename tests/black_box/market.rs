//! Markets with a clock of their own: every row is a price, in order, and a killed server goes on
//! where the market stood.

use crate::harness::{Client, Daemon, daytrade, eventually, program, text};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::tempdir;

/// Writes a price file with a row of S every second; the prices are 1.00, 2.00 and so on.
fn prices(folder: &Path, rows: u64) -> PathBuf {
    let row = |n: u64| format!("{},S,{}.00\n", 1_700_000_000_000 + n * 1_000, n + 1);
    let file = folder.join("prices.csv");
    fs::write(&file, format!("time,symbol,price\n{}", (0..rows).map(row).collect::<String>()))
        .unwrap();
    file
}

fn serve(folder: &Path, file: &Path, speed: &str) -> Daemon {
    let quotes = format!("csv:{}", file.display());
    let dumps = folder.join("dumps");
    let dumps = dumps.to_str().unwrap();
    let options = ["--quotes", &quotes, "--speed", speed, "--shards", "2", "--dump-dir", dumps];
    Daemon::start(&folder.join("data"), &options)
}

/// Asks for the time of the market's clock.
fn market_time(client: &mut Client) -> u64 {
    let reply = client.ask("MARKET");
    let fields: Vec<&str> = reply.split(',').collect();
    assert_eq!(&fields[..2], ["OK", "MARKET"], "{reply}");
    fields[2].parse().unwrap()
}

#[test]
fn watchers_see_every_row_and_a_trigger_fires_at_the_row_that_reaches_it() {
    let folder = tempdir().unwrap();
    let file = prices(folder.path(), 600);
    let server = serve(folder.path(), &file, "0.001");
    let mut client = server.connect();
    assert_eq!(client.ask("ADD,al,10000"), "OK,ADD,10000.00");
    assert_eq!(
        client.ask("BUY,al,S,500").split(',').take(5).collect::<Vec<_>>(),
        ["OK", "BUY", "S", "500", "1.00"]
    );
    client.ask("COMMIT_BUY,al");
    client.ask("SET_SELL_AMOUNT,al,S,4000");
    client.ask("SET_SELL_TRIGGER,al,S,40.00");
    client.ask("SUBSCRIBE,al");
    client.ask("WATCH,S");
    assert!(client.line().starts_with("* QUOTE,S,1.00,"));
    // A minute of rows in a second.
    assert!(server.connect().ask("MARKET,SPEED,60").ends_with(",60,RUNNING"));
    let mut seen: Vec<u64> = vec![1];
    let mut fired = None;
    while seen.last().is_none_or(|last| *last < 120) {
        let line = client.line();
        let fields: Vec<&str> = line.split(',').collect();
        match fields[0] {
            "* QUOTE" => seen.push(fields[2].trim_end_matches(".00").parse().unwrap()),
            "* FILLED" => fired = Some(line.clone()),
            _ => {}
        }
    }
    assert_eq!(seen, (1..=120).collect::<Vec<_>>());
    assert_eq!(fired.as_deref(), Some("* FILLED,al,SELL,S,100,40.00,4000.00"));
    // The log shows the price that fired, and its rules hold.
    assert!(server.connect().ask("DUMPLOG,log").starts_with("OK,DUMPLOG,"));
    let log = folder.path().join("dumps/log");
    let checked = Command::new(program("daytrade")).arg("check").arg(&log).output().unwrap();
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.ends_with("11 of 11 passed\n"), "{said}");
    assert!(said.contains("1 fired"), "{said}");
}

#[test]
fn a_killed_server_goes_on_at_the_same_market_time() {
    let folder = tempdir().unwrap();
    let file = prices(folder.path(), 3_600);
    let server = serve(folder.path(), &file, "60");
    let mut client = server.connect();
    client.ask("WATCH,S");
    let mut last = String::new();
    for _ in 0..30 {
        last = client.line();
    }
    let before = market_time(&mut server.connect());
    server.kill();
    let server = serve(folder.path(), &file, "0.001");
    let mut client = server.connect();
    let after = market_time(&mut client);
    // What was shown is not to come again; what was not shown was not lost: at most what the clock
    // may run between two records.
    let shown: u64 = last.split(',').nth(2).unwrap().trim_end_matches(".00").parse().unwrap();
    let row = (after - 1_700_000_000_000) / 1_000 + 1;
    assert!(row >= shown, "row {row} after a restart, and {last} was shown");
    assert!(after <= before + 120_000, "{before} -> {after}");
    let quote = client.ask("QUOTE,al,S");
    assert_eq!(quote.split(',').nth(3), Some(format!("{row}.00").as_str()));
}

#[test]
fn the_owner_pauses_steps_and_seeks_forward_only() {
    let folder = tempdir().unwrap();
    let file = prices(folder.path(), 600);
    let server = serve(folder.path(), &file, "0.001");
    let mut client = server.connect();
    assert!(client.ask("MARKET,PAUSE").ends_with("PAUSED"));
    let first = market_time(&mut client);
    assert!(client.ask("MARKET,STEP").ends_with("PAUSED"));
    eventually("the next row", || client.ask("QUOTE,al,S").starts_with("OK,QUOTE,S,2.00,"));
    assert_eq!(market_time(&mut client), 1_700_000_001_000);
    assert!(first < 1_700_000_001_000);
    // Steps that are sent together are as many rows, and a step after a jump goes on from there.
    client.send("MARKET,STEP\nMARKET,STEP\nMARKET,STEP\n");
    let times: Vec<String> = (0..3).map(|_| client.line()[10..23].to_owned()).collect();
    assert_eq!(times, ["1700000002000", "1700000003000", "1700000004000"]);
    eventually("three rows more", || client.ask("QUOTE,al,S").starts_with("OK,QUOTE,S,5.00,"));
    client.send("MARKET,SEEK,1700000099000\nMARKET,STEP\n");
    assert!(client.line().starts_with("OK,MARKET,1700000099000,"));
    assert!(client.line().starts_with("OK,MARKET,1700000100000,"));
    eventually("the row at that time", || {
        client.ask("QUOTE,al,S").starts_with("OK,QUOTE,S,101.00,")
    });
    let behind = client.ask("MARKET,SEEK,1700000000000");
    assert_eq!(behind, "ERR,BAD_ARGUMENTS,a market goes forward only, and within its prices");
    let refused = client.ask("MARKET,SPEED,-1");
    assert!(refused.starts_with("ERR,BAD_ARGUMENTS,MARKET takes PAUSE, "), "{refused}");
    assert!(client.ask("MARKET,RESUME").ends_with("RUNNING"));
    let after = client.ask("MARKET,SEEK,1700009999000");
    assert_eq!(after, behind, "no row is there");
    client.ask("MARKET,SEEK,1700000599000");
    eventually("the end", || client.ask("MARKET").ends_with("ENDED"));
    let other = Daemon::start(&folder.path().join("other"), &["--quotes", "simulated:7:frozen"]);
    let no_clock = other.connect().ask("MARKET");
    assert_eq!(no_clock, "ERR,BAD_ARGUMENTS,the prices of this server have no clock");
}

#[test]
fn a_file_that_has_got_more_rows_goes_on_where_it_stood() {
    let folder = tempdir().unwrap();
    let file = prices(folder.path(), 100);
    let server = serve(folder.path(), &file, "0.001");
    server.connect().ask("MARKET,SEEK,1700000050000");
    eventually("the row", || server.connect().ask("QUOTE,al,S").starts_with("OK,QUOTE,S,51.00,"));
    server.signal("TERM");
    prices(folder.path(), 200);
    let server = serve(folder.path(), &file, "0.001");
    assert_eq!(market_time(&mut server.connect()) / 1_000, 1_700_000_050);
}

#[test]
fn simulated_prices_tick_and_a_restart_repeats_none() {
    let folder = tempdir().unwrap();
    let ticking = ["--quotes", "simulated:7", "--tick", "20"];
    let server = Daemon::start(folder.path(), &ticking);
    let mut client = server.connect();
    client.ask("WATCH,S");
    let price = |line: String| line.split(',').nth(2).unwrap().to_owned();
    let walk: Vec<String> = (0..20).map(|_| price(client.line())).collect();
    assert!(walk.windows(2).all(|pair| pair[0] != pair[1]), "{walk:?}");
    server.kill();
    let server = Daemon::start(folder.path(), &ticking);
    let mut client = server.connect();
    client.ask("WATCH,S");
    let on = price(client.line());
    assert_ne!(on, walk[0], "the walk begins again");
    // Without ticks, each request is a step, and a restart goes on with the next.
    let asked = ["--quotes", "simulated:9"];
    let other = folder.path().join("other");
    let quote = |server: &Daemon, symbol: &str| {
        server.connect().ask(&format!("QUOTE,al,{symbol}")).split(',').nth(3).unwrap().to_owned()
    };
    let server = Daemon::start(&other, &asked);
    let first = quote(&server, "S");
    server.kill();
    let server = Daemon::start(&other, &asked);
    let second = quote(&server, "S");
    assert_ne!(first, second);
    let near = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
    assert!((near(&first) - near(&second)).abs() * 50 <= near(&first) + 50, "{first} {second}");
}

#[test]
fn a_report_shows_the_price_that_the_market_has_now() {
    let folder = tempdir().unwrap();
    let file = prices(folder.path(), 600);
    let server = serve(folder.path(), &file, "0.001");
    let mut client = server.connect();
    for line in ["ADD,al,100", "BUY,al,S,10", "COMMIT_BUY,al", "MARKET,SEEK,1700000004000"] {
        client.ask(line);
    }
    eventually("the fifth row", || client.ask("MARKET").starts_with("OK,MARKET,1700000004"));
    let mut report = Command::new(program("daytrade"));
    report.args(["report", "al", "--json", "--connect", &server.address()]);
    let worth = |output: Vec<u8>| {
        let report: serde_json::Value = serde_json::from_slice(&output).unwrap();
        (report["value"].clone(), report["unrealised"].clone())
    };
    eventually("ten shares at 5.00", || {
        worth(report.output().unwrap().stdout) == ("140.00".into(), "40.00".into())
    });
}

#[test]
fn the_first_price_of_the_day_is_the_same_after_a_kill() {
    let folder = tempdir().unwrap();
    let start = || Daemon::start(folder.path(), &["--quotes", "simulated:7", "--shards", "2"]);
    let server = start();
    let mut client = server.connect();
    assert_eq!(client.ask("OPEN,S"), "OK,OPEN,S,0.00,0,SIMULATED", "no price so far");
    client.ask("ADD,al,1000");
    let quote = client.ask("QUOTE,al,S");
    let fields: Vec<&str> = quote.split(',').collect();
    let open = client.ask("OPEN,S");
    assert_eq!(open, format!("OK,OPEN,S,{},{},SIMULATED", fields[3], fields[4]), "{quote}");
    server.kill();
    let server = start();
    let mut client = server.connect();
    let after = client.ask("OPEN,S");
    let price = |line: &str| line.split(',').nth(3).unwrap().to_owned();
    assert_eq!(price(&after), price(&open), "{after}");
    // The next price is another one, and the first of the day stays.
    assert_ne!(price(&client.ask("QUOTE,al,S")), price(&open));
    assert_eq!(price(&client.ask("OPEN,S")), price(&open));
    assert!(client.ask("OPEN,LONG").starts_with("ERR,BAD_SYMBOL"), "no symbol");
}

#[test]
fn a_market_with_a_clock_opens_with_its_first_row_of_the_day_also_after_a_kill() {
    let folder = tempdir().unwrap();
    let file = prices(folder.path(), 600);
    let server = serve(folder.path(), &file, "0.001");
    let mut client = server.connect();
    let open = "OK,OPEN,S,1.00,1700000000000,REPLAYED";
    assert_eq!(client.ask("OPEN,S"), open);
    client.ask("WATCH,S");
    client.line();
    client.ask("MARKET,SEEK,1700000005000");
    while !client.line().starts_with("* QUOTE,S,6.00,") {}
    assert_eq!(client.ask("OPEN,S"), open);
    server.kill();
    let server = serve(folder.path(), &file, "0.001");
    assert_eq!(server.connect().ask("OPEN,S"), open);
}

#[test]
fn lists_show_aliases_and_json_shows_symbols() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("prices.csv");
    fs::write(&file, "time,symbol,price\n1000,APL,10.00\n9000000000000,APL,11.00\n").unwrap();
    let aliases = folder.path().join("prices.aliases.csv");
    fs::write(aliases, "alias,symbol,name\nAAPL-US,APL,Apple\n").unwrap();
    let data = folder.path().join("data");
    let place = ["--data-dir", data.to_str().unwrap()];
    let market = format!("csv:{}", file.display());
    let workload = b"[1] ADD,ann,100\n[2] BUY,ann,APL,50\n[3] COMMIT_BUY,ann\n[4] BUY,ann,APL,20\n";
    let replay = [&["replay", "-", "-q", "--quotes", &market][..], &place].concat();
    let replayed = daytrade(folder.path(), &replay, workload);
    assert!(replayed.status.success(), "{}", text(&replayed.stderr));
    let run = |args: &[&str]| {
        let args = [args, &place].concat();
        let run = daytrade(folder.path(), &args, b"");
        assert!(run.status.success(), "{args:?}: {}", text(&run.stderr));
        text(&run.stdout)
    };
    for list in ["holdings", "pending", "activity"] {
        let lines = run(&[list, "--user", "ann"]);
        assert!(lines.contains("AAPL-US\t") && !lines.contains("APL\t"), "{list}: {lines}");
        let json = run(&[list, "--user", "ann", "--json"]);
        assert!(json.contains("\"symbol\":\"APL\""), "{list}: {json}");
    }
    assert!(run(&["quote", "aapl-us"]).contains("AAPL-US\t10.00"));
    let report = run(&["report", "ann"]);
    assert!(report.contains("  AAPL-US          5"), "{report}");
    let server = Daemon::start(&data, &["--quotes", &market]);
    let table = folder.path().join("prices.aliases.csv");
    let options = ["--connect", &server.address(), "--aliases", table.to_str().unwrap()];
    let args = [&["holdings", "--user", "ann"][..], &options].concat();
    let listed = daytrade(folder.path(), &args, b"");
    assert!(text(&listed.stdout).contains("AAPL-US\t5"), "{}", text(&listed.stdout));
    drop(server);
    assert!(run(&["report", "ann", "--json"]).contains("\"symbol\":\"APL\""));
}
