//! What goes into the model and what comes out of it: plain data. The model does nothing else.

use super::{Action, Key, Pane, Screen, Sort};
use crate::replay::{Pace, Progress};
use daytrade_protocol::ServerLine;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A key.
    Key(Key),
    /// Text pasted.
    Paste(String),
    /// A click at a place of the screen that shows this.
    Click(Spot),
    /// The wheel, down (true) or up, over this pane.
    Scroll(bool, Option<Pane>),
    /// About the link.
    Link(LinkEvent),
    /// How far the replay has come.
    Replay(Box<Progress>),
    /// What was to be written to a file is, or why not.
    Exported(Result<String, String>),
    /// Time has passed.
    Tick,
}

/// What can be clicked. Nothing here can commit or cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// A screen's name.
    Screen(Screen),
    /// A row of a pane.
    Row(Pane, usize),
    /// Anywhere else in a pane.
    Pane(Pane),
    /// The header of a column by which the watchlist can be sorted.
    Header(Sort),
    /// A hint that is a button.
    Button(Action),
}

/// What the link says.
#[derive(Clone, Debug)]
pub enum LinkEvent {
    /// It is connected.
    Up,
    /// It is not, why, when the next try is (milliseconds by our clock), and which try that will
    /// be.
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
        /// Microseconds from the writing of the request to this, if it is a reply.
        took_us: Option<u64>,
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
    /// Write this text to a new file of this name.
    Export {
        /// The file's name, without a folder.
        name: String,
        /// What goes into it.
        text: String,
    },
    /// About the replay of screen 5.
    Replay(ReplayRequest),
    /// Draw everything anew.
    Redraw,
    /// Go to the shell.
    Suspend,
    /// Fail as a defect would, so that a test can see what becomes of the terminal; never in a
    /// release build.
    Panic,
    /// End.
    Quit,
}

/// What the replay is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayRequest {
    /// Replay this file on a server of its own.
    Start(String),
    /// Go on like this.
    Pace(Pace),
    /// One line.
    Step,
}
