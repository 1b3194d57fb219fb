//! `--metrics`: what is measured equals STATS and has the form of Prometheus. `remote::watched` has
//! the health of a server, the dashboard and the alerts.

use crate::harness::{Daemon, has_tool, program};
use crate::http::{free_address, get, http, wait_until_ready};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use tempfile::tempdir;

/// Returns a number in hundredths, without what is smaller.
fn hundredths(number: &str) -> u64 {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let cents = format!("{part:0<2}")[..2].parse::<u64>().unwrap_or(0);
    whole.parse::<u64>().unwrap_or(0) * 100 + cents
}

/// The samples of a page of metrics: each name with its labels, and its value in hundredths.
pub fn samples(text: &str) -> BTreeMap<String, u64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), hundredths(value))
        })
        .collect()
}

fn sum(samples: &BTreeMap<String, u64>, name: &str, label: &str) -> u64 {
    let is_it = |sample: &&str| sample.split('{').next() == Some(name) && sample.contains(label);
    samples.iter().filter(|(sample, _)| is_it(&sample.as_str())).map(|(_, value)| value).sum()
}

fn stats(server: &Daemon) -> BTreeMap<String, String> {
    let lines = server.talk("STATS\n");
    let stat = |line: &str| {
        let (name, value) = line.strip_prefix("-STAT,")?.split_once(',')?;
        Some((name.to_owned(), value.to_owned()))
    };
    lines.lines().filter_map(stat).collect()
}

#[test]
fn metrics_equal_stats_and_have_the_form_of_prometheus() {
    let folder = tempdir().unwrap();
    let address = free_address();
    let args = ["--metrics", &address, "--shards", "2", "--quotes", "simulated:7:frozen"];
    let server = Daemon::start(folder.path(), &args);
    wait_until_ready(&address);
    let lines: String = (1..=300)
        .map(|n| {
            let user = n % 7;
            match n % 5 {
                0 => format!("[{n}] ADD,u{user},1000\n"),
                1 => format!("[{n}] BUY,u{user},XYZ,50\n"),
                2 => format!("[{n}] COMMIT_BUY,u{user}\n"),
                3 => format!("[{n}] ADD,u{user},nothing\n"),
                _ => format!("[{n}] NONSENSE\n"),
            }
        })
        .collect();
    assert_eq!(server.talk(&lines).lines().count(), 300);
    server.talk("SET_BUY_AMOUNT,u1,XYZ,5\nDUMPLOG,x.xml\nDUMPLOG,../x.xml\n");
    let (status, page) = get(&address, "/metrics").unwrap();
    let (stats, samples) = (stats(&server), samples(&page));
    assert_eq!(status, 200);
    let stat = |name: &str| stats.get(name).map_or(0, |value| hundredths(value));
    let total = |name: &str, label: &str| sum(&samples, name, label);
    assert!(stat("commands_ok") > 10_000 && stat("commands_refused") > 10_000);
    for (stat_name, metric, label) in [
        ("users", "daytrade_users", ""),
        ("commands_ok", "daytrade_commands_total", "result=\"ok\""),
        ("commands_refused", "daytrade_refusals_total", ""),
        ("refused_BAD_AMOUNT", "daytrade_refusals_total", "code=\"BAD_AMOUNT\""),
        ("refused_BAD_FILENAME", "daytrade_refusals_total", "code=\"BAD_FILENAME\""),
        ("refused_UNKNOWN_COMMAND", "daytrade_refusals_total", "code=\"UNKNOWN_COMMAND\""),
        ("triggers_armed", "daytrade_triggers_armed", ""),
        ("quote_requests", "daytrade_quote_requests_total", ""),
        ("quote_hits", "daytrade_quotes_total", "result=\"used\""),
        ("quote_cache_hits", "daytrade_quotes_total", "result=\"cached\""),
        ("journal_records", "daytrade_journal_records_total", ""),
        ("shard_1_journal_frame", "daytrade_journal_frames_total", "shard=\"1\""),
    ] {
        assert_eq!(stat(stat_name), total(metric, label), "{stat_name}");
    }
    // Dollars with two decimals, and whole cents.
    assert_eq!(stat("quote_cost") * 100, total("daytrade_quote_cost_cents_total", ""));
    // Every request that reached a shard was timed, and every frame.
    let (times, frames) = ("daytrade_request_seconds_count", "daytrade_journal_frames_total");
    assert_eq!(total(times, ""), total("daytrade_commands_total", ""));
    assert_eq!(total("daytrade_journal_sync_seconds_count", ""), total(frames, ""));
    assert_eq!(total("daytrade_request_seconds_bucket", "le=\"+Inf\""), total(times, ""));
    assert!(!page.contains("u1"), "metrics name no users");
    check_by_promtool(&page);
}

/// Lets Prometheus' own tool look at a page, if there is one.
fn check_by_promtool(page: &str) {
    if !has_tool("promtool") {
        return;
    }
    let mut command = Command::new("promtool");
    let command = command.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut tool = command.stdout(Stdio::piped()).spawn().unwrap();
    tool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn only_this_machine_is_answered_and_only_what_it_asks_for() {
    let folder = tempdir().unwrap();
    let address = free_address();
    let server = Daemon::start(folder.path(), &["--metrics", &address]);
    wait_until_ready(&address);
    let status = |request: &str| http(&address, request).unwrap().0;
    assert_eq!(get(&address, "/livez").unwrap(), (200, "live\n".to_owned()));
    assert_eq!(get(&address, "/readyz").unwrap(), (200, "ready\n".to_owned()));
    assert_eq!(get(&address, "/").unwrap().0, 404);
    assert_eq!(status("GET /livez HTTP/1.1\r\nHost: localhost:1\r\n\r\n"), 200);
    assert_eq!(status("GET /livez HTTP/1.1\r\nHost: [::1]\r\n\r\n"), 200);
    assert_eq!(status("GET /metrics HTTP/1.1\r\nHost: evil.example:9462\r\n\r\n"), 421);
    assert_eq!(status("POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405);
    drop(server);
    let mut refused = Command::new(program("daytraded"));
    let data = folder.path().join("other");
    let refused = refused.args(["--metrics", "0.0.0.0:0", "--data-dir"]).arg(&data).output();
    assert_eq!(refused.unwrap().status.code(), Some(2));
    assert!(!data.exists());
}
