//! What each event does.

use super::command_line::{Typed, read};
use super::{
    Action, BANNER_GUARD_MS, Effect, Event, Form, FormKind, Key, Link, Model, Pane, Pending, Popup, Purpose, Screen,
    Sort, Spot, Verdict,
};
use daytrade_protocol::{Side, Symbol};

/// Left on an order: one bell and a line, in milliseconds.
const WARN_LEFT_MS: u64 = 20_000;
/// A second Ctrl-C within this time ends at once, in milliseconds.
const QUIT_TWICE_MS: u64 = 1_500;
/// A page of a list.
const PAGE_ROWS: usize = 10;

impl Model {
    /// Takes an event in; what has to be done outside comes back.
    pub fn update(&mut self, event: Event, now_ms: u64) -> Vec<Effect> {
        self.now_ms = self.now_ms.max(now_ms);
        let mut effects = Vec::new();
        match event {
            Event::Key(key) => self.key(key, &mut effects),
            Event::Paste(text) => self.paste(&text, &mut effects),
            Event::Click(spot) => self.click(spot),
            Event::Scroll(down) => self.step(if down { 3 } else { -3 }),
            Event::Link(event) => self.link_event(event, &mut effects),
            Event::Tick => {}
        }
        self.time_passes(&mut effects);
        effects
    }

    /// When something on the screen changes by itself, Unix milliseconds; None when nothing will.
    pub fn next_change_ms(&self) -> Option<u64> {
        let second = self.now_ms - self.now_ms % 1_000 + 1_000;
        let left = self.next_pending().map(|order| self.left_ms(order.expires_at_ms));
        let tenths = left.filter(|left| *left > 0 && *left < 10_000).map(|_| self.now_ms + 100);
        let pending = left.filter(|left| *left > 0).map(|_| second);
        let notice = self.notice.as_ref().map(|(_, until)| *until);
        let offline = matches!(self.link, Link::Offline { .. }).then_some(second);
        // Ages of quotes are shown to the second while they are young, then to the minute.
        let ages = (!self.watchlist.is_empty() && self.is_live()).then_some(second);
        [tenths, pending, notice, offline, ages].into_iter().flatten().min().map(|at| at.max(self.now_ms + 1))
    }

    fn time_passes(&mut self, effects: &mut Vec<Effect>) {
        if self.notice.as_ref().is_some_and(|(_, until)| *until <= self.now_ms) {
            self.notice = None;
        }
        self.banner_may_have_changed();
        let Some(order) = self.next_pending().copied() else { return };
        let left = self.left_ms(order.expires_at_ms);
        if left <= WARN_LEFT_MS && left > 0 && self.warned != Some(order.expires_at_ms) {
            self.warned = Some(order.expires_at_ms);
            effects.push(Effect::Bell);
            let Pending { side, terms, .. } = order;
            self.tell(&format!("{} {}: less than 20 s left to commit", side.as_str(), terms.symbol));
        }
    }

    fn key(&mut self, key: Key, effects: &mut Vec<Effect>) {
        if key == Key::Ctrl('c') && self.now_ms.saturating_sub(self.quit_pressed_ms) < QUIT_TWICE_MS {
            effects.push(Effect::Quit);
            return;
        }
        if key == Key::Ctrl('c') {
            self.quit_pressed_ms = self.now_ms;
        }
        match self.popup.take() {
            Some(Popup::Form(form)) => self.form_key(form, key, effects),
            Some(Popup::Palette(text, _)) => self.palette_key(text, key, effects),
            Some(Popup::ConfirmQuit) => match key {
                Key::Char('y') | Key::Enter | Key::Ctrl('c') => effects.push(Effect::Quit),
                _ => self.tell("stayed"),
            },
            Some(popup @ (Popup::Help | Popup::Wire(_))) => match self.keys.action(key) {
                Some(Action::Copy) => {
                    self.copy(effects);
                    self.popup = Some(popup);
                }
                Some(Action::Quit) if key == Key::Ctrl('c') => self.act(Action::Quit, effects),
                _ => {}
            },
            None if self.filtering => self.filter_key(key),
            None => {
                if let Some(action) = self.keys.action(key) {
                    self.act(action, effects);
                }
            }
        }
    }

