//! A table of cases for each command, as short sessions. Each line is an input, optionally followed
//! by `->` and the expected output.
//!
//! `S=42.17` sets a price, `S=none` makes it unavailable, `S=?` leaves it unrequested (output
//! `asks S`). `market S 39.90` delivers a price. `+1000` advances the time in milliseconds.
//! `account a` prints cash, reserved, realised; `holding a S` prints free, reserved, basis.

use super::*;
use daytrade_protocol::{
    Body, LineBuffer, Money, Parsed, Refusal, ReplyBody, Side, Symbol, UserName, parse_line,
};
use std::collections::BTreeMap;

#[derive(Default)]
struct World {
    book: Book,
    now_ms: u64,
    record: u64,
    prices: BTreeMap<Symbol, Price>,
}

impl World {
    fn ask(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        match (words[0], &words[1..]) {
            ("account", [user]) => {
                let account = self.book.account(self.id(user));
                format!("{} {} {}", account.cash(), account.reserved(), account.realised())
            }
            ("holding", [user, of]) => {
                let holding = self.book.account(self.id(user)).holding(symbol(of));
                format!("{} {} {}", holding.free, holding.reserved, holding.basis)
            }
            ("market", [of, price]) => self.market(symbol(of), money(price)),
            (later, []) if later.starts_with('+') => {
                self.pass(later.trim_start_matches('+').parse().unwrap())
            }
            (set, []) if set.contains('=') => {
                let (of, price) = set.split_once('=').unwrap();
                let price = match price {
                    "none" => Price::Unavailable,
                    "?" => Price::Unasked,
                    price => Price::Known(money(price)),
                };
                self.prices.insert(symbol(of), price);
                String::new()
            }
            _ => self.command(line),
        }
    }

    fn id(&self, user: &str) -> UserId {
        self.book.id(&UserName::parse(user.as_bytes()).unwrap()).unwrap()
    }

    /// Commits an event that no command caused.
    fn record_event(&mut self, id: UserId, event: &Event) {
        let (user, event) = (self.book.name(id).clone(), event.clone());
        self.commit(&match event {
            Event::Filled { .. } => Record::Filled { user, event },
            _ => Record::Expired { user, event },
        });
    }

    fn commit(&mut self, record: &Record) -> Option<UserId> {
        self.record += 1;
        let stamp = Stamp { record: self.record, at_ms: self.now_ms };
        self.book.commit(record, stamp, Known::Nothing, |_, _, _| {})
    }

    fn pass(&mut self, ms: u64) -> String {
        self.now_ms += ms;
        let mut output = Vec::new();
        while let Some(id) = self.book.due_user(self.now_ms) {
            while let Some(event) = expire_oldest(self.book.account(id), self.now_ms) {
                self.record_event(id, &event);
                let Event::Expired { side, symbol, shares, total, .. } = event else {
                    panic!("{event:?}")
                };
                output.push(format!("{} expired {symbol} {shares} {total}", side.as_str()));
            }
        }
        output.join("; ")
    }

    fn market(&mut self, symbol: Symbol, price: Money) -> String {
        let mut output = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            while let Some(key) = self.book.triggers().next(symbol, side, price, None) {
                let event = fill(self.book.account(key.user), side, symbol, price)
                    .expect("the book and the account are consistent");
                self.record_event(key.user, &event);
                let Event::Filled { shares, total, .. } = event else { panic!("{event:?}") };
                output.push(format!(
                    "{} {} filled {shares} {total}",
                    self.book.name(key.user),
                    side.as_str()
                ));
            }
        }
        output.join("; ")
    }

    fn command(&mut self, line: &str) -> String {
        let Parsed::Request(request) = parse_line(line.as_bytes()) else { panic!("{line}") };
        let Body::Command(command) = request.body else { panic!("{line}") };
        let price =
            command.symbol().and_then(|of| self.prices.get(&of).copied()).unwrap_or(Price::Unasked);
        let id = command.user().and_then(|user| self.book.id(user));
        let account = id.map(|id| self.book.account(id));
        let number = self.record + 1;
        let body = match decide(account, &command, |_| price, self.now_ms, number) {
            Err(Rejection::NeedsPrice(symbol)) => return format!("asks {symbol}"),
            Err(Rejection::Refused(refusal)) => ReplyBody::refused(&refusal),
            Ok(events) => {
                let outcome = Outcome::Done(events.clone());
                let (assigned, price) = (false, None);
                let record = Record::Transaction {
                    number,
                    assigned,
                    command: command.clone(),
                    price,
                    outcome,
                };
                let id =
                    self.commit(&record).expect("a command that is carried out has an account");
                let fired = events.iter().any(|event| matches!(event, Event::Filled { .. }));
                let mut out = LineBuffer::default();
                reply_to(&command, &events, self.book.account(id))
                    .unwrap()
                    .write_to(None, &mut out);
                let text = String::from_utf8(out.into_bytes()).unwrap();
                return format!("{}{}", text.trim_end(), if fired { " and fires" } else { "" });
            }
        };
        let mut out = LineBuffer::default();
        body.write_to(None, &mut out);
        String::from_utf8(out.into_bytes()).unwrap().trim_end().to_owned()
    }
}

