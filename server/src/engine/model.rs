//! Compares the engine with a simple model. The model uses lists instead of indexes and one
//! function per command, and shares no code with the engine.

use super::*;
use daytrade_protocol::{Code, Command, Money, Side, Symbol, UserName};
use proptest::prelude::*;
use std::collections::BTreeMap;

const LIFE: u64 = 60_000;
const USERS: [&str; 2] = ["ann", "bob"];
const SYMBOLS: [&str; 2] = ["S", "TT"];

#[derive(Clone, Debug, Default)]
struct ModelAccount {
    cash: i64,
    realised: i64,
    shares: BTreeMap<usize, (i64, i64)>,
    pending: [Vec<(usize, i64, i64, u64)>; 2],
    sets: BTreeMap<(usize, usize), (i64, Option<i64>, i64)>,
    paid_in: i64,
    bought: i64,
    sold: i64,
}

#[derive(Clone, Debug)]
enum Step {
    Command { user: usize, kind: usize, symbol: usize, cents: i64 },
    Market { symbol: usize, cents: i64 },
    Pass { ms: u64 },
}

fn half_even(basis: i64, part: i64, whole: i64) -> i64 {
    if part == whole {
        return basis;
    }
    let (product, whole) = (i128::from(basis) * i128::from(part), i128::from(whole));
    let candidates = [product / whole, product / whole + 1];
    let off = |c: i128| (product - c * whole).abs();
    let pick = match off(candidates[0]).cmp(&off(candidates[1])) {
        std::cmp::Ordering::Less => candidates[0],
        std::cmp::Ordering::Greater => candidates[1],
        std::cmp::Ordering::Equal => candidates[usize::from(candidates[0] % 2 != 0)],
    };
    i64::try_from(pick).unwrap()
}

impl ModelAccount {
    fn free(&self, symbol: usize) -> i64 {
        let in_sells: i64 =
            self.pending[1].iter().filter(|order| order.0 == symbol).map(|order| order.1).sum();
        self.held(symbol) - in_sells - self.sets.get(&(1, symbol)).map_or(0, |set| set.2)
    }

    fn held(&self, symbol: usize) -> i64 {
        self.shares.get(&symbol).map_or(0, |held| held.0)
    }

    fn reserved(&self) -> i64 {
        let pending: i64 = self.pending[0].iter().map(|order| order.1 * order.2).sum();
        let sets: i64 =
            self.sets.iter().filter(|((side, _), _)| *side == 0).map(|(_, set)| set.0).sum();
        pending + sets
    }

    fn buy_now(&mut self, symbol: usize, shares: i64, cost: i64) {
        let held = self.shares.entry(symbol).or_default();
        *held = (held.0 + shares, held.1 + cost);
        self.bought += cost;
    }

    fn sell_now(&mut self, symbol: usize, shares: i64, proceeds: i64) {
        let held = self.shares[&symbol];
        let basis = half_even(held.1, shares, held.0);
        if held.0 == shares {
            self.shares.remove(&symbol);
        } else {
            self.shares.insert(symbol, (held.0 - shares, held.1 - basis));
        }
        self.cash += proceeds;
        self.realised += proceeds - basis;
        self.sold += proceeds;
    }

    fn pass(&mut self, now: u64) {
        let gone: i64 =
            self.pending[0].iter().filter(|o| o.3 + LIFE <= now).map(|o| o.1 * o.2).sum();
        self.cash += gone;
        self.pending.iter_mut().for_each(|stack| stack.retain(|order| order.3 + LIFE > now));
    }

    fn market(&mut self, symbol: usize, price: i64) {
        if let Some((amount, Some(at), _)) = self.sets.get(&(0, symbol)).copied()
            && price <= at
        {
            let shares = amount / price;
            self.sets.remove(&(0, symbol));
            self.cash += amount - shares * price;
            self.buy_now(symbol, shares, shares * price);
        }
        if let Some((_, Some(at), shares)) = self.sets.get(&(1, symbol)).copied()
            && price >= at
        {
            self.sets.remove(&(1, symbol));
            self.sell_now(symbol, shares, shares * price);
        }
    }

