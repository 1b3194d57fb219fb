//! The orders that the trader is preparing or about to commit.
//!
//! Owns the draft of a closed form, the order that has just expired, the amounts of the orders made
//! here, the order of the banner with its guard time, and the selected trigger. It must never send
//! a request: `orders` does that, after the guard time of [`BANNER_GUARD_MS`].

use super::{BANNER_GUARD_MS, Clock, Form, FormKind, Pending};
use daytrade_protocol::{Money, Side, Symbol, TradeTerms};
use std::collections::VecDeque;

/// The maximum number of orders whose amount is remembered.
const ORDERED_MAX: usize = 100;
/// Remaining time of an order at which the bell rings, in milliseconds.
const WARN_LEFT_MS: u64 = 20_000;
/// The maximum number of remembered warnings.
const WARNED_MAX: usize = 100;

/// An order made here, with the amount that was asked for.
#[derive(Debug)]
struct Ordered {
    side: Side,
    terms: TradeTerms,
    amount: Money,
}

/// Drafts, the banner and the selected trigger.
#[derive(Debug, Default)]
pub(crate) struct TradeState {
    /// The form that was last closed with Esc.
    draft: Option<Form>,
    /// The form of the order that has just expired, and the local time until which it is offered.
    expired: Option<(Form, u64)>,
    /// Side, symbol and expiry of the order in the banner.
    banner: Option<(Side, Symbol, u64)>,
    /// Local time of the banner's last change, Unix milliseconds.
    banner_since_ms: u64,
    /// Expiries of the orders that the bell has rung for, newest last.
    warned: VecDeque<u64>,
    /// Orders made here, so that an expired one can be repeated with the same amount.
    ordered: VecDeque<Ordered>,
    /// The selected trigger, which stays selected when prices change its row.
    selected_trigger: Option<(Side, Symbol)>,
    /// The trigger that the trader removed last.
    removed_trigger: Option<(Side, Symbol)>,
}

impl TradeState {
    /// Returns the form to open: the expired order's or the draft, if it is of this kind and about
    /// the selected symbol. A draft is never continued for another symbol.
    pub(super) fn take_form(&mut self, kind: FormKind, selected: Option<Symbol>) -> Option<Form> {
        let expired = self.expired.take().map(|(form, _)| form);
        if let Some(form) = expired.filter(|form| form.kind() == kind) {
            return Some(form);
        }
        self.draft.take().filter(|draft| {
            draft.kind() == kind && (kind == FormKind::AddMoney || draft.stock() == selected)
        })
    }

    /// Stores or removes the draft.
    pub(super) fn set_draft(&mut self, draft: Option<Form>) {
        self.draft = draft;
    }

    /// Offers an expired order again for a time in milliseconds, with the amount it was made with.
    pub(super) fn offer_again(&mut self, side: Side, terms: TradeTerms, ms: u64, clock: Clock) {
        let made = self.ordered.iter().find(|made| made.side == side && made.terms == terms);
        let amount = made.map_or(terms.total, |made| made.amount);
        let mut form = Form::new(FormKind::Order(side), Some(terms.symbol));
        form.set_amount(amount);
        self.expired = Some((form, clock.now_ms() + ms));
    }

    /// Stops offering an expired order: the trader has turned to something else.
    pub(super) fn withdraw_offer(&mut self) {
        self.expired = None;
    }

    /// Stops offering an expired order once its time has passed.
    pub(super) fn expire_offer(&mut self, clock: Clock) {
        self.expired.take_if(|(_, until_ms)| *until_ms <= clock.now_ms());
    }

    /// Remembers the amount of a new order.
    pub(super) fn remember_order(&mut self, side: Side, terms: TradeTerms, amount: Money) {
        if self.ordered.len() == ORDERED_MAX {
            self.ordered.pop_front();
        }
        self.ordered.push_back(Ordered { side, terms, amount });
    }

    /// Stores the order of the banner; a different one starts the guard time of the commit key.
    pub(super) fn set_banner(&mut self, order: Option<&Pending>, clock: Clock) {
        let banner = order.map(|order| (order.side, order.terms.symbol, order.expires_at_ms));
        if banner != self.banner {
            self.banner = banner;
            self.banner_since_ms = clock.now_ms();
        }
    }

    /// Returns true if the guard time after the banner's last change has passed.
    pub(super) const fn is_guard_over(&self, clock: Clock) -> bool {
        clock.since_ms(self.banner_since_ms) >= BANNER_GUARD_MS
    }

    /// Returns the message that the order of the banner expires soon, once for each order.
    pub(super) fn expiry_warning(&mut self, order: &Pending, clock: Clock) -> Option<String> {
        let left_ms = clock.left_ms(order.expires_at_ms);
        if left_ms == 0 || left_ms > WARN_LEFT_MS || self.warned.contains(&order.expires_at_ms) {
            return None;
        }
        if self.warned.len() == WARNED_MAX {
            self.warned.pop_front();
        }
        self.warned.push_back(order.expires_at_ms);
        let (side, symbol) = (order.side.as_str(), order.terms.symbol);
        Some(format!("{side} {symbol}: less than 20 s left to commit"))
    }

    /// Notes that the trader has removed a trigger.
    pub(super) const fn note_removed(&mut self, trigger: (Side, Symbol)) {
        self.removed_trigger = Some(trigger);
    }

    /// Selects no trigger any more if the trader has removed the selected one.
    pub(super) fn forget_removed(&mut self) {
        if self.selected_trigger.is_some() && self.selected_trigger == self.removed_trigger {
            (self.selected_trigger, self.removed_trigger) = (None, None);
        }
    }

    /// Returns the side and symbol of the selected trigger, which may no longer exist.
    pub(super) const fn selected_trigger(&self) -> Option<(Side, Symbol)> {
        self.selected_trigger
    }

    pub(super) const fn select_trigger(&mut self, trigger: Option<(Side, Symbol)>) {
        self.selected_trigger = trigger;
    }
}
