//! What the trader does: forms that send, commits, cancels. Everything that is sent goes through
//! here or the command line.

use super::{BANNER_GUARD_MS, Effect, Form, FormKind, Key, Model, Pane, Popup, Purpose};
use daytrade_protocol::{Money, Side, Symbol};

impl Model {
    pub(super) fn open_form(&mut self, kind: FormKind, effects: &mut Vec<Effect>) {
        if !self.is_live() && !matches!(kind, FormKind::AddSymbol | FormKind::Alert) {
            self.tell("not connected: trading waits until the link is back");
            return;
        }
        // A draft is gone on with for the stock it was about, never for another that was chosen
        // since.
        let at_hand = self.symbol_at_hand();
        let same = |draft: &Form| {
            draft.kind == kind && (kind == FormKind::AddMoney || draft.stock() == at_hand)
        };
        let expired = self.expired.take().map(|(form, _)| form).filter(|form| form.kind == kind);
        let draft = expired.or_else(|| self.draft.take().filter(same));
        let at_hand = at_hand.filter(|_| kind != FormKind::AddSymbol);
        let mut form = draft.unwrap_or_else(|| Form::new(kind, at_hand));
        if kind == FormKind::AddMoney && form.amount.is_empty() && self.no_account {
            "10000.00".clone_into(&mut form.amount);
        }
        form.proposed = !form.amount.is_empty();
        self.popup = Some(Popup::Form(form));
        // So that its price is there and stays fresh.
        self.watch_what_matters(effects);
    }

    pub(super) fn form_key(&mut self, mut form: Form, key: Key, effects: &mut Vec<Effect>) {
        let fields = form.fields().len();
        match key {
            Key::Esc | Key::Ctrl('c') => {
                // On its way already, or a draft for the next time.
                self.draft = (!form.sending).then_some(form);
                return;
            }
            Key::Enter => {
                self.popup = Some(Popup::Form(form));
                self.submit(effects);
                return;
            }
            Key::Tab | Key::Down => {
                (form.field, form.proposed) = ((form.field + 1) % fields, false)
            }
            Key::BackTab | Key::Up => {
                (form.field, form.proposed) = ((form.field + fields - 1) % fields, false)
            }
            Key::Left | Key::Right if !form.sending => form.turn(),
            Key::Backspace if !form.sending => form.erase(),
            Key::Ctrl('u') if !form.sending => form.clear_field(),
            Key::Char(key @ ('m' | 'h' | '='))
                if !form.sending && form.fields()[form.field] == "Amount" =>
            {
                form.fill_in(key, self.account.as_ref(), &self.quotes);
            }
            Key::Char(letter) if !form.sending => form.type_letter(letter),
            _ => {}
        }
        self.popup = Some(Popup::Form(form));
        self.watch_what_matters(effects);
    }

    fn submit(&mut self, effects: &mut Vec<Effect>) {
        let Some(Popup::Form(mut form)) = self.popup.take() else { return };
        let stops = form
            .consequences(self.account.as_ref(), &self.quotes, self.now_ms, self.offset_ms)
            .into_iter()
            .find(|line| line.stops);
        if let (FormKind::AddSymbol, Some(symbol)) = (form.kind, form.stock()) {
            self.add_symbol(symbol, effects);
            return;
        }
        if let (FormKind::Alert, Some(symbol), None) = (form.kind, form.stock(), &stops) {
            if let Ok(price) = Money::parse_amount(form.price.as_bytes()) {
                self.add_alert(symbol, price, effects);
            }
            return;
        }
        if stops.is_none() && !form.sending && self.is_live() {
            form.saw =
                form.stock().and_then(|symbol| self.quotes.get(symbol)).map(|seen| seen.price);
            form.sending = true;
            form.refused = None;
            let (line, next) = form.lines(&self.user);
            form.tag = Some(self.next_tag);
            self.popup = Some(Popup::Form(form));
            self.send(line, Purpose::Form(next), effects);
            return;
        }
        if let Some(stops) = stops.filter(|_| !form.sending) {
            form.refused = Some(format!("not sent: {}, see above", stops.name.to_lowercase()));
        }
        self.popup = Some(Popup::Form(form));
    }

    pub(super) fn add_symbol(&mut self, symbol: Symbol, effects: &mut Vec<Effect>) {
        if !self.watchlist.contains(&symbol) {
            self.watchlist.push(symbol);
        }
        if let Some(at) = self.shown_symbols().iter().position(|known| *known == symbol) {
            self.choose(Pane::Watchlist, at);
        }
        self.watch_what_matters(effects);
    }

    /// Whether a commit or cancel of the banner's order could be sent now.
    pub fn may_finish(&self) -> bool {
        self.is_live()
            && self.now_ms.saturating_sub(self.banner_since_ms) >= BANNER_GUARD_MS
            && !self.account_may_change()
    }

    /// Whether the newest order may be another one than the account says: something that makes or
    /// ends one is on its way, or the account as it is now has not been told yet. The server takes
    /// the newest, whatever the banner names.
    fn account_may_change(&self) -> bool {
        let told = !self.summary_wanted
            && self.in_flight.values().all(|sent| sent.purpose != Purpose::Summary);
        let changes = |line: &&str| {
            let line = line.to_ascii_uppercase();
            ["BUY,", "SELL,", "COMMIT_", "CANCEL_"].iter().any(|head| line.starts_with(head))
        };
        !told || self.waiting().iter().any(changes)
    }

    pub(super) fn commit(&mut self, effects: &mut Vec<Effect>) {
        self.finish("COMMIT", effects);
    }

    pub(super) fn cancel(&mut self, effects: &mut Vec<Effect>) {
        self.finish("CANCEL", effects);
    }

    fn finish(&mut self, verb: &str, effects: &mut Vec<Effect>) {
        let Some(order) = self.next_pending().copied() else {
            self.tell("nothing is pending");
            return;
        };
        let side = order.side;
        if self.pane() == Pane::Pending
            && self.chosen_pending().is_some_and(|chosen| *chosen != order)
        {
            self.tell(&format!(
                "the newest {} comes first: {} {}; nothing was sent",
                side.as_str(),
                order.terms.shares,
                order.terms.symbol
            ));
            return;
        }
        if !self.is_live() {
            self.tell("not connected: nothing was sent");
        } else if self.account_may_change() {
            self.tell("one moment: an answer is awaited; nothing was sent");
        } else if self.may_finish() {
            self.send(format!("{verb}_{},{}", side.as_str(), self.user), Purpose::Trader, effects);
        }
    }

    pub(super) fn remove_trigger(&mut self, effects: &mut Vec<Effect>) {
        if self.pane() == Pane::Alerts {
            if let Some(at) = self.selected_alert() {
                let alert = self.alerts.remove(at);
                self.tell(&format!("no alert any more when {}", alert.words("crosses")));
                self.watch_what_matters(effects);
            }
            return;
        }
        if self.pane() != Pane::Triggers {
            self.tell("choose a trigger first: Tab to its pane, or screen 3");
            return;
        }
        let there = |chosen: &(Side, Symbol)| {
            self.account
                .as_ref()
                .is_some_and(|account| account.trigger(chosen.0, chosen.1).is_some())
        };
        let Some((side, symbol)) = self.chosen_trigger.filter(there) else {
            self.chosen_trigger = None;
            self.tell("choose a trigger first: the one that was chosen is gone");
            return;
        };
        if self.account_may_change() {
            self.tell("one moment: an answer is awaited; nothing was sent");
            return;
        }
        let line = format!("CANCEL_SET_{},{},{symbol}", side.as_str(), self.user);
        self.send(line, Purpose::Trader, effects);
    }
}
