//! Tables of the queries: for people in a terminal, separated by tabs in a pipe, or as JSON.

use crate::app::text;
use crate::exit::{Exit, Failure};
use daytrade_protocol::{Money, Symbol};
use serde_json::{Value, json};
use std::io::{self, IsTerminal as _};

/// What a column holds, which decides how people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A number that is a name: without separators.
    Number,
    Count,
    /// Dollars.
    Money,
    /// Unix milliseconds.
    Time,
    /// Milliseconds that are left.
    Left,
}

/// The name of a column for programs, and what it holds.
pub(super) type Column = (&'static str, Kind);

/// The columns and the rows.
pub(super) type Table = (&'static [Column], Vec<Vec<Value>>);

/// Returns an amount as a value of a table.
pub(super) fn money(amount: Money) -> Value {
    json!(amount.to_string())
}

/// Puts the names that people see in the place of the symbols. JSON keeps the symbols of the wire.
pub(super) fn show_names((columns, rows): &mut Table, shown: impl Fn(Symbol) -> String) {
    let Some(at) = columns.iter().position(|(name, _)| *name == "symbol") else { return };
    for cell in rows.iter_mut().filter_map(|row| row.get_mut(at)) {
        if let Some(symbol) = cell.as_str().and_then(|text| Symbol::parse(text.as_bytes())) {
            *cell = json!(shown(symbol));
        }
    }
}

/// Prints a table: as JSON, in columns in a terminal, or as fields separated by tabs. The JSON of a
/// table that is no list is its only row.
pub(super) fn print(
    (columns, rows): &Table,
    as_json: bool,
    is_list: bool,
) -> Result<Exit, Failure> {
    if as_json {
        let object = |row: &Vec<Value>| {
            let names = columns.iter().map(|(name, _)| (*name).to_owned());
            Value::Object(names.zip(row.clone()).collect())
        };
        let mut objects = rows.iter().map(object);
        let value = if is_list {
            Value::Array(objects.collect())
        } else {
            objects.next().unwrap_or(Value::Null)
        };
        return super::print_with(|out| writeln!(out, "{value}"));
    }
    if io::stdout().is_terminal() {
        let lines = for_people(columns, rows);
        return super::print_with(|out| lines.iter().try_for_each(|line| writeln!(out, "{line}")));
    }
    let header = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut lines: Vec<Vec<String>> = vec![header];
    lines.extend(rows.iter().map(|row| row.iter().map(plain).collect()));
    super::print_with(|out| lines.iter().try_for_each(|line| writeln!(out, "{}", line.join("\t"))))
}

/// Returns a value as programs read it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(string) => string.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

/// Returns a value as people read it.
fn readable(value: &Value, kind: Kind) -> String {
    let number = value.as_u64();
    match (kind, number) {
        (Kind::Time, Some(at_ms)) => format!("{} {}", text::date(at_ms), text::clock(at_ms)),
        (Kind::Left, Some(left_ms)) => text::countdown(left_ms),
        (Kind::Count, Some(count)) => text::thousands(count),
        (Kind::Money, _) => {
            let amount = value.as_str().and_then(|text| Money::parse_signed(text.as_bytes()));
            amount.map_or_else(|| plain(value), text::dollars)
        }
        _ => plain(value),
    }
}

/// Returns the lines of a table for a terminal: numbers stand right, times as dates.
fn for_people(columns: &[Column], rows: &[Vec<Value>]) -> Vec<String> {
    let title = |(name, kind): &Column| match kind {
        Kind::Time => "time (UTC)".to_owned(),
        Kind::Left => "left".to_owned(),
        _ => (*name).to_owned(),
    };
    let mut lines: Vec<Vec<String>> = vec![columns.iter().map(title).collect()];
    lines.extend(rows.iter().map(|row| {
        row.iter().zip(columns).map(|(value, (_, kind))| readable(value, *kind)).collect()
    }));
    let width_of = |at: usize| {
        let cells = lines.iter().filter_map(|line| line.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width_of).collect();
    let pad = |((cell, width), (_, kind)): ((&String, &usize), &Column)| {
        let is_number = matches!(kind, Kind::Number | Kind::Count | Kind::Money | Kind::Left);
        if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
    };
    let join = |line: &Vec<String>| {
        let cells: Vec<String> = line.iter().zip(&widths).zip(columns).map(pad).collect();
        cells.join("  ").trim_end().to_owned()
    };
    lines.iter().map(join).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_aligned_numbers_and_dates() {
        let columns = [
            ("at_ms", Kind::Time),
            ("side", Kind::Text),
            ("total", Kind::Money),
            ("n", Kind::Count),
        ];
        let rows = [
            vec![json!(1_795_334_400_000_u64), json!("BUY"), json!("12480.15"), json!(7)],
            vec![json!(1_795_334_401_000_u64), json!("SELL"), Value::Null, json!(1_200)],
        ];
        assert_eq!(
            for_people(&columns, &rows),
            [
                "time (UTC)           side      total      n",
                "2026-11-22 08:00:00  BUY   12,480.15      7",
                "2026-11-22 08:00:01  SELL          -  1,200",
            ]
        );
    }
}
