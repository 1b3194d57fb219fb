//! The connection to the server and the requests in flight.
//!
//! Owns the user and the address, the state of the link, the tags, the requests without a reply and
//! the detail lines of unfinished replies. It must never send a request twice or use a tag twice,
//! and it must never send anything without a link.

use super::{Access, Activity, Clock, Effect, Health, Identity};
use daytrade_protocol::{
    Body, Command, CommandName, Detail, Request, SessionCommand, Tag, UserName,
};
use std::collections::BTreeMap;

/// The state of the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// The first attempt to connect, with the time it began, Unix milliseconds.
    Connecting(u64),
    /// Connected, with the time, Unix milliseconds.
    Live(u64),
    /// On the way to the server that has the accounts now, with the time of leaving the other one,
    /// Unix milliseconds.
    Moving(u64),
    /// Not connected.
    Offline {
        /// Time of the loss, Unix milliseconds.
        since_ms: u64,
        /// The cause, as a message.
        cause: String,
        /// Time of the next attempt, Unix milliseconds.
        next_try_ms: u64,
        /// Number of the next attempt.
        attempt: u32,
    },
    /// No link: this screen only shows a replay.
    ReplayOnly,
}

/// A request in flight.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    /// The content of the request.
    pub(super) body: Body,
    /// Local time of sending, Unix milliseconds.
    pub(super) sent_ms: u64,
    /// The reason for sending, which decides how the reply is used.
    pub(super) purpose: Purpose,
}

/// The reason why a request was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To update the account.
    Summary,
    /// To subscribe to pushes.
    Subscription,
    /// To list what this screen did not cause.
    Past,
    /// The trader asked for it.
    Trader,
    /// The trader asked for it in a form, which closes when it succeeds. A second command may
    /// follow the first.
    Form(Option<Command>),
}

impl Purpose {
    const fn is_trader(&self) -> bool {
        matches!(self, Self::Trader | Self::Form(_))
    }
}

/// The link and the requests in flight.
#[derive(Debug)]
pub(crate) struct Connection {
    user: UserName,
    address: String,
    /// How the server is reached.
    pub(crate) access: Access,
    /// Who has logged in.
    identity: Option<Identity>,
    link: Link,
    /// How the server answers while the link is live.
    health: Health,
    /// Local time of the last line of the server, Unix milliseconds.
    heard_ms: u64,
    in_flight: BTreeMap<u64, InFlight>,
    next_tag: u64,
    /// Detail lines of replies whose last line has not arrived.
    details: BTreeMap<u64, Vec<Detail>>,
    /// Another summary is needed when the one in flight has arrived.
    summary_wanted: bool,
}

impl Connection {
    pub(super) const fn new(user: UserName, address: String, link: Link, now_ms: u64) -> Self {
        Self {
            user,
            address,
            access: Access::InProcess,
            identity: None,
            link,
            health: Health::Good,
            heard_ms: now_ms,
            in_flight: BTreeMap::new(),
            // Earlier sessions of the same user used smaller numbers.
            next_tag: now_ms / 100 + 1,
            details: BTreeMap::new(),
            summary_wanted: false,
        }
    }

    /// Returns the user whose account this is.
    pub(crate) const fn user(&self) -> &UserName {
        &self.user
    }

    pub(super) fn set_address(&mut self, address: String) {
        self.address = address;
    }

    /// Returns the address of the server, empty on a screen that only shows a replay.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the address of the server, and how well the connection to it is protected.
    pub(crate) fn place(&self) -> String {
        let address = &self.address;
        match (self.access, &self.identity) {
            (Access::InProcess, _) => address.clone(),
            (Access::Open, _) => format!("{address} OPEN"),
            (Access::Encrypted, None) => format!("{address} TLS"),
            (Access::Encrypted, Some(Identity { name, role })) => {
                format!("{name}@{address} {role} TLS")
            }
        }
    }

    /// Records who has logged in.
    pub(super) fn set_identity(&mut self, identity: Option<Identity>) {
        self.identity = identity;
    }

