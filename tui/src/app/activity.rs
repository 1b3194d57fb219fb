//! The record of this session.
//!
//! Owns the activity lines, the log, the messages that the bell rang for, the notice, the
//! round-trip times and the counts. It must never decide anything: it records and displays.

use super::{ActivityLine, Clock, Effect, Outcome, Search, Subject, Transaction};
use daytrade_protocol::{Command, CommandName, UserName};
use std::collections::{HashSet, VecDeque};

/// The maximum number of activity lines.
const LINES_MAX: usize = 10_000;
/// The newest lines, among which an order that has just been made is looked for.
const RECENT_LINES: usize = 500;
/// The maximum time between the clocks' views of one event, in milliseconds.
pub(super) const SAME_EVENT_MS: u64 = 10_000;
/// The maximum number of log messages.
const LOG_MAX: usize = 500;
/// The maximum number of messages that the bell rang for.
const BELL_LOG_MAX: usize = 100;
/// The maximum number of round-trip times.
const ROUND_TRIPS_MAX: usize = 512;
/// The display time of a notice, in milliseconds.
const NOTICE_MS: u64 = 6_000;

/// Counts of the trader's requests and of reconnects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Requests sent.
    pub(crate) sent: u64,
    /// Requests carried out.
    pub(crate) ok: u64,
    /// Requests refused.
    pub(crate) refused: u64,
    /// Requests whose reply was lost.
    pub(crate) lost: u64,
    /// Connections after a loss.
    pub(crate) reconnects: u64,
}

/// Lines, messages, round-trip times and counts.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// Activity lines, newest last.
    lines: VecDeque<ActivityLine>,
    /// The search of the Activity screen.
    search: Search,
    /// Local times and log messages, newest last.
    log: VecDeque<(u64, String)>,
    /// Local times and messages that the bell rang for, newest last.
    bell_log: VecDeque<(u64, String)>,
    /// A message for the trader, and the local time at which it disappears.
    notice: Option<(String, u64)>,
    /// Round-trip times in microseconds, newest last.
    round_trips: VecDeque<u64>,
    /// The longest round-trip time, in microseconds.
    worst_us: u64,
    counts: Counts,
    /// Messages about the outcome of requests whose reply was lost, until they are displayed.
    settled: Vec<String>,
}

impl Activity {
    /// Returns the activity lines, newest last.
    pub(crate) const fn lines(&self) -> &VecDeque<ActivityLine> {
        &self.lines
    }

    /// Returns the search of the Activity screen.
    pub(crate) const fn search(&self) -> &Search {
        &self.search
    }

    pub(super) const fn search_mut(&mut self) -> &mut Search {
        &mut self.search
    }

    /// Returns the requests whose outcome is unknown, oldest first.
    pub(crate) fn unknown(&self) -> impl DoubleEndedIterator<Item = &ActivityLine> {
        self.lines.iter().filter(|line| line.outcome == Outcome::Unknown)
    }

    /// Returns local times and log messages, newest last.
    pub(crate) const fn log(&self) -> &VecDeque<(u64, String)> {
        &self.log
    }

    /// Returns local times and messages that the bell rang for, newest last.
    pub(crate) const fn bell_log(&self) -> &VecDeque<(u64, String)> {
        &self.bell_log
    }

    /// Returns the message for the trader.
    pub(crate) fn notice(&self) -> Option<&str> {
        self.notice.as_ref().map(|(message, _)| message.as_str())
    }

    /// Returns the local time at which the notice disappears, Unix milliseconds.
    pub(super) fn notice_until_ms(&self) -> Option<u64> {
        self.notice.as_ref().map(|(_, until_ms)| *until_ms)
    }

    /// Returns round-trip times in microseconds, newest last.
    pub(crate) const fn round_trips(&self) -> &VecDeque<u64> {
        &self.round_trips
    }

    /// Returns a quantile of the round-trip times, in microseconds: 990 is the 99th percentile.
    /// None before the first reply.
    pub(crate) fn round_trip(&self, per_mille: usize) -> Option<u64> {
        let mut sorted: Vec<_> = self.round_trips.iter().copied().collect();
        sorted.sort_unstable();
        let at = (sorted.len() * per_mille / 1_000).min(sorted.len().checked_sub(1)?);
        sorted.get(at).copied()
    }

    /// Returns the longest round-trip time, in microseconds.
    pub(crate) const fn worst_us(&self) -> u64 {
        self.worst_us
    }

    /// Returns the counts of requests and reconnects.
    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    /// Displays a message for a few seconds.
    pub(super) fn notify(&mut self, message: &str, clock: Clock) {
        self.notify_for(message.to_owned(), NOTICE_MS, clock);
    }

