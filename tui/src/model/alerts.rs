//! Prices the trader wants to hear of. They live as long as the screen and trade nothing.

use super::{Effect, Model, text};
use daytrade_protocol::{Money, Symbol};

/// Alerts that wait at once.
const ALERTS_MAX: usize = 100;
/// Lines of what was rung for that are kept.
const RUNG_MAX: usize = 100;

/// A price to hear of, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The stock.
    pub symbol: Symbol,
    /// The price to be crossed.
    pub price: Money,
    /// It was below when the alert was made, and so is to be crossed going up.
    pub up: bool,
}

impl Alert {
    /// As it is shown: `XYZ crosses 15.00 going up`.
    pub fn words(&self, verb: &str) -> String {
        format!(
            "{} {verb} {} going {}",
            self.symbol,
            text::dollars(self.price),
            if self.up { "up" } else { "down" }
        )
    }

    /// Whether this price has crossed it.
    fn is_crossed_by(&self, price: Money) -> bool {
        if self.up { price >= self.price } else { price <= self.price }
    }
}

impl Model {
    /// Adds an alert; the price now says which way it is to be crossed.
    pub(super) fn add_alert(&mut self, symbol: Symbol, price: Money, effects: &mut Vec<Effect>) {
        let Some(last) = self.quotes.get(symbol).map(|seen| seen.price) else {
            self.tell(&format!("{symbol} has no price yet: which way is it to cross?"));
            return;
        };
        if last == price {
            self.tell(&format!("{symbol} is {} now", text::dollars(price)));
            return;
        }
        let alert = Alert { symbol, price, up: price > last };
        if self.alerts.len() >= ALERTS_MAX {
            self.tell(&format!("{ALERTS_MAX} alerts wait already: remove one first"));
            return;
        }
        if !self.alerts.contains(&alert) {
            self.alerts.push(alert);
        }
        self.tell(&format!("the bell rings when {}", alert.words("crosses")));
        self.watch_what_matters(effects);
    }

    /// Rings for every alert that a price has crossed; each rings once.
    pub(super) fn ring_alerts(&mut self, symbol: Symbol, price: Money, effects: &mut Vec<Effect>) {
        let is_crossed = |alert: &Alert| alert.symbol == symbol && alert.is_crossed_by(price);
        let crossed: Vec<Alert> = self.alerts.iter().copied().filter(is_crossed).collect();
        if crossed.is_empty() {
            return;
        }
        self.alerts.retain(|alert| !is_crossed(alert));
        for alert in crossed {
            self.ring(&alert.words("crossed"), effects);
        }
        self.watch_what_matters(effects);
    }

    /// Rings the bell, if it may, and keeps why.
    pub(super) fn ring(&mut self, words: &str, effects: &mut Vec<Effect>) {
        if self.settings.bell && !effects.contains(&Effect::Bell) {
            effects.push(Effect::Bell);
        }
        if self.rung.len() == RUNG_MAX {
            self.rung.pop_front();
        }
        self.rung.push_back((self.now_ms, words.to_owned()));
        self.tell(words);
    }
}

#[cfg(test)]
mod tests {
    use crate::model::tests::World;
    use crate::model::{Effect, Event, LinkEvent};
    use daytrade_protocol::ServerLine;

    #[test]
    fn an_alert_rings_once_when_its_price_is_crossed() {
        let mut world = World::live();
        world.press("!15.50\n");
        assert_eq!(world.model.alerts.len(), 1);
        let mut quote = |price: &str| {
            world.now_ms += 1_000;
            let text = format!("* QUOTE,XYZ,{price},{}", world.now_ms);
            let line = ServerLine::parse(text.as_bytes()).unwrap();
            let said = world
                .model
                .update(Event::Link(LinkEvent::Line { line, text, took_us: None }), world.now_ms);
            said.iter().filter(|effect| **effect == Effect::Bell).count()
        };
        assert_eq!([quote("15.49"), quote("15.60"), quote("15.40"), quote("15.60")], [0, 1, 0, 0]);
        let (_, words) = world.model.rung.back().unwrap();
        assert_eq!(words, "XYZ crossed 15.50 going up");
        world.press("!15.00\n");
        assert!(!world.model.alerts[0].up);
        world.model.settings.bell = false;
        let effects = {
            let text = format!("* QUOTE,XYZ,14.00,{}", world.now_ms + 1);
            let line = ServerLine::parse(text.as_bytes()).unwrap();
            world.model.update(
                Event::Link(LinkEvent::Line { line, text, took_us: None }),
                world.now_ms + 1,
            )
        };
        assert!(
            !effects.contains(&Effect::Bell) && world.model.rung.len() == 2,
            "silent, but noted"
        );
    }
}
