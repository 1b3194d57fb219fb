//! `daytrade check`: judges any team's audit log.
//!
//! `reader` turns the file into events, `trading` reconstructs the accounts, each module of `rules`
//! judges one thing, and `report` prints the verdicts. The log is only read, and never trusted:
//! whatever it holds, every state here is bounded and no input may panic.

mod amount;
mod element;
mod encoding;
mod event;
mod findings;
mod judge;
mod numbers;
mod plain;
mod reader;
mod reading;
mod report;
mod rules;
mod trading;
mod workload;

use crate::exit::{Exit, Failure};
use amount::Amount;
use anyhow::Context as _;
use clap::Args;
use findings::Range;
use judge::{Outcome, Task, judge};
use reading::Readings;
pub(crate) use report::Format;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use workload::Workload;

/// Options of `daytrade check`.
#[derive(Clone, Debug, Args)]
pub(crate) struct CheckArgs {
    /// Audit log in XML; - for standard input
    pub log: PathBuf,
    /// Options of every check.
    #[command(flatten)]
    pub options: CheckOptions,
    /// Workload file that the log answers
    #[arg(long, value_name = "FILE")]
    pub workload: Option<PathBuf>,
}

/// How to judge a log.
#[derive(Clone, Debug, Args)]
pub(crate) struct CheckOptions {
    /// How the team read the assignment, names with commas: buy or commit, whole or fractional,
    /// amount or trigger, error or no-error, dollars or shares; any names the reading that explains
    /// most
    #[arg(long, value_name = "NAME", default_value = "any", value_parser = Readings::parse)]
    pub reading: Readings,
    /// Price file, for logs of a market without a quote server
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// First transaction number to judge
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub from: u64,
    /// Last transaction number to judge
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    pub until: u64,
    /// Form of the report
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// Findings to show for each rule
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub max_findings: u16,
    /// Judge timestamps by the schema of this year
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i16).range(2016..=2023))]
    pub year: Option<i16>,
    /// Judge by docs/audit.xsd too, which is stricter than the official schema
    #[arg(long)]
    pub strict: bool,
}

impl CheckOptions {
    /// The defaults, with a form of the report.
    pub(crate) const fn with(format: Format) -> Self {
        Self {
            reading: Readings::ALL,
            prices: None,
            from: 0,
            until: u64::MAX,
            format,
            max_findings: 20,
            year: None,
            strict: false,
        }
    }
}

/// Judges a log and prints the report. The exit code is 0 if no rule failed, 1 if one did.
///
/// # Errors
/// Returns a failure of usage if a file cannot be read, or is no audit log.
pub(crate) fn check(args: &CheckArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let usage = |text: &str| Failure::usage(anyhow::anyhow!(text.to_owned()));
    if args.log == Path::new("-") && args.workload.as_deref() == Some(Path::new("-")) {
        return Err(usage("only one of log and workload can be standard input"));
    }
    if args.options.from > args.options.until {
        return Err(usage("--from is after --until: no number is judged"));
    }
    let input = open(&args.log).map_err(Failure::usage)?;
    check_log(input, &args.log, args.workload.as_deref(), &args.options, out)
}

/// As [`check`], of a log that is open.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_log(
    input: impl Read,
    name: &Path,
    workload: Option<&Path>,
    options: &CheckOptions,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let prices = match &options.prices {
        None => Vec::new(),
        Some(path) => prices_of(path).map_err(Failure::usage)?,
    };
    let workload = match workload {
        None => None,
        Some(path) => {
            Some(Workload::new(Box::new(BufReader::new(open(path).map_err(Failure::usage)?))))
        }
    };
    let task = Task {
        strict: options.strict,
        year: options.year,
        workload,
        prices,
        range: Range { from: options.from, until: options.until },
        max_findings: usize::from(options.max_findings),
        readings: options.reading,
    };
    let judgement = judge(input, task)
        .with_context(|| format!("cannot read {}", name.display()))
        .map_err(Failure::usage)?
        .map_err(|message| {
            let name = name.display();
            Failure::usage(anyhow::anyhow!("{name} is no audit log: {message}"))
        })?;
    report::write(&judgement, options.format, options.reading, out)
        .and_then(|()| out.flush())
        .map_err(Failure::output)?;
    Ok(if judgement.count(Outcome::Fail) > 0 { Exit::Differs } else { Exit::Done })
}

/// Judges the bytes of a log by every rule. Returns the number of rules that failed, or None if it
/// is no audit log.
pub fn failed_rules(log: &[u8]) -> Option<usize> {
    let task = Task {
        strict: true,
        year: Some(2017),
        workload: None,
        prices: Vec::new(),
        range: Range { from: 0, until: u64::MAX },
        max_findings: 3,
        readings: Readings::ALL,
    };
    let judgement = judge(log, task).ok()?.ok()?;
    for format in [Format::Text, Format::Json, Format::Junit] {
        report::write(&judgement, format, Readings::ALL, &mut io::sink()).ok()?;
    }
    Some(judgement.count(Outcome::Fail))
}

fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    anyhow::ensure!(!file.metadata()?.is_dir(), "{} is a folder", path.display());
    Ok(Box::new(file))
}

/// Reads the prices of a file.
fn prices_of(path: &Path) -> anyhow::Result<Vec<(String, Amount)>> {
    let rows = daytrade_server::read_prices(path)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.symbol.as_str().to_owned(), Amount::from_cents(row.price.cents())))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::failed_rules;
    use proptest::prelude::*;

    const GOOD: &[u8] = include_bytes!("../../../tests/data/check/good.xml");

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        /// A log with any bytes replaced is judged or refused.
        #[test]
        fn no_log_makes_the_judge_panic(
            changes in prop::collection::vec((0..GOOD.len(), 0..40usize, any::<Vec<u8>>()), 0..4),
        ) {
            let mut log = GOOD.to_vec();
            for (at, removed, inserted) in changes {
                let at = at.min(log.len());
                let end = (at + removed).min(log.len());
                log.splice(at..end, inserted);
            }
            failed_rules(&log);
        }

        /// Elements that are left out, repeated or in another order are judged.
        #[test]
        fn no_order_of_events_makes_the_judge_panic(
            order in prop::collection::vec(0..39usize, 0..80),
        ) {
            let lines: Vec<&[u8]> = GOOD.split_inclusive(|byte| *byte == b'\n').collect();
            let mut log = b"<log>".to_vec();
            for line in order {
                log.extend_from_slice(lines[2 + line]);
            }
            log.extend_from_slice(b"</log>");
            prop_assert!(failed_rules(&log).is_some());
        }
    }

    #[test]
    fn a_log_is_read_the_same_however_it_is_cut_into_blocks() {
        use super::reader::LogReader;
        use std::io::Read;
        /// Gives one byte at a time.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let most = buffer.len().min(7);
                self.0.read(&mut buffer[..most])
            }
        }
        let filler = "<!-- a comment that fills a block -->\n".repeat(40_000);
        let text = String::from_utf8(GOOD.to_vec())
            .unwrap()
            .replace("<log>\n", &format!("<log>\n{filler}"));
        let places = |input: &mut dyn Read| {
            let mut places = Vec::new();
            let end = LogReader::new().read(input, &mut |element| {
                places.push((element.line, element.byte, format!("{:?}", element.children)));
            });
            (places, end.unwrap())
        };
        let whole = places(&mut text.as_bytes());
        assert_eq!(whole.0.len(), 39);
        assert_eq!(places(&mut Slow(text.as_bytes())), whole);
        let (line, byte, _) = &whole.0[38];
        assert_eq!(text[..*byte as usize].lines().count() as u64 + 1, *line);
    }
}
