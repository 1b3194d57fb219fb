//! What the rules find, in bounded memory.

use super::amount::Amount;
use super::event::Event;
use super::reading::{Reading, Readings};

/// A place in the log that a finding names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Line, from 1; 0 if the finding is about the whole log.
    pub line: u64,
    /// Byte, from 0.
    pub byte: u64,
    /// Transaction number, if there is one.
    pub number: Option<u64>,
}

impl Place {
    /// Returns the place of an event.
    pub(crate) const fn of(event: &Event<'_>) -> Self {
        Self { line: event.line, byte: event.byte, number: event.number }
    }

    /// Creates a place for a finding about a number that no event has.
    pub(crate) const fn of_number(number: u64) -> Self {
        Self { line: 0, byte: 0, number: Some(number) }
    }
}

/// What a rule expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The same in every reading.
    Text(String),
    /// Cash, which depends on the reading.
    Cash(CashDue),
}

/// Cash that a command comes to, by reading: positive if it is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CashDue {
    ways: [(Readings, Amount); CashDue::WAYS],
    /// Readings whose amount depends on a price that the log does not show, and its bound.
    unseen: (Readings, Amount),
}

impl CashDue {
    const WAYS: usize = 4;

    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            ways: [(Readings::NONE, Amount::ZERO); Self::WAYS],
            unseen: (Readings::NONE, Amount::ZERO),
        }
    }

    /// Creates what is due in every reading.
    pub(crate) const fn exactly(amount: Amount) -> Self {
        Self::new().or(Readings::ALL, amount)
    }

    /// Adds what is due in some readings.
    pub(crate) const fn or(mut self, readings: Readings, amount: Amount) -> Self {
        let mut at = 0;
        while at < Self::WAYS {
            if self.ways[at].0.is_empty() {
                self.ways[at] = (readings, amount);
                return self;
            }
            at += 1;
        }
        self
    }

    /// Adds readings in which some amount of this sign and at most this size is due.
    pub(crate) const fn or_up_to(mut self, readings: Readings, bound: Amount) -> Self {
        self.unseen = (readings, bound);
        self
    }

    /// Returns the readings in which this cash was due.
    pub(crate) fn explains(&self, net: Amount) -> Readings {
        let (readings, bound) = self.unseen;
        let within = net != Amount::ZERO
            && net.is_negative() == bound.is_negative()
            && net.size() <= bound.size();
        self.ways
            .iter()
            .filter(|(_, amount)| *amount == net)
            .fold(readings.when(within), |all, (readings, _)| all.or(*readings))
    }

    fn describe(&self, reading: Reading) -> String {
        match self.ways.iter().find(|(readings, _)| readings.contains(reading)) {
            Some((_, amount)) => moved(*amount),
            None if !self.unseen.0.contains(reading) => {
                "whole shares at a price of the price file".to_owned()
            }
            None if self.unseen.1 == Amount::MOST => "add, at a price not shown".to_owned(),
            None => format!("{} or less, for whole shares", moved(self.unseen.1)),
        }
    }
}

/// Returns the words for cash that moved.
pub(crate) fn moved(net: Amount) -> String {
    if net.is_positive() {
        format!("add {net}")
    } else if net.is_negative() {
        format!("remove {}", net.size())
    } else {
        "no accountTransaction".to_owned()
    }
}

/// One breach of a rule.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// Where.
    pub place: Place,
    /// What was found.
    pub found: String,
    /// What was expected.
    expected: Expected,
    /// Readings that it breaks.
    breaks: Readings,
}

impl Finding {
    /// Returns what was expected in a reading.
    pub(crate) fn expected(&self, reading: Reading) -> String {
        match &self.expected {
            Expected::Text(text) => text.clone(),
            Expected::Cash(due) => due.describe(reading),
        }
    }
}

/// The transaction numbers that are judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub from: u64,
    pub until: u64,
}

impl Range {
    pub(crate) const fn contains(self, number: u64) -> bool {
        self.from <= number && number <= self.until
    }
}

/// The findings of one rule.
#[derive(Debug)]
pub(crate) struct Findings {
    range: Range,
    /// Findings kept for each reading.
    max: usize,
    kept: Vec<Finding>,
    /// Number of findings kept for each reading.
    kept_for: [usize; 32],
    /// Readings for which another finding is kept.
    open: Readings,
    /// Number of findings by the set of readings that they break, and the first of them.
    counts: Vec<(Readings, u64, Place)>,
}

impl Findings {
    pub(crate) fn new(range: Range, max: usize) -> Self {
        Self {
            range,
            max,
            kept: Vec::new(),
            kept_for: [0; 32],
            open: Readings::ALL,
            counts: Vec::new(),
        }
    }

    /// Returns the numbers that are judged.
    pub(crate) const fn range(&self) -> Range {
        self.range
    }

    /// Adds a finding that holds in every reading.
    pub(crate) fn add(
        &mut self,
        place: Place,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.add_for(Readings::ALL, place, || (found.into(), Expected::Text(expected.into())));
    }

    /// Adds a finding that breaks some readings. It is described only if it is kept.
    pub(crate) fn add_for(
        &mut self,
        breaks: Readings,
        place: Place,
        describe: impl FnOnce() -> (String, Expected),
    ) {
        let judged = place.number.is_none_or(|number| self.range.contains(number));
        if breaks.is_empty() || !judged {
            return;
        }
        match self.counts.iter_mut().find(|(set, ..)| *set == breaks) {
            Some((_, count, _)) => *count += 1,
            None => self.counts.push((breaks, 1, place)),
        }
        if breaks.and(self.open).is_empty() {
            return;
        }
        let (found, expected) = describe();
        self.kept.push(Finding { place, found, expected, breaks });
        for reading in breaks.and(self.open).iter() {
            let kept = &mut self.kept_for[usize::from(reading)];
            *kept += 1;
            if *kept >= self.max {
                self.open = self.open.and(Readings::one(reading).not());
            }
        }
    }

    /// Returns the number of findings in a reading.
    pub(crate) fn count(&self, reading: Reading) -> u64 {
        let breaking = self.counts.iter().filter(|(set, ..)| set.contains(reading));
        breaking.map(|(_, count, _)| count).sum()
    }

    /// Returns where a reading fails first, and another one does not.
    pub(crate) fn first(&self, reading: Reading, but: Option<Reading>) -> Option<Place> {
        let breaks =
            |set: &Readings| set.contains(reading) && but.is_none_or(|but| !set.contains(but));
        let places = self.counts.iter().filter(|(set, ..)| breaks(set)).map(|(.., place)| *place);
        places.min_by_key(|place| (place.line == 0, place.line))
    }

    /// Returns the findings that were kept for a reading, in the order of the log.
    pub(crate) fn of(&self, reading: Reading) -> Vec<&Finding> {
        let breaks = |finding: &&Finding| finding.breaks.contains(reading);
        let mut kept: Vec<_> = self.kept.iter().filter(breaks).take(self.max).collect();
        kept.sort_by_key(|finding| finding.place.line);
        kept
    }
}
