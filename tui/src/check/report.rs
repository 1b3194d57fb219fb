//! The judgement as text, JSON or JUnit.

use super::findings::{Finding, Place};
use super::judge::{Judgement, Outcome, Verdict};
use super::reading::{Reading, Readings};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event as Xml};
use serde_json::{Value, json};
use std::io::{self, Write};

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Lines for people
    Text,
    /// One JSON object, as docs/check.schema.json describes it
    Json,
    /// JUnit XML, for CI and autograders
    Junit,
}

/// Writes a report.
///
/// # Errors
/// Returns the error of the output.
pub(crate) fn write(
    judgement: &Judgement,
    format: Format,
    allowed: Readings,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Text => text(judgement, allowed, out),
        Format::Json => {
            serde_json::to_writer(&mut *out, &as_json(judgement, allowed))?;
            writeln!(out)
        }
        Format::Junit => junit(judgement, out),
    }
}

fn text(judgement: &Judgement, allowed: Readings, out: &mut dyn Write) -> io::Result<()> {
    let reading = judgement.reading;
    for verdict in &judgement.verdicts {
        let (word, remark) = match verdict.outcome(reading) {
            Outcome::Pass => ("PASS", verdict.remark.note.clone()),
            Outcome::NotJudged => ("NOT JUDGED", verdict.remark.not_judged.clone()),
            Outcome::Fail => {
                let count = verdict.findings.count(reading);
                ("FAIL", Some(format!("{count} finding{}", if count == 1 { "" } else { "s" })))
            }
        };
        let line = format!("{:<14} {word:<11}{}", verdict.rule, remark.unwrap_or_default());
        writeln!(out, "{}", line.trim_end())?;
        let mut shown = 0;
        for finding in verdict.findings.of(reading) {
            shown += 1;
            writeln!(out, "  {}", sentence(finding, reading))?;
        }
        let more = verdict.findings.count(reading).saturating_sub(shown);
        if more > 0 {
            writeln!(out, "  and {more} more; --max-findings shows them")?;
        }
    }
    writeln!(out, "\nreading: {} ({})", reading.name(), reading.meaning())?;
    let (own, _) = judgement.of(reading);
    for (other, meaning) in reading.neighbours().filter(|(other, _)| allowed.contains(*other)) {
        match judgement.of(other) {
            (count, Some(place)) if count > own => {
                writeln!(out, "  not \"{meaning}\": fails first at {}", short(place))?;
            }
            _ => writeln!(out, "  \"{meaning}\" explains the log as well")?,
        }
    }
    let judged = judgement.verdicts.len() - judgement.count(Outcome::NotJudged);
    writeln!(out, "{} events", judgement.events)?;
    writeln!(out, "{} of {judged} passed", judgement.count(Outcome::Pass))
}

fn short(place: Place) -> String {
    match place {
        Place { line: 0, number: Some(number), .. } => format!("number {number}"),
        Place { line, number: Some(number), .. } => format!("number {number}, line {line}"),
        Place { line, .. } => format!("line {line}"),
    }
}

fn sentence(finding: &Finding, reading: Reading) -> String {
    let place = match finding.place {
        Place { line: 0, .. } => short(finding.place),
        Place { line, byte, number: Some(number) } => {
            format!("line {line} (byte {byte}), number {number}")
        }
        Place { line, byte, .. } => format!("line {line} (byte {byte})"),
    };
    format!("{place}: found {}; expected {}", finding.found, finding.expected(reading))
}

fn as_json(judgement: &Judgement, allowed: Readings) -> Value {
    let reading = judgement.reading;
    let rules: Vec<Value> = judgement
        .verdicts
        .iter()
        .map(|verdict| {
            let (word, reason) = match verdict.outcome(reading) {
                Outcome::Pass => ("pass", &verdict.remark.note),
                Outcome::Fail => ("fail", &None),
                Outcome::NotJudged => ("not_judged", &verdict.remark.not_judged),
            };
            let findings: Vec<Value> = verdict
                .findings
                .of(reading)
                .into_iter()
                .map(|finding| {
                    json!({
                        "line": finding.place.line,
                        "byte": finding.place.byte,
                        "number": finding.place.number,
                        "found": finding.found,
                        "expected": finding.expected(reading),
                    })
                })
                .collect();
            json!({
                "name": verdict.rule,
                "verdict": word,
                "reason": reason.as_deref().unwrap_or_default(),
                "count": verdict.findings.count(reading),
                "findings": findings,
            })
        })
        .collect();
    let readings: Vec<Value> = allowed
        .iter()
        .map(|reading| {
            let (count, first) = judgement.of(reading);
            let first = first.and_then(|place| place.number);
            json!({ "name": reading.name(), "findings": count, "first": first })
        })
        .collect();
    json!({
        "events": judgement.events,
        "reading": reading.name(),
        "rules": rules,
        "readings": readings,
    })
}

fn junit(judgement: &Judgement, out: &mut dyn Write) -> io::Result<()> {
    let reading = judgement.reading;
    let tests = judgement.verdicts.len().to_string();
    let failures = judgement.count(Outcome::Fail).to_string();
    let skipped = judgement.count(Outcome::NotJudged).to_string();
    let mut writer = Writer::new_with_indent(&mut *out, b' ', 2);
    writer.write_event(Xml::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer
        .create_element("testsuite")
        .with_attributes([
            ("name", "daytrade check"),
            ("tests", tests.as_str()),
            ("failures", failures.as_str()),
            ("errors", "0"),
            ("skipped", skipped.as_str()),
        ])
        .write_inner_content(|writer| {
            for verdict in &judgement.verdicts {
                test_case(verdict, reading, writer)?;
            }
            Ok(())
        })?;
    writeln!(out)
}

fn test_case<W: Write>(
    verdict: &Verdict,
    reading: Reading,
    writer: &mut Writer<W>,
) -> io::Result<()> {
    let case = writer
        .create_element("testcase")
        .with_attributes([("classname", "daytrade.check"), ("name", verdict.rule)]);
    match verdict.outcome(reading) {
        Outcome::Pass => case.write_empty()?,
        Outcome::NotJudged => case.write_inner_content(|writer| {
            let reason = printable(verdict.remark.not_judged.as_deref().unwrap_or_default());
            writer
                .create_element("skipped")
                .with_attribute(("message", reason.as_str()))
                .write_empty()?;
            Ok(())
        })?,
        Outcome::Fail => case.write_inner_content(|writer| {
            let lines: Vec<String> = verdict
                .findings
                .of(reading)
                .into_iter()
                .map(|finding| printable(&sentence(finding, reading)))
                .collect();
            let count = format!("{} findings", verdict.findings.count(reading));
            writer
                .create_element("failure")
                .with_attributes([("message", count.as_str()), ("type", verdict.rule)])
                .write_text_content(BytesText::new(&lines.join("\n")))?;
            Ok(())
        })?,
    };
    Ok(())
}

/// Replaces what XML does not allow, which a log may hold.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