    fn act(&mut self, action: Action, effects: &mut Vec<Effect>) {
        match action {
            Action::Buy => self.open_form(FormKind::Order(Side::Buy), effects),
            Action::Sell => self.open_form(FormKind::Order(Side::Sell), effects),
            Action::Trigger => self.open_form(FormKind::Trigger(Side::Buy), effects),
            Action::AddMoney => self.open_form(FormKind::AddMoney, effects),
            Action::AddSymbol => self.popup = Some(Popup::Form(Form::new(FormKind::AddSymbol, None))),
            Action::Commit => self.commit(effects),
            Action::Cancel | Action::Undo => self.cancel(effects),
            Action::RemoveTrigger => self.remove_trigger(effects),
            Action::Down => self.step(1),
            Action::Up => self.step(-1),
            Action::PageDown => self.step(PAGE_ROWS as isize),
            Action::PageUp => self.step(-(PAGE_ROWS as isize)),
            Action::Top => self.step(isize::MIN),
            Action::Bottom => self.step(isize::MAX),
            Action::NextPane => self.turn_pane(1),
            Action::PreviousPane => self.turn_pane(PANES.len() - 1),
            Action::Trade => self.screen = Screen::Trade,
            Action::Holdings => self.screen = Screen::Holdings,
            Action::Triggers => self.screen = Screen::Triggers,
            Action::Activity => self.screen = Screen::Activity,
            Action::Detail => match self.pane() {
                Pane::Activity if !self.activity.is_empty() => self.popup = Some(Popup::Wire(self.row(Pane::Activity))),
                Pane::Watchlist => self.chart = !self.chart,
                _ => {}
            },
            Action::Back => {
                self.chart = false;
                self.filter.clear();
            }
            Action::Filter => (self.screen, self.focus, self.filtering) = (Screen::Trade, Pane::Watchlist, true),
            Action::Sort => {
                self.sort = match self.sort {
                    Sort::Own => Sort::Name,
                    Sort::Name => Sort::Change,
                    Sort::Change => Sort::Own,
                };
            }
            Action::Requote => {
                if let Some(symbol) = self.symbol_at_hand() {
                    self.send(format!("QUOTE,{},{symbol}", self.user), Purpose::Trader, effects);
                }
            }
            Action::HideMoney => self.hide_money = !self.hide_money,
            Action::DropSymbol => {
                if let Some(symbol) = self.selected_symbol() {
                    self.watchlist.retain(|known| *known != symbol);
                    self.watch_what_matters(effects);
                }
            }
            Action::Copy => self.copy(effects),
            Action::Help => self.popup = Some(Popup::Help),
            Action::Palette => self.popup = Some(Popup::Palette(String::new(), None)),
            Action::Reconnect => effects.push(Effect::Reconnect),
            Action::Redraw => effects.push(Effect::Redraw),
            Action::Suspend => effects.push(Effect::Suspend),
            Action::Quit => {
                if self.pending().next().is_some() || !self.waiting().is_empty() {
                    self.popup = Some(Popup::ConfirmQuit);
                } else {
                    effects.push(Effect::Quit);
                }
            }
        }
    }

    /// The trader's requests that are not answered yet.
    pub fn waiting(&self) -> Vec<&str> {
        let asked = |sent: &&super::InFlight| matches!(sent.purpose, Purpose::Trader | Purpose::Form(_));
        self.in_flight.values().filter(asked).map(|sent| sent.line.as_str()).collect()
    }

    /// The pane that keys go to.
    pub fn pane(&self) -> Pane {
        match self.screen {
            Screen::Trade => self.focus,
            Screen::Holdings => Pane::Holdings,
            Screen::Triggers => Pane::Triggers,
            Screen::Activity => Pane::Activity,
        }
    }

    fn turn_pane(&mut self, by: usize) {
        let at = PANES.iter().position(|pane| *pane == self.focus).unwrap_or(0);
        self.focus = PANES[(at + by) % PANES.len()];
    }

    fn step(&mut self, by: isize) {
        let pane = self.pane();
        let last = self.rows(pane).saturating_sub(1);
        let row = self.row(pane).min(last);
        self.selected.insert(pane, row.saturating_add_signed(by).min(last));
    }