fn symbol(text: &str) -> Symbol {
    Symbol::parse(text.as_bytes()).unwrap()
}

fn money(text: &str) -> Money {
    Money::parse_amount(text.as_bytes()).unwrap()
}

/// Runs a session. An expected output that is only a code matches any refusal with that code.
fn check(session: &str) {
    let mut world = World::default();
    for line in session.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (ask, want) = line.split_once(" -> ").unwrap_or((line, ""));
        let got = world.ask(ask.trim());
        let refused_so =
            got.strip_prefix("ERR,").is_some_and(|rest| rest.split(',').next() == Some(want));
        assert!(got == want || refused_so, "{ask}\n  want {want}\n   got {got}\nin{session}");
    }
}

#[test]
fn add_creates_the_account_and_has_a_limit() {
    check(
        "ADD,a,63511.53 -> OK,ADD,63511.53
         ADD,a,0.47 -> OK,ADD,63512.00
         account a -> 63512.00 0.00 0.00",
    );
    let mut world = World::default();
    for _ in 0..1_000 {
        assert!(world.ask("ADD,a,999999999999.99").starts_with("OK"));
    }
    assert_eq!(world.ask("ADD,a,10.00"), "OK,ADD,1000000000000000.00");
    let refused = ReplyBody::refused(&Refusal::BalanceTooLarge);
    assert!(
        matches!(refused, ReplyBody::Refused { code, .. } if code.as_str() == "LIMIT_EXCEEDED")
    );
    assert!(world.ask("ADD,a,0.01").starts_with("ERR,LIMIT_EXCEEDED"));
}

#[test]
fn all_commands_except_add_and_quote_need_an_account() {
    let commands = [
        "BUY,a,S,5",
        "COMMIT_BUY,a",
        "CANCEL_BUY,a",
        "SELL,a,S,5",
        "COMMIT_SELL,a",
        "CANCEL_SELL,a",
        "SET_BUY_AMOUNT,a,S,5",
        "SET_BUY_TRIGGER,a,S,5",
        "CANCEL_SET_BUY,a,S",
        "SET_SELL_AMOUNT,a,S,5",
        "SET_SELL_TRIGGER,a,S,5",
        "CANCEL_SET_SELL,a,S",
        "DISPLAY_SUMMARY,a",
    ];
    for command in commands {
        check(&format!("{command} -> NO_ACCOUNT"));
    }
    check("QUOTE,a,S -> asks S\nS=none\nQUOTE,a,S -> QUOTE_UNAVAILABLE");
}

#[test]
fn buy_reserves_the_cost_instead_of_the_amount() {
    check(
        "ADD,a,1000 -> OK,ADD,1000.00
         BUY,a,S,1000.01 -> INSUFFICIENT_FUNDS
         BUY,a,S,276.83 -> asks S
         S=none
         BUY,a,S,276.83 -> QUOTE_UNAVAILABLE
         S=276.84
         BUY,a,S,276.83 -> AMOUNT_TOO_SMALL
         S=42.17
         BUY,a,S,276.83 -> OK,BUY,S,6,42.17,253.02,60000
         account a -> 746.98 253.02 0.00
         COMMIT_BUY,a -> OK,COMMIT_BUY,S,6,42.17,253.02
         account a -> 746.98 0.00 0.00
         holding a S -> 6 0 253.02
         COMMIT_BUY,a -> NO_PENDING_BUY
         CANCEL_BUY,a -> NO_PENDING_BUY",
    );
}

