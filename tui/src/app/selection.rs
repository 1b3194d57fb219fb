//! Values that depend on several sub-states: the selected rows, the order that the next commit
//! applies to, and when the screen changes next. Everything here is read-only except the selection
//! itself.

use super::{
    ActivityLine, App, Form, Health, Link, Pane, Pending, Popup, QUOTE_LIFETIME_MS, Screen,
    Trigger, command_line,
};
use daytrade_protocol::{Money, Symbol};

impl App {
    /// Returns the watchlist as it is displayed: filtered and sorted.
    pub(crate) fn shown_symbols(&self) -> Vec<Symbol> {
        self.market.shown_symbols(self.account.current(), self.clock)
    }

    /// Returns the set amounts, the nearest to the displayed price first.
    pub(crate) fn triggers_by_nearness(&self) -> Vec<(Trigger, Option<i64>)> {
        self.account.triggers_by_nearness(self.market.shown_quotes())
    }

    /// Returns the market value of the holdings, and true if it is current.
    pub(crate) fn market_value(&self) -> (Money, bool) {
        let (value, fresh) = self.account.market_value(self.market.shown_quotes(), self.clock);
        (value, fresh && self.connection.is_live())
    }

    /// Returns true if the displayed quote of a symbol is current.
    pub(crate) fn is_quote_current(&self, symbol: Symbol) -> bool {
        let quote = self.market.shown_quote(symbol);
        self.connection.is_live() && quote.is_some_and(|quote| quote.is_fresh(self.clock))
    }

    /// Returns the number of rows of a pane.
    pub(crate) fn rows(&self, pane: Pane) -> usize {
        let account = self.account.current();
        match pane {
            Pane::Watchlist | Pane::Chart => self.shown_symbols().len(),
            Pane::Holdings => account.map_or(0, |account| account.holdings.len()),
            Pane::Pending => account.map_or(0, |account| account.pending.len()),
            Pane::Triggers => account.map_or(0, |account| account.triggers.len()),
            Pane::Alerts => self.market.alerts().len(),
            Pane::Activity => self.shown_activity().count(),
            Pane::Replay => self.replay.rows(),
        }
    }

    /// Returns the activity lines as they are displayed, newest first: on the Activity screen those
    /// that match the search.
    pub(crate) fn shown_activity(&self) -> impl Iterator<Item = &ActivityLine> {
        let search = self.activity.search();
        let all = search.is_empty() || self.view.screen() != Screen::Activity;
        self.activity.lines().iter().rev().filter(move |line| all || search.matches(line))
    }

    /// Returns the selected row of a pane. A selected symbol or trigger keeps its selection when
    /// its row changes.
    pub(crate) fn row(&self, pane: Pane) -> usize {
        let row = match pane {
            Pane::Watchlist => self.view.stored_symbol().and_then(|selected| {
                self.shown_symbols().iter().position(|symbol| *symbol == selected)
            }),
            Pane::Triggers => self.trade.selected_trigger().and_then(|selected| {
                let triggers = self.triggers_by_nearness();
                triggers.iter().position(|(trigger, _)| key_of(trigger) == selected)
            }),
            Pane::Replay => Some(self.replay.row()),
            _ => None,
        };
        row.unwrap_or_else(|| self.view.stored_row(pane))
    }

    /// Selects a row of a pane.
    pub(super) fn select(&mut self, pane: Pane, row: usize) {
        self.view.store_row(pane, row);
        self.trade.withdraw_offer();
        match pane {
            Pane::Watchlist => {
                let symbol = self.shown_symbols().get(row).copied();
                self.view.store_symbol(symbol);
            }
            Pane::Triggers => {
                let trigger = self.triggers_by_nearness().get(row).map(|(t, _)| key_of(t));
                self.trade.select_trigger(trigger);
            }
            Pane::Replay => self.replay.look_at(row),
            _ => {}
        }
    }

    /// Moves the selection of a pane by a number of rows, within the pane.
    pub(super) fn move_selection(&mut self, pane: Pane, by: isize) {
        let last = self.rows(pane).saturating_sub(1);
        let row = self.row(pane).min(last);
        self.select(pane, row.saturating_add_signed(by).min(last));
    }

    /// Stores the symbol and the trigger of the selected rows, so that they stay selected when
    /// prices change the order of the rows.
    pub(super) fn keep_selection(&mut self) {
        if self.view.stored_symbol().is_none() {
            let row = self.row(Pane::Watchlist);
            let symbol = self.shown_symbols().get(row).copied();
            self.view.store_symbol(symbol);
        }
        let is_gone = |(side, symbol): (daytrade_protocol::Side, Symbol)| {
            let account = self.account.current();
            account.is_some_and(|account| account.trigger(side, symbol).is_none())
        };
        if self.trade.selected_trigger().is_some_and(is_gone) {
            self.trade.forget_removed();
        }
        if self.trade.selected_trigger().is_none() && self.view.pane() == Pane::Triggers {
            let row = self.row(Pane::Triggers);
            let trigger = self.triggers_by_nearness().get(row).map(|(t, _)| key_of(t));
            self.trade.select_trigger(trigger);
        }
    }

    /// Returns the order that the next commit applies to: the newest of all, or the newest of its
    /// side if the trader has selected it in the list.
    pub(crate) fn next_pending(&self) -> Option<&Pending> {
        let account = self.account.current()?;
        let selected = self.selected_pending().filter(|_| self.view.pane() == Pane::Pending);
        let newest = selected
            .and_then(|selected| account.newest(selected.side))
            .filter(|newest| Some(*newest) == selected);
        newest.or_else(|| account.next_pending())
    }

