//! Comparison of replies with expected ones, field by field. A field `*` matches any value, for
//! values that differ from run to run.
//!
//! It owns the expected replies and the verdict. It must never print.

use daytrade_protocol::Code;

/// Checks each reply in the order of the file.
#[derive(Debug)]
pub(super) struct ReplyChecker {
    expectation: Option<Expectation>,
    /// True if the first refusal, or with an expectation the first difference, ends the replay.
    fail_fast: bool,
    failed: bool,
}

impl ReplyChecker {
    pub(super) const fn new(expectation: Option<Expectation>, fail_fast: bool) -> Self {
        Self { expectation, fail_fast, failed: false }
    }

    /// Returns true after a reply that ends the replay.
    pub(super) const fn has_failed(&self) -> bool {
        self.failed
    }

    /// Returns true if there are expected replies.
    pub(super) const fn compares(&self) -> bool {
        self.expectation.is_some()
    }

    /// Checks a reply; returns its difference from the expected one.
    pub(super) fn check(&mut self, refused: Option<Code>, reply: &[u8]) -> Option<String> {
        let Some(expectation) = &mut self.expectation else {
            self.failed = self.fail_fast && refused.is_some();
            return None;
        };
        let difference = expectation.compare(reply).err()?;
        self.failed = self.fail_fast;
        Some(difference)
    }

    /// Returns a message about the expected replies that never came, if any.
    pub(super) fn missing(&mut self) -> Option<String> {
        self.expectation.as_mut()?.missing()
    }
}

/// The expected lines that replies have not reached yet.
#[derive(Debug)]
pub(super) struct Expectation {
    lines: std::vec::IntoIter<String>,
    /// Lines compared so far.
    compared: u64,
}

impl Expectation {
    /// Creates an expectation of the lines of a text, without blank lines and comments.
    pub(super) fn new(text: &str) -> Self {
        let is_reply = |line: &&str| !line.is_empty() && !line.starts_with('#');
        let lines: Vec<String> = text.lines().filter(is_reply).map(str::to_owned).collect();
        Self { lines: lines.into_iter(), compared: 0 }
    }

    /// Compares a reply with the next lines. The error names the expected line and the received
    /// one.
    pub(super) fn compare(&mut self, reply: &[u8]) -> Result<(), String> {
        for got in String::from_utf8_lossy(reply).lines() {
            self.compared += 1;
            let number = self.compared;
            match self.lines.next() {
                None => {
                    return Err(format!(
                        "reply line {number}: nothing more was expected, got {got}"
                    ));
                }
                Some(want) if !matches(&want, got) => {
                    return Err(format!("reply line {number}: expected {want}, got {got}"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Returns a message with the number of lines that never came, and the first of them.
    pub(super) fn missing(&mut self) -> Option<String> {
        let first = self.lines.next()?;
        Some(format!("{} expected lines did not come, the first is {first}", 1 + self.lines.len()))
    }
}

fn matches(want: &str, got: &str) -> bool {
    let (mut want, mut got) = (want.split(','), got.split(','));
    loop {
        match (want.next(), got.next()) {
            (None, None) => return true,
            (Some(want), Some(got)) if want == "*" || want == got => {}
            _ => return false,
        }
    }
}

/// Returns the line of a reply with `*` for values that differ from run to run: times, quote keys
/// and the number of events in a dump.
pub(super) fn mask_line(line: &str) -> String {
    let mut fields: Vec<&str> = line.split(',').collect();
    let head = fields[0].rsplit([' ', '-', ']']).next().unwrap_or_default();
    let masked: &[usize] = match (head, fields.get(1).copied()) {
        ("OK", Some("QUOTE")) => &[4, 5],
        ("OK", Some("BUY" | "SELL")) | ("PENDING", _) => &[6],
        ("OK", Some("DUMPLOG")) => &[3],
        ("HISTORY", _) => &[1],
        _ => &[],
    };
    for &at in masked {
        if let Some(field) = fields.get_mut(at) {
            *field = "*";
        }
    }
    fields.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_differ_from_run_to_run_are_masked_and_match() {
        let cases = [
            ("[2] OK,QUOTE,S,42.17,1795334400123,a+b/c", "[2] OK,QUOTE,S,42.17,*,*"),
            ("OK,BUY,S,6,42.17,253.02,1795334460123", "OK,BUY,S,6,42.17,253.02,*"),
            (
                "[15]-PENDING,BUY,S,6,42.17,253.02,1795334460123",
                "[15]-PENDING,BUY,S,6,42.17,253.02,*",
            ),
            ("-HISTORY,1795334400123,14,ADD,,5.00,OK", "-HISTORY,*,14,ADD,,5.00,OK"),
            ("[14] OK,DUMPLOG,./testLOG,20134", "[14] OK,DUMPLOG,./testLOG,*"),
            ("[4] OK,COMMIT_BUY,S,6,42.17,253.02", "[4] OK,COMMIT_BUY,S,6,42.17,253.02"),
        ];
        for (line, masked) in cases {
            assert_eq!(mask_line(line), masked);
            assert!(matches(masked, line));
        }
    }

    #[test]
    fn a_difference_names_both_lines() {
        let mut expected = Expectation::new("# comment\n[1] OK,ADD,5.00\n\n[2] OK,PING\n");
        assert_eq!(expected.compare(b"[1] OK,ADD,5.00\n"), Ok(()));
        let message = expected.compare(b"[2] OK,QUIT\n").unwrap_err();
        assert_eq!(message, "reply line 2: expected [2] OK,PING, got [2] OK,QUIT");
        assert_eq!(expected.missing(), None);
        assert!(Expectation::new("a\nb").missing().unwrap().starts_with("2 expected lines"));
    }
}
