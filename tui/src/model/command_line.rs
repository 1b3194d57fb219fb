//! The command line of the screen: `:buy xyz 550`, `:trigger sell xyz 900 at 15.50`, `:quote xyz`,
//! and the server's own language.

use super::{Action, Form, FormKind, ThemeName};
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
    /// Other colours.
    Theme(ThemeName),
    /// What the watchlist is narrowed to.
    Filter(String),
    /// A price to hear of.
    Alert(Symbol, Money),
    /// A workload file for screen 5.
    Replay(String),
    /// A defect, made on purpose.
    Panic,
}

/// Reads what was typed.
pub(super) fn read(text: &str, user: &str) -> Result<Typed, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let lower: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    if let ["replay", _] = lower.as_slice() {
        return Ok(Typed::Replay(words[1].to_owned()));
    }
    if text.contains(',') {
        return raw(text.trim(), user);
    }
    let symbol = |word: &str| {
        Symbol::parse(word.as_bytes())
            .ok_or_else(|| format!("{word:?} is no symbol: 1 to 3 letters or digits"))
    };
    match lower.as_slice() {
        [] => Err("type a command, or Esc".to_owned()),
        ["quit" | "q"] => Ok(Typed::Do(Action::Quit)),
        ["buy", sym, amount] => {
            Ok(Typed::Send(format!("BUY,{user},{},{amount}", symbol(sym)?), None))
        }
        ["sell", sym, amount] => {
            Ok(Typed::Send(format!("SELL,{user},{},{amount}", symbol(sym)?), None))
        }
        ["buy", sym] => Ok(Typed::Open(Form::new(FormKind::Order(Side::Buy), Some(symbol(sym)?)))),
        ["sell", sym] => {
            Ok(Typed::Open(Form::new(FormKind::Order(Side::Sell), Some(symbol(sym)?))))
        }
        ["add", amount] => Ok(Typed::Send(format!("ADD,{user},{amount}"), None)),
        ["quote", sym] => Ok(Typed::Send(format!("QUOTE,{user},{}", symbol(sym)?), None)),
        ["watch", sym] => Ok(Typed::Watch(symbol(sym)?)),
        ["trigger", side @ ("buy" | "sell"), sym, amount, "at", price] => {
            let (side, symbol) = (side.to_ascii_uppercase(), symbol(sym)?);
            // Both halves are looked at before the first is sent: it would change a trigger that is
            // armed.
            let (dollars, at) = (money(amount)?, money(price)?);
            if dollars.whole_shares(at) == 0 {
                return Err(format!("{amount} trades no whole share at {price}"));
            }
            let amount = format!("SET_{side}_AMOUNT,{user},{symbol},{amount}");
            Ok(Typed::Send(amount, Some(format!("SET_{side}_TRIGGER,{user},{symbol},{price}"))))
        }
        ["alert", sym, price] => Ok(Typed::Alert(symbol(sym)?, money(price)?)),
        ["filter", ..] => Ok(Typed::Filter(words[1..].join(" "))),
        ["theme", name] => {
            let theme = ThemeName::ALL.into_iter().find(|theme| theme.name() == *name);
            theme.map(Typed::Theme).ok_or_else(|| {
                let names: Vec<_> = ThemeName::ALL.iter().map(|theme| theme.name()).collect();
                format!("{name:?} is no theme: {}", names.join(", "))
            })
        }
        ["panic"] if cfg!(debug_assertions) => Ok(Typed::Panic),
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
        "{text:?}? Try: buy SYM AMOUNT, sell SYM AMOUNT, trigger buy SYM AMOUNT at PRICE, add AMOUNT, quote SYM, \
         watch SYM, alert SYM PRICE, filter WORDS, theme NAME, replay FILE, dumplog FILE"
    )
}

/// A line of the server's own language, if it is one.
fn raw(line: &str, user: &str) -> Result<Typed, String> {
    match parse_line(line.as_bytes()) {
        Parsed::Request(request) => match request.body {
            Body::Command(command) if command.user().is_none_or(|whose| whose.as_str() != user) => {
                Err(format!("this screen is {user}'s: the line has to name {user}"))
            }
            Body::Command(_) if request.tag.is_none() && !request.noreply => {
                Ok(Typed::Send(line.to_owned(), None))
            }
            Body::Command(_) => {
                Err("without a tag and noreply, please: the screen numbers its requests".to_owned())
            }
            Body::Session(_) => Err("the screen does that by itself".to_owned()),
        },
        Parsed::Invalid(invalid) => Err(invalid.refusal.to_string()),
        Parsed::Nothing => Err("nothing to send".to_owned()),
    }
}