    /// The symbol of the selected row, whatever the pane.
    pub fn symbol_at_hand(&self) -> Option<Symbol> {
        let account = self.account.as_ref();
        let pane = self.pane();
        let row = self.row(pane).min(self.rows(pane).saturating_sub(1));
        let there = match pane {
            Pane::Watchlist | Pane::Activity => None,
            Pane::Holdings => account.and_then(|account| account.holdings.get(row)).map(|holding| holding.symbol),
            Pane::Pending => account.and_then(|account| account.pending.get(row)).map(|order| order.terms.symbol),
            Pane::Triggers => self.triggers_by_nearness().get(row).map(|(trigger, _)| trigger.symbol),
        };
        there.or_else(|| self.selected_symbol())
    }

    fn open_form(&mut self, kind: FormKind, effects: &mut Vec<Effect>) {
        if !self.is_live() {
            self.tell("not connected: trading waits until the link is back");
            return;
        }
        // A draft is gone on with for the stock it was about, never for another that was chosen since.
        let at_hand = self.symbol_at_hand();
        let same = |draft: &Form| draft.kind == kind && (kind == FormKind::AddMoney || draft.stock() == at_hand);
        let mut form = self.draft.take().filter(same).unwrap_or_else(|| Form::new(kind, at_hand));
        if kind == FormKind::AddMoney && form.amount.is_empty() && self.no_account {
            "10000.00".clone_into(&mut form.amount);
        }
        form.proposed = !form.amount.is_empty();
        self.popup = Some(Popup::Form(form));
        self.form_wants_a_price(effects);
    }

    /// Watches the stock of the form, so that its price is there and stays fresh.
    fn form_wants_a_price(&mut self, effects: &mut Vec<Effect>) {
        let Some(Popup::Form(form)) = &self.popup else { return };
        if matches!(form.kind, FormKind::Order(_) | FormKind::Trigger(_)) && form.stock().is_some() {
            self.watch_what_matters(effects);
        }
    }

