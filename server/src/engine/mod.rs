//! The trading rules: *decide, record, apply*.
//!
//! [`decide`] reads an account and a command and says which events happen or why none does;
//! [`apply`] is the only code that changes an account, live and in recovery alike, and cannot fail.
//! Nothing here knows a network, a clock or a disk, and no iteration over a hash map reaches an
//! output.
//!
//! The rules themselves are the table in `docs/COMMANDS.md`.

mod account;
mod apply;
mod book;
mod decide;
mod event;
mod record;
mod reply;
mod saving;
mod trigger_book;

pub use account::{Account, HistoryEntry, Holding, PendingOrder, SetOrder, Trigger};
pub use apply::{apply, note};
pub use book::{Book, UserId};
pub use decide::{Halt, Price, decide, expire_oldest, fill};
pub use event::{Event, Events};
pub use record::{Hit, Outcome, OutcomeRef, PriceUsed, Record, RecordRef};
pub use reply::{reply_to, write_summary};
pub use saving::{LoadError, Loader, Slice, StateHash};
pub use trigger_book::{TriggerBook, TriggerKey};

#[cfg(test)]
mod cases;
#[cfg(test)]
mod model;