#[test]
fn pending_orders_are_a_stack_and_expire_after_sixty_seconds() {
    check(
        "ADD,a,1000 -> OK,ADD,1000.00
         S=10
         BUY,a,S,100 -> OK,BUY,S,10,10.00,100.00,60000
         +1000
         BUY,a,S,50 -> OK,BUY,S,5,10.00,50.00,61000
         CANCEL_BUY,a -> OK,CANCEL_BUY,S,5,10.00,50.00
         account a -> 900.00 100.00 0.00
         BUY,a,S,20 -> OK,BUY,S,2,10.00,20.00,61000
         COMMIT_BUY,a -> OK,COMMIT_BUY,S,2,10.00,20.00
         +58999
         account a -> 880.00 100.00 0.00
         +1 -> BUY expired S 10 100.00
         account a -> 980.00 0.00 0.00
         COMMIT_BUY,a -> NO_PENDING_BUY",
    );
}

#[test]
fn at_most_a_thousand_orders_are_pending_and_no_price_is_requested_for_another() {
    let mut world = World::default();
    world.ask("ADD,a,100000");
    world.ask("S=1");
    for _ in 0..1_000 {
        assert!(world.ask("BUY,a,S,1").starts_with("OK"));
    }
    world.ask("S=?");
    assert!(world.ask("BUY,a,S,1").starts_with("ERR,LIMIT_EXCEEDED"));
    assert_eq!(world.pass(60_000).split("; ").count(), 1_000);
    assert_eq!(world.ask("BUY,a,S,1"), "asks S");
}

#[test]
fn sell_reserves_shares_and_realises_profit_by_average_cost() {
    check(
        "ADD,a,1000 -> OK,ADD,1000.00
         S=10
         SELL,a,S,10 -> INSUFFICIENT_SHARES
         BUY,a,S,10 -> OK,BUY,S,1,10.00,10.00,60000
         COMMIT_BUY,a -> OK,COMMIT_BUY,S,1,10.00,10.00
         S=12.01
         BUY,a,S,25 -> OK,BUY,S,2,12.01,24.02,60000
         COMMIT_BUY,a -> OK,COMMIT_BUY,S,2,12.01,24.02
         holding a S -> 3 0 34.02
         S=?
         SELL,a,S,60 -> asks S
         S=20
         SELL,a,S,19.99 -> AMOUNT_TOO_SMALL
         SELL,a,S,80 -> INSUFFICIENT_SHARES
         SELL,a,S,39 -> OK,SELL,S,1,20.00,20.00,60000
         holding a S -> 2 1 34.02
         SELL,a,S,60 -> INSUFFICIENT_SHARES
         CANCEL_SELL,a -> OK,CANCEL_SELL,S,1,20.00,20.00
         holding a S -> 3 0 34.02
         SELL,a,S,20 -> OK,SELL,S,1,20.00,20.00,60000
         COMMIT_SELL,a -> OK,COMMIT_SELL,S,1,20.00,20.00
         holding a S -> 2 0 22.68
         account a -> 985.98 0.00 8.66
         SELL,a,S,40 -> OK,SELL,S,2,20.00,40.00,60000
         COMMIT_SELL,a -> OK,COMMIT_SELL,S,2,20.00,40.00
         holding a S -> 0 0 0.00
         account a -> 1025.98 0.00 25.98
         COMMIT_SELL,a -> NO_PENDING_SELL
         CANCEL_SELL,a -> NO_PENDING_SELL",
    );
}

