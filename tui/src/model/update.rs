//! What each event does.

use super::{
    Action, Effect, Event, FormKind, Key, Link, Model, Palette, Pane, Pending, Popup, Purpose,
    Screen, Settings,
};
use daytrade_protocol::{Side, Symbol};

/// Left on an order: one bell and a line, in milliseconds.
const WARN_LEFT_MS: u64 = 20_000;
/// A second Ctrl-C within this time ends at once, in milliseconds.
const QUIT_TWICE_MS: u64 = 1_500;
/// A page of a list.
const PAGE_ROWS: usize = 10;
/// The panes of the Trade screen that take keys, in the order of Tab; that of alerts only while
/// there are any.
pub(super) const PANES: [Pane; 5] =
    [Pane::Watchlist, Pane::Pending, Pane::Holdings, Pane::Triggers, Pane::Alerts];

impl Model {
    /// Takes an event in; what has to be done outside comes back.
    pub fn update(&mut self, event: Event, now_ms: u64) -> Vec<Effect> {
        self.now_ms = self.now_ms.max(now_ms);
        let mut effects = Vec::new();
        match event {
            Event::Key(key) => self.key(key, &mut effects),
            Event::Paste(text) => self.paste(&text, &mut effects),
            Event::Click(spot) => self.click(spot, &mut effects),
            Event::Scroll(down, over) => self.scroll(down, over),
            Event::Link(event) => self.link_event(event, &mut effects),
            Event::Replay(progress) => self.replay_news(*progress),
            Event::Exported(Ok(path)) => self.tell(&format!("written to {path}")),
            Event::Exported(Err(words)) => self.tell(&format!("not written: {words}")),
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
        let notice = self.notice.as_ref().map(|(_, until)| *until);
        let seconds = self.seconds_matter().then_some(second);
        // The clock shows no seconds while nothing else counts them.
        let minute = self.now_ms - self.now_ms % 60_000 + 60_000;
        [tenths, notice, seconds, Some(minute)]
            .into_iter()
            .flatten()
            .min()
            .map(|at| at.max(self.now_ms + 1))
    }

    /// Whether something on the screen is counted in seconds: an order's time, a young quote's age,
    /// the way back to the server.
    pub fn seconds_matter(&self) -> bool {
        let running =
            self.next_pending().is_some_and(|order| self.left_ms(order.expires_at_ms) > 0);
        let waits = matches!(self.link, Link::Offline { .. } | Link::Connecting(_))
            || self.is_live() && self.account.is_none() && !self.no_account;
        let mut shown = self
            .watchlist
            .iter()
            .chain(self.account.iter().flat_map(|a| a.holdings.iter().map(|h| &h.symbol)));
        let young = |symbol: &Symbol| {
            // A second longer than its life, so that the change to stale is seen.
            let seen = self.shown_quotes().get(*symbol);
            seen.is_some_and(|seen| {
                seen.age_ms(self.now_ms, self.offset_ms) <= super::QUOTE_LIFE_MS + 1_000
            })
        };
        running || waits || self.is_live() && shown.any(young)
    }

    fn time_passes(&mut self, effects: &mut Vec<Effect>) {
        if self.notice.as_ref().is_some_and(|(_, until)| *until <= self.now_ms) {
            self.notice = None;
        }
        if self.expired.as_ref().is_some_and(|(_, until)| *until <= self.now_ms) {
            self.expired = None;
        }
        self.banner_may_have_changed();
        // What is marked stays marked, whatever prices do to the order of the list.
        if self.chosen.is_none() {
            self.chosen = self.shown_symbols().get(self.row(Pane::Watchlist)).copied();
        }
        if self.chosen_trigger.is_none() && self.pane() == Pane::Triggers {
            let row = self.row(Pane::Triggers);
            self.chosen_trigger = self
                .triggers_by_nearness()
                .get(row)
                .map(|(trigger, _)| (trigger.side, trigger.symbol));
        }
        let Some(order) = self.next_pending().copied() else { return };
        let left = self.left_ms(order.expires_at_ms);
        if left <= WARN_LEFT_MS && left > 0 && self.warned != Some(order.expires_at_ms) {
            self.warned = Some(order.expires_at_ms);
            let Pending { side, terms, .. } = order;
            self.ring(
                &format!("{} {}: less than 20 s left to commit", side.as_str(), terms.symbol),
                effects,
            );
        }
    }

    pub(super) fn key(&mut self, key: Key, effects: &mut Vec<Effect>) {
        if key == Key::Ctrl('c') && self.now_ms.saturating_sub(self.quit_pressed_ms) < QUIT_TWICE_MS
        {
            effects.push(Effect::Quit);
            return;
        }
        if key == Key::Ctrl('c') {
            self.quit_pressed_ms = self.now_ms;
        }
        let action = self.keys.action(key, self.screen == Screen::Replay);
        match self.popup.take() {
            Some(Popup::Form(form)) => self.form_key(form, key, effects),
            Some(Popup::Palette(palette)) => self.palette_key(palette, key, effects),
            Some(Popup::ConfirmQuit) => match key {
                // Not the key that commits: who meant that one is not thrown out.
                Key::Char('q') | Key::Enter | Key::Ctrl('c') => effects.push(Effect::Quit),
                _ => self.tell("stayed"),
            },
            Some(Popup::Settings(row)) => self.settings_key(row, key, action),
            Some(popup) => self.reading_key(&popup, key, action, effects),
            None if self.filtering => self.filter_key(key),
            None => {
                if let Some(action) = action {
                    self.act(action, effects);
                }
            }
        }
    }

    /// Keys of what is only read: it scrolls, can be copied, and goes with any other key.
    fn reading_key(
        &mut self,
        popup: &Popup,
        key: Key,
        action: Option<Action>,
        effects: &mut Vec<Effect>,
    ) {
        let by = match action {
            Some(Action::Down) => 1,
            Some(Action::Up) => -1,
            Some(Action::PageDown) => PAGE_ROWS as isize,
            Some(Action::PageUp) => -(PAGE_ROWS as isize),
            Some(Action::Top) => isize::MIN,
            _ => 0,
        };
        let last = |rows: usize| rows.saturating_sub(1);
        match *popup {
            Popup::Help(row) if by != 0 => {
                self.popup =
                    Some(Popup::Help(row.saturating_add_signed(by).min(last(Action::ALL.len()))));
            }
            Popup::Log(row) if by != 0 => {
                self.popup =
                    Some(Popup::Log(row.saturating_add_signed(by).min(last(self.log.len()))));
            }
            Popup::Wire(row) if by != 0 => {
                let rows = self.activity.len();
                self.popup = Some(Popup::Wire(row.saturating_add_signed(by).min(last(rows))));
            }
            Popup::Wire(row) if action == Some(Action::Copy) => {
                self.popup = Some(Popup::Wire(row));
                self.copy(effects);
            }
            _ if key == Key::Ctrl('c') => self.act(Action::Quit, effects),
            _ => {}
        }
    }

    fn settings_key(&mut self, row: usize, key: Key, action: Option<Action>) {
        let row = match (key, action) {
            (_, Some(Action::Down)) => (row + 1) % Settings::COUNT,
            (_, Some(Action::Up)) => (row + Settings::COUNT - 1) % Settings::COUNT,
            (Key::Left, _) => {
                self.settings.turn(row, true);
                row
            }
            (Key::Right | Key::Enter | Key::Char(' '), _) => {
                self.settings.turn(row, false);
                row
            }
            _ => return,
        };
        self.popup = Some(Popup::Settings(row));
    }

    pub(super) fn act(&mut self, action: Action, effects: &mut Vec<Effect>) {
        match action {
            Action::Buy => self.open_form(FormKind::Order(Side::Buy), effects),
            Action::Sell => self.open_form(FormKind::Order(Side::Sell), effects),
            Action::Trigger => self.open_form(FormKind::Trigger(Side::Buy), effects),
            Action::AddMoney => self.open_form(FormKind::AddMoney, effects),
            Action::AddSymbol => self.open_form(FormKind::AddSymbol, effects),
            Action::Alert => self.open_form(FormKind::Alert, effects),
            Action::Commit => self.commit(effects),
            Action::Cancel | Action::Undo => self.cancel(effects),
            Action::RemoveTrigger => self.remove_trigger(effects),
            Action::Requote => {
                if let Some(symbol) = self.symbol_at_hand() {
                    self.send(format!("QUOTE,{},{symbol}", self.user), Purpose::Trader, effects);
                }
            }
            Action::DropSymbol => {
                if let Some(symbol) = self.selected_symbol() {
                    let row = self.row(Pane::Watchlist);
                    self.watchlist.retain(|known| *known != symbol);
                    let last = self.rows(Pane::Watchlist).saturating_sub(1);
                    self.choose(Pane::Watchlist, row.min(last));
                    self.watch_what_matters(effects);
                }
            }
            // There is nothing to go back to before the first connection.
            Action::Back if matches!(self.link, Link::Connecting(_)) => effects.push(Effect::Quit),
            Action::Copy => self.copy(effects),
            Action::Export => self.export(effects),
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
            action if action.is_of_replay() => self.replay_key(action, effects),
            action => self.look(action),
        }
    }

    /// The actions that change only what is seen.
    fn look(&mut self, action: Action) {
        match action {
            Action::Down => self.step(1),
            Action::Up => self.step(-1),
            Action::PageDown => self.step(PAGE_ROWS as isize),
            Action::PageUp => self.step(-(PAGE_ROWS as isize)),
            Action::Top => self.step(isize::MIN),
            Action::Bottom => self.step(isize::MAX),
            Action::NextPane => self.turn_pane(true),
            Action::PreviousPane => self.turn_pane(false),
            Action::Trade => self.screen = Screen::Trade,
            Action::Holdings => self.screen = Screen::Holdings,
            Action::Triggers => self.screen = Screen::Triggers,
            Action::Activity => self.screen = Screen::Activity,
            Action::Replay => self.screen = Screen::Replay,
            Action::Detail => match self.pane() {
                Pane::Activity if !self.activity.is_empty() => {
                    self.popup = Some(Popup::Wire(self.row(Pane::Activity)))
                }
                Pane::Watchlist | Pane::Holdings if self.screen == Screen::Trade => {
                    self.chart = !self.chart
                }
                _ => {}
            },
            Action::Back => {
                (self.chart, self.zoomed) = (false, false);
                self.filter.set("");
            }
            Action::Filter => {
                (self.screen, self.focus, self.filtering) = (Screen::Trade, Pane::Watchlist, true)
            }
            Action::Sort => self.sort = self.sort.next(),
            Action::Reverse => self.reversed = !self.reversed,
            Action::Zoom => self.zoomed = !self.zoomed,
            Action::Shorter => self.timeframe = self.timeframe.beside(false),
            Action::Longer => self.timeframe = self.timeframe.beside(true),
            Action::ChartStyle => self.bars = !self.bars,
            Action::Pause => {
                self.held_quotes =
                    if self.held_quotes.is_some() { None } else { Some(self.quotes.clone()) };
            }
            Action::HideMoney => self.hide_money = !self.hide_money,
            Action::MoreKeys => self.hints += 1,
            Action::Help => self.popup = Some(Popup::Help(0)),
            Action::Palette => self.popup = Some(Popup::Palette(Palette::default())),
            Action::Settings => self.popup = Some(Popup::Settings(0)),
            Action::Log => self.popup = Some(Popup::Log(0)),
            _ => {}
        }
    }

    /// The trader's requests that are not answered yet.
    pub fn waiting(&self) -> Vec<&str> {
        let asked =
            |sent: &&super::InFlight| matches!(sent.purpose, Purpose::Trader | Purpose::Form(_));
        self.in_flight.values().filter(asked).map(|sent| sent.line.as_str()).collect()
    }

    /// The pane that keys go to.
    pub const fn pane(&self) -> Pane {
        match self.screen {
            Screen::Trade => self.focus,
            Screen::Holdings => Pane::Holdings,
            Screen::Triggers => Pane::Triggers,
            Screen::Activity => Pane::Activity,
            Screen::Replay => Pane::Replay,
        }
    }

    fn turn_pane(&mut self, forth: bool) {
        let panes = if self.alerts.is_empty() { &PANES[..PANES.len() - 1] } else { &PANES[..] };
        let at = panes.iter().position(|pane| *pane == self.focus).unwrap_or(0);
        self.focus = panes[(at + if forth { 1 } else { panes.len() - 1 }) % panes.len()];
    }

    fn step(&mut self, by: isize) {
        self.step_in(self.pane(), by);
    }

    pub(super) fn step_in(&mut self, pane: Pane, by: isize) {
        let last = self.rows(pane).saturating_sub(1);
        let row = self.row(pane).min(last);
        self.choose(pane, row.saturating_add_signed(by).min(last));
    }

    /// Selects a row; of the watchlist its symbol, which stays chosen wherever it is sorted to.
    pub(super) fn choose(&mut self, pane: Pane, row: usize) {
        self.selected.insert(pane, row);
        // An order that has run out is made once more only for who has not turned to something
        // else.
        self.expired = None;
        match pane {
            Pane::Watchlist => self.chosen = self.shown_symbols().get(row).copied(),
            Pane::Triggers => {
                self.chosen_trigger = self
                    .triggers_by_nearness()
                    .get(row)
                    .map(|(trigger, _)| (trigger.side, trigger.symbol));
            }
            _ => {}
        }
    }

    /// The symbol of the selected row, whatever the pane.
    pub fn symbol_at_hand(&self) -> Option<Symbol> {
        let account = self.account.as_ref();
        let pane = self.pane();
        let row = self.row(pane).min(self.rows(pane).saturating_sub(1));
        let there = match pane {
            Pane::Watchlist | Pane::Activity | Pane::Replay => None,
            Pane::Holdings => {
                account.and_then(|account| account.holdings.get(row)).map(|holding| holding.symbol)
            }
            Pane::Pending => self.chosen_pending().map(|order| order.terms.symbol),
            Pane::Triggers => {
                self.triggers_by_nearness().get(row).map(|(trigger, _)| trigger.symbol)
            }
            Pane::Alerts => self.alerts.get(row).map(|alert| alert.symbol),
        };
        there.or_else(|| self.selected_symbol())
    }

    fn filter_key(&mut self, key: Key) {
        match key {
            Key::Enter => self.filtering = false,
            Key::Esc | Key::Ctrl('c') => {
                self.filtering = false;
                self.filter.set("");
            }
            Key::Backspace => self.filter.erase(),
            Key::Ctrl('u') => self.filter.set(""),
            Key::Char(letter) => self.filter.type_letter(letter),
            _ => {}
        }
        self.choose(Pane::Watchlist, 0);
    }
}