    /// Returns the state of the link.
    pub(crate) const fn link(&self) -> &Link {
        &self.link
    }

    /// Returns true if requests can be sent.
    pub(crate) const fn is_live(&self) -> bool {
        matches!(self.link, Link::Live(_))
    }

    /// Returns true if the server answers without delay.
    pub(crate) fn is_answering(&self) -> bool {
        self.is_live() && self.health == Health::Good
    }

    /// Returns how the server answers, while the link is live.
    pub(crate) const fn health(&self) -> Health {
        self.health
    }

    /// Returns the local time of the last line of the server, Unix milliseconds.
    pub(crate) const fn heard_ms(&self) -> u64 {
        self.heard_ms
    }

    /// Records that the server answers.
    pub(super) const fn set_heard(&mut self, clock: Clock) {
        self.heard_ms = clock.now_ms();
    }

    /// Records how the server answers.
    pub(super) fn set_health(&mut self, health: Health, clock: Clock) {
        self.health = health;
        if health == Health::Good {
            self.set_heard(clock);
        }
    }

    /// Records that the link is up; returns true if it had been lost before.
    pub(super) fn set_live(&mut self, clock: Clock) -> bool {
        let was_offline = matches!(self.link, Link::Offline { .. });
        self.link = Link::Live(clock.now_ms());
        self.set_health(Health::Good, clock);
        was_offline
    }

    /// Records that the link is down; returns the tags of the trader's requests that will get no
    /// reply.
    pub(super) fn set_offline(
        &mut self,
        cause: String,
        next_try_ms: u64,
        attempt: u32,
        clock: Clock,
    ) -> Vec<u64> {
        let since_ms = match self.link {
            Link::Offline { since_ms, .. } | Link::Moving(since_ms) => since_ms,
            Link::Connecting(_) | Link::Live(_) | Link::ReplayOnly => clock.now_ms(),
        };
        self.link = Link::Offline { since_ms, cause, next_try_ms, attempt };
        self.lose_all_but(&[])
    }

    /// Records that the link goes to another server, with the requests of these tags; returns the
    /// tags of the trader's other requests, which will get no reply.
    pub(super) fn set_moving(&mut self, address: String, again: &[u64], clock: Clock) -> Vec<u64> {
        self.address = address;
        self.link = Link::Moving(clock.now_ms());
        self.lose_all_but(again)
    }

    fn lose_all_but(&mut self, again: &[u64]) -> Vec<u64> {
        self.details.clear();
        self.summary_wanted = false;
        let lost = self.in_flight.extract_if(.., |tag, _| !again.contains(tag));
        lost.filter(|(_, sent)| sent.purpose.is_trader()).map(|(tag, _)| tag).collect()
    }

    /// Returns the tag that the next request will get.
    pub(super) const fn next_tag(&self) -> u64 {
        self.next_tag
    }

    /// Sends a command for the trader. Without a link it displays a notice instead.
    pub(super) fn send(
        &mut self,
        command: Command,
        purpose: Purpose,
        clock: Clock,
        activity: &mut Activity,
        effects: &mut Vec<Effect>,
    ) {
        if !self.is_live() {
            activity.notify("not connected: nothing was sent", clock);
            return;
        }
        activity.record_sent(self.next_tag, command.clone(), clock);
        self.push(Body::Command(command), purpose, clock, effects);
    }

    /// Sends a command about the connection itself.
    pub(super) fn send_session(
        &mut self,
        command: SessionCommand,
        clock: Clock,
        effects: &mut Vec<Effect>,
    ) {
        if self.is_live() {
            self.push(Body::Session(command), Purpose::Subscription, clock, effects);
        }
    }

    /// Requests the records of the account from a time on; returns true if they were requested.
    pub(super) fn request_past(
        &mut self,
        from_ms: Option<u64>,
        clock: Clock,
        effects: &mut Vec<Effect>,
    ) -> bool {
        if !self.is_live() {
            return false;
        }
        let user = self.user.clone();
        let command = SessionCommand::Report { user, from_ms, to_ms: None };
        self.push(Body::Session(command), Purpose::Past, clock, effects);
        true
    }

