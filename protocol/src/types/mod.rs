//! The values in a line. A value of one of these types always has the documented form.

mod file_name;
mod money;
mod secret;
mod symbol;
mod tag;
mod trade;
mod user_name;
mod word;

pub use file_name::{FILENAME_BYTES_MAX, FileName};
pub use money::{Money, MoneyError, SHARES_MAX};
pub use secret::{SECRET_BYTES_MAX, SECRET_BYTES_MIN, Secret};
pub use symbol::Symbol;
pub use tag::Tag;
pub use trade::{Side, TradeTerms};
pub use user_name::{USER_BYTES_MAX, UserName};
pub use word::{WORD_BYTES_MAX, Word};
