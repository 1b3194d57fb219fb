//! Price alerts: the bell rings once when a price crosses a limit. They are kept for the next
//! session of the user at the same server, and they never trade.

use super::text;
use daytrade_protocol::{Money, Symbol};

/// A price at which the bell rings once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alert {
    /// The stock.
    pub(crate) symbol: Symbol,
    /// The limit.
    pub(crate) price: Money,
    /// True if the price was below the limit when the alert was created.
    pub(crate) up: bool,
}

impl Alert {
    /// Returns what the alert waits for: `XYZ rises to 15.00`.
    pub(crate) fn describe(&self) -> String {
        let verb = if self.up { "rises" } else { "falls" };
        format!("{} {verb} to {}", self.symbol, text::dollars(self.price))
    }

    /// Returns the message that it rings: `Alert: XYZ rose to 15.00`.
    pub(super) fn rang(&self) -> String {
        let verb = if self.up { "rose" } else { "fell" };
        format!("Alert: {} {verb} to {}", self.symbol, text::dollars(self.price))
    }

    /// Returns true if a price of the symbol has crossed the limit.
    pub(super) fn is_crossed_by(&self, symbol: Symbol, price: Money) -> bool {
        let is_beyond = if self.up { price >= self.price } else { price <= self.price };
        symbol == self.symbol && is_beyond
    }
}

#[cfg(test)]
mod tests {
    use crate::app::tests::World;
    use crate::app::{Effect, Event, LinkEvent};
    use daytrade_protocol::ServerLine;

    #[test]
    fn an_alert_rings_once_when_the_price_crosses_its_limit() {
        let mut world = World::live();
        world.press("!15.50\n");
        assert_eq!(world.app.market.alerts().len(), 1);
        let mut quote = |price: &str| {
            world.now_ms += 1_000;
            let text = format!("* QUOTE,XYZ,{price},{}", world.now_ms);
            let line = ServerLine::parse(text.as_bytes()).unwrap();
            let effects = world
                .app
                .update(Event::Link(LinkEvent::Line { line, text, took_us: None }), world.now_ms);
            effects.iter().filter(|effect| **effect == Effect::Bell).count()
        };
        assert_eq!([quote("15.49"), quote("15.60"), quote("15.40"), quote("15.60")], [0, 1, 0, 0]);
        let (_, message) = world.app.activity.bell_log().back().unwrap();
        assert_eq!(message, "Alert: XYZ rose to 15.50");
        let line = world.app.activity.lines().back().unwrap();
        assert_eq!((line.subject.name(), line.message.as_str()), ("ALERT", message.as_str()));
        world.press("!15.00\n");
        assert!(!world.app.market.alerts()[0].up);
        world.app.settings.bell = false;
        let effects = {
            let text = format!("* QUOTE,XYZ,14.00,{}", world.now_ms + 1);
            let line = ServerLine::parse(text.as_bytes()).unwrap();
            world.app.update(
                Event::Link(LinkEvent::Line { line, text, took_us: None }),
                world.now_ms + 1,
            )
        };
        assert!(
            !effects.contains(&Effect::Bell) && world.app.activity.bell_log().len() == 2,
            "silent, but recorded"
        );
    }
}
