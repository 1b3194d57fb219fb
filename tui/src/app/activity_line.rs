//! One line of activity: its subject, its outcome and the text for both.

use super::past::ends_pending;
use super::text;
use daytrade_protocol::{Body, Command, CommandName, Money, Request, Symbol, UserName};

/// The outcome of an activity line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// In flight.
    Waiting,
    /// Carried out.
    Ok,
    /// Refused.
    Refused,
    /// Sent, and the reply was lost.
    Unknown,
    /// Sent, the reply was lost, and the server's history does not reach back to it.
    Untold,
    /// Sent, and not carried out according to the server's history.
    Lost,
    /// A message of the server or the link that is not a reply.
    News,
}

/// The subject of an activity line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A command sent from this screen.
    Sent(Command),
    /// A command that this screen did not send, or an earlier session of it.
    Past(UserName, CommandName, Option<Symbol>, Option<Money>),
    /// An order that has expired.
    Expired(Symbol),
    /// A trigger that has fired.
    Trigger(Symbol),
    /// A price alert that rang.
    Alert(Symbol),
    /// The quote source.
    Market,
    /// The link to the server.
    Link,
}

impl Subject {
    /// Returns the name of the command, if the subject is one.
    pub(crate) const fn command(&self) -> Option<CommandName> {
        match self {
            Self::Sent(command) => Some(command.name()),
            Self::Past(_, command, ..) => Some(*command),
            Self::Expired(_) | Self::Trigger(_) | Self::Alert(_) | Self::Market | Self::Link => {
                None
            }
        }
    }

    /// Returns the name that is displayed.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Sent(command) => command.name().as_str(),
            Self::Past(_, command, ..) => command.as_str(),
            Self::Expired(_) => "EXPIRED",
            Self::Trigger(_) => "TRIGGER",
            Self::Alert(_) => "ALERT",
            Self::Market => "QUOTES",
            Self::Link => "LINK",
        }
    }

    /// Returns the symbol and the amount, if the subject has them.
    pub(crate) fn terms(&self) -> (Option<Symbol>, Option<Money>) {
        match self {
            Self::Sent(command) => (command.symbol(), command.funds()),
            Self::Past(_, _, symbol, amount) => (*symbol, *amount),
            Self::Expired(symbol) | Self::Trigger(symbol) | Self::Alert(symbol) => {
                (Some(*symbol), None)
            }
            Self::Market | Self::Link => (None, None),
        }
    }

    /// Returns the subject without the user: `BUY XYZ 550`.
    pub(crate) fn summary(&self) -> String {
        let (symbol, amount) = self.terms();
        let filename = match self {
            Self::Sent(command) => command.fields().filename.map(ToString::to_string),
            _ => None,
        };
        let fields = [symbol.map(|symbol| symbol.to_string()), amount.map(text::amount), filename];
        let name = std::iter::once(self.name().to_owned());
        name.chain(fields.into_iter().flatten()).collect::<Vec<_>>().join(" ")
    }

    /// Returns a command as the line of the protocol, without its tag. Of a past command the server
    /// reports the symbol and the amount alone.
    pub(crate) fn wire_line(&self) -> String {
        match self {
            Self::Sent(command) => {
                let body = Body::Command(command.clone());
                let mut line = Vec::new();
                Request { tag: None, noreply: false, body }.write_to(&mut line);
                String::from_utf8_lossy(line.trim_ascii_end()).into_owned()
            }
            Self::Past(user, command, symbol, amount) => {
                let symbol = symbol.filter(|_| !ends_pending(*command));
                let fields = [symbol.map(|s| s.to_string()), amount.map(|a| a.to_string())];
                let head = [self.name().to_owned(), user.to_string()];
                head.into_iter().chain(fields.into_iter().flatten()).collect::<Vec<_>>().join(",")
            }
            Self::Expired(symbol) | Self::Trigger(symbol) | Self::Alert(symbol) => {
                format!("{},{symbol}", self.name())
            }
            Self::Market | Self::Link => self.name().to_owned(),
        }
    }
}

/// One line of activity.
#[derive(Clone, Debug)]
pub(crate) struct ActivityLine {
    /// Local time, Unix milliseconds.
    pub(crate) at_ms: u64,
    /// Transaction number, 0 for news.
    pub(crate) tag: u64,
    /// The outcome.
    pub(crate) outcome: Outcome,
    /// The subject of the line.
    pub(crate) subject: Subject,
    /// The reply as it arrived.
    pub(crate) reply: String,
    /// The outcome as a message.
    pub(crate) message: String,
    /// Round-trip time, in microseconds.
    pub(crate) took_us: Option<u64>,
    /// True for a record of the account that this screen did not cause.
    pub(crate) is_past: bool,
}
