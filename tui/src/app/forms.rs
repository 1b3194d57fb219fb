//! Forms: the values that the trader types before a request is sent.

use super::amount::{SharePrice, parse_amount};
use super::consequences::{Consequence, Consequences};
use super::text_input::editing_request;
use super::{Account, Clock, Key, Market, Quotes, text};
use daytrade_protocol::{Command, Money, Side, Symbol, UserName};
use tui_input::{Input, InputRequest};

/// The maximum length of a typed symbol. A symbol that is too long is refused with a message, not
/// cut to another one.
const SYMBOL_CHARS_MAX: usize = 8;
/// The maximum length of a typed amount.
const AMOUNT_CHARS_MAX: usize = 15;

/// The purpose of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormKind {
    /// BUY or SELL.
    Order(Side),
    /// SET_…_AMOUNT and SET_…_TRIGGER.
    Trigger(Side),
    /// ADD.
    AddMoney,
    /// A symbol for the watchlist.
    AddSymbol,
    /// A price alert.
    Alert,
}

impl FormKind {
    /// Returns true for a form that trades. On a wide screen it has a pane of its own.
    pub(crate) const fn is_ticket(self) -> bool {
        matches!(self, Self::Order(_) | Self::Trigger(_))
    }
}

/// A field of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// The stock.
    Symbol,
    /// Dollars to trade for, or to add.
    Amount,
    /// Dollars per share.
    Price,
}

impl Field {
    /// Returns the label that is displayed.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Symbol => "Symbol",
            Self::Amount => "Amount",
            Self::Price => "Price",
        }
    }
}

/// What became of the request of a form, with its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// Nothing has been sent, or the server has refused it.
    Not,
    /// It is in flight, during which nothing can be typed or sent again.
    InFlight(u64),
    /// Its reply was lost; nothing is sent until it is known what became of it.
    Lost(u64),
}

/// A form.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    kind: FormKind,
    symbol: Input,
    amount: Input,
    price: Input,
    /// Index of the field that takes keys.
    focus: usize,
    /// What became of its request.
    sent: Sent,
    /// The amount was calculated, not typed.
    calculated: bool,
    /// The amount was proposed: the next letter replaces it.
    proposed: bool,
    /// The message of the refusal.
    refused: Option<String>,
    /// The price that was displayed when the request was sent.
    shown_price: Option<Money>,
}

impl Form {
    /// Creates an empty form.
    pub(super) fn new(kind: FormKind, symbol: Option<Symbol>) -> Self {
        let focus = match kind {
            FormKind::AddSymbol | FormKind::AddMoney => 0,
            FormKind::Order(_) | FormKind::Trigger(_) | FormKind::Alert => {
                usize::from(symbol.is_some())
            }
        };
        Self {
            kind,
            symbol: symbol.map(|symbol| symbol.to_string()).unwrap_or_default().into(),
            amount: Input::default(),
            price: Input::default(),
            focus,
            sent: Sent::Not,
            calculated: false,
            proposed: false,
            refused: None,
            shown_price: None,
        }
    }

    /// Creates the form of an order or trigger typed on the command line.
    pub(super) fn typed(kind: FormKind, symbol: Symbol, amount: &str, price: &str) -> Self {
        let (amount, price) = (Input::from(amount), Input::from(price));
        Self { amount, price, ..Self::new(kind, Some(symbol)) }
    }

    /// Returns the purpose of the form.
    pub(crate) const fn kind(&self) -> FormKind {
        self.kind
    }

