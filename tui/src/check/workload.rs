//! The workload file that a log answers, read alongside the log.
//!
//! A log and its workload have nearly the same order, so only the lines between the two are held.

use super::amount::Amount;
use super::event::Event;
use daytrade_protocol::{Attempt, Body, Command, CommandFields, CommandName, Parsed, parse_line};
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::io::BufRead;

/// Lines that are held because the log has not come to them.
const HELD_MAX: usize = 4_000_000;
/// Longest line that is read.
const LINE_BYTES_MAX: u64 = 1 << 16;

/// One numbered line of the workload.
#[derive(Debug)]
struct Line {
    /// Its line in the file, from 1.
    at: u64,
    name: CommandName,
    subject: Subject,
}

#[derive(Debug)]
enum Subject {
    Command(Box<Command>),
    Attempt(Box<Attempt>),
}

impl Line {
    fn fields(&self) -> CommandFields<'_> {
        match &self.subject {
            Subject::Command(command) => command.fields(),
            Subject::Attempt(attempt) => attempt.fields(),
        }
    }

    fn describe(&self) -> String {
        let fields = self.fields();
        let mut text = self.name.as_str().to_owned();
        for field in [
            fields.user.map(ToString::to_string),
            fields.symbol.map(|symbol| symbol.as_str().to_owned()),
            fields.funds.map(|funds| funds.to_string()),
            fields.filename.map(str::to_owned),
        ]
        .into_iter()
        .flatten()
        {
            text.push(',');
            text.push_str(&field);
        }
        format!("{text} (line {} of the workload)", self.at)
    }

    /// Returns the first field in which an event differs. A field that the workload has in no valid
    /// form may be missing or differ.
    fn difference(&self, event: &Event<'_>) -> Option<(String, String)> {
        let fields = self.fields();
        let differs = |name: &str, found: Option<String>, expected: String| {
            let found = found.map_or_else(|| format!("no {name}"), |text| format!("{name} {text}"));
            Some((found, format!("{name} {expected}")))
        };
        if event.command != Some(self.name) {
            let found = event.command_text.map(str::to_owned);
            return differs("command", found, self.name.as_str().to_owned());
        }
        if let Some(user) = fields.user
            && event.user.is_none_or(|found| found.as_bytes() != user.as_bytes())
        {
            return differs("username", event.user.map(str::to_owned), user.to_string());
        }
        if let Some(symbol) = fields.symbol
            && event.symbol.is_none_or(|found| !found.eq_ignore_ascii_case(symbol.as_str()))
        {
            let found = event.symbol.map(str::to_owned);
            return differs("stockSymbol", found, symbol.as_str().to_owned());
        }
        if let Some(funds) = fields.funds
            && event.funds != Some(Amount::from_cents(funds.cents()))
        {
            let found = event.funds.map(|funds| funds.to_string());
            return differs("funds", found, funds.to_string());
        }
        if let Some(filename) = fields.filename
            && event.filename != Some(filename)
        {
            return differs("filename", event.filename.map(str::to_owned), filename.to_owned());
        }
        None
    }
}

/// What the workload says of a userCommand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has this line.
    Same,
    /// It has another line with this number.
    Differs { found: String, expected: String },
    /// It has no line with this number, or no more of them.
    NotThere,
}

/// A workload file.
pub(crate) struct Workload {
    input: Box<dyn BufRead>,
    /// Lines that were read and not taken, by number.
    held: HashMap<u64, SmallVec<[Line; 1]>>,
    /// Numbered lines, and lines, that were read.
    lines: u64,
    all_lines: u64,
    /// True if it has commands without a number: the server numbers them.
    unnumbered: bool,
    at_end: bool,
    buffer: Vec<u8>,
}

impl Debug for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workload").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Workload {
    pub(crate) fn new(input: Box<dyn BufRead>) -> Self {
        Self {
            input,
            held: HashMap::new(),
            lines: 0,
            all_lines: 0,
            unnumbered: false,
            at_end: false,
            buffer: Vec::new(),
        }
    }

    /// Returns the number of numbered lines read so far.
    pub(crate) const fn lines(&self) -> u64 {
        self.lines
    }

    /// Takes the line of an event.
    ///
    /// # Errors
    /// Returns a message if the workload cannot be read, or too far out of order.
    pub(crate) fn take(&mut self, number: u64, event: &Event<'_>) -> Result<Answer, String> {
        while !self.held.contains_key(&number) && !self.at_end {
            self.read_line()?;
        }
        let Some(lines) = self.held.get_mut(&number) else {
            return Ok(if self.unnumbered { Answer::Same } else { Answer::NotThere });
        };
        let same = lines.iter().position(|line| line.difference(event).is_none());
        let line = lines.remove(same.unwrap_or(0));
        if lines.is_empty() {
            self.held.remove(&number);
        }
        Ok(match line.difference(event) {
            None => Answer::Same,
            Some((found, expected)) => Answer::Differs { found, expected },
        })
    }

    /// Reads to the end, and calls a function for every line that was not taken, in order of the
    /// numbers.
    ///
    /// # Errors
    /// Returns a message if the workload cannot be read.
    pub(crate) fn rest(&mut self, mut missing: impl FnMut(u64, &str)) -> Result<(), String> {
        loop {
            let mut held: VecDeque<_> = self.held.drain().collect();
            held.make_contiguous().sort_by_key(|(number, _)| *number);
            for (number, lines) in held {
                lines.iter().for_each(|line| missing(number, &line.describe()));
            }
            if self.at_end {
                let none = "the workload has no numbered line".to_owned();
                return if self.lines == 0 { Err(none) } else { Ok(()) };
            }
            while !self.at_end && self.held.len() < HELD_MAX / 4 {
                self.read_line()?;
            }
        }
    }

    fn read_line(&mut self) -> Result<(), String> {
        if self.held.len() >= HELD_MAX {
            return Err("the orders of the log and of the workload differ too much".to_owned());
        }
        self.buffer.clear();
        let mut line = std::io::Read::take(&mut self.input, LINE_BYTES_MAX);
        let count = line
            .read_until(b'\n', &mut self.buffer)
            .map_err(|error| format!("cannot read the workload: {error}"))?;
        self.at_end = count == 0;
        self.all_lines += 1;
        let line = self.buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.buffer);
        let (tag, name, subject) = match parse_line(line) {
            Parsed::Request(request) => match request.body {
                Body::Command(command) => {
                    (request.tag, command.name(), Subject::Command(Box::new(command)))
                }
                Body::Session(_) => return Ok(()),
            },
            Parsed::Invalid(invalid) => match invalid.attempt {
                Some(attempt) => (invalid.tag, attempt.name, Subject::Attempt(attempt)),
                None => return Ok(()),
            },
            Parsed::Nothing => return Ok(()),
        };
        if let Some(tag) = tag {
            self.lines += 1;
            self.held.entry(tag.get()).or_default().push(Line {
                at: self.all_lines,
                name,
                subject,
            });
        } else {
            self.unnumbered = true;
        }
        Ok(())
    }
}
