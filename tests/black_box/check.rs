//! `daytrade check`: the corpus of broken logs, our own logs, the forms of the report, and input
//! that is no log.

use crate::harness::{program, workload};
use quick_xml::events::Event;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::tempdir;

fn daytrade() -> Command {
    Command::new(program("daytrade"))
}

/// Returns a file of the corpus.
fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/check").join(name)
}

/// Judges a log; returns the exit code and the report as JSON.
fn check(log: &Path, options: &[&str]) -> (i32, Value) {
    let run = daytrade().arg("check").arg(log).args(["--format", "json"]).args(options).output();
    let run = run.unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    let error = String::from_utf8_lossy(&run.stderr);
    let report = serde_json::from_str(&text);
    (
        run.status.code().unwrap(),
        report.unwrap_or_else(|_| panic!("{}: {text} {error}", log.display())),
    )
}

/// Returns the names of the rules that ended in a way.
fn rules(report: &Value, verdict: &str) -> Vec<String> {
    let rules = report["rules"].as_array().unwrap();
    let ended = rules.iter().filter(|rule| rule["verdict"] == verdict);
    ended.map(|rule| rule["name"].as_str().unwrap().to_owned()).collect()
}

/// Returns the first finding of a rule.
fn first(report: &Value, rule: &str) -> Value {
    let rules = report["rules"].as_array().unwrap();
    rules.iter().find(|one| one["name"] == rule).unwrap()["findings"][0].clone()
}

#[test]
fn each_broken_log_breaks_the_rule_of_its_name_and_no_other() {
    let mut broken = BTreeSet::new();
    for file in fs::read_dir(corpus("")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let Some((rule, _)) = name.split_once("--").filter(|(rule, _)| *rule != "reading") else {
            continue;
        };
        let rule = rule.replace("60-seconds", "60 seconds").replace("below-0", "below 0");
        let rule = rule.replace("never-", "never ").replace("quote-age", "quote age");
        let (code, report) = check(&path, &[]);
        assert_eq!((code, rules(&report, "fail")), (1, vec![rule.clone()]), "{name}: {report:#}");
        let finding = first(&report, &rule);
        assert!(finding["line"].as_u64().unwrap() > 2, "{name}: {finding}");
        for field in ["found", "expected"] {
            assert!(finding[field].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        }
        broken.insert(rule);
    }
    let (code, report) = check(&corpus("good.xml"), &[]);
    let all: BTreeSet<String> = rules(&report, "pass").into_iter().collect();
    assert_eq!((code, all.len()), (0, 11), "{report:#}");
    // The speed of a log cannot be wrong.
    let unbroken: Vec<_> = all.difference(&broken).collect();
    assert_eq!(unbroken, ["throughput"]);
}

#[test]
fn a_finding_names_place_number_what_was_found_and_what_was_expected() {
    let log = corpus("money--buy-of-another-amount.xml");
    let text = fs::read_to_string(&log).unwrap();
    let (_, report) = check(&log, &[]);
    let finding = first(&report, "money");
    let byte = finding["byte"].as_u64().unwrap() as usize;
    assert!(text[byte..].starts_with("<accountTransaction>"), "{finding}");
    assert_eq!(text[..byte].lines().count() as u64 + 1, finding["line"].as_u64().unwrap());
    assert!(text[byte..].lines().next().unwrap().contains("<transactionNum>3<"), "{finding}");
    let said = (&finding["number"], &finding["found"], &finding["expected"]);
    let want = (Value::from(3), Value::from("remove 107.00"), Value::from("remove 100.00"));
    assert_eq!(said, (&want.0, &want.1, &want.2));
    let outside = ["--from", "4"];
    assert_eq!(rules(&check(&log, &outside).1, "fail"), Vec::<String>::new());
    assert_eq!(rules(&check(&log, &["--until", "3"]).1, "fail"), ["money"]);
}

/// Writes a log that was made from the good one, and judges it.
fn check_text(log: &[u8], options: &[&str]) -> (i32, Value) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.xml");
    fs::write(&path, log).unwrap();
    check(&path, options)
}

