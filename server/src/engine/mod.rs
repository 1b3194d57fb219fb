//! The trading rules: *decide, apply, record*.
//!
//! [`decide`] reads an account and a command and returns the events, or the reason why there are
//! none; [`apply`] is the only code that changes an account, live and in recovery, and cannot fail.
//! Nothing here knows a network, a clock or a disk, and no iteration over a hash map reaches an
//! output.
//!
//! The rules are the table in `docs/COMMANDS.md`; [`commands`] has one type for each command.

mod account;
mod apply;
mod book;
mod checkpoint;
mod commands;
mod event;
mod fitting;
mod history;
mod keyed;
mod market;
mod opens;
mod portfolio;
mod record;
mod trigger_book;
mod user_index;

pub use account::{Account, UserId};
pub use apply::apply;
pub use book::{Book, Known, Stamp};
pub use checkpoint::{HistoryForm, LoadError, Loader, Slice, StateHash};
pub use commands::{Price, Rejection, decide, expire_oldest, fill, reply_to, write_summary};
pub use event::{Event, Events};
pub use history::HistoryEntry;
pub use market::{LastHit, MarketPosition, MarketState};
pub use opens::{DAY_MS, Open, Opens};
pub use portfolio::{Holding, PendingOrder, SetOrder, Trigger};
pub use record::{Hit, Outcome, Owner, PriceUsed, Record};
pub use trigger_book::{TriggerBook, TriggerKey};

#[cfg(test)]
mod cases;
#[cfg(test)]
mod model;
