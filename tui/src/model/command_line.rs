//! The command line of the screen: `:buy xyz 550`, `:trigger sell xyz 900 at 15.50`, `:quote xyz`, and the server's own
//! language.

use super::{Action, Form, FormKind};
use daytrade_protocol::{Body, Money, Parsed, Side, Symbol, parse_line};

/// What a typed command comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// Something a key can do.
    Do(Action),
    /// Lines to send, the second when the first is carried out.
    Send(String, Option<String>),
    /// A symbol for the watchlist.
    Watch(Symbol),
    /// A form, filled in as far as was typed.
    Open(Form),
}

/// Reads what was typed.
pub(super) fn read(text: &str, user: &str) -> Result<Typed, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let lower: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    if text.contains(',') {
        return raw(text.trim(), user);
    }
    let symbol = |word: &str| {
        Symbol::parse(word.as_bytes()).ok_or_else(|| format!("{word:?} is no symbol: 1 to 3 letters or digits"))
    };
    match lower.as_slice() {
        [] => Err("type a command, or Esc".to_owned()),
        ["quit" | "q"] => Ok(Typed::Do(Action::Quit)),
        ["buy", sym, amount] => Ok(Typed::Send(format!("BUY,{user},{},{amount}", symbol(sym)?), None)),
        ["sell", sym, amount] => Ok(Typed::Send(format!("SELL,{user},{},{amount}", symbol(sym)?), None)),
        ["buy", sym] => Ok(Typed::Open(Form::new(FormKind::Order(Side::Buy), Some(symbol(sym)?)))),
        ["sell", sym] => Ok(Typed::Open(Form::new(FormKind::Order(Side::Sell), Some(symbol(sym)?)))),
        ["add", amount] => Ok(Typed::Send(format!("ADD,{user},{amount}"), None)),
        ["quote", sym] => Ok(Typed::Send(format!("QUOTE,{user},{}", symbol(sym)?), None)),
        ["watch", sym] => Ok(Typed::Watch(symbol(sym)?)),
        ["trigger", side @ ("buy" | "sell"), sym, amount, "at", price] => {
            let (side, symbol) = (side.to_ascii_uppercase(), symbol(sym)?);
            // Both halves are looked at before the first is sent: it would change a trigger that is armed.
            let (dollars, at) = (money(amount)?, money(price)?);
            if dollars.whole_shares(at) == 0 {
                return Err(format!("{amount} trades no whole share at {price}"));
            }
            let amount = format!("SET_{side}_AMOUNT,{user},{symbol},{amount}");
            Ok(Typed::Send(amount, Some(format!("SET_{side}_TRIGGER,{user},{symbol},{price}"))))
        }
        ["dumplog", file] => Ok(Typed::Send(format!("DUMPLOG,{user},{file}"), None)),
        [name] => {
            let action = Action::ALL.iter().find(|action| action.name() == *name);
            action.map(|action| Typed::Do(*action)).ok_or_else(|| unknown(text))
        }
        _ => Err(unknown(text)),
    }
}

fn money(text: &str) -> Result<Money, String> {
    Money::parse_amount(text.as_bytes())
        .map_err(|_| format!("{text:?} is no amount: dollars above 0, at most two decimals"))
}

fn unknown(text: &str) -> String {
    format!(
        "{text:?}? Try: buy SYM AMOUNT, sell SYM AMOUNT, trigger buy SYM AMOUNT at PRICE, add AMOUNT, quote SYM, watch SYM"
    )
}

/// A line of the server's own language, if it is one.
fn raw(line: &str, user: &str) -> Result<Typed, String> {
    match parse_line(line.as_bytes()) {
        Parsed::Request(request) => match request.body {
            Body::Command(command) if command.user().is_none_or(|whose| whose.as_str() != user) => {
                Err(format!("this screen is {user}'s: the line has to name {user}"))
            }
            Body::Command(_) if request.tag.is_none() && !request.noreply => Ok(Typed::Send(line.to_owned(), None)),
            Body::Command(_) => Err("without a tag and noreply, please: the screen numbers its requests".to_owned()),
            Body::Session(_) => Err("the screen does that by itself".to_owned()),
        },
        Parsed::Invalid(invalid) => Err(invalid.refusal.to_string()),
        Parsed::Nothing => Err("nothing to send".to_owned()),
    }
}

/// Names of actions that match what is typed, best first.
pub fn suggestions(text: &str) -> Vec<Action> {
    let wanted: Vec<char> = text.to_ascii_lowercase().chars().collect();
    let fits = |name: &str| {
        let mut letters = name.chars();
        wanted.iter().all(|want| letters.any(|letter| letter == *want))
    };
    Action::ALL.iter().copied().filter(|action| fits(action.name())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_what_is_sent() {
        let sent = |text: &str| match read(text, "alice") {
            Ok(Typed::Send(one, None)) => one,
            Ok(Typed::Send(one, Some(two))) => format!("{one} then {two}"),
            other => format!("{other:?}"),
        };
        assert_eq!(sent("buy xyz 550"), "BUY,alice,XYZ,550");
        assert_eq!(
            sent("trigger sell xyz 900 at 15.50"),
            "SET_SELL_AMOUNT,alice,XYZ,900 then SET_SELL_TRIGGER,alice,XYZ,15.50"
        );
        assert_eq!(sent("COMMIT_BUY,alice"), "COMMIT_BUY,alice");
        assert_eq!(read("hide-money", "alice"), Ok(Typed::Do(Action::HideMoney)));
        for bad in [
            "",
            "buy toolong 5",
            "fly",
            "SUBSCRIBE,alice",
            "[1] ADD,alice,5",
            "ADD,alice,-5",
            "ADD,bob,5",
            "DUMPLOG,x",
            "trigger sell xyz 100 at 0",
            "trigger buy xyz 5 at 9",
        ] {
            assert!(read(bad, "alice").is_err(), "{bad}");
        }
        assert!(suggestions("hdmn").contains(&Action::HideMoney));
    }
}
