//! The replay of screen 5.
//!
//! Owns the newest progress, the speed to resume with, the exchange that is looked at and the
//! search among them. It must never run the replay or know the replay engine: it turns keys into
//! requests.

use super::{Action, Key, ReplayRequest, Search};
use crate::replay_message::{Control, Exchange, Pace, Progress, Stage};
use std::sync::Arc;

/// The progress of the replay and the exchange that is looked at.
#[derive(Debug)]
pub(crate) struct ReplayState {
    progress: Option<Progress>,
    resume_pace: Pace,
    /// Number of the exchange that is looked at; None for the newest.
    cursor: Option<u64>,
    search: Search,
    /// Numbers of the exchanges that match the search, oldest first.
    matches: Vec<u64>,
    /// Number of the first exchange that the search has not looked at.
    searched_to: u64,
    /// Number of the exchange whose account was last asked for, and the exchanges by then.
    asked: Option<(u64, u64)>,
}

/// What a key of the Replay screen asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A request to the replay.
    Request(ReplayRequest),
    /// Another exchange is looked at, or nothing changes.
    Nothing,
    /// A message for the trader.
    Message(&'static str),
}

impl ReplayState {
    pub(super) fn new(progress: Option<Progress>) -> Self {
        Self {
            progress,
            resume_pace: Pace::Max,
            cursor: None,
            search: Search::default(),
            matches: Vec::new(),
            searched_to: 0,
            asked: None,
        }
    }