    fn form_key(&mut self, mut form: Form, key: Key, effects: &mut Vec<Effect>) {
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
            Key::Tab | Key::Down => (form.field, form.proposed) = ((form.field + 1) % fields, false),
            Key::BackTab | Key::Up => (form.field, form.proposed) = ((form.field + fields - 1) % fields, false),
            Key::Left | Key::Right if !form.sending => form.turn(),
            Key::Backspace if !form.sending => form.erase(),
            Key::Ctrl('u') if !form.sending => form.clear_field(),
            Key::Char(key @ ('m' | 'h' | '=')) if !form.sending && form.fields()[form.field] == "Amount" => {
                form.fill_in(key, self.account.as_ref(), &self.quotes);
            }
            Key::Char(letter) if !form.sending => form.type_letter(letter),
            _ => {}
        }
        self.popup = Some(Popup::Form(form));
        self.form_wants_a_price(effects);
    }

    fn submit(&mut self, effects: &mut Vec<Effect>) {
        let Some(Popup::Form(mut form)) = self.popup.take() else { return };
        let stops = form
            .consequences(self.account.as_ref(), &self.quotes, self.now_ms, self.offset_ms)
            .into_iter()
            .find(|line| line.stops);
        if form.kind == FormKind::AddSymbol {
            if let Some(symbol) = form.stock() {
                self.add_symbol(symbol, effects);
                return;
            }
        } else if stops.is_none() && !form.sending && self.is_live() {
            form.saw = form.stock().and_then(|symbol| self.quotes.get(symbol)).map(|seen| seen.price);
            form.sending = true;
            form.refused = None;
            let (line, next) = form.lines(&self.user);
            self.popup = Some(Popup::Form(form));
            self.send(line, Purpose::Form(next), effects);
            return;
        }
        if let Some(stops) = stops {
            form.refused = Some(format!("{}: {}", stops.name, stops.words));
        }
        self.popup = Some(Popup::Form(form));
    }

    fn add_symbol(&mut self, symbol: Symbol, effects: &mut Vec<Effect>) {
        if !self.watchlist.contains(&symbol) {
            self.watchlist.push(symbol);
        }
        if let Some(at) = self.shown_symbols().iter().position(|known| *known == symbol) {
            self.selected.insert(Pane::Watchlist, at);
        }
        self.watch_what_matters(effects);
    }

    fn palette_key(&mut self, mut text: String, key: Key, effects: &mut Vec<Effect>) {
        match key {
            Key::Esc | Key::Ctrl('c') => return,
            Key::Enter => {
                match read(&text, &self.user) {
                    Ok(Typed::Do(action)) => self.act(action, effects),
                    Ok(Typed::Send(line, next)) => self.send(line, Purpose::Form(next), effects),
                    Ok(Typed::Watch(symbol)) => self.add_symbol(symbol, effects),
                    Ok(Typed::Open(form)) => {
                        self.popup = Some(Popup::Form(form));
                        self.form_wants_a_price(effects);
                    }
                    Err(words) => self.popup = Some(Popup::Palette(text, Some(words))),
                }
                return;
            }
            Key::Tab => {
                if let Some(action) = super::command_line::suggestions(&text).first() {
                    action.name().clone_into(&mut text);
                }
            }
            Key::Backspace => {
                text.pop();
            }
            Key::Ctrl('u') => text.clear(),
            Key::Char(letter) if text.len() < 200 => text.push(letter),
            _ => {}
        }
        self.popup = Some(Popup::Palette(text, None));
    }

    fn filter_key(&mut self, key: Key) {
        match key {
            Key::Enter => self.filtering = false,
            Key::Esc => {
                self.filtering = false;
                self.filter.clear();
            }
            Key::Backspace => {
                self.filter.pop();
            }
            Key::Char(letter) if letter.is_ascii_alphanumeric() && self.filter.len() < 3 => self.filter.push(letter),
            _ => {}
        }
        self.selected.insert(Pane::Watchlist, 0);
    }

    fn paste(&mut self, text: &str, effects: &mut Vec<Effect>) {
        // Only into fields, and never with a newline, which would send.
        if !matches!(self.popup, Some(Popup::Form(_) | Popup::Palette(..))) {
            return;
        }
        for letter in text.chars().filter(|letter| !letter.is_control()).take(200) {
            self.key(Key::Char(letter), effects);
        }
    }

    fn click(&mut self, spot: Spot) {
        if self.popup.is_some() {
            return;
        }
        match spot {
            Spot::Screen(screen) => self.screen = screen,
            Spot::Row(pane, row) => {
                if self.screen == Screen::Trade && PANES.contains(&pane) {
                    self.focus = pane;
                }
                self.selected.insert(pane, row);
            }
        }
    }

    /// Whether a commit or cancel of the banner's order could be sent now.
    pub fn may_finish(&self) -> bool {
        self.is_live()
            && self.now_ms.saturating_sub(self.banner_since_ms) >= BANNER_GUARD_MS
            && self.waiting().iter().all(|line| !line.starts_with("COMMIT_") && !line.starts_with("CANCEL_"))
    }

    fn commit(&mut self, effects: &mut Vec<Effect>) {
        self.finish("COMMIT", effects);
    }

    fn cancel(&mut self, effects: &mut Vec<Effect>) {
        self.finish("CANCEL", effects);
    }

    fn finish(&mut self, verb: &str, effects: &mut Vec<Effect>) {
        let Some(side) = self.next_pending().map(|order| order.side) else {
            self.tell("nothing is pending");
            return;
        };
        if !self.is_live() {
            self.tell("not connected: nothing was sent");
        } else if self.may_finish() {
            self.send(format!("{verb}_{},{}", side.as_str(), self.user), Purpose::Trader, effects);
        }
    }

    fn remove_trigger(&mut self, effects: &mut Vec<Effect>) {
        let row = self.row(Pane::Triggers);
        let triggers = self.triggers_by_nearness();
        let Some((trigger, _)) = triggers.get(row.min(triggers.len().saturating_sub(1))) else {
            self.tell("no trigger to remove");
            return;
        };
        if self.pane() != Pane::Triggers {
            self.tell("choose a trigger first: Tab to its pane, or screen 3");
            return;
        }
        let line = format!("CANCEL_SET_{},{},{}", trigger.side.as_str(), self.user, trigger.symbol);
        self.send(line, Purpose::Trader, effects);
    }

    fn copy(&mut self, effects: &mut Vec<Effect>) {
        let row = match self.popup {
            Some(Popup::Wire(row)) => row,
            _ => self.row(Pane::Activity),
        };
        let Some(line) = self.activity.iter().rev().nth(row) else { return };
        let tag =
            if line.verdict == Verdict::News { String::new() } else { format!("[{}] {}\n", line.tag, line.request) };
        effects.push(Effect::Copy(format!("{tag}{}", line.reply)));
        self.tell("copied");
    }
}

/// The panes of the Trade screen that take keys, in the order of Tab.
const PANES: [Pane; 4] = [Pane::Watchlist, Pane::Pending, Pane::Holdings, Pane::Triggers];
