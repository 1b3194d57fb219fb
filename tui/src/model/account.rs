//! The trader's account as the server last told it.

use daytrade_protocol::{Code, CommandName, Detail, Money, Side, Symbol, TradeTerms};

/// One DISPLAY_SUMMARY.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Cash free to spend.
    pub cash: Money,
    /// Cash set aside.
    pub reserved: Money,
    /// Profit of everything sold.
    pub realised: Money,
    /// By symbol.
    pub holdings: Vec<Holding>,
    /// Newest of each side first, buys before sells.
    pub pending: Vec<Pending>,
    /// Set amounts, armed or not.
    pub triggers: Vec<Trigger>,
    /// Newest first.
    pub history: Vec<Past>,
}

/// Shares of one symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The stock.
    pub symbol: Symbol,
    /// Free to sell.
    pub free: u64,
    /// Set aside.
    pub reserved: u64,
    /// What all of them cost.
    pub basis: Money,
}

impl Holding {
    /// Free and set aside.
    pub const fn shares(&self) -> u64 {
        self.free + self.reserved
    }

    /// What one cost, to the cent below.
    pub fn average(&self) -> Money {
        let shares = i64::try_from(self.shares()).unwrap_or(i64::MAX).max(1);
        Money::from_cents(self.basis.cents() / shares)
    }
}

/// An order that waits for its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Buy or sell.
    pub side: Side,
    /// What.
    pub terms: TradeTerms,
    /// Unix milliseconds by the server's clock.
    pub expires_at_ms: u64,
}

/// A set amount, with its trigger price once it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Buy or sell.
    pub side: Side,
    /// The stock.
    pub symbol: Symbol,
    /// Dollars to trade for.
    pub amount: Money,
    /// Fires at this price; None until it is armed.
    pub price: Option<Money>,
    /// Shares it has set aside.
    pub shares: u64,
}

/// A transaction of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// Transaction number.
    pub number: u64,
    /// Which command.
    pub command: CommandName,
    /// The stock it named.
    pub symbol: Option<Symbol>,
    /// The amount it named.
    pub amount: Option<Money>,
    /// Why it was refused, if it was.
    pub refused: Option<Code>,
}

impl Account {
    /// The account that the lines of a summary tell of.
    pub fn from_details(details: &[Detail]) -> Self {
        let mut account = Self::default();
        for detail in details {
            match detail {
                Detail::Account { available, reserved, realised, .. } => {
                    (account.cash, account.reserved, account.realised) =
                        (*available, *reserved, *realised);
                }
                Detail::Holding { symbol, free, reserved, basis } => {
                    let (symbol, free, reserved, basis) = (*symbol, *free, *reserved, *basis);
                    account.holdings.push(Holding { symbol, free, reserved, basis });
                }
                Detail::Pending { side, terms, expires_at_ms } => {
                    account.pending.push(Pending {
                        side: *side,
                        terms: *terms,
                        expires_at_ms: *expires_at_ms,
                    });
                }
                Detail::Trigger { side, symbol, amount, price, shares } => {
                    let (side, symbol, amount, price, shares) =
                        (*side, *symbol, *amount, *price, *shares);
                    account.triggers.push(Trigger { side, symbol, amount, price, shares });
                }
                Detail::History { at_ms, number, command, symbol, amount, refused } => {
                    account.history.push(Past {
                        at_ms: *at_ms,
                        number: *number,
                        command: *command,
                        symbol: *symbol,
                        amount: *amount,
                        refused: *refused,
                    })
                }
                Detail::Stat { .. } | Detail::Text(_) => {}
            }
        }
        account
    }

    /// The order that the next commit or cancel is about: the newest of all.
    pub fn next_pending(&self) -> Option<&Pending> {
        match (self.newest(Side::Buy), self.newest(Side::Sell)) {
            (Some(buy), Some(sell)) => {
                Some(if sell.expires_at_ms > buy.expires_at_ms { sell } else { buy })
            }
            (one, other) => one.or(other),
        }
    }

    /// The newest order of a side, which is the one that a commit or cancel of the side is about.
    pub fn newest(&self, side: Side) -> Option<&Pending> {
        self.pending.iter().find(|order| order.side == side)
    }

    /// The shares held of a symbol, if any.
    pub fn holding(&self, symbol: Symbol) -> Option<&Holding> {
        self.holdings.iter().find(|holding| holding.symbol == symbol)
    }

    /// The set amount of a side and symbol, if any.
    pub fn trigger(&self, side: Side, symbol: Symbol) -> Option<&Trigger> {
        self.triggers.iter().find(|trigger| trigger.side == side && trigger.symbol == symbol)
    }
}