    /// Displays a message for a time in milliseconds.
    pub(super) fn notify_for(&mut self, message: String, ms: u64, clock: Clock) {
        self.notice = Some((message, clock.now_ms() + ms));
    }

    /// Removes the notice once its time has passed.
    pub(super) fn expire_notice(&mut self, clock: Clock) {
        self.notice.take_if(|(_, until_ms)| *until_ms <= clock.now_ms());
    }

    /// Adds a message to the log.
    pub(super) fn add_to_log(&mut self, message: &str, clock: Clock) {
        push_bounded(&mut self.log, (clock.now_ms(), message.to_owned()), LOG_MAX);
    }

    /// Displays a message, records it and rings the bell if the trader has it on.
    pub(super) fn ring(
        &mut self,
        message: &str,
        bell: bool,
        clock: Clock,
        effects: &mut Vec<Effect>,
    ) {
        if bell && !effects.contains(&Effect::Bell) {
            effects.push(Effect::Bell);
        }
        push_bounded(&mut self.bell_log, (clock.now_ms(), message.to_owned()), BELL_LOG_MAX);
        self.notify(message, clock);
    }

    /// Adds a line for a command that is being sent. An earlier notice is not about it and
    /// disappears.
    pub(super) fn record_sent(&mut self, tag: u64, command: Command, clock: Clock) {
        self.push(ActivityLine {
            at_ms: clock.now_ms(),
            tag,
            outcome: Outcome::Waiting,
            subject: Subject::Sent(command),
            reply: String::new(),
            message: "sending".to_owned(),
            took_us: None,
            is_past: false,
        });
        self.counts.sent += 1;
        self.notice = None;
    }

    pub(super) fn record_round_trip(&mut self, took_us: u64) {
        self.round_trips.push_back(took_us);
        if self.round_trips.len() > ROUND_TRIPS_MAX {
            self.round_trips.pop_front();
        }
        self.worst_us = self.worst_us.max(took_us);
    }

    /// Stores the reply to a command.
    pub(super) fn record_reply(
        &mut self,
        tag: u64,
        outcome: Outcome,
        reply: String,
        message: &str,
        took_us: u64,
    ) {
        match outcome {
            Outcome::Refused => self.counts.refused += 1,
            _ => self.counts.ok += 1,
        }
        if let Some(line) = self.line_mut(tag) {
            (line.outcome, line.reply, line.took_us) = (outcome, reply, Some(took_us));
            message.clone_into(&mut line.message);
        }
    }

    /// Marks a command whose reply was lost.
    pub(super) fn record_lost(&mut self, tag: u64) {
        let Some(line) = self.line_mut(tag) else { return };
        line.outcome = Outcome::Unknown;
        "no reply: UNKNOWN; the server is asked after reconnecting, it is never sent twice"
            .clone_into(&mut line.message);
        self.counts.lost += 1;
    }

    pub(super) const fn record_reconnect(&mut self) {
        self.counts.reconnects += 1;
    }

    /// Adds a line for something that is not a reply.
    pub(super) fn add_news(
        &mut self,
        subject: Subject,
        reply: String,
        message: &str,
        clock: Clock,
    ) {
        self.push(ActivityLine {
            at_ms: clock.now_ms(),
            tag: 0,
            outcome: Outcome::News,
            subject,
            reply,
            message: message.to_owned(),
            took_us: None,
            is_past: false,
        });
    }

    /// Says what became of own commands whose reply was lost, as their records have it.
    fn describe_settled(&mut self, records: &[ActivityLine]) {
        let is_settled = |line: &&mut ActivityLine| {
            !line.is_past && line.outcome == Outcome::Ok && line.reply.is_empty()
        };
        for own in self.lines.iter_mut().filter(is_settled) {
            let is_it = |record: &&ActivityLine| {
                (record.tag, record.subject.command()) == (own.tag, own.subject.command())
            };
            if let Some(record) = records.iter().find(is_it) {
                let text = record.message.rsplit_once(" (").map_or("", |(text, _)| text);
                own.message = format!("{text} (its reply was lost)");
            }
        }
    }

    /// Adds a line about an order of another client as it happens, unless it is known. This takes
    /// the same time however many lines there are: such orders may come in thousands.
    pub(super) fn add_order(&mut self, line: ActivityLine) {
        let is_it = |known: &ActivityLine| {
            (known.tag, known.subject.command()) == (line.tag, line.subject.command())
                && (!known.is_past || known.at_ms == line.at_ms)
        };
        if !self.lines.iter().rev().take(RECENT_LINES).any(is_it) {
            self.push(line);
        }
    }