    fn command(
        &mut self,
        kind: usize,
        symbol: usize,
        cents: i64,
        price: i64,
        now: u64,
    ) -> Result<(), Code> {
        let set_side = usize::from(kind >= 10);
        let set = self.sets.get(&(set_side, symbol)).copied();
        match kind {
            0 => {
                self.cash += cents;
                self.paid_in += cents;
            }
            1 | 4 => {
                let side = usize::from(kind == 4);
                if side == 0 && self.cash < cents {
                    return Err(Code::InsufficientFunds);
                }
                if side == 1 && self.free(symbol) < 1 {
                    return Err(Code::InsufficientShares);
                }
                let shares = cents / price;
                if shares < 1 {
                    return Err(Code::AmountTooSmall);
                }
                if side == 1 && self.free(symbol) < shares {
                    return Err(Code::InsufficientShares);
                }
                if side == 0 {
                    self.cash -= shares * price;
                }
                self.pending[side].push((symbol, shares, price, now));
            }
            2 | 3 => {
                let (symbol, shares, price, _) = self.pending[0].pop().ok_or(Code::NoPendingBuy)?;
                match kind {
                    2 => self.buy_now(symbol, shares, shares * price),
                    _ => self.cash += shares * price,
                }
            }
            5 | 6 => {
                let (symbol, shares, price, _) =
                    self.pending[1].pop().ok_or(Code::NoPendingSell)?;
                if kind == 5 {
                    self.sell_now(symbol, shares, shares * price);
                }
            }
            7 => {
                let (before, trigger, _) = set.unwrap_or_default();
                if self.cash + before < cents {
                    return Err(Code::InsufficientFunds);
                }
                if trigger.is_some_and(|at| cents < at) {
                    return Err(Code::AmountTooSmall);
                }
                self.cash += before - cents;
                self.sets.insert((0, symbol), (cents, trigger, 0));
            }
            8 => {
                let (amount, _, _) = set.ok_or(Code::NoSetBuy)?;
                if cents > amount {
                    return Err(Code::AmountTooSmall);
                }
                self.sets.insert((0, symbol), (amount, Some(cents), 0));
                self.fire_one(0, symbol, price);
            }
            9 => self.cash += self.sets.remove(&(0, symbol)).ok_or(Code::NoSetBuy)?.0,
            10 => {
                let (_, trigger, before) = set.unwrap_or_default();
                if self.free(symbol) + before < 1 {
                    return Err(Code::InsufficientShares);
                }
                let shares = trigger.map_or(0, |at| cents / at);
                if trigger.is_some() && shares < 1 {
                    return Err(Code::AmountTooSmall);
                }
                if shares > self.free(symbol) + before {
                    return Err(Code::InsufficientShares);
                }
                self.sets.insert((1, symbol), (cents, trigger, shares));
            }
            11 => {
                let (amount, _, before) = set.ok_or(Code::NoSetSell)?;
                let shares = amount / cents;
                if shares < 1 {
                    return Err(Code::AmountTooSmall);
                }
                if shares > self.free(symbol) + before {
                    return Err(Code::InsufficientShares);
                }
                self.sets.insert((1, symbol), (amount, Some(cents), shares));
                self.fire_one(1, symbol, price);
            }
            _ => {
                self.sets.remove(&(1, symbol)).ok_or(Code::NoSetSell)?;
            }
        }
        Ok(())
    }

    /// Checks only the trigger that was just armed. The other side waits for the next price.
    fn fire_one(&mut self, side: usize, symbol: usize, price: i64) {
        let other = self.sets.remove(&(1 - side, symbol));
        let (free_before, reserve) =
            (self.free(symbol), other.map_or(0, |set| if side == 0 { set.2 } else { 0 }));
        debug_assert!(free_before >= reserve || side == 1);
        self.market(symbol, price);
        if let Some(other) = other {
            self.sets.insert((1 - side, symbol), other);
        }
    }

    fn check(&self) {
        assert!(self.cash >= 0 && self.reserved() >= 0);
        assert_eq!(
            self.cash + self.reserved() + self.bought - self.sold,
            self.paid_in,
            "cash is conserved"
        );
        let basis: i64 = self.shares.values().map(|held| held.1).sum();
        assert_eq!(
            self.bought - basis,
            self.sold - self.realised,
            "cost equals the remaining basis plus the basis of sales"
        );
    }
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
        self.book.commit(record, Stamp { record: number, at_ms: now }, None, |_, _, _| {});
    }

    fn command(&mut self, command: Command, price: i64, now: u64) -> Result<(), Code> {
        let account =
            command.user().and_then(|user| self.book.id(user)).map(|id| self.book.account(id));
        let number = self.records.len() as u64 + 1;
        let (outcome, result) =
            match decide(account, &command, Price::Known(Money::from_cents(price)), now, number) {
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
            again.commit(record, Stamp { record: number, at_ms: *at }, None, |_, _, _| {});
        }
        prop_assert!(again.accounts().eq(live.book.accounts()));
        prop_assert_eq!(again.triggers().len(), live.book.triggers().len());
        prop_assert_eq!(again.triggers().symbols(), live.book.triggers().symbols());
    }
}
