//! What the screen knows: plain data, changed by [`Model::update`] alone, which looks at no clock
//! and does no I/O.

mod account;
mod alerts;
mod command_line;
mod consequences;
mod event;
mod filter;
mod forms;
mod history;
pub mod keys;
mod palette;
mod pointing;
mod quotes;
mod replaying;
mod server;
mod settings;
mod state;
pub mod text;
mod trading;
mod update;
mod views;
mod words;

pub use account::{Account, Holding, Past, Pending, Trigger};
pub use alerts::Alert;
pub use command_line::{describe, suggestions};
pub use event::{Effect, Event, LinkEvent, ReplayRequest, Spot};
pub use filter::Filter;
pub use forms::{Consequence, Form, FormKind};
pub use keys::{Action, Key, KeyMap};
pub use palette::Palette;
pub use quotes::{Quotes, Seen};
pub use settings::{Settings, ThemeName};
pub use state::{
    Counts, Fill, InFlight, Line, Link, Pane, Popup, Purpose, Screen, Sort, Timeframe, Verdict,
};

use crate::replay::{Pace, Progress};
use daytrade_protocol::{Detail, Side, Symbol, TradeTerms};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How long a quote is good, in milliseconds.
pub const QUOTE_LIFE_MS: u64 = 60_000;
/// A commit key does nothing for so long after the banner's subject has changed, in milliseconds.
pub const BANNER_GUARD_MS: u64 = 300;
/// Lines of activity that are kept.
const ACTIVITY_MAX: usize = 1_000;
/// Round trips that are kept.
const ROUND_TRIPS_MAX: usize = 512;
/// Trades of this session that are kept for the chart.
const FILLS_MAX: usize = 1_000;
/// Orders made here that are remembered.
const ORDERED_MAX: usize = 100;
/// Lines of the screen's own log that are kept.
const LOG_MAX: usize = 500;

/// Everything.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that is so or not")]
pub struct Model {
    /// Whose account.
    pub user: String,
    /// Which server.
    pub address: String,
    /// Now, Unix milliseconds by our clock.
    pub now_ms: u64,
    /// When the screen was opened, which changes of prices are reckoned from.
    pub started_ms: u64,
    /// How much the server's clock is ahead of ours.
    pub offset_ms: i64,
    /// The link.
    pub link: Link,
    /// The account, once it is known. None of a user who never added money.
    pub account: Option<Account>,
    /// When the account was last told.
    pub account_ms: u64,
    /// The server has said that there is no account yet.
    pub no_account: bool,
    /// Prices.
    pub quotes: Quotes,
    /// Prices as they were when the trader held them still.
    pub held_quotes: Option<Quotes>,
    /// Symbols on the watchlist, in their own order.
    pub watchlist: Vec<Symbol>,
    /// What the watchlist is narrowed to.
    pub filter: Filter,
    /// The filter is being typed.
    pub filtering: bool,
    /// How the watchlist is sorted.
    pub sort: Sort,
    /// The other way round.
    pub reversed: bool,
    /// Which screen.
    pub screen: Screen,
    /// Which pane of the Trade screen has the keys.
    pub focus: Pane,
    /// That pane alone is shown.
    pub zoomed: bool,
    /// The chart stands in the place of the watchlist, where there is no room for both.
    pub chart: bool,
    /// How far back the chart looks.
    pub timeframe: Timeframe,
    /// The chart has bars from low to high rather than a line.
    pub bars: bool,
    /// The selected row of each pane.
    pub selected: BTreeMap<Pane, usize>,
    /// What lies over it.
    pub popup: Option<Popup>,
    /// A form that was closed with Esc, to be gone on with.
    pub draft: Option<Form>,
    /// The order that has just expired, to be made once more, until when.
    pub expired: Option<(Form, u64)>,
    /// Newest last.
    pub activity: VecDeque<Line>,
    /// Trades made while this ran, newest last.
    pub fills: VecDeque<Fill>,
    /// Prices to hear of.
    pub alerts: Vec<Alert>,
    /// What the bell rang for, newest last.
    pub rung: VecDeque<(u64, String)>,
    /// What the screen itself has noted, newest last.
    pub log: VecDeque<(u64, String)>,
    /// Money is hidden.
    pub hide_money: bool,
    /// Which of the hints are shown.
    pub hints: usize,
    /// What can be set.
    pub settings: Settings,
    /// A line for the trader, until when.
    pub notice: Option<(String, u64)>,
    /// Round trips of commands, newest last, in microseconds.
    pub round_trips: VecDeque<u64>,
    /// The longest so far.
    pub worst_us: u64,
    /// Trades made while this ran.
    pub trades: u64,
    /// What became of the requests.
    pub counts: Counts,
    /// Which key does what.
    pub keys: KeyMap,
    /// Requests on their way, by tag.
    pub in_flight: BTreeMap<u64, InFlight>,
    /// The replay of screen 5.
    pub replay: Option<Progress>,
    replay_pace: Pace,
    banner: Option<(Side, Symbol, u64)>,
    banner_since_ms: u64,
    warned: Option<u64>,
    next_tag: u64,
    details: BTreeMap<u64, Vec<Detail>>,
    watched: BTreeSet<Symbol>,
    summary_wanted: bool,
    quit_pressed_ms: u64,
    typed_before: VecDeque<String>,
    clicked: Option<(Spot, u64)>,
    /// The symbol that was chosen, wherever it stands in the watchlist by now.
    chosen: Option<Symbol>,
    /// The trigger that was chosen, wherever it stands by now.
    chosen_trigger: Option<(Side, Symbol)>,
    /// Orders made here, with the amount that was asked for, so that one that expires can be made
    /// once more.
    ordered: VecDeque<(Side, TradeTerms, String)>,
    history_told: bool,
    /// What became of requests that were never answered, in words, until it is told.
    settled: Vec<String>,
    /// The account as it was when the link was lost.
    before_loss: Option<Account>,
}

