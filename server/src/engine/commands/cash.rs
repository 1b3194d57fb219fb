//! ADD, and the limits of an account.

use super::context::{Context, Rejection};
use crate::engine::account::Account;
use crate::engine::event::{Event, Events};
use crate::engine::portfolio::Holding;
use daytrade_protocol::{Money, Refusal, ReplyBody, SHARES_MAX, UserName};
use smallvec::smallvec;

/// `ADD,user,amount`
pub(super) struct Add;

impl Add {
    pub(super) fn decide(
        context: &Context<'_>,
        _: &UserName,
        amount: Money,
    ) -> Result<Events, Rejection> {
        if let Some(account) = context.account {
            check_balance(account, amount)?;
        }
        Ok(smallvec![Event::CashAdded { amount }])
    }

    #[expect(clippy::unnecessary_wraps, reason = "the reply of every rule has this type")]
    pub(super) fn reply(_: &[Event], account: &Account) -> Option<ReplyBody> {
        Some(ReplyBody::Add { available: account.cash() })
    }
}

/// Checks that the user's cash and reserves together may grow by `more`.
pub(super) fn check_balance(account: &Account, more: Money) -> Result<(), Refusal> {
    let balance = account.cash.add_within_balance(account.reserved());
    balance.and_then(|sum| sum.add_within_balance(more)).map(|_| ()).ok_or(Refusal::BalanceTooLarge)
}

/// Checks that a holding may grow by bought shares.
pub(super) fn check_bought(holding: &Holding, shares: u64, cost: Money) -> Result<(), Refusal> {
    if holding.shares().checked_add(shares).is_none_or(|sum| sum > SHARES_MAX) {
        return Err(Refusal::HoldingTooLarge);
    }
    holding.basis.add_within_balance(cost).map(|_| ()).ok_or(Refusal::BalanceTooLarge)
}

/// Returns the cost basis of the sold shares. Refuses if cash or profit would exceed its limit.
pub(super) fn check_sold(
    account: &Account,
    holding: &Holding,
    shares: u64,
    proceeds: Money,
) -> Result<Money, Refusal> {
    check_balance(account, proceeds)?;
    let basis = holding.basis.share_of(shares, holding.shares());
    account.realised().add_within_balance(proceeds - basis).ok_or(Refusal::BalanceTooLarge)?;
    Ok(basis)
}
