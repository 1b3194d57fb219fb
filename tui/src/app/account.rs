//! The trader's account as the newest DISPLAY_SUMMARY reports it: plain values and the values that
//! follow from them. They must never be changed except by a reply or a push of the server.

use super::{Quotes, text};
use daytrade_protocol::{Code, CommandName, Detail, Money, Side, Symbol, TradeTerms};

/// The content of one DISPLAY_SUMMARY.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Cash free to spend.
    pub(crate) cash: Money,
    /// Cash reserved for pending buys and buy triggers.
    pub(crate) reserved: Money,
    /// Realised profit of all sales.
    pub(crate) realised: Money,
    /// Holdings by symbol.
    pub(crate) holdings: Vec<Holding>,
    /// Pending orders: buys before sells, the newest of each side first.
    pub(crate) pending: Vec<Pending>,
    /// Set amounts, armed or not.
    pub(crate) triggers: Vec<Trigger>,
    /// Past transactions, newest first.
    pub(crate) history: Vec<Transaction>,
}

/// Shares of one symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    /// The stock.
    pub(crate) symbol: Symbol,
    /// Shares free to sell.
    pub(crate) free: u64,
    /// Reserved shares.
    pub(crate) reserved: u64,
    /// Cost basis of all shares.
    pub(crate) basis: Money,
}

impl Holding {
    /// Returns the number of shares, free and reserved.
    pub(crate) const fn shares(&self) -> u64 {
        self.free + self.reserved
    }

    /// Returns the average cost of a share, to the nearest cent.
    pub(crate) fn average(&self) -> Money {
        self.basis.share_of(1, self.shares().max(1))
    }
}

/// A pending order, which is reserved and not yet committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    /// Buy or sell.
    pub(crate) side: Side,
    /// Symbol, shares, price and total.
    pub(crate) terms: TradeTerms,
    /// Time of expiry by the server's clock, Unix milliseconds.
    pub(crate) expires_at_ms: u64,
}

impl Pending {
    /// Returns what a commit is worth at a price, compared with the same trade at that price. None
    /// if that is more than any balance.
    pub(crate) fn worth_at(&self, now: Money) -> Option<Money> {
        let now = now.times(self.terms.shares)?;
        Some(match self.side {
            Side::Buy => now - self.terms.total,
            Side::Sell => self.terms.total - now,
        })
    }
}

/// A set amount, with its trigger price once it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trigger {
    /// Buy or sell.
    pub(crate) side: Side,
    /// The stock.
    pub(crate) symbol: Symbol,
    /// Dollars to trade for.
    pub(crate) amount: Money,
    /// The trigger price; None until it is armed.
    pub(crate) price: Option<Money>,
    /// Shares reserved for it.
    pub(crate) shares: u64,
}

/// A past transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transaction {
    /// Time, Unix milliseconds.
    pub(crate) at_ms: u64,
    /// Transaction number.
    pub(crate) number: u64,
    /// The command.
    pub(crate) command: CommandName,
    /// The stock it named.
    pub(crate) symbol: Option<Symbol>,
    /// The amount it named.
    pub(crate) amount: Option<Money>,
    /// The code of its refusal, if it was refused.
    pub(crate) refused: Option<Code>,
}

