//! Benchmarks of lines: parsing requests of a real mix, and formatting replies, refusals and lines
//! of a summary. Figures are for one line.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use daytrade_protocol::{
    Code, CommandName, Detail, DetailWriter, LineBuffer, Money, Refusal, ReplyBody, Side, Symbol,
    Tag, TradeTerms, parse_line,
};
use std::hint::black_box;

const WORKLOAD: &str = include_str!("../../workloads/10-users.txt");
const AT_MS: u64 = 1_795_000_000_123;

fn symbol(text: &str) -> Symbol {
    Symbol::parse(text.as_bytes()).expect("a symbol")
}

/// Returns the details of an active user's summary.
fn details() -> Vec<Detail> {
    let money = Money::from_cents;
    (0..40_i64)
        .map(|n| match n % 4 {
            0 | 1 => Detail::Holding {
                symbol: symbol("ABC"),
                free: 3 + n as u64,
                reserved: 0,
                basis: money(n * 1_234),
            },
            2 => {
                let price = (n % 8 == 2).then(|| money(n * 77));
                Detail::Trigger {
                    side: Side::Sell,
                    symbol: symbol("XY"),
                    amount: money(n * 999),
                    price,
                    shares: 12,
                }
            }
            _ => Detail::History {
                at_ms: AT_MS,
                number: 123_400 + n as u64,
                command: CommandName::SetBuyTrigger,
                symbol: Some(symbol("S")),
                amount: Some(money(n * 4_321)),
                refused: (n % 8 == 3).then_some(Code::NoSetBuy),
            },
        })
        .collect()
}

fn benches(criterion: &mut Criterion) {
    let lines: Vec<&[u8]> = WORKLOAD.lines().map(str::as_bytes).collect();
    let (tag, mut out) = (Tag::new(123_456), LineBuffer::default());
    let mut group = criterion.benchmark_group("a line");
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.bench_function("read", |bench| {
        bench.iter(|| lines.iter().for_each(|line| drop(black_box(parse_line(black_box(line))))));
    });
    let details = details();
    group.throughput(Throughput::Elements(details.len() as u64));
    group.bench_function("of a summary written", |bench| {
        bench.iter(|| {
            out.clear();
            let mut writer = DetailWriter::new(tag, &mut out);
            for detail in black_box(&details) {
                writer.write(detail);
            }
            out.len()
        });
    });
    let terms = TradeTerms {
        symbol: symbol("ABC"),
        shares: 12,
        price: Money::from_cents(12_345),
        total: Money::from_cents(148_140),
    };
    group.throughput(Throughput::Elements(1));
    group.bench_function("of a reply written", |bench| {
        let body = ReplyBody::Buy { terms, expires_at_ms: AT_MS };
        bench.iter(|| {
            out.clear();
            black_box(&body).write_to(tag, &mut out);
            out.len()
        });
    });
    let refusals = [
        Refusal::InsufficientFunds {
            needed: Money::from_cents(74_000),
            available: Money::from_cents(1_299),
        },
        Refusal::InsufficientShares { symbol: symbol("ABC"), needed: 12, free: 0 },
        Refusal::NoPendingBuy,
        Refusal::NoSetSell(symbol("XY")),
    ];
    group.throughput(Throughput::Elements(refusals.len() as u64));
    group.bench_function("of a refusal written", |bench| {
        bench.iter(|| {
            out.clear();
            for refusal in &refusals {
                ReplyBody::write_refusal(black_box(refusal), tag, &mut out);
            }
            out.len()
        });
    });
    group.finish();
}

criterion_group!(group, benches);
criterion_main!(group);
