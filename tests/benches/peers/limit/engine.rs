//! Reads lines, applies them to accounts, writes records and replies.
//!
//! It has the rules of the real server and leaves out what a server has besides: bounds, expiry,
//! triggers that fire later, quotes, and any check of what it reads.

use super::account::{Account, Entry, Order, Symbol};
use super::rules::{
    BUY, Done, LIFE_MS, Refused, SELL, arm_buy, arm_sell, close, place, set_buy, set_sell, unset,
};
use super::text::{Line, SHORT, Short};
use daytrade_protocol::CommandName as Name;
use hashbrown::HashMap;

/// A key as long as those of a quote server.
const KEY: &[u8; 44] = b"IfmIOkYOIc1gMaPl+wTd+Zs57jLluV8Qa9/kvOPT93bd";

/// One command on its way.
struct Request {
    tag: Short,
    number: u64,
    command: Name,
    user: Short,
    symbol: Option<Symbol>,
    amount: Option<i64>,
    now_ms: u64,
}

/// The accounts of all users.
pub(super) struct Engine {
    ids: HashMap<[u8; SHORT], u32>,
    accounts: Vec<Account>,
    prices: Vec<i64>,
}

impl Engine {
    /// Creates an engine with the prices of `SYMBOL,cents` lines.
    pub(super) fn new(prices: &str) -> Self {
        let mut table = vec![0; Symbol::PLACES];
        for line in prices.lines() {
            let (symbol, cents) = line.split_once(',').unwrap();
            table[Symbol::parse(symbol.as_bytes()).place()] = cents.parse().unwrap();
        }
        Self { ids: HashMap::new(), accounts: Vec::new(), prices: table }
    }

    /// Carries out one line, which begins with a tag.
    pub(super) fn line(
        &mut self,
        line: &[u8],
        now_ms: u64,
        out: &mut Vec<u8>,
        journal: &mut Vec<u8>,
    ) {
        let end = line.iter().position(|byte| *byte == b']').unwrap();
        let number = digits(&line[1..end]);
        let mut fields = line[end + 2..].trim_ascii_end().split(|byte| *byte == b',');
        let mut next = || fields.next().unwrap();
        let command = Name::parse(next()).unwrap();
        let user = Short::new(next());
        let (mut symbol, mut amount) = (None, None);
        match command {
            Name::Add => amount = Some(cents(next())),
            Name::Quote | Name::CancelSetBuy | Name::CancelSetSell => {
                symbol = Some(Symbol::parse(next()));
            }
            Name::CommitBuy
            | Name::CancelBuy
            | Name::CommitSell
            | Name::CancelSell
            | Name::DisplaySummary => {}
            _ => (symbol, amount) = (Some(Symbol::parse(next())), Some(cents(next()))),
        }
        let tag = Short::new(&line[..=end]);
        let request = Request { tag, number, command, user, symbol, amount, now_ms };
        let id = self.id(&request);
        let done = match id {
            _ if command == Name::Quote => Ok(Done::default()),
            Some(id) => self.apply(id, &request),
            None => Err(Refused::NoAccount),
        };
        record(&request, id, &done, journal);
        self.reply(id, &request, &done, out);
        if let (Some(id), false) = (id, matches!(command, Name::Quote | Name::DisplaySummary)) {
            let result = done.as_ref().err().map_or("OK", |refused| refused.code());
            let entry = Entry { at_ms: now_ms, number, command, symbol, amount, result };
            self.accounts[id].note(entry);
        }
    }

    fn id(&mut self, request: &Request) -> Option<usize> {
        let name = request.user.bytes();
        if request.command != Name::Add {
            return self.ids.get(name).map(|id| *id as usize);
        }
        let next = self.accounts.len() as u32;
        let id = *self.ids.entry(*name).or_insert(next);
        if id == next {
            self.accounts.push(Account::default());
        }
        Some(id as usize)
    }