impl Model {
    /// A model that knows nothing yet.
    pub fn new(
        user: &str,
        address: &str,
        watchlist: Vec<Symbol>,
        keys: KeyMap,
        now_ms: u64,
    ) -> Self {
        Self {
            user: user.to_owned(),
            address: address.to_owned(),
            now_ms,
            started_ms: now_ms,
            offset_ms: 0,
            link: Link::Connecting(now_ms),
            account: None,
            account_ms: 0,
            no_account: false,
            quotes: Quotes::default(),
            held_quotes: None,
            watchlist,
            filter: Filter::default(),
            filtering: false,
            sort: Sort::Own,
            reversed: false,
            screen: Screen::Trade,
            focus: Pane::Watchlist,
            zoomed: false,
            chart: false,
            timeframe: Timeframe::default(),
            bars: false,
            selected: BTreeMap::new(),
            popup: None,
            draft: None,
            expired: None,
            activity: VecDeque::new(),
            fills: VecDeque::new(),
            alerts: Vec::new(),
            rung: VecDeque::new(),
            log: VecDeque::new(),
            hide_money: false,
            hints: 0,
            settings: Settings::default(),
            notice: None,
            round_trips: VecDeque::new(),
            worst_us: 0,
            trades: 0,
            counts: Counts::default(),
            keys,
            in_flight: BTreeMap::new(),
            replay: None,
            replay_pace: Pace::Max,
            banner: None,
            banner_since_ms: 0,
            warned: None,
            // Numbers of other sessions of the same user are smaller.
            next_tag: now_ms / 100 + 1,
            details: BTreeMap::new(),
            watched: BTreeSet::new(),
            summary_wanted: false,
            quit_pressed_ms: 0,
            typed_before: VecDeque::new(),
            clicked: None,
            chosen: None,
            chosen_trigger: None,
            ordered: VecDeque::new(),
            history_told: false,
            settled: Vec::new(),
            before_loss: None,
        }
    }

    /// A model that only shows the replay of a file and talks to no server.
    pub fn of_replay(file: &str, keys: KeyMap, now_ms: u64) -> Self {
        let mut model = Self::new("replay", "", Vec::new(), keys, now_ms);
        (model.link, model.screen) = (Link::Apart, Screen::Replay);
        model.replay = Some(Progress { file: file.to_owned(), ..Progress::default() });
        model
    }
}

#[cfg(test)]
pub(crate) mod tests;
