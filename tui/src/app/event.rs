//! The input and output of the application as plain data: events go in, effects come out, and
//! nothing else.

use super::{Action, Key, Pane, Screen, Sort};
use crate::replay_message::{Control, Progress};
use daytrade_protocol::{Request, ServerLine};

/// An event.
#[derive(Clone, Debug)]
pub enum Event {
    /// A key press.
    Key(Key),
    /// Pasted text.
    Paste(String),
    /// A click on a part of the screen.
    Click(HitTarget),
    /// A turn of the wheel, down (true) or up, above a pane.
    Scroll(bool, Option<Pane>),
    /// An event of the link.
    Link(LinkEvent),
    /// The progress of the replay.
    Replay(Box<Progress>),
    /// The path of a written file, or the message that it could not be written.
    Exported(Result<String, String>),
    /// The passing of time.
    Tick,
}

/// A part of the screen that can be clicked. No click commits or cancels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HitTarget {
    /// The name of a screen.
    Screen(Screen),
    /// A row of a pane.
    Row(Pane, usize),
    /// Any other part of a pane.
    Pane(Pane),
    /// The header of a column by which the watchlist can be sorted.
    Header(Sort),
    /// A hint that is a button.
    Button(Action),
}

/// What to do about a server that answers AUTH_REQUIRED.
pub(crate) const WANTS_LOGIN: &str = "the server wants a login: use --login NAME --token-file \
     FILE, or daytrade login and --connect tls://HOST";

/// Who the server says has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name of the login.
    pub name: String,
    /// Its role.
    pub role: String,
}

/// How the server is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// It runs in this process.
    #[default]
    InProcess,
    /// Over plain lines.
    Open,
    /// Over TLS, with a login.
    Encrypted,
}

/// An event of the link.
#[derive(Clone, Debug)]
pub enum LinkEvent {
    /// The connection is established, and the server has answered; who has logged in, if anybody.
    Up(Option<Identity>),
    /// The server listens at this address now.
    Moved(String),
    /// The accounts are with another server of the cluster, to which the link connects now.
    Followed {
        /// Its address.
        address: String,
        /// Tags of the requests that are sent again there, because they were not carried out.
        again: Vec<u64>,
    },
    /// How the server answers: after a change, and after each answer to a PING.
    Health(Health),
    /// The connection is lost or could not be established.
    Down {
        /// The cause, as a message.
        cause: String,
        /// Local time of the next attempt, Unix milliseconds.
        next_try_ms: u64,
        /// Number of the next attempt, from 1.
        attempt: u32,
    },
    /// A line of the server.
    Line {
        /// The parsed line.
        line: ServerLine,
        /// The line as it arrived.
        text: String,
        /// Microseconds between writing the request and reading this line, if it is a reply.
        took_us: Option<u64>,
    },
}

/// How a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// At once.
    Good,
    /// A PING waits for longer than a second.
    Slow,
    /// A PING waits for longer than three seconds.
    NoReply,
}

/// An action outside the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send a request.
    Send(Request),
    /// Try to connect now.
    Reconnect,
    /// Ring the bell.
    Bell,
    /// Copy a text to the clipboard.
    Copy(String),
    /// Write a new file.
    Export {
        /// The file's name, without a folder.
        name: String,
        /// The file's content.
        text: String,
    },
    /// Start or control the replay of screen 5.
    Replay(ReplayRequest),
    /// Draw every cell again.
    Redraw,
    /// Suspend the program and return to the shell.
    Suspend,
    /// Panic, so that a test can check that the terminal is restored. Never in a release build.
    Panic,
    /// Quit.
    Quit,
}

/// A request to the replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayRequest {
    /// Replay a file on a new server.
    Start(String),
    /// Control the running replay.
    Control(Control),
}
