//! Forms: what the trader is about to do, and what would come of it, before it is sent.

use super::consequences::Trade;
use super::text::dollars;
use super::{Account, Quotes};
use daytrade_protocol::{Money, Side, Symbol};

/// What a form is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormKind {
    /// BUY or SELL.
    Order(Side),
    /// SET_…_AMOUNT and SET_…_TRIGGER.
    Trigger(Side),
    /// ADD.
    AddMoney,
    /// A symbol for the watchlist.
    AddSymbol,
    /// A price to hear of.
    Alert,
}

/// A form being filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// What for.
    pub kind: FormKind,
    /// The stock.
    pub symbol: String,
    /// Dollars, as typed.
    pub amount: String,
    /// Dollars a share, as typed; triggers only.
    pub price: String,
    /// Which field has the keys.
    pub field: usize,
    /// It is on its way: nothing can be sent a second time.
    pub sending: bool,
    /// Under which number it is on its way: only the answer to that one is about this form.
    pub tag: Option<u64>,
    /// The amount was worked out rather than typed.
    pub filled: bool,
    /// What the server said against it.
    pub refused: Option<String>,
    /// The price the trader saw when it was sent.
    pub saw: Option<Money>,
    /// What stands in the field was put there before: the next letter takes its place.
    pub proposed: bool,
}

/// A line of what would come of it: a name, words, and whether it is a reason not to send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consequence {
    /// What.
    pub name: &'static str,
    /// In words.
    pub words: String,
    /// It cannot be sent.
    pub stops: bool,
}

impl Form {
    /// An empty form.
    pub fn new(kind: FormKind, symbol: Option<Symbol>) -> Self {
        let symbol = symbol.map(|symbol| symbol.to_string()).unwrap_or_default();
        let field = match kind {
            FormKind::AddSymbol | FormKind::AddMoney => 0,
            FormKind::Order(_) | FormKind::Trigger(_) | FormKind::Alert => {
                usize::from(!symbol.is_empty())
            }
        };
        let (amount, price) = (String::new(), String::new());
        Self {
            kind,
            symbol,
            amount,
            price,
            field,
            sending: false,
            tag: None,
            filled: false,
            refused: None,
            saw: None,
            proposed: false,
        }
    }