#[test]
fn a_log_in_any_usual_encoding_is_judged() {
    let good = fs::read_to_string(corpus("good.xml")).unwrap();
    let good = good.replace("not enough cash", "pas assez d'argent liqu\u{e9}fi\u{e9}");
    let declared = |name: &str| good.replace("UTF-8", name);
    let utf16 = |text: &str| -> Vec<u16> { text.encode_utf16().collect() };
    let marked = format!("\u{feff}{}", declared("UTF-16"));
    let little: Vec<u8> = utf16(&marked).into_iter().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = utf16(&marked).into_iter().flat_map(u16::to_be_bytes).collect();
    let latin: Vec<u8> = declared("ISO-8859-1").chars().map(|one| one as u8).collect();
    for (name, log) in [("little", little), ("big", big), ("latin", latin)] {
        let (code, report) = check_text(&log, &["--strict"]);
        assert_eq!((code, rules(&report, "pass").len()), (0, 11), "{name}: {report:#}");
    }
    // The declaration is wrong: these bytes are no UTF-8.
    let latin: Vec<u8> = good.chars().map(|one| one as u8).collect();
    let (code, report) = check_text(&latin, &[]);
    assert_eq!((code, rules(&report, "fail")), (1, vec!["schema".to_owned()]), "{report:#}");
    let folder = tempdir().unwrap();
    let log = folder.path().join("log.xml");
    fs::write(&log, declared("x-of-our-own")).unwrap();
    let run = daytrade().arg("check").arg(&log).output().unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(said.contains("unknown encoding \"x-of-our-own\""), "{said}");
    assert_eq!(run.status.code(), Some(2));
}

#[test]
fn elements_of_another_namespace_and_blanks_are_findings() {
    let good = fs::read_to_string(corpus("good.xml")).unwrap();
    let foreign = good.replacen("<log>", "<log xmlns=\"http://example.org/\">", 1);
    let (code, report) = check_text(foreign.as_bytes(), &[]);
    assert_eq!((code, rules(&report, "fail")), (1, vec!["schema".to_owned()]), "{report:#}");
    assert_eq!(first(&report, "schema")["found"], "elements in a namespace");
    // A name that is bound and not used changes nothing.
    let bound = "<log xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">";
    assert_eq!(check_text(good.replacen("<log>", bound, 1).as_bytes(), &[]).0, 0);
    let blank = good.replacen("<username>ann<", "<username> ann <", 1);
    assert_eq!(check_text(blank.as_bytes(), &[]).0, 0);
    let (code, report) = check_text(blank.as_bytes(), &["--strict"]);
    assert_eq!((code, rules(&report, "fail")), (1, vec!["schema".to_owned()]), "{report:#}");
}

#[test]
fn an_expired_reserve_may_come_back_with_a_later_command() {
    let good = fs::read_to_string(corpus("good.xml")).unwrap();
    // The order of number 16 runs out without a word.
    let is_expiry = |line: &str| line.contains("60150</timestamp>");
    let returned = good.lines().find(|line| is_expiry(line) && line.contains("<action>")).unwrap();
    let silent: Vec<&str> = good.lines().filter(|line| !is_expiry(line)).collect();
    for number in [17, 18, 20] {
        let tag = format!("<transactionNum>{number}</transactionNum>");
        let at = silent.iter().position(|line| line.contains(&tag)).unwrap();
        let time = &silent[at][silent[at].find("<timestamp>").unwrap()..][..36];
        let with = |amount: &str| {
            let added = returned
                .replace("<transactionNum>16</transactionNum>", &tag)
                .replace("<timestamp>1500000060150</timestamp>", time)
                .replace("60.00", amount);
            let mut log = silent.clone();
            log.insert(at + 1, &added);
            check_text(log.join("\n").as_bytes(), &[])
        };
        assert!(silent[at].contains("<userCommand>"));
        let (code, report) = with("60.00");
        assert_eq!(code, 0, "{number}: {report:#}");
        let (code, report) = with("59.00");
        assert_eq!((code, rules(&report, "fail")), (1, vec!["money".to_owned()]), "{number}");
    }
}

