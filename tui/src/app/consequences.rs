//! The consequences of a form: the lines that are displayed before Enter, among them the reasons
//! why a form cannot be sent. All calculations use integers.

use super::market::ANSWER_MS;
use super::text::{basis_points, dollars, percent, signed, thousands};
use super::{Account, Clock, Market, MarketClock, Quotes};
use daytrade_protocol::{Money, Side, Symbol};

const BAD_SYMBOL: &str = "1 to 3 letters or digits";

/// One consequence of sending a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Consequence {
    /// Label of the line.
    pub(crate) label: &'static str,
    /// Content of the line.
    pub(crate) text: String,
    /// True if the form cannot be sent for this reason.
    pub(crate) blocks: bool,
}

/// The lines about one form.
pub(super) struct Consequences<'a> {
    account: Option<&'a Account>,
    market: &'a Market,
    quotes: &'a Quotes,
    clock: Clock,
    lines: Vec<Consequence>,
}

/// A trade at a price.
#[derive(Clone, Copy)]
struct Trade {
    symbol: Symbol,
    amount: Money,
    price: Money,
    shares: u64,
    total: Money,
}

impl Trade {
    fn new(symbol: Symbol, amount: Money, price: Money) -> Self {
        let shares = amount.whole_shares(price);
        let total = price.times(shares).unwrap_or(Money::ZERO);
        Self { symbol, amount, price, shares, total }
    }
}

impl<'a> Consequences<'a> {
    pub(super) fn new(account: Option<&'a Account>, market: &'a Market, clock: Clock) -> Self {
        Self { account, market, quotes: market.quotes(), clock, lines: Vec::new() }
    }

    pub(super) fn into_lines(self) -> Vec<Consequence> {
        self.lines
    }

    fn add(&mut self, label: &'static str, text: String) {
        self.lines.push(Consequence { label, text, blocks: false });
    }

    fn block(&mut self, label: &'static str, text: String) {
        self.lines.push(Consequence { label, text, blocks: true });
    }

    pub(super) fn add_symbol(&mut self, symbol: Option<Symbol>) {
        if symbol.is_none() {
            self.block("Symbol", BAD_SYMBOL.to_owned());
        }
    }

    pub(super) fn add_money(&mut self, amount: Result<Money, String>) {
        let Some(amount) = self.number("Amount", amount) else { return };
        let cash = self.cash();
        let after = cash.checked_add(amount).unwrap_or(cash);
        self.add("Cash", format!("{} -> {}", dollars(cash), dollars(after)));
    }

    pub(super) fn alert(&mut self, symbol: Option<Symbol>, price: Result<Money, String>) {
        let Some(symbol) = symbol else {
            self.block("Symbol", BAD_SYMBOL.to_owned());
            return;
        };
        let Some(last) = self.quotes.price(symbol) else {
            let text = self.waiting(symbol);
            self.block("Quote", text);
            return;
        };
        match price {
            Err(fault) => {
                self.add("Quote", dollars(last));
                self.block("Price", fault);
            }
            Ok(price) if last == price => {
                self.block("Quote", format!("it is {} now", dollars(price)));
            }
            Ok(price) => {
                let direction = if price > last { "rises" } else { "falls" };
                let (now, then) = (dollars(last), dollars(price));
                self.add("Rings", format!("once, when it {direction} from {now} to {then}"));
            }
        }
    }

    pub(super) fn order(
        &mut self,
        side: Side,
        symbol: Option<Symbol>,
        amount: Result<Money, String>,
    ) {
        let Some(symbol) = symbol else {
            self.block("Symbol", BAD_SYMBOL.to_owned());
            return;
        };
        let fresh_price = self.quote(symbol, true);
        let holding = self.account.and_then(|account| account.holding(symbol));
        let holds_none = holding.is_none_or(|holding| holding.shares() == 0);
        if side == Side::Sell && amount.is_err() && holds_none {
            self.block("You sell", format!("you hold no {symbol}"));
            return;
        }
        let Some(amount) = self.number("Amount", amount) else { return };
        let Some(price) = fresh_price else { return };
        let trade = Trade::new(symbol, amount, price);
        if trade.shares == 0 {
            self.no_share(side, amount, price);
            return;
        }
        match side {
            Side::Buy => self.buy(trade),
            Side::Sell => self.sell(trade),
        }
    }

