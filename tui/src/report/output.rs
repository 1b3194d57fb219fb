//! A report as text, JSON or rows.

use super::ledger::{Ledger, Trip, percent};
use crate::convert::Aliases;
use daytrade_protocol::{Entry, EntryOutcome, Money, Symbol, UserName};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Round trips that the text shows.
const TRIPS_SHOWN: usize = 20;
/// Width of the curve in the text.
const CURVE_COLUMNS: usize = 60;

/// How the text shows a report.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style<'a> {
    /// True if the curve is drawn.
    pub draws: bool,
    /// What people see for symbols that stand for longer ones.
    pub aliases: &'a Aliases,
}

impl Style<'_> {
    fn name(self, symbol: Symbol) -> String {
        self.aliases.shown(symbol).map_or_else(|| symbol.to_string(), str::to_owned)
    }

    /// Returns the width of the column of the stocks.
    fn width(self, symbols: impl Iterator<Item = Symbol>) -> usize {
        symbols.map(|symbol| self.name(symbol).chars().count() + 1).max().unwrap_or(0).max(6)
    }
}

/// Writes the report as aligned text.
pub(super) fn text(
    user: &UserName,
    ledger: &Ledger,
    style: Style<'_>,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(out, "{user}")?;
    let row = |out: &mut dyn Write, name: &str, value: String, note: String| {
        writeln!(out, "{}", format!("  {name:<20}{value:>16}  {note}").trim_end())
    };
    let counts = &ledger.counts;
    row(out, "paid in", ledger.deposits.to_string(), String::new())?;
    row(out, "cash", ledger.cash.to_string(), format!("{} reserved", ledger.reserved))?;
    row(out, "value", ledger.equity().to_string(), change(ledger.equity(), ledger.deposits))?;
    let realised = ledger.realised_within();
    row(out, "realised profit", signed(realised), trips(ledger, style))?;
    row(out, "unrealised profit", signed(ledger.unrealised()), String::new())?;
    row(out, "largest fall", ledger.curve.drawdown().to_string(), String::new())?;
    let trades = counts.buys + counts.sells + counts.fills;
    row(out, "turnover", ledger.turnover.to_string(), format!("{trades} trades"))?;
    row(
        out,
        "orders",
        format!("{}", counts.commands),
        format!(
            "commands, {} refused; {} expired, {} cancelled, {} triggers fired",
            counts.refused, counts.expired, counts.cancelled, counts.fills
        ),
    )?;
    if style.draws && !ledger.curve.is_empty() {
        let curve = ledger.curve.sparkline(CURVE_COLUMNS);
        writeln!(out, "  value by {}\n  {curve}", ledger.curve.interval())?;
    }
    positions(ledger, style, out)?;
    closed(ledger, style, out)
}

fn positions(ledger: &Ledger, style: Style<'_>, out: &mut impl Write) -> io::Result<()> {
    if ledger.positions.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nopen positions")?;
    let names = ["stock", "shares", "cost", "price", "value", "profit"];
    let stock = style.width(ledger.positions.keys().copied());
    writeln!(
        out,
        "  {:<stock$}{:>10}{:>16}{:>12}{:>16}{:>16}",
        names[0], names[1], names[2], names[3], names[4], names[5]
    )?;
    for (symbol, position) in &ledger.positions {
        let value = position.price.and_then(|price| price.times(position.shares));
        let shown = |money: Option<Money>| money.map_or_else(|| "-".to_owned(), |m| m.to_string());
        let profit = value.map_or_else(|| "-".to_owned(), |value| signed(value - position.basis));
        writeln!(
            out,
            "  {:<stock$}{:>10}{:>16}{:>12}{:>16}{:>16}",
            style.name(*symbol),
            position.shares,
            position.basis.to_string(),
            shown(position.price),
            shown(value),
            profit
        )?;
    }
    Ok(())
}

fn closed(ledger: &Ledger, style: Style<'_>, out: &mut impl Write) -> io::Result<()> {
    if ledger.trips.is_empty() {
        return Ok(());
    }
    let hidden = ledger.trips.len().saturating_sub(TRIPS_SHOWN);
    let stock = style.width(ledger.trips.iter().skip(hidden).map(|trip| trip.symbol));
    writeln!(out, "\nclosed round trips")?;
    writeln!(
        out,
        "  {:<20} {:<stock$}{:>8}{:>14}{:>14}{:>14}{:>9}  held",
        "sold", "stock", "shares", "cost", "proceeds", "profit", "%"
    )?;
    for trip in ledger.trips.iter().skip(hidden) {
        writeln!(
            out,
            "  {:<20} {:<stock$}{:>8}{:>14}{:>14}{:>14}{:>9}  {}",
            time(trip.at_ms),
            style.name(trip.symbol),
            trip.shares,
            trip.basis.to_string(),
            trip.proceeds.to_string(),
            signed(trip.profit()),
            trip.percent().map_or_else(|| "-".to_owned(), |share| format!("{share:+}")),
            duration(trip.held_ms)
        )?;
    }
    let before = hidden as u64 + ledger.trips_dropped;
    if before > 0 {
        writeln!(out, "  and {before} before; --csv has every entry")?;
    }
    Ok(())
}

