//! The command line of the screen: `:buy xyz 550`, `:trigger sell xyz 900 at 15.50`, `:quote xyz`,
//! and lines of the protocol.

use super::amount::{SharePrice, parse_amount};
use super::{Action, Form, FormKind, ThemeName};
use daytrade_protocol::{
    Body, Command, CommandName, FileName, Money, Parsed as Line, Refusal, SessionCommand,
    SessionName, Side, Symbol, UserName, Word, parse_line,
};

/// A parsed command line.
#[derive(Clone, Debug)]
pub(super) enum Parsed {
    /// An action that a key can perform.
    Action(Action),
    /// A command to send.
    Send(Command),
    /// A complete order or trigger to send.
    Submit(Form),
    /// A symbol for the watchlist.
    Watch(Symbol),
    /// A form to open, with the symbol filled in.
    Open(Form),
    /// A theme.
    Theme(ThemeName),
    /// A command to the market's clock.
    Market(SessionCommand),
    /// A filter of the watchlist.
    Filter(String),
    /// A price alert.
    Alert(Symbol, Money),
    /// A workload file for screen 5.
    Replay(String),
    /// An intended panic, for tests.
    Panic,
}

/// Returns a command to the market's clock.
fn market(action: Option<&str>, value: Option<&str>) -> Parsed {
    let word = |text: Option<&str>| text.and_then(|text| Word::parse(text.as_bytes()));
    Parsed::Market(SessionCommand::Market { action: word(action), value: word(value) })
}

/// Parses a line.
///
/// # Errors
/// The message to display.
pub(super) fn parse(text: &str, user: &UserName) -> Result<Parsed, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let lower: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    if let ["replay", _] = lower.as_slice() {
        return Ok(Parsed::Replay(words[1].to_owned()));
    }
    // `buy xyz 1,000` has a comma, too, and is not a line of the protocol.
    if words.first().is_some_and(|word| word.contains(',')) {
        return protocol_line(text.trim(), user);
    }
    match lower.as_slice() {
        [] => Err("type a command, or Esc".to_owned()),
        ["quit" | "q"] => Ok(Parsed::Action(Action::Quit)),
        ["buy", sym, amount] => order(Side::Buy, sym, amount),
        ["sell", sym, amount] => order(Side::Sell, sym, amount),
        ["buy", sym] => Ok(Parsed::Open(order_form(Side::Buy, sym)?)),
        ["sell", sym] => Ok(Parsed::Open(order_form(Side::Sell, sym)?)),
        ["add", amount] => {
            Ok(Parsed::Send(Command::Add { user: user.clone(), amount: money(amount)? }))
        }
        ["quote", sym] => {
            Ok(Parsed::Send(Command::Quote { user: user.clone(), symbol: symbol(sym)? }))
        }
        ["watch", sym] => Ok(Parsed::Watch(symbol(sym)?)),
        ["trigger", "buy", sym, amount, "at", price] => trigger(Side::Buy, sym, amount, price),
        ["trigger", "sell", sym, amount, "at", price] => trigger(Side::Sell, sym, amount, price),
        ["alert", sym, price] => Ok(Parsed::Alert(symbol(sym)?, money(price)?)),
        ["filter", ..] => Ok(Parsed::Filter(words[1..].join(" "))),
        ["theme", name] => theme(name),
        ["market"] => Ok(market(None, None)),
        ["pause"] => Ok(market(Some("PAUSE"), None)),
        ["resume"] => Ok(market(Some("RESUME"), None)),
        ["step"] => Ok(market(Some("STEP"), None)),
        ["speed", speed] => Ok(market(Some("SPEED"), Some(speed))),
        ["seek", time] => {
            let time_ms = crate::convert::parse_time(time)
                .ok_or_else(|| format!("{time:?} is not a date: 2024-01-02"))?;
            Ok(market(Some("SEEK"), Some(&time_ms.to_string())))
        }
        ["panic"] if cfg!(debug_assertions) => Ok(Parsed::Panic),
        ["dumplog", file] => {
            let filename = FileName::parse(file).ok_or_else(|| Refusal::BadFilename.to_string())?;
            Ok(Parsed::Send(Command::DumpLog { user: Some(user.clone()), filename }))
        }
        [name] => {
            let action = Action::ALL.iter().find(|action| action.name() == *name);
            action.map(|action| Parsed::Action(*action)).ok_or_else(|| unknown(text))
        }
        _ => Err(unknown(text)),
    }
}