    pub(super) fn trigger(
        &mut self,
        side: Side,
        symbol: Option<Symbol>,
        amount: Result<Money, String>,
        price: Result<Money, String>,
    ) {
        let Some(symbol) = symbol else {
            self.block("Symbol", BAD_SYMBOL.to_owned());
            return;
        };
        self.quote(symbol, false);
        let Some(amount) = self.number("Amount", amount) else { return };
        let Some(price) = self.number("Price", price) else { return };
        let trade = Trade::new(symbol, amount, price);
        if trade.shares == 0 {
            self.no_share(side, amount, price);
            return;
        }
        self.arm(side, trade);
    }

    fn cash(&self) -> Money {
        self.account.map_or(Money::ZERO, |account| account.cash)
    }

    /// Adds the line about the quote, and returns its price if it is fresh.
    fn quote(&mut self, symbol: Symbol, must_be_fresh: bool) -> Option<Money> {
        let quote = self.quotes.get(symbol);
        if let Some(quote) = quote.filter(|quote| quote.is_fresh(self.clock)) {
            let age_s = quote.age_ms(self.clock) / 1_000;
            self.add("Quote", format!("{}, {age_s} s old", dollars(quote.price)));
            return Some(quote.price);
        }
        let text = match quote {
            Some(quote) => format!("{} is too old; {}", dollars(quote.price), self.waiting(symbol)),
            None => self.waiting(symbol),
        };
        self.lines.push(Consequence { label: "Quote", text, blocks: must_be_fresh });
        None
    }

    /// Returns what is done to get a price.
    fn waiting(&self, symbol: Symbol) -> String {
        if self.market.market_clock() == MarketClock::Offline {
            return "not connected".to_owned();
        }
        if self.market.source_silence(self.clock).is_some() {
            return "the quote source does not answer".to_owned();
        }
        match self.market.waits_ms(symbol, self.clock) {
            Some(ms)
                if matches!(self.market.market_clock(), MarketClock::At(..)) && ms >= 1_000 =>
            {
                format!("{symbol} has no price in this market yet")
            }
            Some(ms) if ms >= ANSWER_MS => {
                let seconds = ms / 1_000;
                format!("no price of {symbol} for {seconds} s: the quote source does not give one")
            }
            Some(ms) if ms >= 1_000 => format!("a price is asked for, {} s", ms / 1_000),
            _ => "a price is asked for".to_owned(),
        }
    }

    /// Returns a typed number. If the text is no number, adds a line that says why.
    fn number(&mut self, label: &'static str, number: Result<Money, String>) -> Option<Money> {
        number.map_err(|fault| self.block(label, fault)).ok()
    }

    fn no_share(&mut self, side: Side, amount: Money, price: Money) {
        let label = if side == Side::Sell { "You sell" } else { "You get" };
        let (amount, price) = (dollars(amount), dollars(price));
        self.block(label, format!("{amount} is less than one share ({price})"));
    }

    fn missing_cash(&mut self, cash: Money, amount: Money) {
        let text = format!("{} is more than the {} in cash", dollars(amount), dollars(cash));
        self.block("Cash", text);
    }

    fn buy(&mut self, trade: Trade) {
        let Trade { symbol, amount, price, shares, total } = trade;
        let cash = self.cash();
        self.add("You get", format!("{} at {}", shares_of(shares), dollars(price)));
        let rest = dollars(amount - total);
        self.add("Cost", format!("{}, {rest} stays in cash", dollars(total)));
        if cash < amount {
            self.missing_cash(cash, amount);
            return;
        }
        self.add("Cash", format!("{} -> {}", dollars(cash), dollars(cash - total)));
        let Some(account) = self.account else { return };
        let before = account.holding(symbol);
        let (held, basis) =
            before.map_or((0, Money::ZERO), |holding| (holding.shares(), holding.basis));
        let Some(basis) = basis.checked_add(total) else { return };
        let after = i64::try_from(held.saturating_add(shares)).unwrap_or(i64::MAX);
        let average = Money::from_cents(basis.cents() / after);
        let was = before.map_or("none held".to_owned(), |holding| dollars(holding.average()));
        self.add("Average", format!("{was} -> {}", dollars(average)));
        if let Some(text) = share_of_equity(account, self.quotes, price, held, shares) {
            self.add("Share", format!("{text} of equity"));
        }
    }

