//! Replies as messages for the trader.

use super::text::{count, dollars, thousands};
use daytrade_protocol::{ReplyBody, TradeTerms};

/// Returns the message about a successful reply.
pub(super) fn reply_text(body: &ReplyBody) -> String {
    let trade = |terms: &TradeTerms| {
        let TradeTerms { symbol, shares, price, total } = *terms;
        format!("{} {symbol} at {} for {}", thousands(shares), dollars(price), dollars(total))
    };
    match body {
        ReplyBody::Add { available } => format!("cash is now {}", dollars(*available)),
        ReplyBody::Quote { symbol, price, .. } => format!("{symbol} is {}", dollars(*price)),
        ReplyBody::Buy { terms, .. } => format!("Reserved {}", trade(terms)),
        ReplyBody::Sell { terms, .. } => {
            let TradeTerms { symbol, shares, price, total } = *terms;
            let (shares, price) = (thousands(shares), dollars(price));
            format!("Reserved {shares} {symbol} at {price} to sell for {}", dollars(total))
        }
        ReplyBody::CommitBuy { terms } => format!("Bought {}", trade(terms)),
        ReplyBody::CommitSell { terms } => format!("Sold {}", trade(terms)),
        ReplyBody::CancelBuy { terms } => {
            format!("Cancelled: BUY {}, which is back in cash", trade(terms))
        }
        ReplyBody::CancelSell { terms } => {
            format!("Cancelled: SELL {}, the shares are free again", trade(terms))
        }
        ReplyBody::SetBuyAmount { amount, .. } => {
            format!("Amount {} reserved. Add a price to arm it.", dollars(*amount))
        }
        ReplyBody::SetSellAmount { amount, .. } => {
            format!("Amount {} set. Add a price to arm it.", dollars(*amount))
        }
        ReplyBody::SetBuyTrigger { symbol, price, .. } => {
            format!("Armed: buys {symbol} at {} or below", dollars(*price))
        }
        ReplyBody::SetSellTrigger { symbol, price, .. } => {
            format!("Armed: sells {symbol} at {} or above", dollars(*price))
        }
        ReplyBody::CancelSetBuy { symbol, amount } => {
            format!("Trigger of {symbol} removed, {} back in cash", dollars(*amount))
        }
        ReplyBody::CancelSetSell { symbol, shares, .. } => {
            format!("Trigger of {symbol} removed, {} free again", count(*shares, "share"))
        }
        ReplyBody::DumpLog { path, events } => {
            format!("{} events written to {path}", thousands(*events))
        }
        ReplyBody::DisplaySummary { .. }
        | ReplyBody::Ping {}
        | ReplyBody::Help { .. }
        | ReplyBody::Stats { .. }
        | ReplyBody::Quit {}
        | ReplyBody::Subscribe { .. }
        | ReplyBody::Unsubscribe { .. }
        | ReplyBody::Watch { .. }
        | ReplyBody::Open { .. }
        | ReplyBody::Unwatch { .. }
        | ReplyBody::Auth { .. }
        | ReplyBody::Passwd {}
        | ReplyBody::Whoami { .. }
        | ReplyBody::Report { .. }
        | ReplyBody::ReadLog { .. } => "done".to_owned(),
        ReplyBody::Market { time_ms, speed, state } => market(*time_ms, speed, state),
        ReplyBody::Refused { message, .. } => message.to_string(),
    }
}

fn market(time_ms: u64, speed: &str, state: &str) -> String {
    let time = i64::try_from(time_ms).ok();
    let time = time.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let time = time.map_or_else(|| time_ms.to_string(), |time| time.to_string());
    format!("market {}, {time}, speed {speed}", state.to_lowercase())
}
