//! Commands: the table, and the names and values that are generated from it.

mod argument;
mod attempt;
mod command;
mod name;
mod table;
mod value;

pub use argument::{Argument, ArgumentKind};
pub use attempt::Attempt;
pub use command::{Command, SessionCommand};
pub use name::{CommandName, SessionName};
pub use table::SESSION_HELP;
pub use value::CommandFields;

pub(crate) use argument::Arguments;
pub(crate) use name::AnyName;
