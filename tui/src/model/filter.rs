//! The language that narrows the watchlist: `xyz`, `held`, `chg<-1`, `away<3%`, `age>60s`, joined
//! by spaces.

use super::{Model, Seen};
use daytrade_protocol::Symbol;

/// A filter being typed or kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// As typed.
    pub text: String,
    /// The words of it that can be understood, which are what narrows the list.
    good: Vec<Condition>,
    /// The word that cannot be understood: where it begins and ends in the text, in bytes.
    pub wrong: Option<(usize, usize)>,
}

/// One word of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    /// Letters of the symbol.
    Letters(String),
    /// Shares are held.
    Held,
    /// A number compared with a bound, both in the number's smallest unit.
    Compare { what: Number, less: bool, bound: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    /// In hundredths of a percent.
    Change,
    /// To the nearest trigger, in hundredths of a percent.
    Away,
    /// In seconds.
    Age,
}

/// Bytes of a filter.
const FILTER_BYTES_MAX: usize = 40;

impl Filter {
    /// Takes in a text; a word that cannot be understood is marked and narrows nothing.
    pub fn set(&mut self, text: &str) {
        text.clone_into(&mut self.text);
        self.wrong = None;
        let mut conditions = Vec::new();
        for word in text.split_ascii_whitespace() {
            if let Some(condition) = Condition::parse(word) {
                conditions.push(condition);
            } else {
                let from = word.as_ptr().addr() - text.as_ptr().addr();
                self.wrong.get_or_insert((from, from + word.len()));
            }
        }
        self.good = conditions;
    }

    /// Adds a letter, if there is room.
    pub fn type_letter(&mut self, letter: char) {
        if letter.is_ascii_graphic() || letter == ' ' {
            let mut text = self.text.clone();
            text.push(letter);
            if text.len() <= FILTER_BYTES_MAX {
                self.set(&text);
            }
        }
    }

    /// Takes the last letter back.
    pub fn erase(&mut self) {
        let mut text = self.text.clone();
        text.pop();
        self.set(&text);
    }

    /// Whether everything is shown.
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether a symbol passes.
    pub fn lets_pass(&self, symbol: Symbol, model: &Model) -> bool {
        self.good.iter().all(|condition| condition.holds(symbol, model))
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

    fn holds(&self, symbol: Symbol, model: &Model) -> bool {
        match self {
            Self::Letters(letters) => symbol.as_str().contains(letters),
            Self::Held => {
                model.account.as_ref().is_some_and(|account| account.holding(symbol).is_some())
            }
            Self::Compare { what, less, bound } => {
                let seen = model.shown_quotes().get(symbol);
                let number = match what {
                    Number::Change => seen.and_then(Seen::change_basis_points),
                    Number::Away => {
                        let away = model.triggers_by_nearness().into_iter();
                        away.filter(|(trigger, _)| trigger.symbol == symbol)
                            .find_map(|(_, away)| away)
                    }
                    Number::Age => {
                        seen.map(|seen| (seen.age_ms(model.now_ms, model.offset_ms) / 1_000) as i64)
                    }
                };
                // What is not known passes no comparison.
                number.is_some_and(|number| if *less { number < *bound } else { number > *bound })
            }
        }
    }
}

/// A decimal number with at most two decimals, in hundredths.
fn hundredths(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str, most: usize| {
        text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if whole.is_empty() || !is_number(whole, 9) || !is_number(part, 2) {
        return None;
    }
    let value = whole.parse::<i64>().ok()? * 100 + format!("{part:0<2}").parse::<i64>().ok()?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use crate::model::tests::World;

    #[test]
    fn the_filter_narrows_the_list_and_a_word_it_does_not_know_changes_nothing() {
        let mut world = World::live();
        world.summary(&[
            "ACCOUNT,alice,1000.00,0.00,0.00",
            "HOLDING,ABC,20,0,2375.00",
            "TRIGGER,BUY,TSX,100.00,9.10,0",
        ]);
        world.wait(5_000);
        world.says(&format!("* QUOTE,XYZ,14.50,{}", world.now_ms));
        let mut shown = |text: &str| {
            world.model.filter.set(text);
            world
                .model
                .shown_symbols()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
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
        world.model.filter.set("held chg<x");
        assert_eq!(world.model.filter.wrong, Some((5, 10)));
    }
}
