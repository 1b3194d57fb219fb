//! Asks for the records of the account and takes them in: all of them once, later those since a
//! lost connection, and those of other clients' orders.

use super::activity::SAME_EVENT_MS;
use super::past::Past;
use super::{ActivityLine, App, Effect, Outcome};
use daytrade_protocol::{CommandName, ReplyBody};

/// The minimum time between two requests for the records of other clients' orders, in milliseconds.
const RECORDS_PAUSE_MS: u64 = 1_000;

impl App {
    /// Notes that records from a server time on are to be asked for: another client has made an
    /// order.
    pub(super) fn want_records(&mut self, from_ms: u64) {
        let wanted_ms = self.records_wanted_ms.unwrap_or(from_ms);
        self.records_wanted_ms = Some(wanted_ms.min(from_ms));
    }

    /// Asks for the records that are wanted, unless others are arriving or it is too early: the
    /// server reads its journal for them.
    pub(super) fn request_records(&mut self, effects: &mut Vec<Effect>) {
        let is_early = self.clock.now_ms() < self.records_not_before_ms;
        if self.past.is_some() || self.past_wanted || is_early {
            return;
        }
        let Some(from_ms) = self.records_wanted_ms.take() else { return };
        if self.connection.request_past(Some(from_ms), self.clock, effects) {
            let mut past = Past::new(self.connection.user().clone(), Some(from_ms), self.clock);
            past.is_news = true;
            self.past = Some(past);
            self.records_not_before_ms = self.clock.now_ms() + RECORDS_PAUSE_MS;
        }
    }

    /// Returns the local time at which records may be asked for, if any are wanted.
    pub(crate) fn records_due_ms(&self) -> Option<u64> {
        let waits = self.connection.is_live() && self.past.is_none();
        self.records_wanted_ms.filter(|_| waits).map(|_| self.records_not_before_ms)
    }
}

/// Takes in the records that this screen did not cause, once all have arrived.
pub(super) fn on_past(app: &mut App, body: &ReplyBody, effects: &mut Vec<Effect>) {
    let Some(past) = app.past.take() else { return };
    if matches!(body, ReplyBody::Refused { .. }) {
        match (past.from_ms, app.account.current()) {
            // They are asked for again.
            (Some(from_ms), _) => app.want_records(from_ms),
            // An earlier version of the server, or a role that may not: the newest ten are known.
            (None, Some(account)) => {
                app.activity.add_history(&account.history, app.connection.user());
            }
            (None, None) => {}
        }
        return;
    }
    let is_whole = past.from_ms.is_none();
    if is_whole {
        app.equity.set_past(&past.equity);
        app.account.set_past_fills(past.fills, app.clock.started_ms());
    } else {
        app.account.add_missing_fills(past.fills);
    }
    if past.is_news
        && let Some(line) = past.lines.iter().rfind(|line| is_trade_of_others(app, line))
    {
        app.notify(&line.message.clone());
    }
    app.activity.add_past(past.lines);
    // What is asked for after the next loss overlaps a little.
    if is_whole || app.past_known_ms.is_some() {
        let newest_ms = past.newest_ms.map(|newest| newest.saturating_sub(SAME_EVENT_MS));
        app.past_known_ms = app.past_known_ms.max(newest_ms);
    }
    app.request_records(effects);
}

/// Returns true for a trade that this screen did not make.
fn is_trade_of_others(app: &App, line: &ActivityLine) -> bool {
    line.subject.command().is_some_and(|command| {
        matches!(command, CommandName::CommitBuy | CommandName::CommitSell)
            && line.outcome == Outcome::Ok
            && !app.activity.has_sent(line.tag, command)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::{START_MS, World};
    use crate::app::{Event, Key};

    fn messages(world: &World) -> Vec<String> {
        world.app.activity.lines().iter().map(|line| line.message.clone()).collect()
    }

    #[test]
    fn an_order_of_another_client_is_listed_at_once_and_its_record_takes_its_place() {
        let mut world = World::live();
        world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
        let tag = world.tag("REPORT");
        world.receive(&format!("[{tag}] OK,REPORT,0"));
        world.wait(5_000);
        let at_ms = START_MS + 5_000;
        world.receive(&format!("* ORDER,alice,{at_ms},77,BUY,XYZ,100.00,OK"));
        assert_eq!(messages(&world), ["another client; its record is asked for"]);
        let tag = world.tag("REPORT");
        // A server that cannot answer is asked again, after a pause.
        world.receive(&format!("[{tag}] ERR,OVERLOADED,eight others read"));
        assert_eq!(messages(&world), ["another client; its record is asked for"]);
        world.wait(RECORDS_PAUSE_MS + 1);
        let again = world.tag("REPORT");
        assert_ne!(tag, again);
        let tag = again;
        let event = format!("EVENT,{at_ms},77,BUY,OK,XYZ,100.00,6,15.02,90.12,0.00,-90.12");
        world.receive(&format!("[{tag}]-{event}"));
        world.receive(&format!("[{tag}] OK,REPORT,1"));
        assert_eq!(messages(&world), ["Reserved 6 XYZ at 15.02 for 90.12 (another client)"]);
    }

    #[test]
    fn a_form_whose_reply_was_lost_sends_nothing_until_its_outcome_is_known() {
        let mut world = World::live();
        world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
        world.press("b550\n");
        let tag = world.tag("BUY");
        world.down();
        world.handle(Event::Link(crate::app::LinkEvent::Up(None)));
        assert!(world.press("\n").iter().all(|line| !line.contains("BUY,")), "not yet known");
        world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
        assert_eq!(world.form().refused(), Some("It never arrived; Enter sends it now."));
        world.receive(&format!("* QUOTE,XYZ,15.02,{}", world.now_ms));
        assert!(world.press("\n").iter().any(|line| line.contains("BUY,alice,XYZ,550.00")));
        // This time it has arrived.
        let second = world.tag("BUY");
        assert_ne!(tag, second);
        world.down();
        world.handle(Event::Link(crate::app::LinkEvent::Up(None)));
        world.summary(&[
            "ACCOUNT,alice,459.28,540.72,0.00",
            &format!("HISTORY,{START_MS},{second},BUY,XYZ,550.00,OK"),
        ]);
        assert!(world.app.view.popup().is_none(), "the order was made: the form is done");
        let record =
            format!("EVENT,{START_MS},{second},BUY,OK,XYZ,550.00,36,15.02,540.72,0.00,-540.72");
        let tag = world.tag("REPORT");
        world.receive(&format!("[{tag}]-{record}"));
        world.receive(&format!("[{tag}] OK,REPORT,1"));
        let own = "Reserved 36 XYZ at 15.02 for 540.72 (its reply was lost)".to_owned();
        assert!(messages(&world).contains(&own), "{:?}", messages(&world));
    }

    #[test]
    fn the_same_order_is_not_sent_again_while_the_first_is_not_answered() {
        let mut world = World::live();
        world.summary(&["ACCOUNT,alice,10000.00,0.00,0.00"]);
        world.press("b550\n");
        world.handle(Event::Key(Key::Esc));
        let again = world.press("b550\n");
        assert!(again.iter().all(|line| !line.contains("BUY,")), "{again:?}");
        let refused = world.form().refused();
        assert_eq!(refused, Some("Not sent: the same request is not answered yet."));
        let tag = world.tag("BUY");
        world.receive(&format!("[{tag}] OK,BUY,XYZ,36,15.02,540.72,{}", START_MS + 60_000));
        assert!(world.press("\n").iter().any(|line| line.contains("BUY,alice,XYZ,550.00")));
    }
}