#[test]
fn every_reading_is_told_apart() {
    for (log, choice) in [
        ("good.xml", "buy,whole,amount,error,dollars"),
        ("reading--commit.xml", "commit,whole,amount,error,dollars"),
        ("reading--fractional.xml", "buy,fractional,amount,error,dollars"),
        ("reading--trigger.xml", "buy,whole,trigger,error,dollars"),
        ("reading--no-error.xml", "buy,whole,amount,no-error,dollars"),
        ("reading--shares.xml", "buy,whole,trigger,error,shares"),
    ] {
        let (code, report) = check(&corpus(log), &[]);
        assert_eq!((code, report["reading"].as_str().unwrap()), (0, choice), "{log}: {report:#}");
        assert_eq!(check(&corpus(log), &["--reading", choice]).0, 0, "{log}");
        let others: Vec<_> = report["readings"].as_array().unwrap().iter().collect();
        assert_eq!(others.len(), 32);
        for other in others.into_iter().filter(|other| other["findings"] != 0) {
            assert!(other["first"].is_u64(), "{log}: {other}");
        }
    }
    let commit = corpus("reading--commit.xml");
    let (code, report) = check(&commit, &["--reading", "buy"]);
    assert_eq!((code, rules(&report, "fail")), (1, vec!["money".to_owned()]));
    assert_eq!(first(&report, "money")["expected"], "remove 100.00");
}

#[test]
fn our_own_logs_pass_every_rule() {
    let folder = tempdir().unwrap();
    for name in ["1-user.txt", "10-users.txt"] {
        let mut replay = daytrade();
        replay.current_dir(folder.path()).arg("replay").arg(workload(name));
        let run = replay.args(["--quiet", "--check"]).output().unwrap();
        let said = String::from_utf8(run.stderr).unwrap();
        assert!(run.status.success() && said.ends_with("11 of 11 passed\n"), "{name}: {said}");
        let log = folder.path().join("testLOG");
        let answered = workload(name);
        let (code, report) = check(&log, &["--strict", "--workload", answered.to_str().unwrap()]);
        assert_eq!((code, rules(&report, "pass").len()), (0, 11), "{name}: {report:#}");
    }
}

#[test]
fn a_workload_is_compared_line_by_line() {
    let folder = tempdir().unwrap();
    let text = "[1] ADD,ann,1000.00\n[2] QUOTE,ann,S\n[3] BUY,ann,S,110.00\n[4] COMMIT_BUY,ann\n\
                [5] BUY,ann,S,50.01\n[6] CANCEL_BUY,ann\n[7] SELL,ann,S,45.00\n[30] ADD,bob,5\n";
    let workload = folder.path().join("workload.txt");
    fs::write(&workload, text).unwrap();
    let options = ["--until", "30", "--workload", workload.to_str().unwrap()];
    let (_, report) = check(&corpus("good.xml"), &options);
    let rule = &report["rules"][1];
    let found: Vec<_> = rule["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |field: &str| one[field].as_str().unwrap().to_owned();
            (one["number"].as_u64().unwrap(), text("found"), text("expected"))
        })
        .collect();
    assert!(found.contains(&(5, "funds 50.00".to_owned(), "funds 50.01".to_owned())), "{found:?}");
    let missing = "a userCommand for ADD,bob,5.00 (line 8 of the workload)".to_owned();
    assert!(found.contains(&(30, "no userCommand".to_owned(), missing)), "{found:?}");
    // Lines 8 to 21 of the log are not in the workload.
    assert_eq!(rule["count"], 1 + 1 + 14);
}

