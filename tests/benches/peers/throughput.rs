//! Throughput and processor time a line of the real mix, against the peers and the limit.

use super::harness::program;
use super::limit::Limit;
use super::lua::{self, LuaWorkload};
use super::redis::Redis;
use super::usage::{Cost, cost, timed};
use super::workload::{Workload, comparable, comparable_line};
use super::{SIZE, median, ratio, server};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// Users and lines of the workload that all peers must answer alike.
const SMALL: (u64, u64) = (20, 10_000);
/// Lines of the workload for redis with Lua, which is slower.
const LUA_LINES: u64 = 200_000;

/// Checks that redis with Lua and the limit program give the replies that daytrade gives.
pub fn same(folder: &Path) {
    let workload = Workload::generate(folder, SMALL.0, SMALL.1, &server(folder, "prices"));
    let daemon = server(folder, "same");
    let mut command = Command::new(program("daytrade"));
    command.args(["replay", "--connect", &daemon.address()]).arg(&workload.trades);
    let output = command.current_dir(folder).output().unwrap();
    let ours = String::from_utf8(output.stdout).unwrap();
    let text = std::fs::read_to_string(&workload.trades).unwrap();
    let limit = Limit::start(folder, &workload.prices).talk(&text);
    check("the limit program", &comparable(&ours, true), &comparable(&limit, true));
    if let Some(redis) = Redis::start(folder) {
        lua::prepare(&redis, &workload.prices);
        let replies = LuaWorkload::of(&text).run(&redis, true);
        let lines =
            |text: &String| text.lines().filter_map(|line| comparable_line(line, false)).collect();
        let replies = replies.iter().map(|(tag, text)| (*tag, lines(text))).collect();
        check("redis with Lua", &comparable(&ours, false), &replies);
    }
}

type Replies = std::collections::HashMap<u64, Vec<String>>;

fn check(name: &str, ours: &Replies, theirs: &Replies) {
    let mut tags: Vec<&u64> = ours.keys().collect();
    tags.sort();
    for tag in &tags {
        assert_eq!(ours.get(tag), theirs.get(tag), "{name} answers request {tag} otherwise");
    }
    assert_eq!(ours.len(), theirs.len());
    println!("{name}: the same replies to {} requests", tags.len());
}

/// Prints lines a second and processor time a line of all, and what the goals are about.
pub fn throughput(folder: &Path, rounds: usize) {
    let workload = Workload::generate(folder, SIZE.0, SIZE.1, &server(folder, "prices"));
    let small = Workload::generate(folder, SIZE.0, LUA_LINES, &server(folder, "prices"));
    let lua_text = std::fs::read_to_string(&small.trades).unwrap();
    println!(
        "\nthroughput, {} lines of the real mix, {} users, every command durable before its reply",
        workload.lines, SIZE.0
    );
    let mut results: BTreeMap<&str, Vec<Cost>> = BTreeMap::new();
    for round in 1..=rounds {
        let mut note = |name, cost: Cost| {
            println!(
                "  round {round}: {name:<24} {:>9} /s {:>6} ns",
                cost.per_second, cost.ns_a_line
            );
            results.entry(name).or_default().push(cost);
        };
        note("daytrade, quiet", replay(folder, &workload, &["--quiet"]));
        note("limit", limit(folder, &workload, false));
        note("daytrade, printing", replay(folder, &workload, &[]));
        note("daytrade, 8 connections", replay(folder, &workload, &["-q", "--connections", "8"]));
        note("limit, 8 connections", limit(folder, &workload, true));
        if !Redis::is_installed() {
            continue;
        }
        let set = || Redis::start(folder).unwrap().set_pipelined();
        note("redis SET", cost(super::redis::SET_REQUESTS, set));
        let lua = || {
            let redis = Redis::start(folder).unwrap();
            lua::prepare(&redis, &small.prices);
            let requests = LuaWorkload::of(&lua_text);
            timed(|| drop(requests.run(&redis, false)))
        };
        note("redis with Lua", cost(small.lines, lua));
    }
    println!(
        "  medians, and the processor time of both ends (of redis with Lua: the server alone):"
    );
    for (name, costs) in &results {
        println!("  {name:<24} {:>9} /s {:>6} ns", per_second(costs), ns_a_line(costs));
    }
    let cpu = |one: &str, limit: &str| ratio(ns_a_line(&results[one]), ns_a_line(&results[limit]));
    println!(
        "  time to the limit: quiet {} (goal 1.4), printing {} (1.6), 8 connections {} (1.6)",
        cpu("daytrade, quiet", "limit"),
        cpu("daytrade, printing", "limit"),
        cpu("daytrade, 8 connections", "limit, 8 connections"),
    );
    if let (Some(lua), Some(set)) = (results.get("redis with Lua"), results.get("redis SET")) {
        let speed = |one: &str, peer| ratio(per_second(&results[one]), per_second(peer));
        println!(
            "  speed to redis with Lua: quiet {} (goal 15), printing {} (12); to SET: {} (2.2)",
            speed("daytrade, quiet", lua),
            speed("daytrade, printing", lua),
            speed("daytrade, quiet", set),
        );
    }
}

fn per_second(costs: &[Cost]) -> u64 {
    median(&mut costs.iter().map(|cost| cost.per_second).collect::<Vec<_>>())
}

fn ns_a_line(costs: &[Cost]) -> u64 {
    median(&mut costs.iter().map(|cost| cost.ns_a_line).collect::<Vec<_>>())
}

/// Replays the workload through a new server.
fn replay(folder: &Path, workload: &Workload, options: &[&str]) -> Cost {
    cost(workload.lines, || {
        let daemon = server(folder, "replay");
        let mut command = Command::new(program("daytrade"));
        command.args(["replay", "--connect", &daemon.address()]).args(options);
        command.arg(&workload.trades).current_dir(folder);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        timed(|| assert!(command.status().unwrap().success()))
    })
}

/// Sends the workload to the limit program.
fn limit(folder: &Path, workload: &Workload, eight: bool) -> Cost {
    cost(workload.lines, || {
        let limit = Limit::start(folder, &workload.prices);
        let one = std::slice::from_ref(&workload.trades);
        timed(|| limit.replay(if eight { &workload.eighths } else { one }))
    })
}