    /// Returns true if a reply brings the records of the account.
    pub(super) fn is_past(&self, tag: u64) -> bool {
        self.in_flight.get(&tag).is_some_and(|sent| sent.purpose == Purpose::Past)
    }

    /// Requests the account. While a summary is in flight, the request is remembered for its end.
    pub(super) fn request_summary(&mut self, clock: Clock, effects: &mut Vec<Effect>) {
        if !self.is_live() {
            return;
        }
        if self.is_summary_in_flight() {
            self.summary_wanted = true;
            return;
        }
        let command = Command::DisplaySummary { user: self.user.clone() };
        self.push(Body::Command(command), Purpose::Summary, clock, effects);
    }

    /// Requests the account again if that was asked for while the last summary was in flight.
    pub(super) fn request_wanted_summary(&mut self, clock: Clock, effects: &mut Vec<Effect>) {
        if std::mem::take(&mut self.summary_wanted) {
            self.request_summary(clock, effects);
        }
    }

    fn push(&mut self, body: Body, purpose: Purpose, clock: Clock, effects: &mut Vec<Effect>) {
        let number = self.next_tag;
        self.next_tag += 1;
        let request = Request { tag: Tag::new(number), noreply: false, body: body.clone() };
        effects.push(Effect::Send(request));
        self.in_flight.insert(number, InFlight { body, sent_ms: clock.now_ms(), purpose });
    }

    /// Stores a detail line until the last line of its reply arrives.
    pub(super) fn add_detail(&mut self, tag: u64, detail: Detail) {
        // A line of no request of ours would stay for ever.
        if self.in_flight.contains_key(&tag) {
            self.details.entry(tag).or_default().push(detail);
        }
    }

    /// Removes the request that a reply belongs to; returns it with its detail lines.
    pub(super) fn take_answered(&mut self, tag: u64) -> Option<(InFlight, Vec<Detail>)> {
        let details = self.details.remove(&tag).unwrap_or_default();
        self.in_flight.remove(&tag).map(|sent| (sent, details))
    }

    /// Returns the trader's commands that have no reply yet.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Command> {
        self.in_flight.values().filter(|sent| sent.purpose.is_trader()).filter_map(|sent| {
            if let Body::Command(command) = &sent.body { Some(command) } else { None }
        })
    }

    fn is_summary_in_flight(&self) -> bool {
        self.in_flight.values().any(|sent| sent.purpose == Purpose::Summary)
    }

    /// Returns true if the newest order may differ from the one in the displayed account: a command
    /// that creates or ends one is in flight, or a newer summary has not arrived. The server takes
    /// the newest order, whichever one the banner names.
    pub(super) fn may_account_change(&self) -> bool {
        let is_old = self.summary_wanted || self.is_summary_in_flight();
        is_old || self.waiting().any(|command| changes_orders(command.name()))
    }
}

/// Returns true for a command that creates or ends an order or a trigger's reservation.
pub(crate) const fn changes_orders(name: CommandName) -> bool {
    matches!(name, CommandName::Buy | CommandName::Sell) || ends_order(name)
}

/// Returns true for a commit or a cancel.
pub(crate) const fn ends_order(name: CommandName) -> bool {
    matches!(
        name,
        CommandName::CommitBuy
            | CommandName::CancelBuy
            | CommandName::CommitSell
            | CommandName::CancelSell
            | CommandName::CancelSetBuy
            | CommandName::CancelSetSell
    )
}

#[cfg(test)]
impl Connection {
    /// Returns the requests in flight, oldest first.
    pub(crate) fn in_flight(&self) -> impl DoubleEndedIterator<Item = (u64, &Body)> {
        self.in_flight.iter().map(|(tag, sent)| (*tag, &sent.body))
    }

    /// Makes every request in flight one that was sent now.
    pub(crate) fn set_sent_ms(&mut self, now_ms: u64) {
        self.in_flight.values_mut().for_each(|sent| sent.sent_ms = now_ms);
    }
}
