//! Generator of workload files with the command mix of real ones.
//!
//! Source of the figures: real files of 1,200 users and 1.2 million lines, quoted in the
//! specification. The output depends on the options alone: never on the clock or the machine.

use clap::Args;
use daytrade_protocol::{
    Body, Command, CommandName, FileName, Money, Request, Symbol, Tag, UserName,
};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::{self, Write};

/// Options of `daytrade generate`.
#[derive(Clone, Debug, Args)]
pub(crate) struct GenerateArgs {
    /// Number of users
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub users: u32,
    /// Number of lines, at least one for each user and one for the DUMPLOG
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(2..))]
    pub commands: u64,
    /// Seed; the same seed writes the same file
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Number of stock symbols [default: 10 for each user, at most 2773]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=17_576))]
    pub symbols: Option<u32>,
}

/// Lines of each command per thousand lines of real files.
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
/// Amounts that real users add, in cents.
const ADD_CENTS: std::ops::RangeInclusive<i64> = 684_900..=13_513_200;
/// Amounts of real orders, in cents.
const AMOUNT_CENTS: std::ops::RangeInclusive<i64> = 1..=75_000;
/// Largest trigger price of real users, in cents.
const TRIGGER_CENTS_MAX: i64 = 74_800;
/// Most symbols in a real file.
const SYMBOLS_MAX: u32 = 2_773;

/// Writes a workload: each user's first command is an ADD, the last line is a DUMPLOG.
///
/// # Errors
/// An error of the writer, or of usage if there are fewer lines than users.
pub(crate) fn generate(args: &GenerateArgs, out: &mut dyn Write) -> io::Result<()> {
    if args.commands <= u64::from(args.users) {
        let message =
            format!("{} users need at least {} commands", args.users, u64::from(args.users) + 1);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut random = ChaCha8Rng::seed_from_u64(args.seed);
    let users: Vec<UserName> =
        (0..args.users).map(|_| user_name(&mut random)).collect::<io::Result<_>>()?;
    let symbol_count = args.symbols.unwrap_or(SYMBOLS_MAX.min(args.users.saturating_mul(10)));
    let symbols = symbols(symbol_count, &mut random);
    let total: u32 = MIX.iter().map(|(_, weight)| weight).sum();
    let (mut started, lines) = (0, args.commands - 1);
    let mut line = Vec::new();
    for number in 1..=lines {
        // New users start at random, but early enough that every user gets a line.
        let left = users.len() - started;
        let must_start = lines - number < left as u64;
        let user = random.random_range(0..users.len());
        let command = if left > 0 && (must_start || started == 0 || user >= started) {
            started += 1;
            let amount = cents(&mut random, ADD_CENTS);
            Command::Add { user: users[started - 1].clone(), amount }
        } else {
            let user = users[random.random_range(0..started)].clone();
            let mut pick = random.random_range(0..total);
            let name = MIX.iter().find(|(_, weight)| {
                let is_hit = pick < *weight;
                pick = pick.saturating_sub(*weight);
                is_hit
            });
            let name = name.map_or(CommandName::Quote, |(name, _)| *name);
            random_command(name, user, &symbols, &mut random)
        };
        write_request(number, command, &mut line);
        // Real files have a blank before the LF on every line except the last.
        line.pop();
        line.extend_from_slice(b" \n");
        out.write_all(&line)?;
    }
    let filename = FileName::parse("./testLOG").ok_or_else(|| invalid("file name"))?;
    write_request(args.commands, Command::DumpLog { user: None, filename }, &mut line);
    out.write_all(&line)
}

/// Replaces the contents of `line` with a request, with its LF.
fn write_request(number: u64, command: Command, line: &mut Vec<u8>) {
    line.clear();
    Request { tag: Tag::new(number), noreply: false, body: Body::Command(command) }.write_to(line);
}

/// Returns a command of this name with random arguments.
fn random_command(
    name: CommandName,
    user: UserName,
    symbols: &[Symbol],
    random: &mut impl Rng,
) -> Command {
    use CommandName as Name;
    match name {
        Name::Add => return Command::Add { user, amount: cents(random, ADD_CENTS) },
        Name::CommitBuy => return Command::CommitBuy { user },
        Name::CancelBuy => return Command::CancelBuy { user },
        Name::CommitSell => return Command::CommitSell { user },
        Name::CancelSell => return Command::CancelSell { user },
        Name::DisplaySummary => return Command::DisplaySummary { user },
        _ => {}
    }
    let symbol = symbols[random.random_range(0..symbols.len())];
    match name {
        Name::Buy => Command::Buy { user, symbol, amount: order_amount(random) },
        Name::Sell => Command::Sell { user, symbol, amount: order_amount(random) },
        Name::SetBuyAmount => Command::SetBuyAmount { user, symbol, amount: order_amount(random) },
        Name::SetSellAmount => {
            Command::SetSellAmount { user, symbol, amount: order_amount(random) }
        }
        Name::SetBuyTrigger => {
            Command::SetBuyTrigger { user, symbol, price: trigger_price(random) }
        }
        Name::SetSellTrigger => {
            Command::SetSellTrigger { user, symbol, price: trigger_price(random) }
        }
        Name::CancelSetBuy => Command::CancelSetBuy { user, symbol },
        Name::CancelSetSell => Command::CancelSetSell { user, symbol },
        _ => Command::Quote { user, symbol },
    }
}

fn order_amount(random: &mut impl Rng) -> Money {
    cents(random, AMOUNT_CENTS)
}

/// Returns a trigger price. Low prices are far more frequent than high ones.
fn trigger_price(random: &mut impl Rng) -> Money {
    let top = random.random_range(1..=TRIGGER_CENTS_MAX);
    cents(random, 1..=top)
}

fn cents(random: &mut impl Rng, range: std::ops::RangeInclusive<i64>) -> Money {
    Money::from_cents(random.random_range(range))
}

/// Returns a name of ten letters and digits.
fn user_name(random: &mut impl Rng) -> io::Result<UserName> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let name = [(); 10].map(|()| LETTERS[random.random_range(0..LETTERS.len())]);
    UserName::parse(&name).ok_or_else(|| invalid("user name"))
}

