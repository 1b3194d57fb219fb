//! The state of the trading screen.
//!
//! [`App`] consists of sub-states that each own their fields. [`App::update`] takes an event,
//! routes it to them and returns the effects: actions for the terminal, the link and the replay.
//! This module must never do I/O or ask for the time; every event brings the time with it.
//!
//! Methods live on the sub-state that owns the data. A function that needs several sub-states is in
//! the module of its subject: `actions` for keys, `pointer` for the mouse, `orders` for forms and
//! orders, `palette` for the command line, `server_lines` and `reconcile` for the server's lines,
//! `output` for the clipboard and files. `selection` has the read-only values that follow from
//! several sub-states.

mod account;
mod account_state;
mod actions;
mod activity;
mod activity_line;
mod alerts;
mod amount;
mod chart_view;
mod clock;
mod command_line;
mod connection;
mod consequences;
mod equity;
mod event;
mod filter;
mod forms;
pub(crate) mod keys;
mod market;
mod orders;
mod output;
mod palette;
mod past;
mod pointer;
mod pushes;
mod quotes;
mod reconcile;
mod records;
mod replay;
mod reply_text;
mod search;
mod selection;
mod server_lines;
mod settings;
mod sort;
pub(crate) mod text;
mod text_input;
mod trade;
mod view;

pub(crate) use event::WANTS_LOGIN;
pub use event::{Access, Effect, Event, Health, HitTarget, Identity, LinkEvent, ReplayRequest};
pub use keys::{Action, Key, KeyMap};
pub use settings::{Settings, ThemeName};
pub use sort::Sort;
pub use view::{Pane, Screen};

pub(crate) use account::{Account, Holding, Pending, Transaction, Trigger};
pub(crate) use account_state::AccountState;
pub(crate) use activity::Activity;
pub(crate) use activity_line::{ActivityLine, Outcome, Subject};
pub(crate) use alerts::Alert;
pub(crate) use chart_view::{ChartView, Timeframe};
pub(crate) use clock::Clock;
pub(crate) use command_line::{describe, suggestions};
pub(crate) use connection::{Connection, Link, Purpose, ends_order};
pub(crate) use equity::Equity;
pub(crate) use filter::Filter;
pub(crate) use forms::{Field, Form, FormKind};
pub(crate) use market::{Market, MarketClock};
pub(crate) use palette::Palette;
pub(crate) use quotes::{Quotes, SymbolQuote};
pub(crate) use replay::ReplayState;
pub(crate) use search::{Search, outcome_word};
pub(crate) use trade::TradeState;
pub(crate) use view::{Popup, View};

use past::Past;

use crate::replay_message::Progress;
use daytrade_protocol::{Command, Symbol, UserName};

/// The validity of a quote, in milliseconds.
pub(crate) const QUOTE_LIFETIME_MS: u64 = 60_000;
/// Time after a change of the banner during which the commit key does nothing, in milliseconds.
pub(crate) const BANNER_GUARD_MS: u64 = 300;

/// The trading screen.
#[derive(Debug)]
pub struct App {
    pub(crate) clock: Clock,
    pub(crate) connection: Connection,
    pub(crate) market: Market,
    pub(crate) account: AccountState,
    pub(crate) trade: TradeState,
    pub(crate) activity: Activity,
    pub(crate) equity: Equity,
    /// Records of the account that are arriving.
    past: Option<Past>,
    /// The records of the account are to be asked for after the next summary.
    past_wanted: bool,
    /// Server time up to which the records are known, Unix milliseconds.
    past_known_ms: Option<u64>,
    /// Server time from which on records are to be asked for.
    records_wanted_ms: Option<u64>,
    /// Local time before which they are not asked for.
    records_not_before_ms: u64,
    /// The trader has asked about the market's clock.
    market_wanted: bool,
    /// The quote source does not answer, as the log has it.
    is_source_silent: bool,
    pub(crate) view: View,
    pub(crate) replay: ReplayState,
    pub(crate) settings: Settings,
    pub(crate) keys: KeyMap,
}

impl App {
    /// Creates the screen of a user before the first connection to the server.
    pub fn new(
        user: UserName,
        address: &str,
        watchlist: Vec<Symbol>,
        keys: KeyMap,
        now_ms: u64,
    ) -> Self {
        let link = Link::Connecting(now_ms);
        Self {
            clock: Clock::new(now_ms),
            connection: Connection::new(user, address.to_owned(), link, now_ms),
            market: Market::new(watchlist),
            account: AccountState::default(),
            trade: TradeState::default(),
            activity: Activity::default(),
            equity: Equity::default(),
            past: None,
            past_wanted: false,
            past_known_ms: None,
            records_wanted_ms: None,
            records_not_before_ms: 0,
            market_wanted: false,
            is_source_silent: false,
            view: View::default(),
            replay: ReplayState::new(None),
            settings: Settings::default(),
            keys,
        }
    }

