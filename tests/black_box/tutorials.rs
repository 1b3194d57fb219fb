//! The pages of docs/tutorials, run as they are written: each shell block in turn, and its output
//! compared with the text below it. `…` stands for anything in a line; alone, for any lines.

use crate::harness::{has_tool, program, workspace};
use std::fs;
use std::net::TcpListener;
use std::process::Command;
use tempfile::tempdir;

/// What separates the outputs of two blocks.
const MARK: &str = "=== next block ===";

/// The shell blocks of a page, each with the output that is shown below it.
fn blocks(page: &str) -> Vec<(String, Option<String>)> {
    let mut blocks: Vec<(String, Option<String>)> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let body = body.join("\n");
        match (kind, blocks.last_mut()) {
            ("sh", _) => blocks.push((body, None)),
            ("text", Some((_, shown @ None))) => *shown = Some(body),
            _ => panic!("a block of kind {kind:?} has no place"),
        }
    }
    blocks
}

/// Returns true if a line is as shown: `…` is any text.
fn line_fits(line: &str, shown: &str) -> bool {
    let mut parts = shown.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    for (at, part) in parts.iter().enumerate() {
        if at + 1 == parts.len() {
            return rest.ends_with(part);
        }
        let Some(found) = rest.find(part) else { return false };
        rest = &rest[found + part.len()..];
    }
    rest.is_empty()
}

/// Returns true if the lines are as shown: a line `…` is any number of lines.
fn fits(lines: &[&str], shown: &[&str]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((&"…", rest)) => (0..=lines.len()).any(|skipped| fits(&lines[skipped..], rest)),
        Some((first, rest)) => lines.split_first().is_some_and(|(line, lines)| {
            line_fits(line.trim_end(), first.trim_end()) && fits(lines, rest)
        }),
    }
}

/// Runs a page in a folder of its own.
fn run(name: &str) {
    let page = fs::read_to_string(workspace().join("docs/tutorials").join(name)).unwrap();
    let folder = tempdir().unwrap();
    // Bound and let go: the page starts its server there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let blocks = blocks(&page);
    let body: Vec<String> = blocks.iter().map(|(sh, _)| format!("{sh}\necho '{MARK}'\n")).collect();
    let script = format!(
        "set -e\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n{}",
        body.concat().replace("4462", &port)
    );
    let programs = program("daytrade").parent().unwrap().display().to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(folder.path()).env("PATH", path);
    let output = shell.env("REPOSITORY", workspace()).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), output.stderr);
    let errors = String::from_utf8_lossy(&errors);
    assert!(output.status.success(), "{name}: {said}\n{errors}");
    let outputs: Vec<&str> = said.split(MARK).collect();
    for ((sh, shown), output) in blocks.iter().zip(outputs) {
        let Some(shown) = shown else { continue };
        let (lines, shown): (Vec<_>, Vec<_>) =
            (output.trim_matches('\n').lines().collect(), shown.lines().collect());
        assert!(fits(&lines, &shown), "{name}:\n{sh}\nprints\n{output}\n{errors}");
    }
}

#[test]
fn first_trade() {
    run("first-trade.md");
}

#[test]
fn first_trigger() {
    run("first-trigger.md");
}

#[test]
fn practise() {
    run("practise.md");
}

#[test]
fn grade_a_class() {
    run("grade-a-class.md");
}

#[test]
fn netcat() {
    if has_tool("nc") {
        run("netcat.md");
    }
}

#[test]
fn refused() {
    if has_tool("nc") {
        run("refused.md");
    }
}

#[test]
fn shown_text_is_compared_line_by_line() {
    assert!(line_fits("OK,BUY,S,10,123", "OK,BUY,S,10,…") && !line_fits("OK,BU", "OK,BUY…"));
    assert!(line_fits("a 1 b 2", "a … b …") && !line_fits("a 1 b 2 c", "a … b 2"));
    assert!(fits(&["a", "b", "c"], &["a", "…", "c"]) && !fits(&["a", "b"], &["…", "c"]));
}
