//! What the screen knows: plain data, changed by [`Model::update`] alone, which looks at no clock and does no I/O.

mod account;
mod command_line;
mod forms;
pub mod keys;
mod quotes;
mod server;
pub mod text;
mod update;

pub use account::{Account, Holding, Past, Pending, Trigger};
pub use command_line::suggestions;
pub use forms::{Consequence, Form, FormKind};
pub use keys::{Action, Key, KeyMap};
pub use quotes::{Quotes, Seen};

use daytrade_protocol::{Detail, ServerLine, Side, Symbol};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How long a quote is good, in milliseconds.
pub const QUOTE_LIFE_MS: u64 = 60_000;
/// A commit key does nothing for so long after the banner's subject has changed, in milliseconds.
pub const BANNER_GUARD_MS: u64 = 300;
/// Lines of activity that are kept.
const ACTIVITY_MAX: usize = 1_000;
/// Round trips that are kept.
const ROUND_TRIPS_MAX: usize = 512;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A key.
    Key(Key),
    /// Text pasted.
    Paste(String),
    /// A click at a place of the screen that shows this.
    Click(Spot),
    /// The wheel, down (true) or up.
    Scroll(bool),
    /// About the link.
    Link(LinkEvent),
    /// Time has passed.
    Tick,
}

/// What can be clicked. Nothing here can commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// A screen's name.
    Screen(Screen),
    /// A row of a pane.
    Row(Pane, usize),
}

/// What the link says.
#[derive(Clone, Debug)]
pub enum LinkEvent {
    /// It is connected.
    Up,
    /// It is not, why, when the next try is (milliseconds by our clock), and which try that will be.
    Down {
        /// In words.
        cause: String,
        /// When.
        next_try_ms: u64,
        /// From 1.
        attempt: u32,
    },
    /// The server said this; `text` is the line itself.
    Line {
        /// What it means.
        line: ServerLine,
        /// As it came.
        text: String,
    },
}

/// What is to be done outside the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send this line.
    Send(String),
    /// Try to connect now.
    Reconnect,
    /// Ring the bell.
    Bell,
    /// Put this on the clipboard.
    Copy(String),
    /// Draw everything anew.
    Redraw,
    /// Go to the shell.
    Suspend,
    /// End.
    Quit,
}

/// The state of the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// The first try, since when.
    Connecting(u64),
    /// Connected, since when.
    Live(u64),
    /// Not connected.
    Offline {
        /// Since when.
        since_ms: u64,
        /// Why.
        cause: String,
        /// When the next try is.
        next_try_ms: u64,
        /// Which try that will be.
        attempt: u32,
    },
}

/// The screens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the screen of that name")]
pub enum Screen {
    #[default]
    Trade,
    Holdings,
    Triggers,
    Activity,
}

impl Screen {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Trade, Self::Holdings, Self::Triggers, Self::Activity];
}

/// The panes that have a selected row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the pane of that name")]
pub enum Pane {
    #[default]
    Watchlist,
    Holdings,
    Pending,
    Triggers,
    Activity,
}

/// What lies over the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Popup {
    /// All keys.
    Help,
    /// A form to fill in.
    Form(Form),
    /// Leaving while something is pending or on its way.
    ConfirmQuit,
    /// The command line, as typed so far, and what is wrong with it.
    Palette(String, Option<String>),
    /// Request and reply of one line of activity.
    Wire(usize),
}

/// How the watchlist is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// As it was made.
    #[default]
    Own,
    /// By name.
    Name,
    /// Most up first.
    Change,
}

/// A request on its way.
#[derive(Clone, Debug)]
pub struct InFlight {
    /// The line, without its tag.
    pub line: String,
    /// When it was sent, by our clock.
    pub sent_ms: u64,
    /// What to do with the reply.
    pub purpose: Purpose,
}

/// Why a request was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To see the account.
    Summary,
    /// To hear of things, or to see that the link is alive.
    Quiet,
    /// The trader asked for it.
    Trader,
    /// The trader asked for it in a form, which closes with its success. A second line may follow the first.
    Form(Option<String>),
}

/// What became of a line of activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// On its way.
    Waiting,
    /// Carried out.
    Ok,
    /// Refused.
    Refused,
    /// Sent and never answered.
    Unknown,
    /// The server says so by itself.
    News,
}

/// One line of activity.
#[derive(Clone, Debug)]
pub struct Line {
    /// When, by our clock.
    pub at_ms: u64,
    /// The transaction number, 0 for news.
    pub tag: u64,
    /// What became of it.
    pub verdict: Verdict,
    /// What was asked.
    pub request: String,
    /// What was answered, as it came.
    pub reply: String,
    /// The same in words.
    pub words: String,
    /// How long it took, in microseconds.
    pub took_us: Option<u64>,
}

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
    /// Symbols on the watchlist, in their own order.
    pub watchlist: Vec<Symbol>,
    /// What the watchlist is narrowed to.
    pub filter: String,
    /// The filter is being typed.
    pub filtering: bool,
    /// How the watchlist is sorted.
    pub sort: Sort,
    /// Which screen.
    pub screen: Screen,
    /// Which pane of the Trade screen has the keys.
    pub focus: Pane,
    /// The chart stands in the place of the watchlist, where there is no room for both.
    pub chart: bool,
    /// The selected row of each pane.
    pub selected: BTreeMap<Pane, usize>,
    /// What lies over it.
    pub popup: Option<Popup>,
    /// A form that was closed with Esc, to be gone on with.
    pub draft: Option<Form>,
    /// Newest last.
    pub activity: VecDeque<Line>,
    /// Money is hidden.
    pub hide_money: bool,
    /// A line for the trader, until when.
    pub notice: Option<(String, u64)>,
    /// Round trips of commands, newest last, in microseconds.
    pub round_trips: VecDeque<u64>,
    /// The longest so far.
    pub worst_us: u64,
    /// Trades made while this ran.
    pub trades: u64,
    /// Which key does what.
    pub keys: KeyMap,
    /// Requests on their way, by tag.
    pub in_flight: BTreeMap<u64, InFlight>,
    banner: Option<(Side, Symbol, u64)>,
    banner_since_ms: u64,
    warned: Option<u64>,
    next_tag: u64,
    details: BTreeMap<u64, Vec<Detail>>,
    watched: BTreeSet<Symbol>,
    summary_wanted: bool,
    quit_pressed_ms: u64,
}