    /// Creates a screen that only shows the replay of a file and connects to no server.
    ///
    /// # Panics
    /// Never: `replay` is a valid user name.
    pub fn for_replay(file: &str, keys: KeyMap, now_ms: u64) -> Self {
        #[expect(clippy::expect_used, reason = "the name is a constant")]
        let user = UserName::parse(b"replay").expect("a valid user name");
        let mut app = Self::new(user.clone(), "", Vec::new(), keys, now_ms);
        app.connection = Connection::new(user, String::new(), Link::ReplayOnly, now_ms);
        app.view.show(Screen::Replay);
        let progress = Progress { file: file.to_owned(), ..Progress::default() };
        app.replay = ReplayState::new(Some(progress));
        app
    }

    /// Handles an event at a local time; returns the effects in the order to carry them out.
    pub fn update(&mut self, event: Event, now_ms: u64) -> Vec<Effect> {
        self.clock.advance(now_ms);
        let mut effects = Vec::new();
        match event {
            Event::Key(key) => actions::on_key(self, key, &mut effects),
            Event::Paste(text) => pointer::on_paste(self, &text, &mut effects),
            Event::Click(target) => pointer::on_click(self, target, &mut effects),
            Event::Scroll(down, pane) => pointer::on_scroll(self, down, pane),
            Event::Link(event) => server_lines::on_link_event(self, event, &mut effects),
            Event::Replay(progress) => {
                if let Some(message) = self.replay.set_progress(*progress) {
                    self.activity.add_to_log(&message, self.clock);
                }
            }
            Event::Exported(Ok(path)) => self.notify(&format!("written to {path}")),
            Event::Exported(Err(message)) => self.notify(&format!("not written: {message}")),
            Event::Tick => {}
        }
        self.on_time(&mut effects);
        effects
    }

    /// Handles everything that depends on the time alone.
    fn on_time(&mut self, effects: &mut Vec<Effect>) {
        self.activity.expire_notice(self.clock);
        self.trade.expire_offer(self.clock);
        self.update_banner();
        self.keep_selection();
        self.sample_equity();
        self.log_source();
        self.request_records(effects);
        if self.view.screen() == Screen::Replay {
            effects.extend(self.replay.take_question().map(Effect::Replay));
        }
        let Some(order) = self.next_pending().copied() else { return };
        if let Some(warning) = self.trade.expiry_warning(&order, self.clock) {
            self.activity.ring(&warning, self.settings.bell, self.clock, effects);
        }
    }

    /// Returns true once the records of the account are known, or will not be.
    pub(crate) const fn knows_past(&self) -> bool {
        !self.past_wanted && self.past.is_none()
    }

    /// Sends a command of the trader, which the activity records.
    fn send(&mut self, command: Command, purpose: Purpose, effects: &mut Vec<Effect>) {
        self.connection.send(command, purpose, self.clock, &mut self.activity, effects);
    }

    /// Displays a message for a few seconds.
    fn notify(&mut self, message: &str) {
        self.activity.notify(message, self.clock);
    }

    /// Logs that the quote source has stopped to answer, or answers again.
    fn log_source(&mut self) {
        let is_silent = self.source_silence().is_some();
        if is_silent == std::mem::replace(&mut self.is_source_silent, is_silent) {
            return;
        }
        let message = if is_silent {
            "The quote source does not answer. A price may be used for 60 s, then orders wait."
        } else {
            "The quote source answers again."
        };
        self.activity.add_to_log(message, self.clock);
        self.activity.add_news(Subject::Market, String::new(), message, self.clock);
    }

    /// Notes the value of the account, once all its prices are known.
    fn sample_equity(&mut self) {
        let Some(account) = self.account.current() else { return };
        if !self.connection.is_live() || !self.equity.wants_sample(self.clock) {
            return;
        }
        let (value, is_current) = self.account.market_value(self.market.quotes(), self.clock);
        let equity = account.cash.checked_add(account.reserved);
        if let Some(equity) = equity.and_then(|sum| sum.checked_add(value)).filter(|_| is_current) {
            self.equity.sample(equity, self.clock);
        }
    }

    /// Updates the order of the banner, which starts the guard time if it is another one.
    fn update_banner(&mut self) {
        let order = self.next_pending().copied();
        self.trade.set_banner(order.as_ref(), self.clock);
    }
}

#[cfg(test)]
mod property_tests;
#[cfg(test)]
pub(crate) mod tests;