    /// Returns the fields of the form.
    pub(crate) const fn fields(&self) -> &'static [Field] {
        match self.kind {
            FormKind::Order(_) => &[Field::Symbol, Field::Amount],
            FormKind::Trigger(_) => &[Field::Symbol, Field::Amount, Field::Price],
            FormKind::AddMoney => &[Field::Amount],
            FormKind::AddSymbol => &[Field::Symbol],
            FormKind::Alert => &[Field::Symbol, Field::Price],
        }
    }

    /// Returns the field that takes keys.
    pub(crate) fn focus(&self) -> Field {
        self.fields().get(self.focus).copied().unwrap_or(Field::Amount)
    }

    /// Returns the text of a field.
    pub(crate) const fn input(&self, field: Field) -> &Input {
        match field {
            Field::Symbol => &self.symbol,
            Field::Amount => &self.amount,
            Field::Price => &self.price,
        }
    }

    fn focused_input(&mut self) -> &mut Input {
        match self.focus() {
            Field::Symbol => &mut self.symbol,
            Field::Amount => &mut self.amount,
            Field::Price => &mut self.price,
        }
    }

    /// Returns true if the amount was not typed: it tells as much as the account does.
    pub(crate) const fn is_amount_private(&self) -> bool {
        self.calculated || self.proposed
    }

    /// Returns true while a request of the form is in flight.
    pub(crate) const fn is_sending(&self) -> bool {
        matches!(self.sent, Sent::InFlight(_))
    }

    /// Returns true while the request with this tag is in flight.
    pub(super) fn is_in_flight(&self, tag: u64) -> bool {
        self.sent == Sent::InFlight(tag)
    }

    /// Returns the message of the refusal.
    pub(crate) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Returns the price that was displayed when the request was sent.
    pub(super) const fn shown_price(&self) -> Option<Money> {
        self.shown_price
    }

    /// Returns the stock, if the typed symbol is one.
    pub(crate) fn stock(&self) -> Option<Symbol> {
        Symbol::parse(self.symbol.value().as_bytes())
    }

    /// Returns the typed amount in dollars, or its fault.
    fn typed_amount(&self, quotes: &Quotes) -> Result<Money, String> {
        let price = match self.kind {
            FormKind::Order(_) => {
                SharePrice::At(self.stock().and_then(|symbol| quotes.price(symbol)))
            }
            FormKind::Trigger(_) => SharePrice::At(self.typed_price().ok()),
            FormKind::AddMoney | FormKind::AddSymbol | FormKind::Alert => SharePrice::DollarsOnly,
        };
        parse_amount(self.amount.value(), price)
    }

    /// Returns the typed price, or its fault.
    pub(super) fn typed_price(&self) -> Result<Money, String> {
        parse_amount(self.price.value(), SharePrice::DollarsOnly)
    }

    /// Fills in an amount.
    pub(super) fn set_amount(&mut self, amount: Money) {
        self.amount = text::amount(amount).into();
    }

    /// Fills in a text as the amount, if there is none.
    pub(super) fn set_default_amount(&mut self, amount: &str) {
        if self.amount.value().is_empty() {
            self.amount = amount.into();
        }
    }

    /// Marks the amount, if there is one, to be replaced by the next letter.
    pub(super) fn propose_amount(&mut self) {
        self.proposed = !self.amount.value().is_empty();
    }

    /// Handles a key that is not Enter or Esc.
    pub(super) fn on_key(&mut self, key: Key, account: Option<&Account>, quotes: &Quotes) {
        let count = self.fields().len();
        match key {
            Key::Tab | Key::Down => (self.focus, self.proposed) = ((self.focus + 1) % count, false),
            Key::BackTab | Key::Up => {
                (self.focus, self.proposed) = ((self.focus + count - 1) % count, false);
            }
            _ if self.is_sending() => {}
            Key::Left | Key::Right => self.switch_side(),
            // After digits, m is a million.
            Key::Char(key @ ('m' | 'h' | '='))
                if self.focus() == Field::Amount && self.is_amount_replaceable() =>
            {
                self.calculate_amount(key, account, quotes);
            }
            Key::Char(letter) => self.insert(letter),
            key => {
                if let Some(request) = editing_request(key) {
                    (self.proposed, self.refused) = (false, None);
                    self.focused_input().handle(request);
                }
            }
        }
    }

    /// Returns true if the amount was not typed.
    fn is_amount_replaceable(&self) -> bool {
        self.amount.value().is_empty() || self.is_amount_private()
    }

    /// Inserts a letter. What is no amount is refused as a whole, with the fault, so a letter is
    /// never dropped.
    fn insert(&mut self, letter: char) {
        let is_symbol = self.focus() == Field::Symbol;
        let (is_valid, chars_max) = if is_symbol {
            (letter.is_ascii_alphanumeric(), SYMBOL_CHARS_MAX)
        } else {
            (letter.is_ascii_graphic(), AMOUNT_CHARS_MAX)
        };
        if !is_valid {
            return;
        }
        let is_replaced = !is_symbol && self.focus() == Field::Amount && self.is_amount_private();
        if std::mem::take(&mut self.proposed) || is_replaced && self.calculated {
            self.focused_input().reset();
        }
        let input = self.focused_input();
        if input.value().len() < chars_max {
            let letter = if is_symbol { letter.to_ascii_uppercase() } else { letter };
            input.handle(InputRequest::InsertChar(letter));
            (self.calculated, self.refused) = (self.calculated && is_symbol, None);
        }
    }

    /// Switches between buying and selling.
    fn switch_side(&mut self) {
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

    /// Fills in the maximum amount (`m`), half of it (`h`) or the price of one share (`=`).
    fn calculate_amount(&mut self, key: char, account: Option<&Account>, quotes: &Quotes) {
        let (FormKind::Order(side), Some(symbol)) = (self.kind, self.stock()) else { return };
        let Some(price) = quotes.price(symbol) else { return };
        let shares_max = match side {
            Side::Buy => account.map_or(0, |account| account.cash.whole_shares(price)),
            Side::Sell => account
                .and_then(|account| account.holding(symbol))
                .map_or(0, |holding| holding.free),
        };
        let shares = match key {
            'm' => shares_max,
            'h' => shares_max / 2,
            _ => 1,
        };
        if let Some(total) = price.times(shares).filter(|total| total.is_positive()) {
            // A number of shares follows the price; what a buy may cost stays what it is.
            let is_in_shares = side == Side::Sell || key == '=';
            let text = if is_in_shares { format!("{shares}s") } else { total.to_string() };
            self.amount = text.into();
            (self.calculated, self.refused) = (true, None);
        }
    }

    /// Marks the form as waiting for the reply to a request.
    pub(super) fn start_sending(&mut self, tag: u64, quotes: &Quotes) {
        self.shown_price = self.stock().and_then(|symbol| quotes.price(symbol));
        (self.sent, self.refused) = (Sent::InFlight(tag), None);
    }

    /// Waits for the reply to the second request.
    pub(super) const fn continue_sending(&mut self, tag: u64) {
        self.sent = Sent::InFlight(tag);
    }

    /// Displays a refusal; the form can be sent again.
    pub(super) fn refuse(&mut self, message: String) {
        (self.sent, self.refused) = (Sent::Not, Some(message));
    }

    /// Notes that the reply to the request in flight is lost.
    pub(super) fn lose(&mut self, message: String) {
        if let Sent::InFlight(tag) = self.sent {
            (self.sent, self.refused) = (Sent::Lost(tag), Some(message));
        }
    }

    /// Returns the tag of a request whose reply was lost.
    pub(super) const fn lost(&self) -> Option<u64> {
        if let Sent::Lost(tag) = self.sent { Some(tag) } else { None }
    }

    /// Returns the commands to send: the second one once the first is carried out. None if a field
    /// cannot be read, or if the form sends nothing.
    pub(super) fn commands(
        &self,
        user: &UserName,
        quotes: &Quotes,
    ) -> Option<(Command, Option<Command>)> {
        let user = user.clone();
        let amount = self.typed_amount(quotes);
        if self.kind == FormKind::AddMoney {
            return Some((Command::Add { user, amount: amount.ok()? }, None));
        }
        let (symbol, amount) = (self.stock()?, amount.ok()?);
        Some(match self.kind {
            FormKind::Order(Side::Buy) => (Command::Buy { user, symbol, amount }, None),
            FormKind::Order(Side::Sell) => (Command::Sell { user, symbol, amount }, None),
            FormKind::Trigger(side) => {
                let (price, again) = (self.typed_price().ok()?, user.clone());
                let (first, second) = match side {
                    Side::Buy => (
                        Command::SetBuyAmount { user, symbol, amount },
                        Command::SetBuyTrigger { user: again, symbol, price },
                    ),
                    Side::Sell => (
                        Command::SetSellAmount { user, symbol, amount },
                        Command::SetSellTrigger { user: again, symbol, price },
                    ),
                };
                (first, Some(second))
            }
            FormKind::AddMoney | FormKind::AddSymbol | FormKind::Alert => return None,
        })
    }

    /// Returns the consequences of sending the form, or the reasons why it cannot be sent.
    pub(crate) fn consequences(
        &self,
        account: Option<&Account>,
        market: &Market,
        clock: Clock,
    ) -> Vec<Consequence> {
        let quotes = market.quotes();
        let mut lines = Consequences::new(account, market, clock);
        match self.kind {
            FormKind::AddSymbol => lines.add_symbol(self.stock()),
            FormKind::AddMoney => lines.add_money(self.typed_amount(quotes)),
            FormKind::Alert => lines.alert(self.stock(), self.typed_price()),
            FormKind::Order(side) => lines.order(side, self.stock(), self.typed_amount(quotes)),
            FormKind::Trigger(side) => {
                let amount = self.typed_amount(quotes);
                lines.trigger(side, self.stock(), amount, self.typed_price());
            }
        }
        lines.into_lines()
    }
}