fn symbol(word: &str) -> Result<Symbol, String> {
    Symbol::parse(word.as_bytes())
        .ok_or_else(|| format!("{word:?} is no symbol: 1 to 3 letters or digits"))
}

fn money(text: &str) -> Result<Money, String> {
    parse_amount(text, SharePrice::DollarsOnly)
}

fn theme(name: &str) -> Result<Parsed, String> {
    let theme = ThemeName::ALL.into_iter().find(|theme| theme.name() == name);
    theme.map(Parsed::Theme).ok_or_else(|| {
        let names: Vec<_> = ThemeName::ALL.iter().map(|theme| theme.name()).collect();
        format!("{name:?} is no theme: {}", names.join(", "))
    })
}

fn order_form(side: Side, sym: &str) -> Result<Form, String> {
    Ok(Form::new(FormKind::Order(side), Some(symbol(sym)?)))
}

/// The amount is checked with the form's other consequences.
fn order(side: Side, sym: &str, amount: &str) -> Result<Parsed, String> {
    Ok(Parsed::Submit(Form::typed(FormKind::Order(side), symbol(sym)?, amount, "")))
}

/// Both halves are checked before the first is sent, because it would replace an armed trigger.
fn trigger(side: Side, sym: &str, amount: &str, price: &str) -> Result<Parsed, String> {
    let symbol = symbol(sym)?;
    let price_of_share = money(price)?;
    let dollars = parse_amount(amount, SharePrice::At(Some(price_of_share)))?;
    if dollars.whole_shares(price_of_share) == 0 {
        return Err(format!("{amount} trades no whole share at {price}"));
    }
    Ok(Parsed::Submit(Form::typed(FormKind::Trigger(side), symbol, amount, price)))
}

fn unknown(text: &str) -> String {
    format!(
        "{text:?}? Try: buy SYM AMOUNT, sell SYM AMOUNT, trigger buy SYM AMOUNT at PRICE, \
         add AMOUNT, quote SYM, watch SYM, alert SYM PRICE, filter WORDS, theme NAME, \
         replay FILE, dumplog FILE"
    )
}

/// Parses a line of the protocol. It must be a command of the screen's own user.
fn protocol_line(line: &str, user: &UserName) -> Result<Parsed, String> {
    match parse_line(line.as_bytes()) {
        Line::Request(request) => match request.body {
            Body::Command(command) if command.user() != Some(user) => {
                Err(format!("this screen is {user}'s: the line has to name {user}"))
            }
            Body::Command(command) if request.tag.is_none() && !request.noreply => {
                Ok(Parsed::Send(command))
            }
            Body::Command(_) => {
                Err("without a tag and noreply, please: the screen numbers its requests".to_owned())
            }
            Body::Session(_) => Err("the screen sends that without being asked".to_owned()),
        },
        Line::Invalid(invalid) => Err(invalid.refusal.to_string()),
        Line::Nothing => Err("nothing to send".to_owned()),
    }
}

/// First words of a line that are not the name of an action, with their help.
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

/// Returns the help of a command or an action.
pub(crate) fn describe(name: &str) -> &'static str {
    let action =
        Action::ALL.iter().find(|action| action.name() == name).map(|action| action.help());
    action
        .or_else(|| COMMANDS.iter().find(|(known, _)| *known == name).map(|(_, help)| *help))
        .unwrap_or("")
}

/// Returns the names of commands and actions that match a text, best first: those with the text as
/// their prefix, then those that contain its letters in this order.
/// A text in capitals is a request of the protocol: its names come from the table of commands.
pub(crate) fn suggestions(text: &str) -> Vec<&'static str> {
    let request = text.trim();
    if request.starts_with(|first: char| first.is_ascii_uppercase()) {
        let audited = CommandName::ALL.iter().map(|name| name.as_str());
        let names = audited.chain(SessionName::ALL.iter().map(|name| name.as_str()));
        return names.filter(|name| name.starts_with(request)).collect();
    }
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

/// Returns the form of the order or trigger that is being typed, for the preview.
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
    let word = |at: usize| rest.get(at).copied().unwrap_or_default();
    Some(Form::typed(kind, symbol, word(1), word(3)))
}

