//! The filter language of the watchlist: `xyz`, `held`, `chg<-1`, `away<3%`, `age>60s`, joined by
//! spaces.

use super::text_input::editing_request;
use super::{Account, Clock, Key, Quotes, SymbolQuote};
use daytrade_protocol::Symbol;
use tui_input::{Input, InputRequest};

/// The maximum length of a filter, in bytes.
const FILTER_BYTES_MAX: usize = 40;

/// The filter of the watchlist.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    input: Input,
    /// The valid words, which are the ones that filter.
    conditions: Vec<Condition>,
    /// The first invalid word: its start and end in the text, in bytes.
    invalid: Option<(usize, usize)>,
}

/// One word of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    /// The symbol contains these letters.
    Letters(String),
    /// Shares are held.
    Held,
    /// A number compared with a bound, both in the number's smallest unit.
    Compare { what: Number, less: bool, bound: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    /// The change of the price, in hundredths of a percent.
    Change,
    /// The distance to the nearest trigger, in hundredths of a percent.
    Away,
    /// The age of the quote, in seconds.
    Age,
}

impl Filter {
    /// Returns the text as it was typed.
    pub(crate) fn text(&self) -> &str {
        self.input.value()
    }

    /// Returns the position of the cursor, in characters.
    pub(crate) fn cursor(&self) -> usize {
        self.input.cursor()
    }

    /// Returns the first invalid word: its start and end in the text, in bytes.
    pub(crate) const fn invalid(&self) -> Option<(usize, usize)> {
        self.invalid
    }

    /// Replaces the text.
    pub(super) fn set(&mut self, text: &str) {
        self.input = text.into();
        self.parse();
    }

    /// Handles an editing key or a letter.
    pub(super) fn on_key(&mut self, key: Key) {
        match key {
            Key::Char(letter) if letter.is_ascii_graphic() || letter == ' ' => {
                if self.text().len() < FILTER_BYTES_MAX {
                    self.input.handle(InputRequest::InsertChar(letter));
                }
            }
            key => {
                editing_request(key).map(|request| self.input.handle(request));
            }
        }
        self.parse();
    }

    /// Parses the text. An invalid word is marked and does not filter.
    fn parse(&mut self) {
        self.invalid = None;
        self.conditions.clear();
        let text = self.input.value();
        for word in text.split_ascii_whitespace() {
            if let Some(condition) = Condition::parse(word) {
                self.conditions.push(condition);
            } else {
                let from = word.as_ptr().addr() - text.as_ptr().addr();
                self.invalid.get_or_insert((from, from + word.len()));
            }
        }
    }

    /// Returns true if everything is displayed.
    pub(crate) fn is_empty(&self) -> bool {
        self.text().is_empty()
    }

    /// Returns true if a symbol meets all conditions.
    pub(super) fn matches(
        &self,
        symbol: Symbol,
        account: Option<&Account>,
        quotes: &Quotes,
        clock: Clock,
    ) -> bool {
        self.conditions.iter().all(|condition| condition.holds(symbol, account, quotes, clock))
    }
}

impl Condition {
    fn parse(word: &str) -> Option<Self> {
        if word.eq_ignore_ascii_case("held") {
            return Some(Self::Held);
        }
        if let Some(at) = word.find(['<', '>']) {
            let (name, less, bound) = (&word[..at], word.as_bytes()[at] == b'<', &word[at + 1..]);
            let what = match name.to_ascii_lowercase().as_str() {
                "chg" => Number::Change,
                "away" => Number::Away,
                "age" => Number::Age,
                _ => return None,
            };
            let bound = match what {
                Number::Change | Number::Away => {
                    hundredths(bound.strip_suffix('%').unwrap_or(bound))?
                }
                Number::Age => bound.strip_suffix('s').unwrap_or(bound).parse::<u32>().ok()?.into(),
            };
            return Some(Self::Compare { what, less, bound });
        }
        let is_symbol = word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_symbol.then(|| Self::Letters(word.to_ascii_uppercase()))
    }

    fn holds(
        &self,
        symbol: Symbol,
        account: Option<&Account>,
        quotes: &Quotes,
        clock: Clock,
    ) -> bool {
        match self {
            Self::Letters(letters) => symbol.as_str().contains(letters),
            Self::Held => account.is_some_and(|account| account.holding(symbol).is_some()),
            Self::Compare { what, less, bound } => {
                let quote = quotes.get(symbol);
                let number = match what {
                    Number::Change => quote.and_then(SymbolQuote::change_basis_points),
                    Number::Away => account.and_then(|account| {
                        let triggers = account.triggers_by_nearness(quotes).into_iter();
                        let mut of_symbol = triggers.filter(|(t, _)| t.symbol == symbol);
                        of_symbol.find_map(|(_, away)| away)
                    }),
                    Number::Age => quote.map(|quote| (quote.age_ms(clock) / 1_000) as i64),
                };
                // An unknown number meets no condition.
                number.is_some_and(|number| if *less { number < *bound } else { number > *bound })
            }
        }
    }
}

/// Parses a decimal number with at most two decimals; returns it in hundredths.
fn hundredths(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str, max: usize| {
        text.len() <= max && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if whole.is_empty() || !is_number(whole, 9) || !is_number(part, 2) {
        return None;
    }
    let value = whole.parse::<i64>().ok()? * 100 + format!("{part:0<2}").parse::<i64>().ok()?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use crate::app::tests::World;

    #[test]
    fn the_filter_selects_symbols_and_ignores_an_invalid_word() {
        let mut world = World::live();
        world.summary(&[
            "ACCOUNT,alice,1000.00,0.00,0.00",
            "HOLDING,ABC,20,0,2375.00",
            "TRIGGER,BUY,TSX,100.00,9.10,0",
        ]);
        world.wait(5_000);
        world.receive(&format!("* QUOTE,XYZ,14.50,{}", world.now_ms));
        let mut shown = |text: &str| {
            world.app.market.filter_mut().set(text);
            world.app.shown_symbols().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(""), "XYZ ABC TSX");
        assert_eq!(shown("held"), "ABC");
        assert_eq!(shown("chg<-1"), "XYZ");
        assert_eq!(shown("chg>-3.46% x"), "TSX");
        assert_eq!(shown("away<3%"), "TSX");
        assert_eq!(shown("age>4s"), "ABC TSX");
        assert_eq!(shown("s"), "TSX");
        for wrong in ["chg<", "age>1m", "abcd", "foo<3", "chg<1.234"] {
            assert_eq!(shown(&format!("s {wrong}")), "TSX", "{wrong}: the list stays");
        }
        world.app.market.filter_mut().set("held chg<x");
        assert_eq!(world.app.market.filter().invalid(), Some((5, 10)));
    }
}