impl Account {
    /// Builds the account from the detail lines of a summary.
    pub(crate) fn from_details(details: &[Detail]) -> Self {
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
                    account.history.push(Transaction {
                        at_ms: *at_ms,
                        number: *number,
                        command: *command,
                        symbol: *symbol,
                        amount: *amount,
                        refused: *refused,
                    });
                }
                Detail::Event(_)
                | Detail::Price { .. }
                | Detail::Log(_)
                | Detail::Stat { .. }
                | Detail::Text(_) => {}
            }
        }
        account
    }

    /// Returns the newest pending order of both sides: the next commit or cancel applies to it.
    pub(crate) fn next_pending(&self) -> Option<&Pending> {
        match (self.newest(Side::Buy), self.newest(Side::Sell)) {
            (Some(buy), Some(sell)) => {
                Some(if sell.expires_at_ms > buy.expires_at_ms { sell } else { buy })
            }
            (one, other) => one.or(other),
        }
    }

    /// Returns the newest pending order of a side: a commit or cancel of the side applies to it.
    pub(crate) fn newest(&self, side: Side) -> Option<&Pending> {
        self.pending.iter().find(|order| order.side == side)
    }

    /// Returns the holding of a symbol.
    pub(crate) fn holding(&self, symbol: Symbol) -> Option<&Holding> {
        self.holdings.iter().find(|holding| holding.symbol == symbol)
    }

    /// Returns the set amount of a side and symbol.
    pub(crate) fn trigger(&self, side: Side, symbol: Symbol) -> Option<&Trigger> {
        self.triggers.iter().find(|trigger| trigger.side == side && trigger.symbol == symbol)
    }

    /// Returns whether there are shares, pending orders and triggers of a symbol.
    pub(crate) fn marks(&self, symbol: Symbol) -> [bool; 3] {
        [
            self.holding(symbol).is_some(),
            self.pending.iter().any(|order| order.terms.symbol == symbol),
            self.triggers.iter().any(|trigger| trigger.symbol == symbol),
        ]
    }

    /// Returns the symbols of all holdings, pending orders and triggers.
    pub(super) fn symbols(&self) -> impl Iterator<Item = Symbol> {
        let holdings = self.holdings.iter().map(|holding| holding.symbol);
        let pending = self.pending.iter().map(|order| order.terms.symbol);
        holdings.chain(pending).chain(self.triggers.iter().map(|trigger| trigger.symbol))
    }

    /// Returns the profit of selling all shares of a symbol at the last price. None if there are no
    /// shares or no price.
    pub(crate) fn profit(&self, symbol: Symbol, quotes: &Quotes) -> Option<Money> {
        let holding = self.holding(symbol)?;
        let worth = quotes.price(symbol)?.times(holding.shares())?;
        Some(Money::from_cents(worth.cents() - holding.basis.cents()))
    }

    /// Returns the set amounts with their distance from the last price, in hundredths of a percent:
    /// the nearest first, those without a price last.
    pub(crate) fn triggers_by_nearness(&self, quotes: &Quotes) -> Vec<(Trigger, Option<i64>)> {
        let away = |trigger: &Trigger| {
            let (price, last) = trigger.price.zip(quotes.price(trigger.symbol))?;
            let distance = Money::from_cents((price.cents() - last.cents()).abs());
            text::basis_points(distance, last)
        };
        let mut triggers: Vec<_> =
            self.triggers.iter().map(|trigger| (*trigger, away(trigger))).collect();
        triggers.sort_by_key(|(trigger, away)| (trigger.price.is_none(), away.unwrap_or(i64::MAX)));
        triggers
    }

    /// Returns the cash reserved for pending buys; the rest of the reserve belongs to triggers.
    pub(crate) fn reserved_for_pending(&self) -> Money {
        let buys = self.pending.iter().filter(|order| order.side == Side::Buy);
        buys.map(|order| order.terms.total).fold(Money::ZERO, Money::saturating_add)
    }

    /// Returns the cost basis of all shares.
    pub(crate) fn basis(&self) -> Money {
        self.holdings.iter().map(|holding| holding.basis).fold(Money::ZERO, Money::saturating_add)
    }

    /// Returns the cash after every armed trigger has fired at its price.
    pub(crate) fn cash_if_all_fired(&self) -> Option<Money> {
        let mut cash = self.cash;
        for trigger in &self.triggers {
            let Some(price) = trigger.price else { continue };
            let change = match trigger.side {
                Side::Buy => trigger.amount - price.times(trigger.amount.whole_shares(price))?,
                Side::Sell => price.times(trigger.shares)?,
            };
            cash = cash.checked_add(change)?;
        }
        Some(cash)
    }
}
