//! The page "Practise on real prices", typed as it is written.

use super::Terminal;
use crate::harness::{program, text, workspace};
use std::process::Command;

/// Types a command that the page shows, and waits for what it says.
fn type_shown(screen: &mut Terminal, page: &str, command: &str, said: &str) {
    assert!(page.contains(&format!("`{command}`")), "the page does not show {command}");
    screen.press(&format!("{command}\r"));
    screen.expect(said);
}

#[test]
fn the_page_about_practice_can_be_typed_as_it_is_written() {
    let page = workspace().join("docs/tutorials/practise.md");
    let page = std::fs::read_to_string(page).unwrap();
    let shown = "practice workloads/prices.csv --speed 60";
    assert!(page.contains(shown) && page.contains("`--from 2024-01-02`"));
    let file = workspace().join("workloads/prices.csv");
    let begin = ["practice", file.to_str().unwrap(), "--speed", "60", "--from", "2024-01-02"];
    let mut screen = Terminal::open(&begin, &[]);
    screen.expect("Cash 10,000.00");
    screen.expect("Watchlist REPLAYED");
    type_shown(&mut screen, &page, ":pause", "market paused, 2024-01-02T14:");
    type_shown(&mut screen, &page, ":speed 10", "speed 10");
    type_shown(&mut screen, &page, ":seek 2024-01-02T15:30", "market paused, 2024-01-02T15:30:00Z");
    type_shown(&mut screen, &page, ":step", "market paused, 2024-01-02T15:31:00Z");
    screen.expect("125.19");
    screen.press(":buy abc 500\r");
    screen.expect("y COMMIT");
    screen.press_until("y", "Bought 3 ABC");
    type_shown(&mut screen, &page, ":resume", "market running");
    type_shown(&mut screen, &page, ":market", "market running, 2024-01-02T15:3");
    let home = screen.home.path().to_owned();
    screen.press("q");
    screen.expect("trade in this session");
    let folder = home.join(".local/state/daytrade/practice/prices");
    let mut report = Command::new(program("daytrade"));
    let report = report.args(["report", "prices", "--data-dir"]).arg(&folder).output().unwrap();
    let report = text(&report.stdout);
    assert!(report.contains("open positions") && report.contains("ABC"), "{report}");
    screen.end();
}