    /// Adds lines about records that this screen did not cause, each in the order of time. What is
    /// known already is skipped.
    pub(super) fn add_past(&mut self, lines: impl IntoIterator<Item = ActivityLine>) {
        let key = |line: &ActivityLine| {
            // An own request is known by its tag, which no earlier session used.
            let at_ms = if line.is_past { line.at_ms } else { 0 };
            (line.tag, line.subject.command(), at_ms)
        };
        let lines: Vec<ActivityLine> = lines.into_iter().collect();
        let tags: HashSet<u64> = lines.iter().map(|line| line.tag).collect();
        // The record of an order takes the place of the news about it.
        self.lines.retain(|line| {
            let is_news = line.is_past && line.outcome == Outcome::Waiting;
            !(is_news && tags.contains(&line.tag))
        });
        self.describe_settled(&lines);
        let known: HashSet<_> = self.lines.iter().filter(|line| line.tag > 0).map(key).collect();
        let news: Vec<(u64, String)> = self
            .lines
            .iter()
            .filter(|line| line.tag == 0)
            .map(|line| (line.at_ms, line.message.clone()))
            .collect();
        let is_new = |line: &ActivityLine| match line.tag {
            0 => !news.iter().any(|(at_ms, message)| {
                at_ms.abs_diff(line.at_ms) < SAME_EVENT_MS && *message == line.message
            }),
            tag => {
                let command = line.subject.command();
                !known.contains(&(tag, command, line.at_ms)) && !known.contains(&(tag, command, 0))
            }
        };
        self.lines.extend(lines.into_iter().filter(is_new));
        // Within a millisecond, numbers tell the order; what has none followed from them.
        let place = |line: &ActivityLine| (line.at_ms, line.tag.wrapping_sub(1));
        self.lines.make_contiguous().sort_by_key(place);
        let surplus = self.lines.len().saturating_sub(LINES_MAX);
        self.lines.drain(..surplus);
    }

    /// Adds the newest transactions of a summary, newest first, where the server does not show all
    /// records of the account.
    pub(super) fn add_history(&mut self, history: &[Transaction], user: &UserName) {
        let changes = history.iter().rev().filter(|past| !past.command.only_reads());
        self.add_past(changes.map(|past| {
            let (outcome, message) = match past.refused {
                None => (Outcome::Ok, "Earlier session".to_owned()),
                Some(code) => (Outcome::Refused, format!("{code} (earlier session)")),
            };
            ActivityLine {
                at_ms: past.at_ms,
                tag: past.number,
                outcome,
                subject: Subject::Past(user.clone(), past.command, past.symbol, past.amount),
                reply: String::new(),
                message,
                took_us: None,
                is_past: true,
            }
        }));
    }

    /// Sets the outcome of every request whose reply was lost, and keeps a message about each until
    /// [`Self::take_settled`].
    pub(super) fn settle(&mut self, outcome: impl Fn(&ActivityLine) -> (Outcome, String)) {
        for line in self.lines.iter_mut().filter(|line| line.outcome == Outcome::Unknown) {
            (line.outcome, line.message) = outcome(line);
            let result = match line.outcome {
                Outcome::Ok => "took effect",
                Outcome::Lost => "never arrived",
                Outcome::Refused => "was refused",
                _ => "is UNKNOWN",
            };
            self.settled.push(format!("{} {result}", line.subject.name()));
        }
    }

    /// Records that no request whose reply was lost has arrived.
    pub(super) fn settle_as_lost(&mut self, message: &str) {
        for line in self.lines.iter_mut().filter(|line| line.outcome == Outcome::Unknown) {
            line.outcome = Outcome::Lost;
            message.clone_into(&mut line.message);
        }
    }

    /// Returns the messages about settled requests, once.
    pub(super) fn take_settled(&mut self) -> Vec<String> {
        std::mem::take(&mut self.settled)
    }

    /// Returns true if this screen has sent a command under a tag.
    pub(super) fn has_sent(&self, tag: u64, command: CommandName) -> bool {
        let is_it = |line: &ActivityLine| {
            !line.is_past && line.tag == tag && line.subject.command() == Some(command)
        };
        self.lines.iter().rev().take(RECENT_LINES).any(is_it)
    }

    fn line_mut(&mut self, tag: u64) -> Option<&mut ActivityLine> {
        self.lines.iter_mut().rev().find(|line| line.tag == tag)
    }

    fn push(&mut self, line: ActivityLine) {
        push_bounded(&mut self.lines, line, LINES_MAX);
    }
}

/// Appends a value; a full queue drops its oldest one first.
fn push_bounded<T>(queue: &mut VecDeque<T>, value: T, max: usize) {
    if queue.len() == max {
        queue.pop_front();
    }
    queue.push_back(value);
}
