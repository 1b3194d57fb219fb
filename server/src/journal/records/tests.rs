//! Tests of the format: every record is read as it was written, the bytes are those of the
//! documentation, and other bytes are refused.

use super::*;
use crate::engine::{Event, Events};
use daytrade_protocol::{
    Body, Command, FileName, Money, Parsed, Refusal, Side, Symbol, parse_line,
};
use proptest::prelude::*;

/// Numbers of every size, those at the bound of a narrow record among them.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        (0..64_u32, any::<u64>()).prop_map(|(bits, number)| number >> bits),
        Just(u64::from(u32::MAX)),
        Just(u64::from(u32::MAX) + 1),
    ]
}

fn money() -> impl Strategy<Value = Money> {
    number().prop_map(|cents| Money::from_cents(cents.cast_signed()))
}

fn symbol() -> impl Strategy<Value = Symbol> {
    "[A-Z0-9]{1,3}".prop_map(|text| Symbol::parse(text.as_bytes()).unwrap())
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

/// One of five users with an account, or one without.
fn user() -> impl Strategy<Value = (UserName, Option<UserId>)> {
    let known = (0..5_u32).prop_map(|at| {
        let name = ["a", "bob", "oY01WVirLr", "daytraded", "n23456789012345678901234567890"];
        (UserName::parse_recorded(name[at as usize].as_bytes()).unwrap(), Some(UserId(at * 700)))
    });
    let unknown = "[A-Za-z0-9_.-]{1,64}";
    prop_oneof![
        4 => known,
        1 => unknown.prop_map(|name| (UserName::parse_recorded(name.as_bytes()).unwrap(), None)),
    ]
}

fn event() -> BoxedStrategy<Event> {
    let numbers = || (number(), number(), number());
    let amounts = || (money(), money(), money(), money());
    (0..9, side(), symbol(), numbers(), amounts())
        .prop_map(|(kind, side, symbol, (shares, number, time), (price, total, amount, basis))| {
            match kind {
                0 => Event::CashAdded { amount },
                1 => {
                    let expires_at_ms = time;
                    Event::Reserved { side, symbol, shares, price, total, number, expires_at_ms }
                }
                2 => Event::Committed { side, symbol, shares, price, total, basis },
                3 => Event::Cancelled { side, symbol, shares, price, total },
                4 => Event::Expired { side, symbol, shares, price, total, number },
                5 => {
                    let (amount_before, shares_before) = (basis, time);
                    Event::AmountSet { side, symbol, amount, amount_before, shares, shares_before }
                }
                6 => Event::Armed { side, symbol, price, shares, shares_before: time, number },
                7 => Event::Unset { side, symbol, amount, shares },
                _ => Event::Filled { side, symbol, shares, price, total, amount, basis, number },
            }
        })
        .boxed()
}

fn refusal() -> BoxedStrategy<Refusal> {
    let name = prop::sample::select(&CommandName::ALL[..]);
    (0..33_u8, name, symbol(), (money(), money()), (number(), number()), any::<u32>(), ".{0,300}")
        .prop_map(|(code, name, symbol, (needed, available), (shares, free), most, text)| {
            match code {
                5 => Refusal::BadArguments(name),
                13 => Refusal::InsufficientFunds { needed, available },
                14 => Refusal::InsufficientShares { symbol, needed: shares, free },
                15 => Refusal::AmountTooSmall { symbol, amount: needed, price: available },
                18 => Refusal::NoSetBuy(symbol),
                19 => Refusal::NoSetSell(symbol),
                20 => Refusal::TooManyPending(most),
                23 => Refusal::TooManySubscriptions(most),
                24 => Refusal::QuoteUnavailable(symbol),
                25 => Refusal::DumpFailed(text.into()),
                31 => Refusal::TooManySubscribers(most),
                42 => Refusal::RateLimited(shares),
                43 => Refusal::TooManyOfLogin(most),
                44 => Refusal::TooManyOfAddress(most),
                // The others are their codes alone.
                code => Refusal::take(&mut FieldReader::new(&[code], 0)).unwrap(),
            }
        })
        .boxed()
}

fn file_name() -> impl Strategy<Value = FileName> {
    "[a-z]{1,20}/[a-z]{1,300}".prop_map(|name| FileName::parse(&name).unwrap())
}

/// A command as a line of it is read. Its user is replaced by the caller's.
fn command(user: &UserName) -> impl Strategy<Value = Command> + use<> {
    let user = user.as_str().to_owned();
    let name = prop::sample::select(&CommandName::ALL[..]);
    (name, symbol(), 1..99_999_999_999_999_u64, file_name(), any::<bool>()).prop_filter_map(
        "the server's name is no user of a command",
        move |(name, symbol, cents, file, all)| {
            let amount = Money::from_cents(cents.cast_signed());
            let line = match name {
                CommandName::DumpLog if all => format!("DUMPLOG,{file}"),
                CommandName::DumpLog => format!("DUMPLOG,{user},{file}"),
                CommandName::Add => format!("ADD,{user},{amount}"),
                _ => match name.arguments().len() {
                    1 => format!("{name},{user}"),
                    2 => format!("{name},{user},{symbol}"),
                    _ => format!("{name},{user},{symbol},{amount}"),
                },
            };
            match parse_line(line.as_bytes()) {
                Parsed::Request(request) => match request.body {
                    Body::Command(command) => Some(command),
                    Body::Session(_) => None,
                },
                _ => None,
            }
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        prop::collection::vec(event(), 0..4).prop_map(|events| Outcome::Done(events.into())),
        refusal().prop_map(Outcome::Refused),
    ]
}

fn transaction(name: &UserName) -> BoxedStrategy<Record> {
    let price = prop::option::of((money(), any::<bool>()));
    (number(), any::<bool>(), command(name), price, outcome())
        .prop_map(|(number, assigned, command, price, outcome)| {
            let price = price.map(|(price, cached)| PriceUsed { price, cached });
            Record::Transaction { number, assigned, command, price, outcome }
        })
        .boxed()
}

fn other(user: UserName) -> BoxedStrategy<Record> {
    let name = prop::sample::select(&CommandName::ALL[..]);
    let attempt =
        (name, prop::option::of(symbol()), prop::option::of(money()), prop::option::of(".{0,40}"));
    let hit = (number(), symbol(), money(), number(), ".{0,90}");
    (0..8, any::<bool>(), attempt, hit, event(), refusal(), file_name())
        .prop_map(
            move |(kind, flag, (name, symbol, funds, text), hit, event, refusal, filename)| {
                let (number, stock, price, source_time_ms, key) = hit;
                let key: Box<str> = key.into();
                let hit = Hit {
                    number,
                    user: user.clone(),
                    symbol: stock,
                    price,
                    source_time_ms,
                    key: key.clone(),
                };
                let user = flag.then(|| user.clone());
                match (kind, user) {
                    (0, Some(user)) => Record::Expired { user, event },
                    (1, Some(user)) => Record::Filled { user, event },
                    (2, _) => Record::Hit(hit),
                    (3, _) => Record::WatchedHit(hit),
                    (5, _) => {
                        let at = source_time_ms;
                        Record::Market(MarketPosition { market: number as u32, at })
                    }
                    (6, _) => {
                        let incarnation = u128::from(source_time_ms) << 64 | u128::from(number);
                        let (cluster, node, address) = (key.clone(), "a".into(), "b:1".into());
                        Record::Owner(Box::new(Owner { cluster, node, address, incarnation }))
                    }
                    (4, user) => Record::DumpFailed { number, user, filename, refusal },
                    (_, user) => {
                        let filename = text.map(Into::into);
                        let attempt = Attempt { name, user, symbol, funds, filename };
                        Record::Rejected { number, assigned: flag, attempt, refusal }
                    }
                }
            },
        )
        .boxed()
}

fn record() -> BoxedStrategy<(Record, Option<UserId>)> {
    user()
        .prop_flat_map(|(name, id)| {
            let record = prop_oneof![3 => transaction(&name), 1 => other(name)];
            record.prop_map(move |record| (record, id))
        })
        .boxed()
}

/// Reads records until the end of the bytes. None if some bytes are not a record.
fn read_all(bytes: &[u8]) -> Option<Vec<Record>> {
    let (mut reader, mut records, mut at) = (RecordReader::default(), Vec::new(), 0);
    while at < bytes.len() {
        let (record, end) = reader.read(bytes, at)?;
        records.push(record);
        at = end;
    }
    Some(records)
}

fn written(records: &[(Record, Option<UserId>)]) -> Vec<u8> {
    let (mut writer, mut bytes, mut end) = (RecordWriter::default(), Vec::new(), 0);
    for (record, user) in records {
        end = writer.write(record, *user, &mut bytes, end);
    }
    bytes.truncate(end);
    bytes
}

proptest! {
    #[test]
    fn records_are_read_as_they_were_written(frame in prop::collection::vec(record(), 1..12)) {
        let bytes = written(&frame);
        let want: Vec<_> = frame.iter().map(|(record, _)| record.clone()).collect();
        prop_assert_eq!(read_all(&bytes), Some(want));
        let mut reader = RecordReader::default();
        let (_, first_end) = reader.read(&bytes, 0).unwrap();
        for cut in 0..first_end {
            let read = RecordReader::default().read(&bytes[..cut], 0);
            prop_assert!(read.is_none(), "cut at {}", cut);
        }
    }

    #[test]
    fn changed_bytes_are_records_or_refused(
        frame in prop::collection::vec(record(), 1..6),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = written(&frame);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(records) = read_all(&bytes) {
            let again: Vec<_> = records.into_iter().map(|record| (record, None)).collect();
            let want = again.iter().map(|(record, _)| record.clone()).collect();
            prop_assert_eq!(read_all(&written(&again)), Some(want));
        }
    }

    #[test]
    fn frames_do_not_share_names(first in record(), second in record()) {
        let mut writer = RecordWriter::default();
        let mut bytes = Vec::new();
        writer.write(&first.0, first.1, &mut bytes, 0);
        writer.clear();
        let end = writer.write(&second.0, second.1, &mut bytes, 0);
        prop_assert_eq!(read_all(&bytes[..end]), Some(vec![second.0]));
    }
}

#[test]
fn users_who_share_a_place_are_named_again() {
    let ids = [1, 1 + NAMED_USERS as u32, 1, 1, 2, 1 + NAMED_USERS as u32];
    let frame: Vec<_> = (1..).zip(ids).map(|(n, id)| add_of(n, &format!("u{id}"), 5, id)).collect();
    let bytes = written(&frame);
    let want: Vec<_> = frame.into_iter().map(|(record, _)| record).collect();
    assert_eq!(read_all(&bytes), Some(want));
    let named = bytes.windows(3).filter(|bytes| bytes == b"\x02\0u").count();
    assert_eq!(named, 3, "u1 twice, u2 once, and the other's name is longer");
}

fn add(number: u64, user: &str, cents: i64) -> (Record, Option<UserId>) {
    add_of(number, user, cents, 9)
}

fn add_of(number: u64, user: &str, cents: i64, id: u32) -> (Record, Option<UserId>) {
    let (user, amount) = (UserName::parse(user.as_bytes()).unwrap(), Money::from_cents(cents));
    let outcome = Outcome::Done(Events::from_iter([Event::CashAdded { amount }]));
    let command = Command::Add { user, amount };
    (
        Record::Transaction { number, assigned: false, command, price: None, outcome },
        Some(UserId(id)),
    )
}

#[test]
fn the_documented_examples_are_the_bytes() {
    let docs = include_str!("../../../../docs/JOURNAL.md");
    let bytes = written(&[add(7, "alice", 12_345), add(8, "alice", 1 << 32)]);
    let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let (first, second) = hex.split_at(23);
    for line in [first.join(" "), second.join(" ")] {
        assert!(docs.lines().any(|have| have.starts_with(&line)), "docs/JOURNAL.md: {line}");
    }
}

#[test]
fn the_documentation_has_a_row_for_each_event_and_refusal() {
    let docs = include_str!("../../../../docs/JOURNAL.md");
    for (head, rows) in [
        ("| code | event | fields |", layout::EVENTS),
        ("| code | refusal | fields |", layout::REFUSALS),
    ] {
        let mut lines = docs.lines().skip_while(|line| *line != head).skip(2);
        for (code, name, fields) in rows {
            let want = format!("| {code} | {name} | {} |", fields.join(", "));
            let want = want.replace("|  |", "| |");
            assert_eq!(lines.next(), Some(want.as_str()), "docs/JOURNAL.md, under {head}");
        }
    }
}
