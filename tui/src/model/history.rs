//! What happened while nobody looked: before the screen was opened, and while the link was lost.

use super::text::{dollars, signed};
use super::{Account, Line, Model, Past, Verdict};
use daytrade_protocol::{CommandName, Money};

/// How many transactions a summary tells of.
const HISTORY_MAX: usize = 10;

impl Model {
    /// Puts the account's newest transactions before everything that is done here.
    pub(super) fn tell_history_once(&mut self) {
        if std::mem::replace(&mut self.history_told, true) {
            return;
        }
        let Some(account) = &self.account else { return };
        let user = self.user.clone();
        // What the screen itself asks for is not worth a line.
        let told = |past: &&Past| past.command != CommandName::DisplaySummary;
        let lines: Vec<Line> =
            account.history.iter().filter(told).map(|past| line_of(past, &user)).collect();
        for line in lines {
            self.activity.push_front(line);
        }
    }

    /// Looks in the account's history what became of requests that were never answered.
    pub(super) fn settle_unknown(&mut self) {
        let Some(account) = &self.account else { return };
        let oldest_ms = account.history.last().map_or(0, |past| past.at_ms);
        let reaches_back = |at_ms: u64| {
            account.history.len() < HISTORY_MAX
                || oldest_ms < at_ms.saturating_add_signed(self.offset_ms)
        };
        for line in self.activity.iter_mut().filter(|line| line.verdict == Verdict::Unknown) {
            let name = line.request.split(',').next().unwrap_or_default().to_owned();
            (line.verdict, line.words) = match account
                .history
                .iter()
                .find(|past| past.number == line.tag && past.command.as_str() == name)
            {
                Some(Past { refused: None, .. }) => {
                    (Verdict::Ok, "it took effect, as the server says now".to_owned())
                }
                Some(Past { refused: Some(code), .. }) => {
                    (Verdict::Refused, format!("it was refused: {code}"))
                }
                None if reaches_back(line.at_ms) => {
                    (Verdict::Lost, "it never reached the server, as it says now".to_owned())
                }
                None => {
                    let words = "UNKNOWN: the server's history does not reach back so far; cash and lists are right";
                    (Verdict::Untold, words.to_owned())
                }
            };
            let became = match line.verdict {
                Verdict::Ok => "took effect",
                Verdict::Lost => "never arrived",
                Verdict::Refused => "was refused",
                _ => "is UNKNOWN",
            };
            self.settled.push(format!("{name} {became}"));
        }
    }

    /// Says in one line what changed while the link was lost.
    pub(super) fn tell_what_changed(&mut self) {
        let mut all = std::mem::take(&mut self.settled);
        let (Some(before), Some(now)) = (self.before_loss.take(), &self.account) else {
            if !all.is_empty() {
                self.tell(&all.join(", "));
            }
            return;
        };
        all.push(changes(&before, now));
        let words = format!("connected again: {}", all.join(", "));
        self.note(&words);
        self.link_news("LINK", &words);
        self.tell(&words);
    }

    /// Notes what happened to the link among the activity.
    pub(super) fn link_news(&mut self, what: &str, words: &str) {
        let (at_ms, words, request) = (self.now_ms, words.to_owned(), what.to_owned());
        let (reply, verdict) = (String::new(), Verdict::News);
        self.note_line(Line { at_ms, tag: 0, verdict, request, reply, words, took_us: None });
    }
}

/// A transaction of the past as a line of activity.
fn line_of(past: &Past, user: &str) -> Line {
    let symbol = past.symbol.map_or(String::new(), |symbol| format!(",{symbol}"));
    let amount = past.amount.map_or(String::new(), |amount| format!(",{amount}"));
    let request = format!("{},{user}{symbol}{amount}", past.command.as_str());
    let (verdict, words) = match past.refused {
        None => (Verdict::Ok, "before this screen was opened".to_owned()),
        Some(code) => (Verdict::Refused, format!("{code}, before this screen was opened")),
    };
    Line {
        at_ms: past.at_ms,
        tag: past.number,
        verdict,
        request,
        reply: String::new(),
        words,
        took_us: None,
    }
}

/// What is different, in words.
fn changes(before: &Account, now: &Account) -> String {
    let gone = before.pending.iter().filter(|order| !now.pending.contains(order)).count();
    let fired = before.triggers.iter().filter(|trigger| {
        trigger.price.is_some() && now.trigger(trigger.side, trigger.symbol).is_none()
    });
    let fired = fired.count();
    let mut words = Vec::new();
    if gone > 0 {
        words.push(format!("{gone} pending no more"));
    }
    if fired > 0 {
        words.push(format!(
            "{fired} {} fired or removed",
            if fired == 1 { "trigger" } else { "triggers" }
        ));
    }
    if now.cash != before.cash {
        let by = Money::from_cents(now.cash.cents().saturating_sub(before.cash.cents()));
        words.push(format!(
            "cash {} -> {} ({})",
            dollars(before.cash),
            dollars(now.cash),
            signed(by)
        ));
    }
    if words.is_empty() { "nothing changed meanwhile".to_owned() } else { words.join(", ") }
}