#[test]
fn prices_that_the_log_does_not_show_come_from_a_file_or_are_not_judged() {
    let folder = tempdir().unwrap();
    let log = folder.path().join("log.xml");
    let good = fs::read_to_string(corpus("good.xml")).unwrap();
    let without: Vec<&str> = good.lines().filter(|line| !line.contains("<quoteServer>")).collect();
    fs::write(&log, without.join("\n")).unwrap();
    let (code, report) = check(&log, &[]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(rules(&report, "not_judged"), ["quotes", "quote age", "triggers"]);
    let prices = folder.path().join("prices.csv");
    fs::write(&prices, "time,symbol,price\n1,S,20.00\n2,S,14.00\n3,S,26.00\n").unwrap();
    let option = ["--prices", prices.to_str().unwrap()];
    let (code, report) = check(&log, &option);
    // Nothing says when a price of the file held.
    let not_judged = vec!["quotes".to_owned(), "quote age".to_owned()];
    assert_eq!((code, rules(&report, "not_judged")), (0, not_judged), "{report:#}");
    fs::write(&prices, "time,symbol,price\n1,S,19.00\n2,S,14.00\n3,S,26.00\n").unwrap();
    assert_eq!(rules(&check(&log, &option).1, "fail"), ["money"]);
}

#[test]
fn timestamps_are_judged_by_a_year_only_if_it_is_named() {
    let good = corpus("good.xml");
    let note = check(&good, &[]).1["rules"][0]["reason"].clone();
    assert_eq!(note, "timestamps within the bounds of 2017");
    assert_eq!(check(&good, &["--year", "2017"]).0, 0);
    let (code, report) = check(&good, &["--year", "2018"]);
    assert_eq!((code, rules(&report, "fail")), (1, vec!["schema".to_owned()]));
}

#[test]
fn text_ends_with_the_count_and_junit_is_well_formed() {
    let run = |format: &str, log: &str| {
        let mut check = daytrade();
        check.arg("check").arg("-").args(["--format", format]);
        let input = Stdio::from(fs::File::open(corpus(log)).unwrap());
        String::from_utf8(check.stdin(input).output().unwrap().stdout).unwrap()
    };
    let text = run("text", "complete--gap.xml");
    assert!(text.ends_with("\n10 of 11 passed\n"), "{text}");
    let line = "  line 40 (byte 7968), number 20: found no userCommand; expected number 20\n";
    assert!(text.contains(line), "{text}");
    let junit = run("junit", "complete--gap.xml");
    let mut reader = quick_xml::Reader::from_str(&junit);
    let (mut cases, mut failures) = (0, 0);
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) => match tag.name().0 {
                "testcase" => cases += 1,
                "failure" => failures += 1,
                _ => {}
            },
            _ => {}
        }
    }
    assert_eq!((cases, failures), (11, 1), "{junit}");
}

#[test]
fn what_is_no_log_is_unreadable_and_what_is_half_a_log_fails() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    for text in [&b""[..], b"[1] ADD,ann,5\n", b"<html></html>", b"\xff\xfe<\0l\0", b"<log"] {
        fs::write(&file, text).unwrap();
        let run = daytrade().arg("check").arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(2), "{text:?}: {said}");
        assert!(said.contains("is no audit log: line 1: "), "{text:?}: {said}");
    }
    assert_eq!(daytrade().args(["check", "/nowhere"]).output().unwrap().status.code(), Some(2));
    for text in [&b"<log>"[..], b"<log>\n<userCommand>\xff", b"<log></log><log>", b"<log>&x;</log>"]
    {
        fs::write(&file, text).unwrap();
        let (code, report) = check(&file, &[]);
        assert_eq!((code, rules(&report, "fail")), (1, vec!["schema".to_owned()]), "{text:?}");
    }
    fs::write(&file, "<log/>").unwrap();
    assert_eq!(check(&file, &[]).0, 0);
}

#[test]
fn other_spellings_of_the_same_log_mean_the_same() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("log.xml");
    let good = fs::read_to_string(corpus("good.xml")).unwrap();
    let spread = good.replace("><", ">\n\t<").replace('\n', "\r\n");
    let marked = good
        .replace("<log>", "<!-- a team -->\n<log xmlns:xsi=\"x\">")
        .replace("<username>ann</username>", "<username><![CDATA[ann]]></username>")
        .replace("./testLOG", "&#46;/testLOG");
    let other = good.replace(".00</funds>", "</funds>").replace(">add<", ">Add<");
    for text in [spread, marked, other, format!("\u{feff}{good}")] {
        fs::write(&file, &text).unwrap();
        let (code, report) = check(&file, &[]);
        assert_eq!((code, rules(&report, "pass").len()), (0, 11), "{text}\n{report:#}");
    }
}
