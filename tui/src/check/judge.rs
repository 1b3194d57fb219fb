//! Feeds a log to the rules.

use super::amount::Amount;
use super::element::{Element, in_namespace};
use super::encoding::Utf8;
use super::event::{Child, Event, Fault, Kind};
use super::findings::{Findings, Place, Range};
use super::reader::{End, LogReader};
use super::reading::{Reading, Readings};
use super::rules::{self, Followed, Remark, Rule, Schema};
use super::trading::Trading;
use super::workload::Workload;
use daytrade_protocol::CommandName;
use std::io::{self, Read};

/// What to judge, and how.
pub(crate) struct Task {
    /// Our own schema too.
    pub strict: bool,
    /// Year whose bounds on timestamps are judged.
    pub year: Option<i16>,
    /// The workload that the log answers.
    pub workload: Option<Workload>,
    /// Prices of a file, for logs without quotes.
    pub prices: Vec<(String, Amount)>,
    /// Numbers to judge.
    pub range: Range,
    /// Findings that are described for each rule.
    pub max_findings: usize,
    /// Readings that are allowed.
    pub readings: Readings,
}

/// The verdict of one rule.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub rule: &'static str,
    pub findings: Findings,
    pub remark: Remark,
}

/// How a rule ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Pass,
    Fail,
    NotJudged,
}

impl Verdict {
    /// Returns how the rule ended in a reading.
    pub(crate) fn outcome(&self, reading: Reading) -> Outcome {
        if self.findings.count(reading) > 0 {
            Outcome::Fail
        } else if self.remark.not_judged.is_some() {
            Outcome::NotJudged
        } else {
            Outcome::Pass
        }
    }
}

/// The judgement of a log.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// Events that were read.
    pub events: u64,
    /// The reading that explains most.
    pub reading: Reading,
    /// The rules, in the order of the report.
    pub verdicts: Vec<Verdict>,
}

impl Judgement {
    /// Returns the number of rules that ended in a way.
    pub(crate) fn count(&self, outcome: Outcome) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.outcome(self.reading) == outcome).count()
    }

    /// Returns the number of findings of a reading, and where it fails first: for another reading
    /// than the chosen one, where it fails and the chosen one does not.
    pub(crate) fn of(&self, reading: Reading) -> (u64, Option<Place>) {
        let count = self.verdicts.iter().map(|verdict| verdict.findings.count(reading)).sum();
        let but = (reading != self.reading).then_some(self.reading);
        let first = |verdict: &Verdict| verdict.findings.first(reading, but);
        let firsts = self.verdicts.iter().filter_map(first);
        (count, firsts.min_by_key(|place| (place.line == 0, place.line)))
    }
}

/// Judges a log.
///
/// # Errors
/// Returns the error of the input, or a message if it is no audit log.
pub(crate) fn judge(input: impl Read, task: Task) -> io::Result<Result<Judgement, String>> {
    let mut trading = Trading::default();
    for (symbol, price) in &task.prices {
        trading.price_from_file(symbol, *price);
    }
    let strict = Schema::new(task.strict, None);
    let mut rules = rules::all(Schema::new(task.strict, task.year), task.workload);
    let new = || Findings::new(task.range, task.max_findings);
    let mut findings: Vec<Findings> = rules.iter().map(|_| new()).collect();
    let mut events = 0_u64;
    let end = LogReader::new().read(Utf8::new(input)?, &mut |element| {
        events += 1;
        let mut faults = element.faults.clone();
        strict.strict_faults(element, &mut faults);
        let event = event_of(element, &mut faults);
        let event = Event { faults: &faults, ..event };
        for (rule, findings) in rules.iter_mut().zip(&mut findings) {
            rule.event(&event, findings);
        }
        if element.kind.is_some() {
            trading.event(&event, &mut |step| {
                for (rule, findings) in rules.iter_mut().zip(&mut findings) {
                    rule.step(step, findings);
                }
            });
        }
    })?;
    let broken = match end {
        End::NotALog(message) => return Ok(Err(message)),
        End::Complete { namespace } => {
            if let Some((at, findings)) = namespace.zip(findings.first_mut()) {
                let place = Place { line: at.line, byte: at.byte, number: None };
                let Fault { found, expected } = in_namespace();
                findings.add(place, found, expected);
            }
            None
        }
        End::Broken { line, byte, fault } => Some((Place { line, byte, number: None }, fault)),
    };
    // What is open at a break may be closed after it.
    if broken.is_none() {
        trading.end(&mut |step| {
            for (rule, findings) in rules.iter_mut().zip(&mut findings) {
                rule.step(step, findings);
            }
        });
    }
    let followed = Followed { lost: trading.lost(), not_all_sets: trading.has_forgotten_sets() };
    let verdicts = conclude(rules, findings, &followed, broken.as_ref());
    let count = |reading: &Reading| -> u64 {
        verdicts.iter().map(|verdict| verdict.findings.count(*reading)).sum()
    };
    let best = task.readings.iter().min_by_key(count).unwrap_or_default();
    Ok(Ok(Judgement { events, reading: best, verdicts }))
}