#[test]
fn an_expired_sell_releases_its_shares() {
    check(
        "ADD,a,100 -> OK,ADD,100.00
         S=10
         BUY,a,S,100 -> OK,BUY,S,10,10.00,100.00,60000
         COMMIT_BUY,a -> OK,COMMIT_BUY,S,10,10.00,100.00
         SELL,a,S,30 -> OK,SELL,S,3,10.00,30.00,60000
         holding a S -> 7 3 100.00
         +60000 -> SELL expired S 3 30.00
         holding a S -> 10 0 100.00
         COMMIT_SELL,a -> NO_PENDING_SELL",
    );
}

#[test]
fn a_set_buy_reserves_its_amount_and_a_change_moves_the_difference() {
    check(
        "ADD,a,100 -> OK,ADD,100.00
         SET_BUY_AMOUNT,a,S,100.01 -> INSUFFICIENT_FUNDS
         SET_BUY_TRIGGER,a,S,5 -> NO_SET_BUY
         CANCEL_SET_BUY,a,S -> NO_SET_BUY
         SET_BUY_AMOUNT,a,S,80 -> OK,SET_BUY_AMOUNT,S,80.00
         account a -> 20.00 80.00 0.00
         SET_BUY_AMOUNT,a,S,100 -> OK,SET_BUY_AMOUNT,S,100.00
         account a -> 0.00 100.00 0.00
         SET_BUY_AMOUNT,a,S,30 -> OK,SET_BUY_AMOUNT,S,30.00
         account a -> 70.00 30.00 0.00
         SET_BUY_TRIGGER,a,S,30.01 -> AMOUNT_TOO_SMALL
         SET_BUY_TRIGGER,a,S,20 -> asks S
         S=20.01
         SET_BUY_TRIGGER,a,S,20 -> OK,SET_BUY_TRIGGER,S,30.00,20.00
         SET_BUY_AMOUNT,a,S,19.99 -> AMOUNT_TOO_SMALL
         SET_BUY_AMOUNT,a,S,45 -> OK,SET_BUY_AMOUNT,S,45.00
         market S 20.01
         market S 20.00 -> a BUY filled 2 40.00
         account a -> 60.00 0.00 0.00
         holding a S -> 2 0 40.00
         market S 1.00
         CANCEL_SET_BUY,a,S -> NO_SET_BUY",
    );
}

#[test]
fn a_trigger_is_checked_at_once_and_can_be_armed_without_a_price() {
    check(
        "ADD,a,100 -> OK,ADD,100.00
         SET_BUY_AMOUNT,a,S,50 -> OK,SET_BUY_AMOUNT,S,50.00
         S=none
         SET_BUY_TRIGGER,a,S,20 -> OK,SET_BUY_TRIGGER,S,50.00,20.00
         S=15
         SET_BUY_TRIGGER,a,S,16 -> OK,SET_BUY_TRIGGER,S,50.00,16.00 and fires
         holding a S -> 3 0 45.00
         account a -> 55.00 0.00 0.00
         SET_SELL_AMOUNT,a,S,30 -> OK,SET_SELL_AMOUNT,S,30.00
         SET_SELL_TRIGGER,a,S,15 -> OK,SET_SELL_TRIGGER,S,30.00,15.00,2 and fires
         holding a S -> 1 0 15.00
         account a -> 85.00 0.00 0.00",
    );
}

#[test]
fn a_set_sell_reserves_shares_when_its_trigger_is_armed() {
    check(
        "ADD,a,100 -> OK,ADD,100.00
         SET_SELL_AMOUNT,a,S,10 -> INSUFFICIENT_SHARES
         SET_SELL_TRIGGER,a,S,10 -> NO_SET_SELL
         CANCEL_SET_SELL,a,S -> NO_SET_SELL
         S=10
         BUY,a,S,100 -> OK,BUY,S,10,10.00,100.00,60000
         COMMIT_BUY,a -> OK,COMMIT_BUY,S,10,10.00,100.00
         SET_SELL_AMOUNT,a,S,500 -> OK,SET_SELL_AMOUNT,S,500.00
         holding a S -> 10 0 100.00
         SET_SELL_TRIGGER,a,S,500.01 -> AMOUNT_TOO_SMALL
         SET_SELL_TRIGGER,a,S,45 -> INSUFFICIENT_SHARES
         SET_SELL_TRIGGER,a,S,50 -> OK,SET_SELL_TRIGGER,S,500.00,50.00,10
         holding a S -> 0 10 100.00
         SELL,a,S,10 -> INSUFFICIENT_SHARES
         SET_SELL_TRIGGER,a,S,100 -> OK,SET_SELL_TRIGGER,S,500.00,100.00,5
         holding a S -> 5 5 100.00
         SET_SELL_AMOUNT,a,S,1100 -> INSUFFICIENT_SHARES
         SET_SELL_AMOUNT,a,S,99.99 -> AMOUNT_TOO_SMALL
         SET_SELL_AMOUNT,a,S,700 -> OK,SET_SELL_AMOUNT,S,700.00
         holding a S -> 3 7 100.00
         market S 99.99
         market S 100.01 -> a SELL filled 7 700.07
         holding a S -> 3 0 30.00
         account a -> 700.07 0.00 630.07
         CANCEL_SET_SELL,a,S -> NO_SET_SELL",
    );
}

