//! The parts of the model that are plain words: screens, panes, what lies over them, what is on its
//! way.

use super::{Form, palette::Palette};

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
    /// There is none: this screen only shows a replay.
    Apart,
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
    Replay,
}

impl Screen {
    /// All of them, in order.
    pub const ALL: [Self; 5] =
        [Self::Trade, Self::Holdings, Self::Triggers, Self::Activity, Self::Replay];
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
    Alerts,
    Activity,
    Replay,
}

/// What lies over the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Popup {
    /// All keys, from this row on.
    Help(usize),
    /// A form to fill in.
    Form(Form),
    /// Leaving while something is pending or on its way.
    ConfirmQuit,
    /// The command line.
    Palette(Palette),
    /// The settings, with the selected one.
    Settings(usize),
    /// What the screen itself has noted, from this row on.
    Log(usize),
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
    /// Dearest first.
    Last,
    /// Most up first.
    Change,
    /// Youngest quote first.
    Age,
    /// Most profit first.
    Profit,
}

impl Sort {
    /// The next one, in the order of the columns.
    pub const fn next(self) -> Self {
        match self {
            Self::Own => Self::Name,
            Self::Name => Self::Last,
            Self::Last => Self::Change,
            Self::Change => Self::Age,
            Self::Age => Self::Profit,
            Self::Profit => Self::Own,
        }
    }

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Own => "mine",
            Self::Name => "name",
            Self::Last => "last",
            Self::Change => "change",
            Self::Age => "age",
            Self::Profit => "P&L",
        }
    }
}

/// How far back the chart looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the time of that name")]
pub enum Timeframe {
    Minute,
    #[default]
    FiveMinutes,
    Quarter,
    Hour,
    All,
}

impl Timeframe {
    /// All of them, shortest first.
    pub const ALL: [Self; 5] =
        [Self::Minute, Self::FiveMinutes, Self::Quarter, Self::Hour, Self::All];

    /// As it is shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "1m",
            Self::FiveMinutes => "5m",
            Self::Quarter => "15m",
            Self::Hour => "1h",
            Self::All => "all",
        }
    }

    /// In milliseconds; None: everything that is known.
    pub const fn span_ms(self) -> Option<u64> {
        match self {
            Self::Minute => Some(60_000),
            Self::FiveMinutes => Some(300_000),
            Self::Quarter => Some(900_000),
            Self::Hour => Some(3_600_000),
            Self::All => None,
        }
    }

    /// The one beside it, shorter or longer; it stops at the ends.
    pub fn beside(self, longer: bool) -> Self {
        let at = Self::ALL.iter().position(|one| *one == self).unwrap_or(0);
        let to = if longer { at + 1 } else { at.saturating_sub(1) };
        Self::ALL.get(to).copied().unwrap_or(self)
    }
}

/// A trade that took place while this ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// When, by the server's clock, in Unix milliseconds.
    pub at_ms: u64,
    /// Buy or sell.
    pub side: daytrade_protocol::Side,
    /// What, how many, at what price.
    pub terms: daytrade_protocol::TradeTerms,
}

/// What became of all requests of the trader, and of the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each counts what its name says")]
pub struct Counts {
    pub sent: u64,
    pub ok: u64,
    pub refused: u64,
    pub lost: u64,
    pub reconnects: u64,
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
    /// The trader asked for it in a form, which closes with its success. A second line may follow
    /// the first.
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
    /// Sent and never answered, and the server no longer knows.
    Untold,
    /// Sent, never answered, and not carried out, as the server says.
    Lost,
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