    /// The names of its fields.
    pub const fn fields(&self) -> &'static [&'static str] {
        match self.kind {
            FormKind::Order(_) => &["Symbol", "Amount"],
            FormKind::Trigger(_) => &["Symbol", "Amount", "Price"],
            FormKind::AddMoney => &["Amount"],
            FormKind::AddSymbol => &["Symbol"],
            FormKind::Alert => &["Symbol", "Price"],
        }
    }

    /// What stands in a field.
    pub fn value(&self, field: usize) -> &str {
        match self.fields().get(field) {
            Some(&"Symbol") => &self.symbol,
            Some(&"Price") => &self.price,
            _ => &self.amount,
        }
    }

    fn value_mut(&mut self) -> &mut String {
        match self.fields().get(self.field) {
            Some(&"Symbol") => &mut self.symbol,
            Some(&"Price") => &mut self.price,
            _ => &mut self.amount,
        }
    }

    /// Takes in a letter, if the field can use it.
    pub fn type_letter(&mut self, letter: char) {
        let is_symbol = self.fields().get(self.field) == Some(&"Symbol");
        let wanted = if is_symbol {
            letter.is_ascii_alphanumeric()
        } else {
            letter.is_ascii_digit() || letter == '.'
        };
        // A symbol that is too long is refused in words, not cut to another one.
        let most = if is_symbol { 8 } else { 15 };
        if wanted && std::mem::take(&mut self.proposed) {
            self.value_mut().clear();
        }
        let value = self.value_mut();
        if wanted && value.len() < most {
            value.push(letter.to_ascii_uppercase());
            (self.filled, self.refused) = (self.filled && is_symbol, None);
        }
    }

    /// Takes the last letter back.
    pub fn erase(&mut self) {
        self.proposed = false;
        self.value_mut().pop();
        self.refused = None;
    }

    /// Empties the field.
    pub fn clear_field(&mut self) {
        self.value_mut().clear();
        self.refused = None;
    }

    /// The stock, once it is one.
    pub fn stock(&self) -> Option<Symbol> {
        Symbol::parse(self.symbol.as_bytes())
    }

    /// The other side of the trade.
    pub fn turn(&mut self) {
        let other = |side| match side {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        };
        match self.kind {
            FormKind::Order(side) => self.kind = FormKind::Order(other(side)),
            FormKind::Trigger(side) => self.kind = FormKind::Trigger(other(side)),
            FormKind::AddMoney | FormKind::AddSymbol | FormKind::Alert => {}
        }
    }

    /// The lines to send, the second once the first is carried out.
    pub fn lines(&self, user: &str) -> (String, Option<String>) {
        let Self { symbol, amount, price, .. } = self;
        match self.kind {
            FormKind::Order(side) => (format!("{},{user},{symbol},{amount}", side.as_str()), None),
            FormKind::Trigger(side) => (
                format!("SET_{}_AMOUNT,{user},{symbol},{amount}", side.as_str()),
                Some(format!("SET_{}_TRIGGER,{user},{symbol},{price}", side.as_str())),
            ),
            FormKind::AddMoney => (format!("ADD,{user},{amount}"), None),
            FormKind::AddSymbol | FormKind::Alert => (String::new(), None),
        }
    }

    /// A useful amount: all that can be traded (`m`), half of it (`h`), one share (`=`).
    pub fn fill_in(&mut self, key: char, account: Option<&Account>, quotes: &Quotes) {
        let (FormKind::Order(side), Some(symbol)) = (self.kind, self.stock()) else { return };
        let Some(price) = quotes.get(symbol).map(|seen| seen.price) else { return };
        let most = match side {
            Side::Buy => account.map_or(0, |account| account.cash.whole_shares(price)),
            Side::Sell => account
                .and_then(|account| account.holding(symbol))
                .map_or(0, |holding| holding.free),
        };
        let shares = match key {
            'm' => most,
            'h' => most / 2,
            _ => 1,
        };
        if let Some(total) = price.times(shares).filter(|total| total.is_positive()) {
            self.amount = total.to_string();
            (self.filled, self.refused) = (true, None);
        }
    }

    /// What would come of it.
    pub fn consequences(
        &self,
        account: Option<&Account>,
        quotes: &Quotes,
        now_ms: u64,
        offset_ms: i64,
    ) -> Vec<Consequence> {
        let mut lines = Vec::new();
        let mut say = |name, words: String, stops| lines.push(Consequence { name, words, stops });
        let amount = Money::parse_amount(self.amount.as_bytes()).ok();
        match self.kind {
            FormKind::AddSymbol => {
                if self.stock().is_none() {
                    say("Symbol", "1 to 3 letters or digits".to_owned(), true);
                }
            }
            FormKind::AddMoney => match amount {
                None => say("Amount", "dollars, at most two decimals".to_owned(), true),
                Some(amount) => {
                    let cash = account.map_or(Money::ZERO, |account| account.cash);
                    let after = cash.checked_add(amount).unwrap_or(cash);
                    say("Cash", format!("{} -> {}", dollars(cash), dollars(after)), false);
                }
            },
            FormKind::Alert => {
                let seen = self.stock().and_then(|symbol| quotes.get(symbol));
                match (self.stock(), seen, Money::parse_amount(self.price.as_bytes())) {
                    (None, ..) => say("Symbol", "1 to 3 letters or digits".to_owned(), true),
                    (_, None, _) => say("Quote", "asking the market".to_owned(), true),
                    (_, Some(seen), Err(_)) => {
                        say("Quote", dollars(seen.price), false);
                        say("Price", "dollars a share to hear of".to_owned(), true);
                    }
                    (_, Some(seen), Ok(price)) if seen.price == price => {
                        say("Quote", format!("it is {} now", dollars(price)), true);
                    }
                    (_, Some(seen), Ok(price)) => {
                        let way = if price > seen.price { "rises" } else { "falls" };
                        let (now, then) = (dollars(seen.price), dollars(price));
                        say("Rings", format!("once, when it {way} from {now} to {then}"), false);
                    }
                }
            }
            FormKind::Order(_) | FormKind::Trigger(_) => {
                return self.trade_consequences(account, quotes, amount, now_ms, offset_ms);
            }
        }
        lines
    }

    fn trade_consequences(
        &self,
        account: Option<&Account>,
        quotes: &Quotes,
        amount: Option<Money>,
        now_ms: u64,
        offset_ms: i64,
    ) -> Vec<Consequence> {
        let mut lines = Vec::new();
        let mut say = |name, words: String, stops| lines.push(Consequence { name, words, stops });
        let Some(symbol) = self.stock() else {
            say("Symbol", "1 to 3 letters or digits".to_owned(), true);
            return lines;
        };
        let seen = quotes.get(symbol);
        let fresh = seen.filter(|seen| seen.is_fresh(now_ms, offset_ms));
        match (seen, fresh) {
            (Some(seen), Some(_)) => {
                let age = seen.age_ms(now_ms, offset_ms) / 1_000;
                say("Quote", format!("{}, {age} s old", dollars(seen.price)), false);
            }
            (seen, _) => {
                let old = seen
                    .map_or(String::new(), |seen| format!("{} is stale; ", dollars(seen.price)));
                let stops = matches!(self.kind, FormKind::Order(_));
                say("Quote", format!("{old}asking the market"), stops);
            }
        }
        let holds_none = || {
            account
                .and_then(|account| account.holding(symbol))
                .is_none_or(|held| held.shares() == 0)
        };
        if self.kind == FormKind::Order(Side::Sell) && amount.is_none() && holds_none() {
            say("You sell", format!("you hold no {symbol}"), true);
            return lines;
        }
        let Some(amount) = amount else {
            say("Amount", "dollars to trade for, at most two decimals".to_owned(), true);
            return lines;
        };
        let price = match self.kind {
            FormKind::Trigger(_) => Money::parse_amount(self.price.as_bytes()).ok(),
            _ => fresh.map(|seen| seen.price),
        };
        let Some(price) = price else {
            if matches!(self.kind, FormKind::Trigger(_)) {
                say("Price", "dollars a share at which it fires".to_owned(), true);
            }
            return lines;
        };
        let shares = amount.whole_shares(price);
        let total = price.times(shares).unwrap_or(Money::ZERO);
        if shares == 0 {
            let hint =
                if matches!(self.kind, FormKind::Order(_)) { "; = fills that in" } else { "" };
            let sells =
                matches!(self.kind, FormKind::Order(Side::Sell) | FormKind::Trigger(Side::Sell));
            let name = if sells { "You sell" } else { "You get" };
            say(name, format!("no share: one costs {}{hint}", dollars(price)), true);
            return lines;
        }
        let trade =
            Trade { symbol, amount, price, shares, total, last: seen.map(|seen| seen.price) };
        match self.kind {
            FormKind::Order(Side::Buy) => trade.bought(account, quotes, &mut say),
            FormKind::Order(Side::Sell) => trade.sold(account, &mut say),
            FormKind::Trigger(side) => trade.armed(side, account, &mut say),
            FormKind::AddMoney | FormKind::AddSymbol | FormKind::Alert => {}
        }
        lines
    }
}
