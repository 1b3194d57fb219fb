//! Replies compared with what they should be, field by field; `*` stands for what differs from run
//! to run.

/// Compares a reply with the expected lines that follow, in order.
#[derive(Debug)]
pub(super) struct Expectation {
    lines: std::vec::IntoIter<String>,
    /// How many lines were compared.
    compared: u64,
}

impl Expectation {
    /// Expects the lines of a text; blank ones and comments do not count.
    pub(super) fn new(text: &str) -> Self {
        let counts = |line: &&str| !line.is_empty() && !line.starts_with('#');
        let lines: Vec<String> = text.lines().filter(counts).map(str::to_owned).collect();
        Self { lines: lines.into_iter(), compared: 0 }
    }

    /// Compares a reply; on a difference, says what was expected and what came.
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

    /// What was expected and never came, as the first such line and how many there are.
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

/// The line of a reply with `*` for what differs from run to run: times, quote keys, the events of
/// a dump.
pub fn mask_line(line: &str) -> String {
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
    fn what_differs_from_run_to_run_is_masked_and_matches() {
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
        let words = expected.compare(b"[2] OK,QUIT\n").unwrap_err();
        assert_eq!(words, "reply line 2: expected [2] OK,PING, got [2] OK,QUIT");
        assert_eq!(expected.missing(), None);
        assert!(Expectation::new("a\nb").missing().unwrap().starts_with("2 expected lines"));
    }
}
