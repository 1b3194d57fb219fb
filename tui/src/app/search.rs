//! The search in the activity and in a replay: words that all have to stand in a line, in any order
//! and case. `xyz sold`, `refused`, `11-28`, `NO_PENDING_BUY`.

use super::text_input::editing_request;
use super::{ActivityLine, Key, Outcome, text};
use crate::replay_message::Exchange;
use tui_input::{Input, InputRequest};

/// The maximum length of a search, in bytes.
const SEARCH_BYTES_MAX: usize = 60;

/// The words of a search.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    input: Input,
}

impl Search {
    /// Returns the text as it was typed.
    pub(crate) fn text(&self) -> &str {
        self.input.value()
    }

    /// Returns the position of the cursor, in characters.
    pub(crate) fn cursor(&self) -> usize {
        self.input.cursor()
    }

    /// Returns true if there are no words: every line matches.
    pub(crate) fn is_empty(&self) -> bool {
        self.text().trim().is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.input = Input::default();
    }

    /// Handles an editing key or a letter.
    pub(super) fn on_key(&mut self, key: Key) {
        match key {
            Key::Char(letter) if letter.is_ascii_graphic() || letter == ' ' => {
                if self.text().len() < SEARCH_BYTES_MAX {
                    self.input.handle(InputRequest::InsertChar(letter));
                }
            }
            key => {
                editing_request(key).map(|request| self.input.handle(request));
            }
        }
    }

    /// Returns true if a line contains every word.
    pub(super) fn matches(&self, line: &ActivityLine) -> bool {
        let subject = line.subject.summary();
        let date = text::date(line.at_ms);
        let fields = [subject.as_str(), &line.message, outcome_word(line.outcome), &date];
        self.matches_fields(&fields)
    }

    /// Returns true if a request and its reply contain every word.
    pub(super) fn matches_exchange(&self, exchange: &Exchange) -> bool {
        let word = match (&exchange.difference, exchange.refused) {
            (Some(_), _) => "DIFFERS",
            (None, Some(_)) => "refused",
            (None, None) => "ok",
        };
        self.matches_fields(&[&exchange.request, &exchange.reply, word])
    }

    fn matches_fields(&self, fields: &[&str]) -> bool {
        let mut words = self.text().split_ascii_whitespace();
        words.all(|word| fields.iter().any(|field| contains(field, word)))
    }
}

/// Returns the word of an outcome, as the list shows it.
pub(crate) const fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Waiting => "...",
        Outcome::Ok => "ok",
        Outcome::Refused => "refused",
        Outcome::Unknown | Outcome::Untold => "UNKNOWN",
        Outcome::Lost => "not done",
        Outcome::News => "",
    }
}

/// Returns true if a text contains a word, in any case.
fn contains(text: &str, word: &str) -> bool {
    let mut places = text.as_bytes().windows(word.len().max(1));
    places.any(|place| place.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use crate::app::tests::{START_MS, World};
    use crate::app::{Event, Key, Pane, Screen};

    #[test]
    fn a_search_shows_the_lines_with_all_words_and_esc_shows_all_again() {
        let mut world = World::live();
        world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
        world.press("b550\n");
        let (tag, expires) = (world.tag("BUY"), START_MS + 60_000);
        world.receive(&format!("[{tag}] OK,BUY,XYZ,36,15.02,540.72,{expires}"));
        world.press("a70\n");
        let tag = world.tag("ADD");
        world.receive(&format!("[{tag}] ERR,BAD_AMOUNT,amount"));
        world.handle(Event::Key(Key::Esc));
        let all = world.app.rows(Pane::Activity);
        world.press("4/");
        let mut found = |words: &str| {
            world.handle(Event::Key(Key::Ctrl('u')));
            world.press(words);
            let lines = world.app.shown_activity().map(|line| line.subject.summary());
            lines.collect::<Vec<_>>().join("; ")
        };
        assert_eq!(found("xyz buy"), "BUY XYZ 550");
        assert_eq!(found("REFUSED"), "ADD 70");
        assert_eq!(found("xyz refused"), "");
        world.handle(Event::Key(Key::Esc));
        assert_eq!(world.app.view.screen(), Screen::Activity);
        assert_eq!(world.app.shown_activity().count(), all);
    }
}