    fn sell(&mut self, trade: Trade) {
        let Trade { symbol, price, shares, total, .. } = trade;
        let holding = self.account.and_then(|account| account.holding(symbol));
        let Some(holding) = holding.filter(|holding| holding.free >= shares) else {
            let text = match holding {
                None => format!("you hold no {symbol}"),
                Some(holding) if holding.free == 0 => {
                    format!("all {} shares are reserved", thousands(holding.shares()))
                }
                Some(holding) => format!("only {} can be sold", shares_of(holding.free)),
            };
            self.block("You sell", text);
            return;
        };
        let free = thousands(holding.free);
        self.add(
            "You sell",
            format!("{} of {free} free shares at {}", thousands(shares), dollars(price)),
        );
        self.add("Proceeds", dollars(total));
        let basis = holding.basis.share_of(shares, holding.shares());
        self.add("Profit", signed(total - basis));
    }

    fn arm(&mut self, side: Side, trade: Trade) {
        let Trade { symbol, amount, price, shares, .. } = trade;
        let (verb, sign) = if side == Side::Buy { ("buys", "<=") } else { ("sells", ">=") };
        let count = thousands(shares);
        self.add("Fires", format!("{verb} {count} at the first price {sign} {}", dollars(price)));
        let fires_at =
            |last: &Money| if side == Side::Buy { *last <= price } else { *last >= price };
        if let Some(last) = self.quotes.price(symbol).filter(fires_at) {
            let now = if side == Side::Buy { amount.whole_shares(last) } else { shares };
            let does = format!("{verb} {} now, at {}", thousands(now), dollars(last));
            self.add("At once", format!("{does}: it fires as soon as it is armed"));
        }
        let old = self.account.and_then(|account| account.trigger(side, symbol));
        // The reserve of the old trigger becomes free for the new one.
        let (old_cash, old_shares) = old.map_or((Money::ZERO, 0), |old| (old.amount, old.shares));
        let cash = self.cash();
        let cash = cash.checked_add(old_cash).unwrap_or(cash);
        let holding = self.account.and_then(|account| account.holding(symbol));
        let free = holding.map_or(0, |holding| holding.free) + old_shares;
        if side == Side::Buy && cash < amount {
            self.missing_cash(cash, amount);
        }
        if side == Side::Sell && free < shares {
            self.block(
                "Shares",
                format!("{count} are more than the {} that can be sold", thousands(free)),
            );
        }
        if let Some(old) = old {
            let at = old
                .price
                .map_or("no price yet".to_owned(), |price| format!("at {}", dollars(price)));
            self.add("Replaces", format!("{} {at}", dollars(old.amount)));
        }
    }
}

fn shares_of(count: u64) -> String {
    if count == 1 { "1 share".to_owned() } else { format!("{} shares", thousands(count)) }
}

/// Returns the stock's share of the equity before and after a buy: `7.80% -> 10.10%`.
fn share_of_equity(
    account: &Account,
    quotes: &Quotes,
    price: Money,
    held: u64,
    bought: u64,
) -> Option<String> {
    let mut equity = account.cash.checked_add(account.reserved)?;
    for holding in &account.holdings {
        let last = quotes.price(holding.symbol)?;
        equity = equity.checked_add(last.times(holding.shares())?)?;
    }
    let share = |shares| basis_points(price.times(shares)?, equity);
    let unsigned = |points: i64| percent(points).trim_start_matches('+').to_owned();
    let after = share(held.checked_add(bought)?)?;
    Some(format!("{} -> {}", unsigned(share(held)?), unsigned(after)))
}
