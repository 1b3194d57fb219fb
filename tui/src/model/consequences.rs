//! What would come of a trade: the lines that a ticket shows before Enter. All of it is integers.

use super::text::{basis_points, dollars, signed, thousands};
use super::{Account, Quotes};
use daytrade_protocol::{Money, Side, Symbol};

/// A trade that could be made: what is typed, and what the price makes of it.
pub(super) struct Trade {
    pub symbol: Symbol,
    pub amount: Money,
    pub price: Money,
    pub shares: u64,
    pub total: Money,
    pub last: Option<Money>,
}

impl Trade {
    pub(super) fn bought(
        &self,
        account: Option<&Account>,
        quotes: &Quotes,
        say: &mut impl FnMut(&'static str, String, bool),
    ) {
        let Self { symbol, amount, price, shares, total, .. } = *self;
        let cash = account.map_or(Money::ZERO, |account| account.cash);
        say("You get", format!("{} at {}", shares_of(shares), dollars(price)), false);
        say(
            "Cost",
            format!("{}, {} stays in cash", dollars(total), dollars(amount - total)),
            false,
        );
        if cash < amount {
            say(
                "Cash",
                format!("{} is there, {} is asked for", dollars(cash), dollars(amount)),
                true,
            );
            return;
        }
        say("Cash", format!("{} -> {}", dollars(cash), dollars(cash - total)), false);
        let before = account.and_then(|account| account.holding(symbol));
        let (held, basis) =
            before.map_or((0, Money::ZERO), |holding| (holding.shares(), holding.basis));
        if let (Some(account), Some(basis_after)) = (account, basis.checked_add(total)) {
            let after = i64::try_from(held.saturating_add(shares)).unwrap_or(i64::MAX);
            let average = Money::from_cents(basis_after.cents() / after);
            let was = before.map_or("none held".to_owned(), |holding| dollars(holding.average()));
            say("Average", format!("{was} -> {}", dollars(average)), false);
            if let Some(words) = share_of_equity(account, quotes, price, held, shares) {
                say("Share", format!("{words} of equity"), false);
            }
        }
    }

    pub(super) fn sold(
        &self,
        account: Option<&Account>,
        say: &mut impl FnMut(&'static str, String, bool),
    ) {
        let Self { symbol, price, shares, total, .. } = *self;
        let holding = account.and_then(|account| account.holding(symbol));
        let Some(holding) = holding.filter(|holding| holding.free >= shares) else {
            let words = match holding {
                None => format!("{} at {}, but you hold none", shares_of(shares), dollars(price)),
                Some(holding) => format!(
                    "{} at {}, but only {} of your {} can be sold",
                    shares_of(shares),
                    dollars(price),
                    thousands(holding.free),
                    thousands(holding.shares()),
                ),
            };
            say("You sell", words, true);
            return;
        };
        let free = thousands(holding.free);
        say(
            "You sell",
            format!("{} of {free} free shares at {}", thousands(shares), dollars(price)),
            false,
        );
        say("Proceeds", dollars(total), false);
        let basis = holding.basis.share_of(shares, holding.shares());
        say("Profit", signed(total - basis), false);
    }

    pub(super) fn armed(
        &self,
        side: Side,
        account: Option<&Account>,
        say: &mut impl FnMut(&'static str, String, bool),
    ) {
        let Self { symbol, amount, price, shares, last, .. } = *self;
        let (verb, sign) = if side == Side::Buy { ("buys", "<=") } else { ("sells", ">=") };
        say(
            "Fires",
            format!("{verb} {} at the first price {sign} {}", thousands(shares), dollars(price)),
            false,
        );
        let at_once =
            last.filter(|last| if side == Side::Buy { *last <= price } else { *last >= price });
        if let Some(last) = at_once {
            let now = if side == Side::Buy { amount.whole_shares(last) } else { shares };
            let does = format!("{verb} {} now, at {}", thousands(now), dollars(last));
            say("At once", format!("{does}: it fires as soon as it is armed"), false);
        }
        let old = account.and_then(|account| account.trigger(side, symbol));
        // What the old one has set aside is free again for the new one.
        let cash = account.map_or(Money::ZERO, |account| account.cash);
        let cash = cash.checked_add(old.map_or(Money::ZERO, |old| old.amount)).unwrap_or(cash);
        let free =
            account.and_then(|account| account.holding(symbol)).map_or(0, |holding| holding.free);
        let free = free + old.map_or(0, |old| old.shares);
        if side == Side::Buy && cash < amount {
            say(
                "Cash",
                format!("{} is there, {} is asked for", dollars(cash), dollars(amount)),
                true,
            );
        }
        if side == Side::Sell && free < shares {
            say(
                "Shares",
                format!("{} free, {} to be sold", thousands(free), thousands(shares)),
                true,
            );
        }
        if let Some(old) = old {
            let at = old
                .price
                .map_or("no price yet".to_owned(), |price| format!("at {}", dollars(price)));
            say("Replaces", format!("{} {at}", dollars(old.amount)), false);
        }
    }
}

fn shares_of(count: u64) -> String {
    if count == 1 { "1 share".to_owned() } else { format!("{} shares", thousands(count)) }
}

/// How much of the whole account the stock is, before and after a buy: `7.80% -> 10.10%`.
fn share_of_equity(
    account: &Account,
    quotes: &Quotes,
    price: Money,
    held: u64,
    bought: u64,
) -> Option<String> {
    let mut equity = account.cash.checked_add(account.reserved)?;
    for holding in &account.holdings {
        let last = quotes.get(holding.symbol)?.price;
        equity = equity.checked_add(last.times(holding.shares())?)?;
    }
    let share = |shares| basis_points(price.times(shares)?, equity);
    let percent = |points: i64| super::text::percent(points).trim_start_matches('+').to_owned();
    Some(format!("{} -> {}", percent(share(held)?), percent(share(held.checked_add(bought)?)?)))
}