/// Words a line can begin with that no action is called by.
const COMMANDS: [(&str, &str); 8] = [
    ("add", "add AMOUNT"),
    ("quote", "quote SYM"),
    ("watch", "watch SYM: onto the watchlist"),
    ("alert", "alert SYM PRICE: ring when it is crossed"),
    ("filter", "filter WORDS: narrow the watchlist"),
    ("theme", "theme default, safe, inverted, light or mono"),
    ("replay", "replay FILE: run a workload file on a server of its own"),
    ("dumplog", "dumplog FILE: write your part of the log"),
];

/// What a name does, in a few words.
pub fn describe(name: &str) -> &'static str {
    let action =
        Action::ALL.iter().find(|action| action.name() == name).map(|action| action.help());
    action
        .or_else(|| COMMANDS.iter().find(|(known, _)| *known == name).map(|(_, help)| *help))
        .unwrap_or("")
}

/// Names of commands and actions that match what is typed, best first: those that begin so, then
/// those that have the letters in this order.
pub fn suggestions(text: &str) -> Vec<&'static str> {
    let wanted = text.trim().to_ascii_lowercase();
    let fits = |name: &&str| {
        let mut letters = name.chars();
        wanted.chars().all(|want| letters.any(|letter| letter == want))
    };
    let names = COMMANDS
        .iter()
        .map(|(name, _)| *name)
        .chain(Action::ALL.iter().map(|action| action.name()));
    let mut names: Vec<&str> = names.filter(fits).collect();
    names.sort_by_key(|name| !name.starts_with(&wanted));
    names
}

/// The order or trigger that a text begins to be, to show what would come of it.
pub(super) fn preview(text: &str) -> Option<Form> {
    let lower = text.to_ascii_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    let side = |word: &str| match word {
        "buy" => Some(Side::Buy),
        "sell" => Some(Side::Sell),
        _ => None,
    };
    let (kind, rest) = match words.as_slice() {
        ["trigger", word, rest @ ..] => (FormKind::Trigger(side(word)?), rest),
        [word, rest @ ..] => (FormKind::Order(side(word)?), rest),
        [] => return None,
    };
    let symbol = Symbol::parse(rest.first()?.as_bytes())?;
    let mut form = Form::new(kind, Some(symbol));
    rest.get(1).copied().unwrap_or_default().clone_into(&mut form.amount);
    rest.get(3).copied().unwrap_or_default().clone_into(&mut form.price);
    Some(form)
}

/// The text with its last word completed: the name of an action, a symbol of the watchlist, a
/// theme.
pub(super) fn complete(text: &str, watchlist: &[Symbol]) -> String {
    let begin = text.rfind(' ').map_or(0, |at| at + 1);
    let (before, last) = text.split_at(begin);
    if before.is_empty() {
        return suggestions(text)
            .first()
            .map_or_else(|| text.to_owned(), |name| format!("{name} "));
    }
    let last = last.to_ascii_lowercase();
    let mut words: Vec<String> =
        watchlist.iter().map(|symbol| symbol.as_str().to_ascii_lowercase()).collect();
    words.extend(ThemeName::ALL.iter().map(|theme| theme.name().to_owned()));
    words.extend(["buy", "sell", "at"].map(str::to_owned));
    let found = words.into_iter().find(|word| !last.is_empty() && word.starts_with(&last));
    found.map_or_else(|| text.to_owned(), |word| format!("{before}{word} "))
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
        assert!(suggestions("hdmn").contains(&"hide-money"));
        assert_eq!(read("theme safe", "alice"), Ok(Typed::Theme(ThemeName::Safe)));
        assert_eq!(
            read("replay Dir/a,b.txt", "alice"),
            Ok(Typed::Replay("Dir/a,b.txt".to_owned()))
        );
        assert_eq!(
            read("filter chg<-1 held", "alice"),
            Ok(Typed::Filter("chg<-1 held".to_owned()))
        );
    }

    #[test]
    fn tab_completes_the_last_word_and_the_preview_knows_what_is_meant() {
        let watchlist: Vec<_> =
            ["XYZ", "ABC"].iter().filter_map(|name| Symbol::parse(name.as_bytes())).collect();
        for (typed, completed) in [
            ("hid", "hide-money "),
            ("alr", "alert "),
            ("buy x", "buy xyz "),
            ("theme sa", "theme safe "),
            ("zzz", "zzz"),
            ("buy q", "buy q"),
        ] {
            assert_eq!(complete(typed, &watchlist), completed);
        }
        let form = preview("trigger sell xyz 900 at 15.50").unwrap();
        assert_eq!(
            (form.kind, form.amount.as_str(), form.price.as_str()),
            (FormKind::Trigger(Side::Sell), "900", "15.50")
        );
        assert_eq!(preview("buy xyz").unwrap().kind, FormKind::Order(Side::Buy));
        assert_eq!(preview("quote xyz"), None);
    }
}
