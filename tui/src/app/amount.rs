//! Amounts as traders type them: `550`, `12.50`, `5k`, `1.5m`, and for orders shares: `10s`. What
//! cannot be read is refused with its fault; nothing of it is dropped.

use super::text::dollars;
use daytrade_protocol::Money;

/// Parses an amount. `price` is the price of a share, where an amount may be one of shares.
///
/// # Errors
/// The fault, as the end of a sentence.
pub(super) fn parse_amount(text: &str, price: SharePrice) -> Result<Money, String> {
    let text = text.trim();
    let lower = without_separators(text).to_ascii_lowercase();
    if let Some(shares) = lower.strip_suffix('s') {
        return shares_at(text, shares, price);
    }
    let (digits, factor) = match lower.strip_suffix(['k', 'm']) {
        Some(digits) if lower.ends_with('k') => (digits, 1_000),
        Some(digits) => (digits, 1_000_000),
        None => (lower.as_str(), 1),
    };
    if text.is_empty() {
        return Err("type dollars".to_owned());
    }
    let amount = match Money::parse_amount(digits.as_bytes()) {
        Ok(amount) => amount.times(factor),
        Err(_) => return Err(fault(text, digits)),
    };
    amount.filter(|amount| *amount <= Money::AMOUNT_MAX).ok_or_else(|| too_much(text))
}

/// Returns a text without the dollar sign and the commas with which amounts are displayed, if they
/// stand where they belong.
fn without_separators(text: &str) -> String {
    let text = text.strip_prefix('$').unwrap_or(text);
    let (whole, rest) =
        text.split_at(text.find(|c: char| c != ',' && !c.is_ascii_digit()).unwrap_or(text.len()));
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let is_grouped = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    if is_grouped { whole.replace(',', "") + rest } else { text.to_owned() }
}

/// The price of a share, where an amount may be one of shares.
#[derive(Clone, Copy, Debug)]
pub(super) enum SharePrice {
    /// Only dollars can be typed.
    DollarsOnly,
    /// The price, once it is known.
    At(Option<Money>),
}

fn shares_at(text: &str, digits: &str, price: SharePrice) -> Result<Money, String> {
    let SharePrice::At(price) = price else {
        return Err(format!("{text} are shares, and dollars are needed"));
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{text} is no number of shares: 10s"));
    }
    let shares: u64 = digits.parse().map_err(|_| too_much(text))?;
    if shares == 0 {
        return Err("0 shares are not traded".to_owned());
    }
    let price = price.ok_or_else(|| format!("{text} has no price yet"))?;
    let amount = price.times(shares).filter(|amount| *amount <= Money::AMOUNT_MAX);
    amount.ok_or_else(|| too_much(text))
}

/// Returns why digits, typed as a part of a text, are no amount.
fn fault(text: &str, digits: &str) -> String {
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) {
        return format!("{text} is not an amount: digits, a point, then k, m or s");
    }
    if decimals.len() > 2 {
        let count = match decimals.len() {
            3 => "three".to_owned(),
            4 => "four".to_owned(),
            more => more.to_string(),
        };
        return format!("{text} has {count} decimals");
    }
    if digits.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        return format!("{text} is not above 0");
    }
    too_much(text)
}

fn too_much(text: &str) -> String {
    format!("{text} is more than {}", dollars(Money::AMOUNT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_whole_or_refused_with_its_fault() {
        let price = SharePrice::At(Some(Money::from_cents(1_502)));
        let cents = |text: &str| parse_amount(text, price).map(Money::cents);
        for (text, want) in [
            ("550", 55_000),
            ("12.5", 1_250),
            ("5k", 500_000),
            ("1.25K", 125_000),
            ("2m", 200_000_000),
            ("10s", 15_020),
            ("1S", 1_502),
            ("$50", 5_000),
            ("1,000.50", 100_050),
            ("12,345k", 1_234_500_000),
        ] {
            assert_eq!(cents(text), Ok(want), "{text}");
        }
        for (text, fault) in [
            ("", "type dollars"),
            ("12.345", "12.345 has three decimals"),
            ("1e9", "1e9 is not an amount: digits, a point, then k, m or s"),
            ("5mk", "5mk is not an amount: digits, a point, then k, m or s"),
            ("1,00", "1,00 is not an amount: digits, a point, then k, m or s"),
            (".5", ".5 is not an amount: digits, a point, then k, m or s"),
            ("0.00", "0.00 is not above 0"),
            ("0k", "0k is not above 0"),
            ("1.5s", "1.5s is no number of shares: 10s"),
            ("0s", "0 shares are not traded"),
            ("9999999m", "9999999m is more than 999,999,999,999.99"),
            ("99999999999999s", "99999999999999s is more than 999,999,999,999.99"),
        ] {
            assert_eq!(cents(text), Err(fault.to_owned()), "{text}");
        }
        assert_eq!(
            parse_amount("5s", SharePrice::DollarsOnly),
            Err("5s are shares, and dollars are needed".to_owned())
        );
        assert!(parse_amount("5s", SharePrice::At(None)).is_err());
    }
}
