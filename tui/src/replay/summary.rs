//! Summary of a replay, as text or JSON.

use daytrade_protocol::{Code, CommandName};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Largest latency in a histogram, in microseconds.
const LATENCY_US_MAX: u64 = 600_000_000;
/// Malformed lines that the summary lists.
const MALFORMED_SHOWN: usize = 5;

/// Lines that may have been carried out that the text of the summary lists; the JSON has all.
const UNKNOWN_SHOWN: usize = 100;

/// Counts and latencies of a replay.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// Lines sent.
    pub lines: u64,
    /// Lines the server executed.
    pub ok: u64,
    /// Lines the server refused, by code.
    pub refused: [u64; Code::ALL.len()],
    /// Wall time, microseconds.
    pub wall_us: u64,
    /// Replies that differ from the expected ones.
    pub differences: u64,
    /// True if the replies were compared with expected ones.
    pub compared: bool,
    /// Lines sent that have no reply.
    pub unanswered: u64,
    /// Lines that may have been carried out, with file and line, by their number in the file.
    pub unknown: Vec<(u64, String)>,
    /// Address of the server that the accounts have moved to during the replay.
    pub moved_to: Option<String>,
    /// The reply that ended the replay, with file and line.
    pub stopped: Option<String>,
    /// Changes of the server's counters during the replay, by their names in STATS.
    pub server: BTreeMap<String, String>,
    malformed: Vec<String>,
    /// Latencies by command; Some from the first reply on.
    latencies: [Option<Latencies>; CommandName::ALL.len()],
}

/// Latencies of one command.
#[derive(Debug)]
struct Latencies {
    histogram: Histogram<u64>,
    /// The newest latency, and how many times it came in a row; these are not in the histogram yet.
    /// Lines that are sent together are mostly answered together.
    newest: (u64, u64),
}

impl Latencies {
    fn of(latency_us: u64) -> Option<Self> {
        let histogram = Histogram::new_with_bounds(1, LATENCY_US_MAX, 2).ok()?;
        Some(Self { histogram, newest: (latency_us, 1) })
    }

    #[inline]
    fn add(&mut self, latency_us: u64) {
        if self.newest.0 == latency_us {
            self.newest.1 += 1;
            return;
        }
        let (newest, count) = std::mem::replace(&mut self.newest, (latency_us, 1));
        self.histogram.saturating_record_n(newest, count);
    }

    /// Returns the histogram of all latencies.
    fn complete(&self) -> Histogram<u64> {
        let (mut histogram, (newest, count)) = (self.histogram.clone(), self.newest);
        histogram.saturating_record_n(newest, count);
        histogram
    }
}

/// Form of the summary with `--json`.
#[derive(Debug, Serialize)]
struct Json<'a> {
    lines: u64,
    ok: u64,
    refused: BTreeMap<&'static str, u64>,
    wall_ms: u64,
    lines_per_second: u64,
    differences: u64,
    malformed: &'a [String],
    unknown: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_to: Option<&'a str>,
    latency_us: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    server: &'a BTreeMap<String, String>,
}

impl Summary {
    /// Counts a reply and its latency.
    #[inline]
    pub(super) fn count(
        &mut self,
        command: Option<CommandName>,
        refused: Option<Code>,
        latency_us: u64,
    ) {
        match refused {
            None => self.ok += 1,
            Some(code) => self.refused[code as usize] += 1,
        }
        let Some(command) = command else { return };
        let latency_us = latency_us.max(1);
        match &mut self.latencies[command as usize] {
            Some(latencies) => latencies.add(latency_us),
            none => *none = Latencies::of(latency_us),
        }
    }

    /// Records a malformed line by its number in the file.
    pub(super) fn record_malformed(&mut self, file: &str, line: u64, cause: &str) {
        if self.malformed.len() < MALFORMED_SHOWN {
            self.malformed.push(format!("{file}:{line}: {cause}"));
        }
    }

    /// Returns the lines sent per second over the whole replay.
    pub(super) fn lines_per_second(&self) -> u64 {
        (u128::from(self.lines) * 1_000_000 / u128::from(self.wall_us.max(1))) as u64
    }

