//! schema: the log is well-formed, and its elements have the children, types and ranges of the
//! official schema.
//!
//! The official schema lists the children in an `xsd:all`, so their order is free. Its bounds on
//! timestamps differ from year to year: they are reported, and judged only with `--year`.

use super::{Followed, Remark, Rule};
use crate::check::element::Element;
use crate::check::event::{Child, Event, Fault, Kind};
use crate::check::findings::{Findings, Place};
use daytrade_protocol::{Symbol, UserName};
use jiff::civil::date;
use jiff::tz::TimeZone;

/// Times that our own schema allows: 13 digits.
const STRICT_MS: std::ops::RangeInclusive<u64> = 1_000_000_000_000..=9_999_999_999_999;

/// The rule.
#[derive(Debug, Default)]
pub(in crate::check) struct Schema {
    /// Judge by our own, stricter schema too.
    strict: bool,
    /// First and last time that are allowed.
    bounds: Option<(u64, u64)>,
    times: Option<(u64, u64)>,
}

impl Schema {
    /// Name of the rule.
    pub(in crate::check) const NAME: &str = "schema";

    /// Creates the rule. `year` is the year whose bounds on timestamps are judged.
    pub(in crate::check) fn new(strict: bool, year: Option<i16>) -> Self {
        Self { strict, bounds: year.and_then(bounds_of), times: None }
    }

    /// Returns what our own schema asks for beyond the official one.
    pub(in crate::check) fn strict_faults(&self, element: &Element<'_>, faults: &mut Vec<Fault>) {
        if !self.strict {
            return;
        }
        let text = |child: Child| element.children[child as usize].as_deref();
        let mut judge = |child: Child, fits: &dyn Fn(&str) -> bool, expected: &str| {
            if let Some(text) = text(child).filter(|text| !fits(text)) {
                let shown: String = text.chars().take(80).collect();
                let found = format!("{} {shown:?}", child.as_str());
                faults.push(Fault { found, expected: expected.to_owned() });
            }
        };
        let cents = |text: &str| {
            let (whole, cents) = text.trim_start_matches('-').split_once('.').unwrap_or_default();
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            !whole.is_empty() && digits(whole) && cents.len() == 2 && digits(cents)
        };
        let symbol = |text: &str| {
            Symbol::parse(text.as_bytes()).is_some_and(|symbol| symbol.as_str() == text)
        };
        let server = |text: &str| {
            text.rsplit_once('-')
                .is_some_and(|(name, shard)| !name.is_empty() && shard.parse::<u32>().is_ok())
        };
        judge(Child::Funds, &cents, "exactly two decimals");
        judge(Child::Price, &cents, "exactly two decimals");
        judge(Child::StockSymbol, &symbol, "1 to 3 capitals or digits");
        let user = |text: &str| UserName::parse(text.as_bytes()).is_some();
        judge(Child::UserName, &user, "1 to 64 of A-Z a-z 0-9 _ . -");
        judge(Child::Server, &server, "the name of the server, - and a number");
        let action = |text: &str| matches!(text, "add" | "remove");
        judge(Child::Action, &action, "add or remove");
        let time = |text: &str| text.parse().is_ok_and(|ms| STRICT_MS.contains(&ms));
        judge(Child::Timestamp, &time, "Unix milliseconds");
        let whole = |text: &str| text.parse::<u64>().is_ok();
        judge(Child::QuoteServerTime, &whole, "Unix milliseconds");
        if element.has_attributes {
            let found = "an attribute".to_owned();
            faults.push(Fault { found, expected: "elements without attributes".to_owned() });
        }
        if element.has_blanks {
            let found = "blanks around a server, a user or a symbol".to_owned();
            faults.push(Fault { found, expected: "no blanks around them".to_owned() });
        }
        if element.kind == Some(Kind::ErrorEvent) && text(Child::ErrorMessage).is_none() {
            let found = "no <errorMessage> in errorEvent".to_owned();
            faults.push(Fault { found, expected: "one <errorMessage>".to_owned() });
        }
    }
}

/// Returns the bounds on timestamps of a year's schema.
fn bounds_of(year: i16) -> Option<(u64, u64)> {
    let start = |year| {
        let zoned = date(year, 1, 1).to_zoned(TimeZone::UTC).ok()?;
        u64::try_from(zoned.timestamp().as_millisecond()).ok()
    };
    Some((start(year)?, start(year + 1)?))
}

impl Rule for Schema {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn event(&mut self, event: &Event<'_>, findings: &mut Findings) {
        for fault in event.faults {
            findings.add(Place::of(event), fault.found.clone(), fault.expected.clone());
        }
        let Some(at_ms) = event.at_ms else { return };
        let (first, last) = self.times.unwrap_or((at_ms, at_ms));
        self.times = Some((first.min(at_ms), last.max(at_ms)));
        if let Some((from, until)) =
            self.bounds.filter(|(from, until)| at_ms < *from || *until < at_ms)
        {
            findings.add(
                Place::of(event),
                format!("timestamp {at_ms}"),
                format!("{from} to {until}, as in the schema of that year"),
            );
        }
    }

    fn end(&mut self, _followed: &Followed, _findings: &mut Findings) -> Remark {
        let Some((first, last)) = self.times else { return Remark::default() };
        let within = |year: &i16| {
            bounds_of(*year).is_some_and(|(from, until)| from <= first && last <= until)
        };
        Remark::note(match (2016..=2023).find(within) {
            Some(year) => format!("timestamps within the bounds of {year}"),
            None if self.bounds.is_some() => return Remark::default(),
            None => "timestamps outside the bounds of every year from 2016 to 2023, which is not \
                     judged without --year"
                .to_owned(),
        })
    }
}
