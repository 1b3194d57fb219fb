//! Benchmarks of arming, cancelling and a price, with a million armed triggers on 3,000 symbols.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use daytrade_protocol::{Money, Side, Symbol};
use daytrade_server::test_support::engine::{TriggerBook, TriggerKey, UserId};
use std::hint::black_box;

const TRIGGERS: u32 = 1_000_000;
const SYMBOLS: u32 = 3_000;

fn symbol(number: u32) -> Symbol {
    let letter = |place: u32| b'A' + (number / place % 26) as u8;
    Symbol::parse(&[letter(676), letter(26), letter(1)]).expect("three capitals")
}

/// Returns the trigger with this number: buys below 50.00, sells above, evenly distributed.
fn trigger(number: u32) -> (Symbol, Side, TriggerKey) {
    let side = if number.is_multiple_of(2) { Side::Buy } else { Side::Sell };
    let cents = i64::from(number / SYMBOLS % 4_000) + if side == Side::Buy { 100 } else { 6_000 };
    (
        symbol(number % SYMBOLS),
        side,
        TriggerKey::new(side, Money::from_cents(cents), u64::from(number), UserId(number)),
    )
}

fn full_book() -> TriggerBook {
    let mut book = TriggerBook::default();
    for number in 0..TRIGGERS {
        let (symbol, side, key) = trigger(number);
        book.insert(symbol, side, key);
    }
    book
}

fn benches(criterion: &mut Criterion) {
    let mut book = full_book();
    let mut number = TRIGGERS;
    criterion.bench_function("arm and cancel, a million armed", |bench| {
        bench.iter(|| {
            number += 1;
            let (symbol, side, key) = trigger(number);
            book.insert(symbol, side, key);
            book.remove(symbol, side, key);
        });
    });
    let quiet = Money::from_cents(5_500);
    criterion.bench_function("a price that fires none, a million armed", |bench| {
        bench.iter(|| {
            number += 1;
            let symbol = symbol(number % SYMBOLS);
            for side in [Side::Buy, Side::Sell] {
                black_box(book.next(symbol, side, black_box(quiet), None));
            }
        });
    });
    criterion.bench_function("finding 10,000 that fire", |bench| {
        let crowded = || {
            let mut book = TriggerBook::default();
            for number in 0..10_000 {
                book.insert(
                    symbol(1),
                    Side::Buy,
                    TriggerKey::new(Side::Buy, quiet, number, UserId(number as u32)),
                );
            }
            book
        };
        bench.iter_batched_ref(
            crowded,
            |book| {
                let mut found = 0;
                while let Some(key) = book.next(symbol(1), Side::Buy, quiet, None) {
                    book.remove(symbol(1), Side::Buy, key);
                    found += 1;
                }
                assert_eq!(found, 10_000);
            },
            BatchSize::LargeInput,
        );
    });
}

criterion_group!(group, benches);
criterion_main!(group);
