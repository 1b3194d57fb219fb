//! What clicks, the wheel and pasted text do, and what goes out of the screen: a copy, an export.
//! Money moves by keys alone.

use super::update::PANES;
use super::{Action, Effect, Key, Model, Pane, Popup, Screen, Spot, Verdict};

/// A second click within this time is a double click, in milliseconds.
const DOUBLE_CLICK_MS: u64 = 400;
/// Rows of the wheel.
const WHEEL_ROWS: isize = 3;

impl Model {
    pub(super) fn paste(&mut self, text: &str, effects: &mut Vec<Effect>) {
        // Only into fields, and never with a newline, which would send.
        if !self.filtering && !matches!(self.popup, Some(Popup::Form(_) | Popup::Palette(..))) {
            return;
        }
        for letter in text.chars().filter(|letter| !letter.is_control()).take(200) {
            self.key(Key::Char(letter), effects);
        }
    }

    pub(super) fn click(&mut self, spot: Spot, effects: &mut Vec<Effect>) {
        if self.popup.is_some() {
            return;
        }
        let before = self.clicked.replace((spot, self.now_ms));
        let twice = before.is_some_and(|(last, at)| {
            last == spot && self.now_ms.saturating_sub(at) < DOUBLE_CLICK_MS
        });
        match spot {
            Spot::Screen(screen) => self.screen = screen,
            Spot::Row(pane, row) => {
                self.focus_on(pane);
                self.choose(pane, row);
                if twice {
                    self.clicked = None;
                    match pane {
                        Pane::Watchlist | Pane::Holdings | Pane::Triggers => {
                            self.act(Action::Buy, effects)
                        }
                        Pane::Activity => self.popup = Some(Popup::Wire(row)),
                        Pane::Pending | Pane::Alerts | Pane::Replay => {}
                    }
                }
            }
            Spot::Pane(pane) => self.focus_on(pane),
            Spot::Header(sort) if self.sort == sort => self.reversed = !self.reversed,
            Spot::Header(sort) => (self.sort, self.reversed) = (sort, false),
            // Whatever is drawn as a button: money moves by keys alone.
            Spot::Button(
                Action::Commit | Action::Cancel | Action::Undo | Action::RemoveTrigger,
            ) => {}
            Spot::Button(action) => self.act(action, effects),
        }
    }

    fn focus_on(&mut self, pane: Pane) {
        if self.screen == Screen::Trade && PANES.contains(&pane) {
            self.focus = pane;
        }
    }

    pub(super) fn scroll(&mut self, down: bool, over: Option<Pane>) {
        let by = if down { WHEEL_ROWS } else { -WHEEL_ROWS };
        match &mut self.popup {
            Some(Popup::Help(row) | Popup::Log(row)) => {
                *row = row.saturating_add_signed(by).min(self.log.len().max(Action::ALL.len()));
            }
            Some(_) => {}
            None => self.step_in(over.unwrap_or_else(|| self.pane()), by),
        }
    }

    pub(super) fn copy(&mut self, effects: &mut Vec<Effect>) {
        if self.screen == Screen::Replay && self.popup.is_none() {
            let row = self.row(Pane::Replay);
            let Some(exchange) =
                self.replay.as_ref().and_then(|replay| replay.exchanges.iter().rev().nth(row))
            else {
                return;
            };
            effects.push(Effect::Copy(format!("{}\n{}", exchange.request, exchange.reply)));
            self.tell("copied");
            return;
        }
        let row = match self.popup {
            Some(Popup::Wire(row)) => row,
            _ => self.row(Pane::Activity),
        };
        let Some(line) = self.activity.iter().rev().nth(row) else { return };
        let tag = if line.verdict == Verdict::News {
            String::new()
        } else {
            format!("[{}] {}\n", line.tag, line.request)
        };
        effects.push(Effect::Copy(format!("{tag}{}", line.reply)));
        self.tell("copied");
    }

    /// The activity as a table for other programs, oldest first.
    pub(super) fn export(&mut self, effects: &mut Vec<Effect>) {
        if self.activity.is_empty() {
            self.tell("no activity to export yet");
            return;
        }
        let mut text = String::from("at_ms\ttag\toutcome\trequest\treply\twords\ttook_us\n");
        for line in &self.activity {
            let took = line.took_us.map_or(String::new(), |took| took.to_string());
            let outcome = format!("{:?}", line.verdict).to_lowercase();
            let fields = [line.request.as_str(), &line.reply, &line.words]
                .map(|field| field.replace(['\t', '\n'], " "));
            let (at_ms, tag) = (line.at_ms.to_string(), line.tag.to_string());
            text += &[&at_ms, &tag, outcome.as_str(), &fields.join("\t"), &took].join("\t");
            text.push('\n');
        }
        let name = format!("daytrade-{}-{}.tsv", self.user, self.now_ms);
        effects.push(Effect::Export { name, text });
    }
}
