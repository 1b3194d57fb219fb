//! Benchmarks of the steps of a command, each measured separately and in memory: deciding and
//! applying, encoding its record in a frame, formatting a summary, and formatting the audit log.
//! Figures are for one command or one line of a summary. protocol/benches/lines.rs measures parsing
//! and formatting of lines.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use daytrade_protocol::{Body, Command, LineBuffer, Money, Parsed, Symbol, Tag, parse_line};
use daytrade_server::test_support::AuditWriter;
use daytrade_server::test_support::engine::{
    Book, Known, Outcome, Price, PriceUsed, Record, Rejection, Stamp, decide, write_summary,
};
use daytrade_server::test_support::journal::FrameBuilder;
use std::cell::Cell;
use std::hint::black_box;

const WORKLOAD: &str = include_str!("../../workloads/10-users.txt");
const NOW_MS: u64 = 1_795_000_000_000;

/// Returns a price that depends only on the symbol: 1.00 to 201.00.
fn price_of(symbol: Symbol) -> Money {
    let sum = symbol.as_bytes().iter().fold(0_i64, |sum, letter| sum * 37 + i64::from(*letter));
    Money::from_cents(100 + sum % 20_000)
}

fn commands() -> Vec<(u64, Command)> {
    let request = |line: &str| match parse_line(line.as_bytes()) {
        Parsed::Request(request) => match request.body {
            Body::Command(command) => Some((request.tag?.get(), command)),
            Body::Session(_) => None,
        },
        _ => None,
    };
    WORKLOAD.lines().filter_map(request).collect()
}

/// Decides and commits one command. Returns its record.
fn carry_out(book: &mut Book, number: u64, command: &Command) -> Record {
    let known = command.user().map_or(Known::Nothing, |user| book.look_up(user));
    let account = known.account().map(|id| book.account(id));
    let used = Cell::new(None);
    let price = |symbol| {
        used.set(Some(PriceUsed { price: price_of(symbol), cached: true }));
        Price::Known(price_of(symbol))
    };
    let decided = decide(account, command, price, NOW_MS, number);
    let outcome = match decided {
        Ok(events) => Outcome::Done(events),
        Err(Rejection::Refused(refusal)) => Outcome::Refused(refusal),
        Err(Rejection::NeedsPrice(symbol)) => unreachable!("the price of {symbol} was given"),
    };
    let (command, price) = (command.clone(), used.get());
    let record = Record::Transaction { number, assigned: false, command, price, outcome };
    book.commit(&record, Stamp { record: number, at_ms: NOW_MS }, known, |_, _, _| {});
    record
}

fn benches(criterion: &mut Criterion) {
    let commands = commands();
    let mut book = Book::default();
    let records: Vec<Record> =
        commands.iter().map(|(number, command)| carry_out(&mut book, *number, command)).collect();
    let users: Vec<_> =
        commands.iter().map(|(_, command)| command.user().and_then(|user| book.id(user))).collect();

    let mut group = criterion.benchmark_group("a command");
    group.throughput(Throughput::Elements(records.len() as u64));
    group.bench_function("decided, applied, noted", |bench| {
        bench.iter(|| {
            let mut book = Book::default();
            for (number, command) in &commands {
                black_box(carry_out(&mut book, *number, command));
            }
        });
    });
    group.bench_function("put into a frame", |bench| {
        bench.iter(|| {
            let mut frame = FrameBuilder::default();
            for (record, user) in records.iter().zip(&users) {
                frame.push(black_box(record), *user);
            }
            frame.payload_bytes()
        });
    });
    group.bench_function("made XML of", |bench| {
        bench.iter(|| {
            let mut xml = AuditWriter::new("daytrade-0".to_owned());
            for record in &records {
                xml.record(NOW_MS, black_box(record), None);
            }
            xml.take(LineBuffer::default())
        });
    });
    group.finish();

    // The throughput is in lines. A summary has one line for each holding, order, set amount and
    // transaction.
    let lines_of = |user, account| {
        let mut out = LineBuffer::default();
        write_summary(account, user, None, &mut out);
        memchr::memchr_iter(b'\n', out.as_bytes()).count() as u64
    };
    let lines = book.accounts().map(|(user, account)| lines_of(user, account)).sum();
    let mut group = criterion.benchmark_group("a line of a summary");
    group.throughput(Throughput::Elements(lines));
    group.bench_function("written", |bench| {
        let mut out = LineBuffer::default();
        bench.iter(|| {
            out.clear();
            for (user, account) in book.accounts() {
                write_summary(account, user, Tag::new(123_456), &mut out);
            }
            out.len()
        });
    });
    group.finish();
}

criterion_group!(group, benches);
criterion_main!(group);