/// Ends the rules.
fn conclude(
    rules: Vec<Box<dyn Rule>>,
    findings: Vec<Findings>,
    followed: &Followed,
    broken: Option<&(Place, Fault)>,
) -> Vec<Verdict> {
    rules
        .into_iter()
        .zip(findings)
        .map(|(mut rule, mut findings)| {
            let Some((place, fault)) = broken else {
                let remark = rule.end(followed, &mut findings);
                return Verdict { rule: rule.name(), findings, remark };
            };
            // A rule that looks at the log as a whole has not seen it.
            let mut remark = rule.end(followed, &mut Findings::new(findings.range(), 0));
            if rule.name() == Schema::NAME {
                findings.add(*place, fault.found.clone(), fault.expected.clone());
            } else {
                remark.not_judged.get_or_insert_with(|| {
                    format!("the log cannot be read from line {} on", place.line)
                });
            }
            Verdict { rule: rule.name(), findings, remark }
        })
        .collect()
}

/// Reads the values of an element; adds what cannot be read to the faults.
fn event_of<'a>(element: &'a Element<'_>, faults: &mut Vec<Fault>) -> Event<'a> {
    let text = |child: Child| element.children[child as usize].as_deref();
    let given = |child: Child| text(child).filter(|text| !text.is_empty());
    let mut wrong = |child: Child, expected: &str| {
        let shown: String = text(child).unwrap_or_default().chars().take(80).collect();
        let found = format!("{} {shown:?}", child.as_str());
        faults.push(Fault { found, expected: expected.to_owned() });
    };
    let mut number = |child: Child, least: u64| {
        let number = text(child)?.parse::<u64>().ok().filter(|number| *number >= least);
        if number.is_none() {
            wrong(child, if least > 0 { "a whole number from 1 on" } else { "a whole number" });
        }
        number
    };
    let at_ms = number(Child::Timestamp, 0);
    let transaction = number(Child::TransactionNum, 1);
    let mut decimal = |child: Child| {
        let parsed = Amount::parse(text(child)?.as_bytes());
        if parsed.is_none() {
            wrong(child, "a decimal number");
        }
        parsed
    };
    let funds = decimal(Child::Funds);
    let price = decimal(Child::Price);
    let quote_time = text(Child::QuoteServerTime).and_then(|time| time.parse().ok());
    if quote_time.is_none() && text(Child::QuoteServerTime).is_some() {
        wrong(Child::QuoteServerTime, "a whole number");
    }
    let action = text(Child::Action);
    let adds = action.and_then(|action| match action {
        action if action.eq_ignore_ascii_case("add") => Some(true),
        action if action.eq_ignore_ascii_case("remove") => Some(false),
        _ => None,
    });
    if action.is_some() && adds.is_none() {
        wrong(Child::Action, "add or remove");
    }
    let command_text = text(Child::Command);
    Event {
        kind: element.kind.unwrap_or(Kind::DebugEvent),
        line: element.line,
        byte: element.byte,
        at_ms,
        number: transaction,
        command: command_text.and_then(|name| {
            CommandName::parse(name.as_bytes()).filter(|command| command.as_str() == name)
        }),
        command_text,
        user: given(Child::UserName),
        symbol: given(Child::StockSymbol),
        filename: given(Child::FileName),
        funds: funds.map(|parsed| parsed.amount),
        price: price.map(|parsed| parsed.amount),
        to_the_cent: [funds, price].into_iter().flatten().all(|parsed| parsed.to_the_cent),
        quote_time,
        key: text(Child::CryptoKey),
        adds,
        faults: &[],
    }
}
