//! The one table of commands.
//!
//! A row is: variant, name on the wire, arguments, fields of the OK reply. An argument in brackets
//! is optional, and so are those after a semicolon, from the last one on. Everything that depends
//! on the list of commands is generated from it: names and usage texts ([`super::CommandName`]),
//! values, parsing and printing ([`super::Command`], [`super::SessionCommand`]), replies
//! ([`crate::ReplyBody`]), the fields of the audit log ([`super::CommandFields`]), HELP, and the
//! server's dispatch to its rules.
//!
//! The order of the rows of `commands` is part of the journal format: add rows at the end.

/// Calls a macro with the table of commands.
#[macro_export]
macro_rules! command_table {
    ($callback:ident) => {
        $callback! {
            commands {
                Add "ADD" (user, amount) -> { available: Money }
                Quote "QUOTE" (user, symbol)
                    -> { symbol: Symbol, price: Money, at_ms: u64, key: Box<str> }
                Buy "BUY" (user, symbol, amount) -> { terms: TradeTerms, expires_at_ms: u64 }
                CommitBuy "COMMIT_BUY" (user) -> { terms: TradeTerms }
                CancelBuy "CANCEL_BUY" (user) -> { terms: TradeTerms }
                Sell "SELL" (user, symbol, amount) -> { terms: TradeTerms, expires_at_ms: u64 }
                CommitSell "COMMIT_SELL" (user) -> { terms: TradeTerms }
                CancelSell "CANCEL_SELL" (user) -> { terms: TradeTerms }
                SetBuyAmount "SET_BUY_AMOUNT" (user, symbol, amount)
                    -> { symbol: Symbol, amount: Money }
                SetBuyTrigger "SET_BUY_TRIGGER" (user, symbol, price)
                    -> { symbol: Symbol, amount: Money, price: Money }
                CancelSetBuy "CANCEL_SET_BUY" (user, symbol) -> { symbol: Symbol, amount: Money }
                SetSellAmount "SET_SELL_AMOUNT" (user, symbol, amount)
                    -> { symbol: Symbol, amount: Money }
                SetSellTrigger "SET_SELL_TRIGGER" (user, symbol, price)
                    -> { symbol: Symbol, amount: Money, price: Money, shares: u64 }
                CancelSetSell "CANCEL_SET_SELL" (user, symbol)
                    -> { symbol: Symbol, amount: Money, shares: u64 }
                DumpLog "DUMPLOG" ([user], filename) -> { path: DumpPath, events: u64 }
                DisplaySummary "DISPLAY_SUMMARY" (user) -> { user: UserName, lines: u64 }
            }
            session {
                Ping "PING" () -> {}
                Help "HELP" () -> { lines: u64 }
                Stats "STATS" () -> { lines: u64 }
                Quit "QUIT" () -> {}
                Subscribe "SUBSCRIBE" (user) -> { user: UserName }
                Unsubscribe "UNSUBSCRIBE" (user) -> { user: UserName }
                Watch "WATCH" (symbol) -> { symbol: Symbol }
                Unwatch "UNWATCH" (symbol) -> { symbol: Symbol }
                Auth "AUTH" (user, secret) -> { name: Box<str>, role: Box<str> }
                Passwd "PASSWD" (old, new) -> {}
                Whoami "WHOAMI" () -> { name: Box<str>, role: Box<str>, accounts: Box<str> }
                ReadLog "READLOG" (; user, from_ms) -> { events: u64 }
                Report "REPORT" (user; from_ms, to_ms) -> { lines: u64 }
                Market "MARKET" (; action, value)
                    -> { time_ms: u64, speed: Box<str>, state: Box<str> }
                Open "OPEN" (symbol)
                    -> { symbol: Symbol, price: Money, at_ms: u64, market: Box<str> }
            }
        }
    };
}

/// Lines of HELP after the usage of the audited commands.
pub const SESSION_HELP: &[&str] = &[
    "PING  STATS  HELP  QUIT  WHOAMI  AUTH,user,secret  PASSWD,old,new  READLOG[,user[,from_ms]]",
    "SUBSCRIBE,user  UNSUBSCRIBE,user  WATCH,symbol  UNWATCH,symbol  events start with *",
    "OPEN,symbol  REPORT,user[,from_ms[,to_ms]]  MARKET[,PAUSE|RESUME|STEP|SPEED,x|SEEK,ms]",
    "a [number] before a command comes back before its reply; noreply behind it wants none",
];