impl Model {
    /// A model that knows nothing yet.
    pub fn new(user: &str, address: &str, watchlist: Vec<Symbol>, keys: KeyMap, now_ms: u64) -> Self {
        Self {
            user: user.to_owned(),
            address: address.to_owned(),
            now_ms,
            offset_ms: 0,
            link: Link::Connecting(now_ms),
            account: None,
            account_ms: 0,
            no_account: false,
            quotes: Quotes::default(),
            watchlist,
            filter: String::new(),
            filtering: false,
            sort: Sort::Own,
            screen: Screen::Trade,
            focus: Pane::Watchlist,
            chart: false,
            selected: BTreeMap::new(),
            popup: None,
            draft: None,
            activity: VecDeque::new(),
            hide_money: false,
            notice: None,
            round_trips: VecDeque::new(),
            worst_us: 0,
            trades: 0,
            keys,
            in_flight: BTreeMap::new(),
            banner: None,
            banner_since_ms: 0,
            warned: None,
            // Numbers of other sessions of the same user are smaller.
            next_tag: now_ms / 100 + 1,
            details: BTreeMap::new(),
            watched: BTreeSet::new(),
            summary_wanted: false,
            quit_pressed_ms: 0,
        }
    }

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

    /// The order that the next commit is about.
    pub fn next_pending(&self) -> Option<&Pending> {
        self.account.as_ref().and_then(Account::next_pending)
    }

    /// The watchlist as it is shown: filtered and sorted.
    pub fn shown_symbols(&self) -> Vec<Symbol> {
        let filter = self.filter.to_ascii_uppercase();
        let mut symbols: Vec<_> =
            self.watchlist.iter().copied().filter(|symbol| symbol.as_str().contains(&filter)).collect();
        match self.sort {
            Sort::Own => {}
            Sort::Name => symbols.sort_unstable(),
            Sort::Change => symbols.sort_by_key(|symbol| {
                std::cmp::Reverse(self.quotes.get(*symbol).and_then(Seen::change_basis_points).unwrap_or(i64::MIN))
            }),
        }
        symbols
    }

    /// The selected symbol of the watchlist.
    pub fn selected_symbol(&self) -> Option<Symbol> {
        let symbols = self.shown_symbols();
        symbols.get(self.row(Pane::Watchlist).min(symbols.len().saturating_sub(1))).copied()
    }

    /// The selected row of a pane.
    pub fn row(&self, pane: Pane) -> usize {
        self.selected.get(&pane).copied().unwrap_or(0)
    }

    /// Set amounts, those nearest to firing first, those without a price last.
    pub fn triggers_by_nearness(&self) -> Vec<(Trigger, Option<i64>)> {
        let mut triggers: Vec<_> = self
            .account
            .iter()
            .flat_map(|account| &account.triggers)
            .map(|trigger| {
                let last = self.quotes.get(trigger.symbol).map(|seen| seen.price);
                let away = trigger.price.zip(last).and_then(|(price, last)| {
                    text::basis_points(daytrade_protocol::Money::from_cents((price.cents() - last.cents()).abs()), last)
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
            Pane::Activity => self.activity.len(),
        }
    }

    /// What the holdings are worth at the last prices; whether all of those are fresh.
    pub fn worth(&self) -> (daytrade_protocol::Money, bool) {
        let mut fresh = self.is_live();
        let mut cents = 0_i64;
        for holding in self.account.iter().flat_map(|account| &account.holdings) {
            let worth = if let Some(seen) = self.quotes.get(holding.symbol) {
                fresh &= seen.is_fresh(self.now_ms, self.offset_ms);
                seen.price.times(holding.shares()).map_or(0, daytrade_protocol::Money::cents)
            } else {
                fresh = false;
                holding.basis.cents()
            };
            cents = cents.saturating_add(worth);
        }
        (daytrade_protocol::Money::from_cents(cents), fresh)
    }

    /// Round trips at these places of a thousand, in microseconds; None before the first.
    pub fn round_trip(&self, per_mille: usize) -> Option<u64> {
        let mut sorted: Vec<_> = self.round_trips.iter().copied().collect();
        sorted.sort_unstable();
        let at = (sorted.len() * per_mille / 1_000).min(sorted.len().checked_sub(1)?);
        sorted.get(at).copied()
    }
}

#[cfg(test)]
pub(crate) mod tests;
