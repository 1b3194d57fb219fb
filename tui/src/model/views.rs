//! What follows from what the model knows: read only.

use super::{Link, Model, Pane, Pending, Quotes, Seen, Sort, Trigger, text};
use daytrade_protocol::{Money, Side, Symbol};
use std::cmp::Reverse;

impl Model {
    /// Whether requests can be sent.
    pub const fn is_live(&self) -> bool {
        matches!(self.link, Link::Live(_))
    }

    /// How long an order has left by the server's clock, in milliseconds.
    pub fn left_ms(&self, expires_at_ms: u64) -> u64 {
        expires_at_ms.saturating_sub(self.now_ms.saturating_add_signed(self.offset_ms))
    }

    /// Orders that have not run out by our reckoning, in the order of the account.
    pub fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.account.iter().flat_map(|account| &account.pending)
    }

    /// The order that the next commit is about: the newest of all, or of the side that the trader
    /// has chosen in the list.
    pub fn next_pending(&self) -> Option<&Pending> {
        let account = self.account.as_ref()?;
        let chosen = self.chosen_pending().filter(|_| self.pane() == Pane::Pending);
        let newest = chosen
            .and_then(|chosen| account.newest(chosen.side))
            .filter(|newest| Some(*newest) == chosen);
        newest.or_else(|| account.next_pending())
    }

    /// The order on the selected row of the list.
    pub fn chosen_pending(&self) -> Option<&Pending> {
        let pending = &self.account.as_ref()?.pending;
        pending.get(self.row(Pane::Pending).min(pending.len().checked_sub(1)?))
    }

    /// The prices that are shown: the newest, unless the trader holds them still.
    pub fn shown_quotes(&self) -> &Quotes {
        self.held_quotes.as_ref().unwrap_or(&self.quotes)
    }

    /// The watchlist as it is shown: filtered and sorted.
    pub fn shown_symbols(&self) -> Vec<Symbol> {
        let passes = |symbol: &Symbol| self.filter.lets_pass(*symbol, self);
        let mut symbols: Vec<_> = self.watchlist.iter().copied().filter(passes).collect();
        let seen = |symbol: &Symbol| self.shown_quotes().get(*symbol);
        match self.sort {
            Sort::Own => {}
            Sort::Name => symbols.sort_unstable(),
            Sort::Last => {
                symbols.sort_by_key(|symbol| Reverse(seen(symbol).map(|seen| seen.price)))
            }
            Sort::Change => symbols
                .sort_by_key(|symbol| Reverse(seen(symbol).and_then(Seen::change_basis_points))),
            Sort::Age => symbols.sort_by_key(|symbol| Reverse(seen(symbol).map(|seen| seen.at_ms))),
            Sort::Profit => symbols.sort_by_key(|symbol| Reverse(self.profit(*symbol))),
        }
        if self.reversed {
            symbols.reverse();
        }
        symbols
    }

    /// What selling all of a symbol at the last price would gain; None of what is not held or has
    /// no price.
    pub fn profit(&self, symbol: Symbol) -> Option<Money> {
        let holding = self.account.as_ref()?.holding(symbol)?;
        let worth = self.shown_quotes().get(symbol)?.price.times(holding.shares())?;
        Some(Money::from_cents(worth.cents() - holding.basis.cents()))
    }

    /// The selected symbol of the watchlist.
    pub fn selected_symbol(&self) -> Option<Symbol> {
        let symbols = self.shown_symbols();
        symbols.get(self.row(Pane::Watchlist).min(symbols.len().saturating_sub(1))).copied()
    }

    /// The selected row of a pane.
    pub fn row(&self, pane: Pane) -> usize {
        if let (Pane::Watchlist, Some(chosen)) = (pane, self.chosen)
            && let Some(at) = self.shown_symbols().iter().position(|symbol| *symbol == chosen)
        {
            return at;
        }
        if let (Pane::Triggers, Some(chosen)) = (pane, self.chosen_trigger)
            && let Some(at) =
                self.triggers_by_nearness().iter().position(|(t, _)| (t.side, t.symbol) == chosen)
        {
            return at;
        }
        self.selected.get(&pane).copied().unwrap_or(0)
    }

    /// Set amounts, those nearest to firing first, those without a price last.
    pub fn triggers_by_nearness(&self) -> Vec<(Trigger, Option<i64>)> {
        let mut triggers: Vec<_> = self
            .account
            .iter()
            .flat_map(|account| &account.triggers)
            .map(|trigger| {
                let last = self.shown_quotes().get(trigger.symbol).map(|seen| seen.price);
                let away = trigger.price.zip(last).and_then(|(price, last)| {
                    text::basis_points(
                        Money::from_cents((price.cents() - last.cents()).abs()),
                        last,
                    )
                });
                (*trigger, away)
            })
            .collect();
        triggers.sort_by_key(|(trigger, away)| (trigger.price.is_none(), away.unwrap_or(i64::MAX)));
        triggers
    }

    /// How many rows a pane has.
    pub fn rows(&self, pane: Pane) -> usize {
        let account = self.account.as_ref();
        match pane {
            Pane::Watchlist => self.shown_symbols().len(),
            Pane::Holdings => account.map_or(0, |account| account.holdings.len()),
            Pane::Pending => account.map_or(0, |account| account.pending.len()),
            Pane::Triggers => account.map_or(0, |account| account.triggers.len()),
            Pane::Alerts => self.alerts.len(),
            Pane::Activity => self.activity.len(),
            Pane::Replay => self.replay.as_ref().map_or(0, |replay| replay.exchanges.len()),
        }
    }

    /// What the holdings are worth at the last prices; whether all of those are fresh.
    pub fn worth(&self) -> (Money, bool) {
        let mut fresh = self.is_live();
        let mut cents = 0_i64;
        for holding in self.account.iter().flat_map(|account| &account.holdings) {
            let worth = if let Some(seen) = self.shown_quotes().get(holding.symbol) {
                fresh &= seen.is_fresh(self.now_ms, self.offset_ms);
                seen.price.times(holding.shares()).map_or(0, Money::cents)
            } else {
                fresh = false;
                holding.basis.cents()
            };
            cents = cents.saturating_add(worth);
        }
        (Money::from_cents(cents), fresh)
    }

    /// Round trips at these places of a thousand, in microseconds; None before the first.
    pub fn round_trip(&self, per_mille: usize) -> Option<u64> {
        let mut sorted: Vec<_> = self.round_trips.iter().copied().collect();
        sorted.sort_unstable();
        let at = (sorted.len() * per_mille / 1_000).min(sorted.len().checked_sub(1)?);
        sorted.get(at).copied()
    }

    /// What is reserved for pending buys; the rest of the reserve belongs to triggers.
    pub fn reserved_for_pending(&self) -> Money {
        let buys = self.pending().filter(|order| order.side == Side::Buy);
        Money::from_cents(buys.map(|order| order.terms.total.cents()).sum())
    }

    /// The cash there would be if every armed trigger fired at its price.
    pub fn cash_if_all_fired(&self) -> Option<Money> {
        let account = self.account.as_ref()?;
        let mut cash = account.cash;
        for trigger in &account.triggers {
            let Some(price) = trigger.price else { continue };
            let comes = match trigger.side {
                Side::Buy => trigger.amount - price.times(trigger.amount.whole_shares(price))?,
                Side::Sell => price.times(trigger.shares)?,
            };
            cash = cash.checked_add(comes)?;
        }
        Some(cash)
    }

    /// The alert that is selected.
    pub fn selected_alert(&self) -> Option<usize> {
        let last = self.alerts.len().checked_sub(1)?;
        Some(self.row(Pane::Alerts).min(last))
    }
}