/// Returns how many trips were won, and the best and the worst.
fn trips(ledger: &Ledger, style: Style<'_>) -> String {
    let (won, lost) = (ledger.counts.won, ledger.counts.lost);
    let (Some(best), Some(worst)) = (ledger.best, ledger.worst) else { return String::new() };
    let shown = |trip: Trip| format!("{} {}", style.name(trip.symbol), signed(trip.profit()));
    format!("{won} won, {lost} lost; best {}, worst {}", shown(best), shown(worst))
}

fn change(now: Money, before: Money) -> String {
    percent(now - before, before).map_or_else(String::new, |share| format!("{share:+} %"))
}

fn signed(money: Money) -> String {
    if money.is_positive() { format!("+{money}") } else { money.to_string() }
}

fn time(ms: u64) -> String {
    let stamp = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_second(ms / 1_000).ok());
    stamp.map_or_else(|| ms.to_string(), |stamp| stamp.to_string())
}

fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Writes the report as one JSON object. Amounts are strings, so that they stay exact.
pub(super) fn json(user: &UserName, ledger: &Ledger, out: &mut impl Write) -> io::Result<()> {
    let money = |money: Money| Value::from(money.to_string());
    let trip = |trip: &Trip| {
        json!({
            "at_ms": trip.at_ms,
            "number": trip.number,
            "symbol": trip.symbol.as_str(),
            "shares": trip.shares,
            "cost": money(trip.basis),
            "proceeds": money(trip.proceeds),
            "profit": money(trip.profit()),
            "percent": trip.percent().map(|share: Decimal| share.to_string()),
            "held_ms": trip.held_ms,
        })
    };
    let positions: Vec<Value> = ledger
        .positions
        .iter()
        .map(|(symbol, position)| {
            json!({
                "symbol": symbol.as_str(),
                "shares": position.shares,
                "cost": money(position.basis),
                "price": position.price.map(|price| price.to_string()),
            })
        })
        .collect();
    let points: Vec<Value> = ledger
        .curve
        .points()
        .iter()
        .map(|(at_ms, value)| json!({ "at_ms": at_ms, "value": money(*value) }))
        .collect();
    let report = json!({
        "user": user.as_str(),
        "deposits": money(ledger.deposits),
        "cash": money(ledger.cash),
        "reserved": money(ledger.reserved),
        "value": money(ledger.equity()),
        "realised": money(ledger.realised_within()),
        "realised_total": money(ledger.realised),
        "unrealised": money(ledger.unrealised()),
        "drawdown": money(ledger.curve.drawdown()),
        "turnover": money(ledger.turnover),
        "counts": ledger.counts,
        "best": ledger.best.as_ref().map(trip),
        "worst": ledger.worst.as_ref().map(trip),
        "positions": positions,
        "trips": ledger.trips.iter().map(trip).collect::<Vec<_>>(),
        "trips_before": ledger.trips_dropped,
        "curve": { "interval": ledger.curve.interval(), "points": points },
    });
    serde_json::to_writer(&mut *out, &report)?;
    writeln!(out)
}

/// Writes every entry as a row.
pub(super) struct Csv<W: Write> {
    writer: csv::Writer<W>,
    begun: bool,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(out: W) -> Self {
        Self { writer: csv::Writer::from_writer(out), begun: false }
    }

    pub(super) fn row(&mut self, entry: &Entry, after: &Ledger) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            self.writer.write_record([
                "at_ms",
                "number",
                "command",
                "outcome",
                "symbol",
                "amount",
                "shares",
                "price",
                "total",
                "basis",
                "profit",
                "cash_change",
                "cash",
                "reserved",
                "value",
            ])?;
        }
        let sold = entry.basis != Money::ZERO;
        let outcome = match entry.outcome {
            EntryOutcome::Done => "OK".to_owned(),
            EntryOutcome::Refused(code) => code.to_string(),
            EntryOutcome::Expired => "EXPIRED".to_owned(),
            EntryOutcome::Filled => "FILLED".to_owned(),
        };
        self.writer.write_record([
            entry.at_ms.to_string(),
            entry.number.to_string(),
            entry.command.as_str().to_owned(),
            outcome,
            entry.symbol.map_or_else(String::new, |symbol| symbol.to_string()),
            entry.amount.map_or_else(String::new, |amount| amount.to_string()),
            entry.shares.to_string(),
            entry.price.to_string(),
            entry.total.to_string(),
            entry.basis.to_string(),
            if sold { (entry.total - entry.basis).to_string() } else { String::new() },
            entry.cash.to_string(),
            after.cash.to_string(),
            after.reserved.to_string(),
            after.equity().to_string(),
        ])?;
        Ok(())
    }

    pub(super) fn end(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