/// Returns distinct symbols of one to three capital letters; short ones are rare.
fn symbols(count: u32, random: &mut impl Rng) -> Vec<Symbol> {
    let mut seen = std::collections::BTreeSet::new();
    let mut symbols = Vec::new();
    while symbols.len() < count as usize {
        // Few symbols are short, so that a count of all three-letter symbols can be reached.
        let letters = if symbols.len() % 50 == 7 && symbols.len() < 1_000 {
            random.random_range(1..=2)
        } else {
            3
        };
        let name: Vec<u8> = (0..letters).map(|_| b'A' + random.random_range(0..26_u8)).collect();
        symbols.extend(Symbol::parse(&name).filter(|symbol| seen.insert(*symbol)));
    }
    symbols
}

/// Returns the error of a generated value that the protocol does not accept.
fn invalid(what: &str) -> io::Error {
    io::Error::other(format!("generated an invalid {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use daytrade_protocol::{Parsed, parse_line};
    use std::collections::BTreeMap;

    fn workload(users: u32, commands: u64, seed: u64) -> String {
        let mut out = Vec::new();
        generate(&GenerateArgs { users, commands, seed, symbols: None }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_workload_has_the_form_and_mix_of_real_files() {
        let text = workload(100, 50_000, 3);
        let mut counts: BTreeMap<CommandName, u32> = BTreeMap::new();
        let mut started = std::collections::BTreeSet::new();
        for (index, line) in text.lines().enumerate() {
            let Parsed::Request(request) = parse_line(line.as_bytes()) else { panic!("{line}") };
            assert_eq!(request.tag.map(Tag::get), Some(index as u64 + 1));
            let Body::Command(command) = request.body else { panic!("{line}") };
            if let Some(user) = command.user() {
                let is_first = started.insert(user.clone());
                assert!(!is_first || matches!(command, Command::Add { .. }), "{line}");
            }
            *counts.entry(command.name()).or_default() += 1;
        }
        assert_eq!(started.len(), 100);
        assert!(text.ends_with("[50000] DUMPLOG,./testLOG\n"));
        for (command, weight) in MIX {
            let (got, want) = (counts[&command], weight * 50);
            assert!(got.abs_diff(want) < want / 8 + 150, "{command}: {got}, not about {want}");
        }
    }

    #[test]
    fn the_same_seed_writes_the_same_file() {
        assert_eq!(workload(5, 500, 9), workload(5, 500, 9));
        assert_ne!(workload(5, 500, 9), workload(5, 500, 10));
        assert_eq!(workload(7, 8, 1).lines().filter(|line| line.contains("ADD")).count(), 7);
    }
}
