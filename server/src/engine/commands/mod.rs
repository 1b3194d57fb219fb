//! Decides the result of a command. The functions change nothing: they take an account, a command,
//! the price of a symbol when they need it, and the time, and return events or a refusal.
//!
//! Each command is a type of its own name with two functions: `decide` returns its events, `reply`
//! the OK reply for them. The dispatch comes from the table of commands in the protocol crate.
//!
//! Requirements are checked in the order of the table in docs/COMMANDS.md, and the first one not
//! met determines the refusal. A price is requested only if every requirement before it is met,
//! because each quote costs money.

mod cash;
mod context;
mod orders;
mod sets;
mod views;

use super::account::Account;
use super::event::{Event, Events};
use context::Context;
use daytrade_protocol::{Command, ReplyBody, Symbol, command_table};

pub use context::{Price, Rejection};
pub use orders::expire_oldest;
pub use sets::fill;
pub use views::write_summary;

/// The rules by the names of their commands.
mod rules {
    pub(super) use super::{cash::*, orders::*, sets::*, views::*};
}

/// Passes an argument of a command to its rule: names by reference, small values by value.
macro_rules! argument {
    (symbol $value:ident) => {
        *$value
    };
    (amount $value:ident) => {
        *$value
    };
    (price $value:ident) => {
        *$value
    };
    ($name:ident $value:ident) => {
        $value
    };
}

macro_rules! define_dispatch {
    (
        commands {
            $($command:ident $text:literal ($([$optional:ident],)? $($argument:ident),*)
                -> $reply:tt)*
        }
        session $session:tt
    ) => {
        #[inline]
        fn dispatch(context: &Context<'_>, command: &Command) -> Result<Events, Rejection> {
            match command {
                $(Command::$command { $($optional,)? $($argument),* } => {
                    rules::$command::decide(
                        context,
                        $($optional.as_ref(),)?
                        $(argument!($argument $argument)),*
                    )
                })*
            }
        }

        /// Returns the OK reply to a command that was carried out. `account` is the account after
        /// its events. Returns None for commands whose reply is not in their events: QUOTE,
        /// DUMPLOG, DISPLAY_SUMMARY.
        #[inline]
        pub fn reply_to(
            command: &Command,
            events: &[Event],
            account: &Account,
        ) -> Option<ReplyBody> {
            match command {
                $(Command::$command { .. } => rules::$command::reply(events, account),)*
            }
        }
    };
}

command_table!(define_dispatch);

/// Decides one command. `account` is None for a user who never had an ADD. `price` returns the
/// price of a symbol; it is called at most once, and only if every requirement before the price is
/// met.
///
/// # Errors
/// [`Rejection::Refused`], or [`Rejection::NeedsPrice`] if the price is [`Price::Unasked`].
#[inline]
pub fn decide(
    account: Option<&Account>,
    command: &Command,
    price: impl Fn(Symbol) -> Price,
    now_ms: u64,
    number: u64,
) -> Result<Events, Rejection> {
    dispatch(&Context { account, price: &price, now_ms, number }, command)
}