/// Returns the character between a name and its first argument.
fn separator(name: &str) -> char {
    if name.starts_with(|first: char| first.is_ascii_uppercase()) { ',' } else { ' ' }
}

/// Returns the text with its last word completed: the name of an action, a symbol of the watchlist
/// or a theme.
pub(super) fn complete(text: &str, watchlist: &[Symbol]) -> String {
    let begin = text.rfind(' ').map_or(0, |at| at + 1);
    let (before, last) = text.split_at(begin);
    if before.is_empty() {
        return suggestions(text)
            .first()
            .map_or_else(|| text.to_owned(), |name| format!("{name}{}", separator(name)));
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
    use crate::app::{Field, Quotes, Subject};

    fn alice() -> UserName {
        UserName::parse(b"alice").unwrap()
    }

    #[test]
    fn a_typed_command_is_parsed_into_the_request_to_send() {
        let sent = |text: &str| {
            let line = |command: Command| Subject::Sent(command).wire_line();
            match parse(text, &alice()) {
                Ok(Parsed::Send(command)) => line(command),
                Ok(Parsed::Submit(form)) => {
                    match form.commands(&alice(), &Quotes::default()).unwrap() {
                        (one, None) => line(one),
                        (one, Some(two)) => format!("{} then {}", line(one), line(two)),
                    }
                }
                other => format!("{other:?}"),
            }
        };
        assert_eq!(sent("buy xyz 550"), "BUY,alice,XYZ,550.00");
        assert_eq!(
            sent("trigger sell xyz 900 at 15.50"),
            "SET_SELL_AMOUNT,alice,XYZ,900.00 then SET_SELL_TRIGGER,alice,XYZ,15.50"
        );
        assert_eq!(sent("COMMIT_BUY,alice"), "COMMIT_BUY,alice");
        assert_eq!(sent("dumplog out.xml"), "DUMPLOG,alice,out.xml");
    }

    #[test]
    fn an_invalid_line_is_refused() {
        for bad in [
            "",
            "buy toolong 5",
            "fly",
            "SUBSCRIBE,alice",
            "[1] ADD,alice,5",
            "ADD,alice,-5",
            "ADD,bob,5",
            "DUMPLOG,x",
            "add -5",
            "dumplog ../x",
            "trigger sell xyz 100 at 0",
            "trigger buy xyz 5 at 9",
        ] {
            assert!(parse(bad, &alice()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_line_that_changes_only_the_screen_is_parsed() {
        let parsed = |text: &str| parse(text, &alice());
        assert!(matches!(parsed("hide-money"), Ok(Parsed::Action(Action::HideMoney))));
        assert!(suggestions("hdmn").contains(&"hide-money"));
        assert!(matches!(parsed("theme safe"), Ok(Parsed::Theme(ThemeName::Safe))));
        assert!(
            matches!(parsed("replay Dir/a,b.txt"), Ok(Parsed::Replay(f)) if f == "Dir/a,b.txt")
        );
        assert!(
            matches!(parsed("filter chg<-1 held"), Ok(Parsed::Filter(f)) if f == "chg<-1 held")
        );
    }

    #[test]
    fn tab_completes_the_last_word_and_the_preview_has_the_typed_values() {
        let watchlist: Vec<_> =
            ["XYZ", "ABC"].iter().filter_map(|name| Symbol::parse(name.as_bytes())).collect();
        for (typed, completed) in [
            ("hid", "hide-money "),
            ("alr", "alert "),
            ("buy x", "buy xyz "),
            ("theme sa", "theme safe "),
            ("SET_S", "SET_SELL_AMOUNT,"),
            ("WA", "WATCH,"),
            ("zzz", "zzz"),
            ("buy q", "buy q"),
        ] {
            assert_eq!(complete(typed, &watchlist), completed);
        }
        let form = preview("trigger sell xyz 900 at 15.50").unwrap();
        let typed = |field| form.input(field).value();
        assert_eq!(
            (form.kind(), typed(Field::Amount), typed(Field::Price)),
            (FormKind::Trigger(Side::Sell), "900", "15.50")
        );
        assert_eq!(preview("buy xyz").unwrap().kind(), FormKind::Order(Side::Buy));
        assert!(preview("quote xyz").is_none());
    }
}