#[test]
fn a_cancelled_set_releases_its_reserve_and_does_not_fire() {
    check(
        "ADD,a,100 -> OK,ADD,100.00
         S=10
         BUY,a,S,50 -> OK,BUY,S,5,10.00,50.00,60000
         COMMIT_BUY,a -> OK,COMMIT_BUY,S,5,10.00,50.00
         SET_BUY_AMOUNT,a,S,40 -> OK,SET_BUY_AMOUNT,S,40.00
         SET_BUY_TRIGGER,a,S,5 -> OK,SET_BUY_TRIGGER,S,40.00,5.00
         SET_SELL_AMOUNT,a,S,40 -> OK,SET_SELL_AMOUNT,S,40.00
         SET_SELL_TRIGGER,a,S,20 -> OK,SET_SELL_TRIGGER,S,40.00,20.00,2
         CANCEL_SET_BUY,a,S -> OK,CANCEL_SET_BUY,S,40.00
         CANCEL_SET_SELL,a,S -> OK,CANCEL_SET_SELL,S,40.00,2
         account a -> 50.00 0.00 0.00
         holding a S -> 5 0 50.00
         market S 1.00
         market S 900.00",
    );
}

#[test]
fn triggers_fire_by_price_then_by_arming_order() {
    check(
        "ADD,a,100 -> OK,ADD,100.00
         ADD,b,100 -> OK,ADD,100.00
         ADD,c,100 -> OK,ADD,100.00
         S=50
         SET_BUY_AMOUNT,a,S,40 -> OK,SET_BUY_AMOUNT,S,40.00
         SET_BUY_AMOUNT,b,S,40 -> OK,SET_BUY_AMOUNT,S,40.00
         SET_BUY_AMOUNT,c,S,40 -> OK,SET_BUY_AMOUNT,S,40.00
         SET_BUY_TRIGGER,a,S,10 -> OK,SET_BUY_TRIGGER,S,40.00,10.00
         SET_BUY_TRIGGER,b,S,12 -> OK,SET_BUY_TRIGGER,S,40.00,12.00
         SET_BUY_TRIGGER,c,S,10 -> OK,SET_BUY_TRIGGER,S,40.00,10.00
         market S 12.01
         market S 10 -> b BUY filled 4 40.00; a BUY filled 4 40.00; c BUY filled 4 40.00",
    );
}

#[test]
fn a_fill_that_would_exceed_a_limit_waits_for_a_price_within_it() {
    let mut world = World::default();
    world.ask("ADD,a,999999999999.99");
    world.ask("S=0.01");
    assert!(world.ask("BUY,a,S,999999999999.99").starts_with("OK"));
    assert!(world.ask("COMMIT_BUY,a").starts_with("OK"));
    world.ask("SET_SELL_AMOUNT,a,S,999999999999.98");
    assert!(world.ask("SET_SELL_TRIGGER,a,S,0.02").starts_with("OK"), "49,999,999,999,999 shares");
    let id = world.id("a");
    assert_eq!(fill(world.book.account(id), Side::Sell, symbol("S"), Money::AMOUNT_MAX), None);
    assert!(fill(world.book.account(id), Side::Sell, symbol("S"), money("0.02")).is_some());
}