    fn apply(&mut self, id: usize, request: &Request) -> Result<Done, Refused> {
        let account = &mut self.accounts[id];
        let (symbol, amount) = (request.symbol.unwrap_or_default(), request.amount);
        let amount = amount.unwrap_or_default();
        let market = self.prices[symbol.place()];
        match request.command {
            Name::Add => account.cash += amount,
            Name::Buy | Name::Sell => {
                let side = if request.command == Name::Buy { BUY } else { SELL };
                let (number, expires_at_ms) = (request.number, request.now_ms + LIFE_MS);
                let order = Order { symbol, shares: 0, price: market, number, expires_at_ms };
                return place(account, side, amount, order);
            }
            Name::CommitBuy => return close(account, BUY, true),
            Name::CancelBuy => return close(account, BUY, false),
            Name::CommitSell => return close(account, SELL, true),
            Name::CancelSell => return close(account, SELL, false),
            Name::SetBuyAmount => return set_buy(account, symbol, amount),
            Name::SetSellAmount => return set_sell(account, symbol, amount),
            Name::SetBuyTrigger => return arm_buy(account, symbol, amount, market),
            Name::SetSellTrigger => return arm_sell(account, symbol, amount, market),
            Name::CancelSetBuy => return unset(account, BUY, symbol),
            Name::CancelSetSell => return unset(account, SELL, symbol),
            _ => {}
        }
        Ok(Done { amount, ..Done::default() })
    }

    fn reply(
        &self,
        id: Option<usize>,
        request: &Request,
        done: &Result<Done, Refused>,
        out: &mut Vec<u8>,
    ) {
        let done = match done {
            Ok(done) => done,
            Err(refused) => return refused.write(&request.tag, out),
        };
        let Request { tag, command, user, now_ms, .. } = *request;
        let symbol = request.symbol.unwrap_or_default();
        if let (Name::DisplaySummary, Some(id)) = (command, id) {
            return self.accounts[id].write_summary(&tag, &user, out);
        }
        let line = Line(out).short(&tag).put(b" OK,").text(command.as_str());
        let line = match command {
            Name::Add => line.money(self.accounts[id.unwrap_or_default()].cash),
            Name::Quote => {
                let line = line.symbol(symbol).money(self.prices[symbol.place()]);
                line.int(now_ms).put(b",").put(KEY)
            }
            Name::SetBuyAmount | Name::SetSellAmount | Name::CancelSetBuy => {
                line.symbol(symbol).money(done.amount)
            }
            Name::SetBuyTrigger => line.symbol(symbol).money(done.amount).money(done.price),
            Name::SetSellTrigger => {
                let line = line.symbol(symbol).money(done.amount).money(done.price);
                line.int(done.shares as u64)
            }
            Name::CancelSetSell => line.symbol(symbol).money(done.amount).int(done.shares as u64),
            _ => {
                let symbol = request.symbol.unwrap_or_else(|| symbol_of(done.amount));
                let line = line.symbol(symbol).int(done.shares as u64).money(done.price);
                let line = line.money(done.total);
                if matches!(command, Name::Buy | Name::Sell) {
                    line.int(now_ms + LIFE_MS)
                } else {
                    line
                }
            }
        };
        line.put(b"\n");
    }
}

/// A commit or cancel has no amount: its place holds the symbol of its order.
fn symbol_of(amount: i64) -> Symbol {
    Symbol(amount as u32)
}

/// Appends a record of 64 bytes.
fn record(
    request: &Request,
    id: Option<usize>,
    done: &Result<Done, Refused>,
    journal: &mut Vec<u8>,
) {
    let mut bytes = [0; 64];
    let Done { shares, price, total, amount } = done.unwrap_or_default();
    let asked = request.amount.unwrap_or_default();
    let place = request.symbol.map_or(0, Symbol::place);
    let words = [
        request.number,
        id.map_or(u64::MAX, |id| id as u64) << 8 | u64::from(request.command as u8),
        (place as u64) << 8 | u64::from(done.is_err()),
        shares as u64,
        price as u64,
        total as u64,
        amount as u64,
        asked as u64,
    ];
    for (space, word) in bytes.chunks_exact_mut(8).zip(words) {
        space.copy_from_slice(&word.to_le_bytes());
    }
    journal.extend_from_slice(&bytes);
}

fn digits(field: &[u8]) -> u64 {
    field.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

fn cents(field: &[u8]) -> i64 {
    let (whole, rest) = field.split_at(field.len() - 3);
    (digits(whole) * 100 + digits(&rest[1..])) as i64
}