    fn refused_by_name(&self) -> BTreeMap<&'static str, u64> {
        let counted = Code::ALL.iter().zip(self.refused).filter(|(_, count)| *count > 0);
        counted.map(|(code, count)| (code.as_str(), count)).collect()
    }

    fn latencies(&self) -> impl Iterator<Item = (CommandName, Histogram<u64>)> {
        let commands = CommandName::ALL.into_iter().zip(&self.latencies);
        commands.filter_map(|(command, latencies)| Some((command, latencies.as_ref()?.complete())))
    }

    /// Returns the summary as one line of JSON.
    pub(super) fn to_json(&self) -> String {
        let latency_us = self
            .latencies()
            .map(|(command, histogram)| (command.as_str(), percentiles(&histogram).into()))
            .collect();
        let json = Json {
            lines: self.lines,
            ok: self.ok,
            refused: self.refused_by_name(),
            wall_ms: self.wall_us / 1_000,
            lines_per_second: self.lines_per_second(),
            differences: self.differences,
            malformed: &self.malformed,
            unknown: self.unknown.iter().map(|(_, line)| line.as_str()).collect(),
            moved_to: self.moved_to.as_deref(),
            latency_us,
            server: &self.server,
        };
        serde_json::to_string(&json).unwrap_or_default()
    }

    /// Returns the summary as text for a person; `verbose` adds the times of each command.
    pub(super) fn to_text(&self, verbose: bool) -> String {
        let mut text = String::new();
        let refused: u64 = self.refused.iter().sum();
        let seconds = format!("{}.{:03}", self.wall_us / 1_000_000, self.wall_us / 1_000 % 1_000);
        let _ = writeln!(
            text,
            "{} lines in {seconds} s, {} lines/s",
            grouped(self.lines),
            grouped(self.lines_per_second())
        );
        let _ = write!(text, "{} ok, {} refused", grouped(self.ok), grouped(refused));
        if self.unanswered > 0 {
            let _ = write!(text, ", {} not answered", grouped(self.unanswered));
        }
        text.push('\n');
        for (code, count) in self.refused_by_name() {
            let _ = writeln!(text, "  {count:>10}  {code}");
        }
        for line in &self.malformed {
            let _ = writeln!(text, "  {line}");
        }
        text.push_str(&self.unknown_text());
        if let Some(reply) = &self.stopped {
            let _ = writeln!(text, "stopped at {reply}");
        }
        if self.compared {
            let _ = match self.differences {
                0 => writeln!(text, "all replies are as expected"),
                1 => writeln!(text, "1 reply differs from the expected ones"),
                more => writeln!(text, "{} replies differ from the expected ones", grouped(more)),
            };
        }
        self.write_times(&mut text, verbose);
        if let Some(address) = &self.moved_to {
            let _ = writeln!(text, "the accounts have moved to {address} meanwhile");
            return text;
        }
        let server = |name: &str| self.server.get(name).map_or("?", String::as_str);
        let _ = writeln!(
            text,
            "quotes: {} bought (${}), {} from the cache, source {}",
            server("quote_requests"),
            server("quote_cost"),
            server("quote_cache_hits"),
            server("quote_source")
        );
        let _ = writeln!(text, "journal: {} records", server("journal_records"));
        text
    }

    /// Returns the list of the lines that may have been carried out; empty if there is none.
    pub(super) fn unknown_text(&self) -> String {
        let mut text = String::new();
        if self.unknown.is_empty() {
            return text;
        }
        text.push_str("UNKNOWN, these lines may have been carried out and were not sent again:\n");
        for (_, line) in self.unknown.iter().take(UNKNOWN_SHOWN) {
            let _ = writeln!(text, "  {line}");
        }
        if self.unknown.len() > UNKNOWN_SHOWN {
            let more = (self.unknown.len() - UNKNOWN_SHOWN) as u64;
            let _ = writeln!(text, "  and {} more; --json lists all", grouped(more));
        }
        text
    }

    /// Writes the times from sending a line to its reply.
    fn write_times(&self, text: &mut String, verbose: bool) {
        let Ok(mut all) = Histogram::<u64>::new_with_bounds(1, LATENCY_US_MAX, 2) else { return };
        for (_, histogram) in self.latencies() {
            let _ = all.add(&histogram);
        }
        if all.is_empty() {
            return;
        }
        let names = ["count", "p50", "p90", "p99", "p99.9", "max"];
        let _ = write!(text, "  {:<16}", "ms to the reply");
        for name in names {
            let _ = write!(text, " {name:>9}");
        }
        text.push('\n');
        let mut row = |name: &str, histogram: &Histogram<u64>| {
            let _ = write!(text, "  {name:<16} {:>9}", grouped(histogram.len()));
            for (_, value) in percentiles(histogram) {
                let ms = format!("{}.{:03}", grouped(value / 1_000), value % 1_000);
                let _ = write!(text, " {ms:>9}");
            }
            text.push('\n');
        };
        if verbose {
            for (command, histogram) in self.latencies() {
                row(command.as_str(), &histogram);
            }
        }
        row("all", &all);
        text.push_str("  includes time in the pipeline");
        text.push_str(if verbose { "\n" } else { "; -v shows each command\n" });
    }
}

fn percentiles(histogram: &Histogram<u64>) -> [(&'static str, u64); 5] {
    [
        ("p50", histogram.value_at_quantile(0.5)),
        ("p90", histogram.value_at_quantile(0.9)),
        ("p99", histogram.value_at_quantile(0.99)),
        ("p99.9", histogram.value_at_quantile(0.999)),
        ("max", histogram.max()),
    ]
}

/// Returns a count with a comma every three digits.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_shows_the_counts() {
        let mut summary = Summary { lines: 1_234_567, wall_us: 2_000_000, ..Summary::default() };
        summary.count(Some(CommandName::Buy), None, 5);
        summary.count(Some(CommandName::Buy), Some(Code::NoAccount), 7);
        summary.record_malformed("x.txt", 7, "BAD_AMOUNT: amount");
        let text = summary.to_text(true);
        assert!(
            text.starts_with("1,234,567 lines in 2.000 s, 617,283 lines/s\n1 ok, 1 refused\n"),
            "{text}"
        );
        let row = text.lines().find(|line| line.starts_with("  BUY ")).unwrap();
        assert_eq!(row.split_whitespace().collect::<Vec<_>>()[..3], ["BUY", "2", "0.005"], "{row}");
        assert!(text.contains("  NO_ACCOUNT\n") && text.contains("x.txt:7: BAD_AMOUNT"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&summary.to_json()).unwrap();
        assert_eq!(json["refused"]["NO_ACCOUNT"], 1);
        assert_eq!(json["latency_us"]["BUY"]["max"], 7);
    }
}
