//! Workload files with the mix of the real ones.
//!
//! Source of the figures: real files of 1,200 users and 1.2 million lines, as the specification
//! quotes them.

use clap::Args;
use daytrade_protocol::{CommandName, Money};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::{self, Write};

/// What to write.
#[derive(Clone, Debug, Args)]
pub struct GenerateArgs {
    /// How many users
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub users: u32,
    /// How many lines in all, at least one for each user and the DUMPLOG
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(2..))]
    pub commands: u64,
    /// The same seed writes the same file
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many stock symbols [default: 10 a user, at most 2773]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=17_576))]
    pub symbols: Option<u32>,
}

/// Lines in a thousand of each command, in real files.
const MIX: [(CommandName, u32); 15] = [
    (CommandName::Buy, 141),
    (CommandName::Quote, 131),
    (CommandName::Add, 111),
    (CommandName::DisplaySummary, 90),
    (CommandName::SetBuyTrigger, 84),
    (CommandName::CommitBuy, 82),
    (CommandName::SetSellTrigger, 73),
    (CommandName::Sell, 63),
    (CommandName::SetBuyAmount, 49),
    (CommandName::SetSellAmount, 45),
    (CommandName::CommitSell, 44),
    (CommandName::CancelBuy, 24),
    (CommandName::CancelSetSell, 24),
    (CommandName::CancelSell, 20),
    (CommandName::CancelSetBuy, 20),
];
/// What real users begin with and add, in cents.
const ADD_CENTS: std::ops::RangeInclusive<i64> = 684_900..=13_513_200;
/// What real users trade for, in cents.
const AMOUNT_CENTS: std::ops::RangeInclusive<i64> = 1..=75_000;
/// The highest trigger price of real users, in cents.
const TRIGGER_CENTS_MAX: i64 = 74_800;
/// The most symbols a real file has.
const SYMBOLS_MAX: u32 = 2_773;

/// Writes a workload: each user begins with an ADD, the last line is a DUMPLOG.
///
/// # Errors
/// Whatever the writer says, and a usage error when there are fewer lines than users.
pub fn generate(args: &GenerateArgs, out: &mut dyn Write) -> io::Result<()> {
    if args.commands <= u64::from(args.users) {
        let words =
            format!("{} users need at least {} commands", args.users, u64::from(args.users) + 1);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
    }
    let mut random = ChaCha8Rng::seed_from_u64(args.seed);
    let users: Vec<String> = (0..args.users).map(|_| user_name(&mut random)).collect();
    let symbol_count = args.symbols.unwrap_or(SYMBOLS_MAX.min(args.users.saturating_mul(10)));
    let symbols = symbols(symbol_count, &mut random);
    let total: u32 = MIX.iter().map(|(_, weight)| weight).sum();
    let (mut begun, lines) = (0, args.commands - 1);
    for number in 1..=lines {
        // New users come in as long as there are any, and never so late that a line is missing for
        // one of the rest.
        let left = users.len() - begun;
        let must_begin = lines - number < left as u64;
        let user = random.random_range(0..users.len());
        if left > 0 && (must_begin || begun == 0 || user >= begun) {
            writeln!(out, "[{number}] ADD,{},{} ", users[begun], cents(&mut random, ADD_CENTS))?;
            begun += 1;
            continue;
        }
        let user = &users[random.random_range(0..begun)];
        let mut pick = random.random_range(0..total);
        let command = MIX.iter().find(|(_, weight)| {
            let hit = pick < *weight;
            pick = pick.saturating_sub(*weight);
            hit
        });
        let command = command.map_or(CommandName::Quote, |(command, _)| *command);
        write!(out, "[{number}] {command},{user}")?;
        write_fields(command, &symbols, &mut random, out)?;
        writeln!(out, " ")?;
    }
    writeln!(out, "[{}] DUMPLOG,./testLOG", args.commands)
}

fn write_fields(
    command: CommandName,
    symbols: &[String],
    random: &mut impl Rng,
    out: &mut dyn Write,
) -> io::Result<()> {
    use CommandName as Name;
    match command {
        Name::Add => return write!(out, ",{}", cents(random, ADD_CENTS)),
        Name::CommitBuy
        | Name::CancelBuy
        | Name::CommitSell
        | Name::CancelSell
        | Name::DisplaySummary => return Ok(()),
        _ => {}
    }
    write!(out, ",{}", symbols[random.random_range(0..symbols.len())])?;
    match command {
        Name::Buy | Name::Sell | Name::SetBuyAmount | Name::SetSellAmount => {
            write!(out, ",{}", cents(random, AMOUNT_CENTS))
        }
        Name::SetBuyTrigger | Name::SetSellTrigger => {
            // Low prices are far more frequent than high ones: a part of a part of the highest.
            let top = random.random_range(1..=TRIGGER_CENTS_MAX);
            write!(out, ",{}", cents(random, 1..=top))
        }
        _ => Ok(()),
    }
}

fn cents(random: &mut impl Rng, range: std::ops::RangeInclusive<i64>) -> Money {
    Money::from_cents(random.random_range(range))
}

/// Ten letters and digits.
fn user_name(random: &mut impl Rng) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..10).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())])).collect()
}

/// Different symbols of one to three capitals, short ones rarer.
fn symbols(count: u32, random: &mut impl Rng) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    let mut symbols = Vec::new();
    while symbols.len() < count as usize {
        // All three-letter symbols there are must be reachable, so only a few are shorter.
        let letters = if symbols.len() % 50 == 7 && symbols.len() < 1_000 {
            random.random_range(1..=2)
        } else {
            3
        };
        let symbol: String =
            (0..letters).map(|_| char::from(b'A' + random.random_range(0..26_u8))).collect();
        if seen.insert(symbol.clone()) {
            symbols.push(symbol);
        }
    }
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;
    use daytrade_protocol::{Body, Command, Parsed, parse_line};
    use std::collections::BTreeMap;

    fn workload(users: u32, commands: u64, seed: u64) -> String {
        let mut out = Vec::new();
        generate(&GenerateArgs { users, commands, seed, symbols: None }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_workload_has_the_real_form_and_mix() {
        let text = workload(100, 50_000, 3);
        let mut counts: BTreeMap<CommandName, u32> = BTreeMap::new();
        let mut begun = std::collections::BTreeSet::new();
        for (index, line) in text.lines().enumerate() {
            let Parsed::Request(request) = parse_line(line.as_bytes()) else { panic!("{line}") };
            assert_eq!(request.tag.map(daytrade_protocol::Tag::get), Some(index as u64 + 1));
            let Body::Command(command) = request.body else { panic!("{line}") };
            if let Some(user) = command.user() {
                let first = begun.insert(user.clone());
                assert!(!first || matches!(command, Command::Add { .. }), "{line}");
            }
            *counts.entry(command.name()).or_default() += 1;
        }
        assert_eq!(begun.len(), 100);
        assert!(text.ends_with("[50000] DUMPLOG,./testLOG\n"));
        for (command, weight) in MIX {
            let (got, want) = (counts[&command], weight * 50);
            assert!(got.abs_diff(want) < want / 8 + 150, "{command}: {got}, not about {want}");
        }
    }

    #[test]
    fn a_seed_writes_the_same_file_again() {
        assert_eq!(workload(5, 500, 9), workload(5, 500, 9));
        assert_ne!(workload(5, 500, 9), workload(5, 500, 10));
        assert_eq!(workload(7, 8, 1).lines().filter(|line| line.contains("ADD")).count(), 7);
    }
}