    /// Returns the newest progress; None without a replay.
    pub(crate) const fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
    }

    /// Returns the speed that the replay goes on with after a pause.
    pub(crate) const fn resume_pace(&self) -> Pace {
        self.resume_pace
    }

    /// Returns the search among the exchanges.
    pub(crate) const fn search(&self) -> &Search {
        &self.search
    }

    /// Edits the search, or with None shows all exchanges again. The exchange that is looked at
    /// stays.
    pub(super) fn edit_search(&mut self, key: Option<Key>) {
        match key {
            Some(key) => self.search.on_key(key),
            None => self.search.clear(),
        }
        self.matches.clear();
        self.searched_to = 0;
        self.look_for_matches();
    }

    fn look_for_matches(&mut self) {
        let Some(progress) = self.progress.as_ref().filter(|_| !self.search.is_empty()) else {
            return;
        };
        let numbers = progress.exchanges.numbers();
        self.matches.retain(|number| *number >= numbers.start);
        for number in self.searched_to.max(numbers.start)..numbers.end {
            let exchange = progress.exchanges.get(number);
            if exchange.is_some_and(|exchange| self.search.matches_exchange(exchange)) {
                self.matches.push(number);
            }
        }
        self.searched_to = numbers.end;
    }

    /// Returns the number of exchanges that are displayed.
    pub(crate) fn rows(&self) -> usize {
        let Some(progress) = &self.progress else { return 0 };
        let numbers = progress.exchanges.numbers();
        if self.search.is_empty() {
            (numbers.end - numbers.start) as usize
        } else {
            self.matches.len()
        }
    }

    /// Returns the number of the exchange in a row, newest first.
    pub(crate) fn number_at(&self, row: usize) -> Option<u64> {
        let numbers = self.progress.as_ref()?.exchanges.numbers();
        if !self.search.is_empty() {
            return self.matches.iter().rev().nth(row).copied();
        }
        let number = numbers.end.checked_sub(row as u64 + 1)?;
        numbers.contains(&number).then_some(number)
    }

    /// Returns the exchange of a number.
    pub(crate) fn exchange(&self, number: u64) -> Option<&Arc<Exchange>> {
        self.progress.as_ref()?.exchanges.get(number)
    }

    /// Returns the row of the exchange that is looked at, or of the nearest older one displayed.
    pub(crate) fn row(&self) -> usize {
        let (Some(cursor), Some(progress)) = (self.cursor, &self.progress) else { return 0 };
        let numbers = progress.exchanges.numbers();
        if self.search.is_empty() {
            let newest = numbers.end.saturating_sub(1);
            return newest.saturating_sub(cursor.max(numbers.start)) as usize;
        }
        self.matches.len() - self.matches.partition_point(|number| *number <= cursor)
    }

    /// Looks at the exchange in a row. The newest one stays the newest while others arrive.
    pub(super) fn look_at(&mut self, row: usize) {
        self.cursor = if row == 0 { None } else { self.number_at(row) };
    }

    /// Returns the number of the next refusal or difference before or after the exchange that is
    /// looked at.
    fn next_refusal(&self, older: bool) -> Option<u64> {
        let exchanges = &self.progress.as_ref()?.exchanges;
        let numbers = exchanges.numbers();
        let from = self.cursor.unwrap_or(numbers.end.saturating_sub(1));
        let is_refused = |number: &u64| {
            exchanges.get(*number).is_some_and(|at| at.refused.is_some() || at.difference.is_some())
        };
        if older {
            (numbers.start..from).rev().find(is_refused)
        } else {
            (from + 1..numbers.end).find(is_refused)
        }
    }

    /// Handles a key of the Replay screen.
    pub(super) fn control(&mut self, action: Action) -> Asked {
        let row = self.row();
        match action {
            Action::ReplayBack if row + 1 < self.rows() => {
                self.look_at(row + 1);
                return self.pause();
            }
            Action::ReplayBack => return Asked::Message("this is the first line that is kept"),
            Action::ReplayStep if row > 0 => {
                self.look_at(row - 1);
                return Asked::Nothing;
            }
            Action::ReplayJumpBack => {
                let Some(number) = self.next_refusal(true) else {
                    return Asked::Message("no refusal before this line");
                };
                self.cursor = Some(number);
                return self.pause();
            }
            Action::ReplayJump => {
                let next = self.next_refusal(false);
                let has_ended = self.progress.as_ref().is_some_and(|at| !is_running(&at.stage));
                if next.is_none() && has_ended {
                    return Asked::Message("no refusal after this line");
                }
                self.cursor = next;
                if next.is_some() {
                    return Asked::Nothing;
                }
            }
            _ => {}
        }
        self.change_pace(action)
    }

    /// Pauses the replay, so that what is looked at stays in view.
    fn pause(&self) -> Asked {
        let progress = self.progress.as_ref();
        let runs = progress.is_some_and(|at| is_running(&at.stage) && at.pace != Pace::Paused);
        if runs {
            Asked::Request(ReplayRequest::Control(Control::Pace(Pace::Paused)))
        } else {
            Asked::Nothing
        }
    }

    fn change_pace(&mut self, action: Action) -> Asked {
        let running = self.progress.as_ref().filter(|progress| is_running(&progress.stage));
        let Some(current) = running.map(|progress| progress.pace) else {
            return Asked::Message("the replay has ended");
        };
        let pace = match action {
            Action::ReplayPause if current == Pace::Paused => self.resume_pace,
            Action::ReplayPause => Pace::Paused,
            // While the replay is paused, the speed is the one that it will go on with.
            Action::ReplayFaster | Action::ReplaySlower if current == Pace::Paused => {
                self.resume_pace = self.resume_pace.beside(action == Action::ReplayFaster);
                return Asked::Nothing;
            }
            Action::ReplayFaster => current.beside(true),
            Action::ReplaySlower => current.beside(false),
            Action::ReplayJump => Pace::ToNextRefusal,
            _ => return Asked::Request(ReplayRequest::Control(Control::Step)),
        };
        if matches!(pace, Pace::Rate(_) | Pace::Max) {
            self.resume_pace = pace;
        }
        if pace != Pace::Paused {
            self.cursor = None;
        }
        Asked::Request(ReplayRequest::Control(Control::Pace(pace)))
    }

    /// Returns the request for the account beside the exchange that is looked at, once it is
    /// needed.
    pub(super) fn take_question(&mut self) -> Option<ReplayRequest> {
        let progress = self.progress.as_ref()?;
        let rests = progress.pace == Pace::Paused || progress.stage == Stage::Ended;
        let is_alive = !matches!(progress.stage, Stage::Starting | Stage::Failed(_));
        let lines = progress.exchanges.numbers().end;
        let number = self.number_at(self.row()).filter(|_| rests && is_alive)?;
        if self.asked == Some((number, lines)) {
            return None;
        }
        self.asked = Some((number, lines));
        Some(ReplayRequest::Control(Control::Show(number)))
    }

    /// Stores the progress; returns a log message when the replay has just ended.
    pub(super) fn set_progress(&mut self, progress: Progress) -> Option<String> {
        let before = self.progress.as_ref();
        let has_ended = !is_running(&progress.stage)
            && before.is_none_or(|progress| is_running(&progress.stage));
        let is_new = before.is_none_or(|before| progress.lines < before.lines);
        let file = &progress.file;
        let message = has_ended.then(|| match &progress.stage {
            Stage::Failed(message) => format!("replay of {file}: {message}"),
            _ => format!("replay of {file} ended after {} lines", progress.lines),
        });
        self.progress = Some(progress);
        if is_new {
            (self.cursor, self.asked, self.searched_to) = (None, None, 0);
            self.matches.clear();
        }
        self.look_for_matches();
        message
    }
}

const fn is_running(stage: &Stage) -> bool {
    matches!(stage, Stage::Starting | Stage::Running)
}