    /// Returns what the next commit is worth at the displayed price.
    pub(crate) fn commit_worth(&self) -> Option<Money> {
        let order = self.next_pending()?;
        order.worth_at(self.market.shown_quotes().price(order.terms.symbol)?)
    }

    /// Returns the local time since which the quote source has not answered, if it should have.
    pub(crate) fn source_silence(&self) -> Option<u64> {
        self.market.source_silence(self.clock).filter(|_| self.connection.is_live())
    }

    /// Returns the order on the selected row of the list.
    pub(crate) fn selected_pending(&self) -> Option<&Pending> {
        let pending = &self.account.current()?.pending;
        pending.get(self.row(Pane::Pending).min(pending.len().checked_sub(1)?))
    }

    /// Returns the selected symbol of the watchlist.
    pub(crate) fn selected_symbol(&self) -> Option<Symbol> {
        let symbols = self.shown_symbols();
        symbols.get(self.row(Pane::Watchlist).min(symbols.len().saturating_sub(1))).copied()
    }

    /// Returns true if the end of the screen stops triggers: they are armed in its own server.
    pub(crate) fn stops_triggers(&self) -> bool {
        let is_own = self.connection.access == super::Access::InProcess;
        let triggers = self.account.current().map_or(&[][..], |account| &account.triggers);
        is_own && triggers.iter().any(|trigger| trigger.price.is_some())
    }

    /// Returns the index of the selected alert.
    pub(crate) fn selected_alert(&self) -> Option<usize> {
        let last = self.market.alerts().len().checked_sub(1)?;
        Some(self.row(Pane::Alerts).min(last))
    }

    /// Returns the symbol of the selected row of the focused pane, or else of the watchlist.
    pub(crate) fn focused_symbol(&self) -> Option<Symbol> {
        let pane = self.view.list();
        let row = self.row(pane).min(self.rows(pane).saturating_sub(1));
        let symbol = match pane {
            Pane::Watchlist | Pane::Chart | Pane::Activity | Pane::Replay => None,
            Pane::Holdings => self
                .account
                .current()
                .and_then(|account| account.holdings.get(row))
                .map(|holding| holding.symbol),
            Pane::Pending => self.selected_pending().map(|order| order.terms.symbol),
            Pane::Triggers => {
                self.triggers_by_nearness().get(row).map(|(trigger, _)| trigger.symbol)
            }
            Pane::Alerts => self.market.alerts().get(row).map(|alert| alert.symbol),
        };
        symbol.or_else(|| self.selected_symbol())
    }

    /// Returns the order or trigger that is being typed on the command line.
    pub(crate) fn preview(&self) -> Option<Form> {
        match self.view.popup() {
            Some(Popup::Palette(palette)) => command_line::preview(palette.text()),
            _ => None,
        }
    }

    /// Returns the local time at which something on the screen changes without an event, Unix
    /// milliseconds.
    pub(crate) fn next_change_ms(&self) -> Option<u64> {
        let now_ms = self.clock.now_ms();
        let second = now_ms - now_ms % 1_000 + 1_000;
        let left = self.next_pending().map(|order| self.clock.left_ms(order.expires_at_ms));
        let tenths = left.filter(|left| *left > 0 && *left < 10_000).map(|_| now_ms + 100);
        let seconds = self.shows_seconds().then_some(second);
        // The clock shows no seconds unless something else counts them.
        let minute = now_ms - now_ms % 60_000 + 60_000;
        let silence =
            self.market.silence_change_ms(self.clock).filter(|_| self.connection.is_live());
        let records = self.records_due_ms();
        [tenths, self.activity.notice_until_ms(), seconds, silence, records, Some(minute)]
            .into_iter()
            .flatten()
            .min()
            .map(|at| at.max(now_ms + 1))
    }

    /// Returns true if something on the screen counts seconds: the time left of an order, the age
    /// of a fresh quote, the time until the next attempt to connect, the time without an answer.
    pub(crate) fn shows_seconds(&self) -> bool {
        let counts_down =
            self.next_pending().is_some_and(|order| self.clock.left_ms(order.expires_at_ms) > 0);
        let is_live = self.connection.is_live();
        let is_loading = self.account.current().is_none() && !self.account.is_missing();
        let link = self.connection.link();
        let waits = matches!(link, Link::Offline { .. } | Link::Connecting(_) | Link::Moving(_))
            || is_live && (is_loading || self.connection.health() != Health::Good);
        let held = self.account.current().into_iter().flat_map(|account| &account.holdings);
        let held = held.map(|holding| holding.symbol);
        let mut shown = self.market.watchlist().iter().copied().chain(held);
        let is_aging = |symbol: Symbol| {
            // One second longer than its lifetime, so that the change to stale is displayed.
            let quote = self.market.shown_quote(symbol);
            quote.is_some_and(|quote| quote.age_ms(self.clock) <= QUOTE_LIFETIME_MS + 1_000)
        };
        let is_silent = self.source_silence().is_some();
        counts_down || waits || is_silent || is_live && shown.any(is_aging)
    }
}

/// Returns the identity of a trigger.
const fn key_of(trigger: &Trigger) -> (daytrade_protocol::Side, Symbol) {
    (trigger.side, trigger.symbol)
}
