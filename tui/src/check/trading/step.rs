//! What the reconstruction tells the rules.

use crate::check::amount::Amount;
use crate::check::findings::{CashDue, Place};
use crate::check::reading::Readings;
use daytrade_protocol::CommandName;

/// One thing that the log shows about an account.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// The cash that a command moved, or did not.
    Cash {
        at: Place,
        /// Readings that explain it.
        explained: Readings,
        /// What moved.
        net: Amount,
        /// What was due.
        due: Due,
    },
    /// A reserve, a fill or a trigger used a price of this age.
    Price {
        at: Place,
        /// Age of the price that was used; None if the symbol had no price so far.
        age_ms: Option<u64>,
        /// Price, if there was one.
        price: Option<Amount>,
        /// True if the log has no quote of the symbol, so that its prices are not known.
        unknown: bool,
    },
    /// A reserve, a fill or a trigger used a price of the price file.
    PriceOfFile,
    /// A COMMIT or CANCEL took effect.
    Settled {
        at: Place,
        command: CommandName,
        /// Time since its BUY or SELL; None if there is none.
        age_ms: Option<u64>,
        /// Number of the BUY or SELL.
        order: Option<u64>,
    },
    /// A trigger fired.
    Fired { at: Place, fire: Fire },
}

/// Why cash was due.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Due {
    /// What the reading says.
    Cash(CashDue),
    /// Only a text says what was due.
    Text(&'static str),
    /// More shares were sold than the log accounts for.
    Shortfall { sold: Option<i64>, held: i64 },
}

/// A trigger that fired.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fire {
    /// At a price that is known.
    At {
        /// The trigger's price.
        trigger: Amount,
        /// The price at which it fired.
        price: Amount,
        /// True for a buy, which fires at or below its price.
        buys: bool,
    },
    /// At a price that the log does not show.
    Unseen,
    /// There was no such trigger: it has fired or was cancelled, or only one half was set.
    NotArmed,
}
