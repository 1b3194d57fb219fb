//! Compares the engine with a simple model. The model uses lists instead of indexes and one
//! function per command, and shares no code with the engine.

mod account;

use super::*;
use account::ModelAccount;
use daytrade_protocol::{Code, Command, Money, Side, Symbol, UserName};
use proptest::prelude::*;

const LIFE: u64 = 60_000;
const USERS: [&str; 2] = ["ann", "bob"];
const SYMBOLS: [&str; 2] = ["S", "TT"];

#[derive(Clone, Debug)]
enum Step {
    Command { user: usize, kind: usize, symbol: usize, cents: i64 },
    Market { symbol: usize, cents: i64 },
    Pass { ms: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..2usize, 0..13usize, 0..2usize, 1..40_000i64)
            .prop_map(|(user, kind, symbol, cents)| Step::Command { user, kind, symbol, cents }),
        2 => (0..2usize, 100..20_000i64).prop_map(|(symbol, cents)| Step::Market { symbol, cents }),
        1 => prop_oneof![Just(LIFE), Just(LIFE - 1), 0..LIFE].prop_map(|ms| Step::Pass { ms }),
    ]
}

fn command(user: usize, kind: usize, symbol: usize, cents: i64) -> Command {
    let user = UserName::parse(USERS[user].as_bytes()).unwrap();
    let symbol = sym(symbol);
    let amount = Money::from_cents(cents);
    match kind {
        0 => Command::Add { user, amount },
        1 => Command::Buy { user, symbol, amount },
        2 => Command::CommitBuy { user },
        3 => Command::CancelBuy { user },
        4 => Command::Sell { user, symbol, amount },
        5 => Command::CommitSell { user },
        6 => Command::CancelSell { user },
        7 => Command::SetBuyAmount { user, symbol, amount },
        8 => Command::SetBuyTrigger { user, symbol, price: amount },
        9 => Command::CancelSetBuy { user, symbol },
        10 => Command::SetSellAmount { user, symbol, amount },
        11 => Command::SetSellTrigger { user, symbol, price: amount },
        _ => Command::CancelSetSell { user, symbol },
    }
}

fn sym(index: usize) -> Symbol {
    Symbol::parse(SYMBOLS[index].as_bytes()).unwrap()
}

/// The engine, with all records it has written.
#[derive(Default)]
struct Live {
    book: Book,
    records: Vec<(u64, Record)>,
}

impl Live {
    fn write(&mut self, now: u64, record: Record) {
        self.records.push((now, record));
        let (number, record) = (self.records.len() as u64, &self.records.last().unwrap().1);
        self.book.commit(
            record,
            Stamp { record: number, at_ms: now },
            Known::Nothing,
            |_, _, _| {},
        );
    }

    fn command(&mut self, command: Command, price: i64, now: u64) -> Result<(), Code> {
        let account =
            command.user().and_then(|user| self.book.id(user)).map(|id| self.book.account(id));
        let number = self.records.len() as u64 + 1;
        let price = |_| Price::Known(Money::from_cents(price));
        let (outcome, result) = match decide(account, &command, price, now, number) {
            Ok(events) => (Outcome::Done(events), Ok(())),
            Err(Rejection::Refused(refusal)) => {
                let code = refusal.code();
                (Outcome::Refused(refusal), Err(code))
            }
            Err(Rejection::NeedsPrice(_)) => panic!("the price is always known"),
        };
        self.write(
            now,
            Record::Transaction { number, assigned: false, command, price: None, outcome },
        );
        result
    }

    fn market(&mut self, symbol: Symbol, price: Money, now: u64) {
        for side in [Side::Buy, Side::Sell] {
            while let Some(key) = self.book.triggers().next(symbol, side, price, None) {
                let event = fill(self.book.account(key.user), side, symbol, price).unwrap();
                let user = self.book.name(key.user).clone();
                self.write(now, Record::Filled { user, event });
            }
        }
    }

    fn pass(&mut self, now: u64) {
        while let Some(id) = self.book.due_user(now) {
            while let Some(event) = expire_oldest(self.book.account(id), now) {
                let user = self.book.name(id).clone();
                self.write(now, Record::Expired { user, event });
            }
        }
    }
}

fn same(model: &ModelAccount, account: &Account) {
    assert_eq!(account.cash().cents(), model.cash);
    assert_eq!(account.reserved().cents(), model.reserved());
    assert_eq!(account.realised().cents(), model.realised);
    for index in 0..SYMBOLS.len() {
        let holding = account.holding(sym(index));
        assert_eq!(holding.free as i64, model.free(index), "free shares");
        assert_eq!(holding.shares() as i64, model.held(index), "shares");
        assert_eq!(
            holding.basis.cents(),
            model.shares.get(&index).map_or(0, |held| held.1),
            "basis"
        );
    }
    assert_eq!(account.pending(Side::Buy).len(), model.pending[0].len());
    assert_eq!(account.pending(Side::Sell).len(), model.pending[1].len());
    assert_eq!(account.sets().len(), model.sets.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_matches_the_model(steps in proptest::collection::vec(step(), 1..120)) {
        let mut live = Live::default();
        let mut models: [Option<ModelAccount>; 2] = [None, None];
        let (mut now, mut prices) = (1_000, [1_000_i64, 2_500]);
        for step in steps {
            match step {
                Step::Command { user, kind, symbol, cents } => {
                    let got = live.command(command(user, kind, symbol, cents), prices[symbol], now);
                    if kind == 0 {
                        models[user].get_or_insert_default();
                    }
                    let want = match &mut models[user] {
                        None => Err(Code::NoAccount),
                        Some(model) => model.command(kind, symbol, cents, prices[symbol], now),
                    };
                    prop_assert_eq!(got, want);
                }
                Step::Market { symbol, cents } => {
                    prices[symbol] = cents;
                    live.market(sym(symbol), Money::from_cents(cents), now);
                    models.iter_mut().flatten().for_each(|model| model.market(symbol, cents));
                }
                Step::Pass { ms } => {
                    now += ms;
                    live.pass(now);
                    models.iter_mut().flatten().for_each(|model| model.pass(now));
                }
            }
            for (name, model) in USERS.iter().zip(&models) {
                let Some(model) = model else { continue };
                model.check();
                let id = live.book.id(&UserName::parse(name.as_bytes()).unwrap()).unwrap();
                same(model, live.book.account(id));
            }
        }
        // Replaying the records gives the same accounts and triggers.
        let mut again = Book::default();
        for ((at, record), number) in live.records.iter().zip(1..) {
            prop_assert!(again.fits(record), "recovery never refuses what was decided: {record:?}");
            let stamp = Stamp { record: number, at_ms: *at };
            again.commit(record, stamp, Known::Nothing, |_, _, _| {});
        }
        prop_assert!(again.accounts().eq(live.book.accounts()));
        prop_assert_eq!(again.triggers().len(), live.book.triggers().len());
        prop_assert_eq!(again.triggers().symbols(), live.book.triggers().symbols());
    }
}
