use super::*;
use crate::{LineBuffer, Money, Refusal, TradeTerms, UserName};
use proptest::prelude::*;

/// The examples of docs/PROTOCOL.md, byte for byte.
const EXAMPLES: &str = "\
[1] OK,ADD,63511.53
[2] OK,QUOTE,S,42.17,1795334400123,a2V5
[3] OK,BUY,S,6,42.17,253.02,1795334460123
[4] OK,COMMIT_BUY,S,6,42.17,253.02
[5] OK,CANCEL_BUY,S,6,42.17,253.02
[6] OK,SELL,S,2,42.17,84.34,1795334460123
[7] OK,COMMIT_SELL,S,2,42.17,84.34
OK,CANCEL_SELL,S,2,42.17,84.34
[8] OK,SET_BUY_AMOUNT,S,500.00
[9] OK,SET_BUY_TRIGGER,S,500.00,40.00
[10] OK,CANCEL_SET_BUY,S,500.00
[11] OK,SET_SELL_AMOUNT,S,200.00
[12] OK,SET_SELL_TRIGGER,S,200.00,50.00,4
[13] OK,CANCEL_SET_SELL,S,200.00,4
[14] OK,DUMPLOG,/a,b/testLOG,12
[15]-ACCOUNT,alice,1.00,2.00,-3.00
[15]-HOLDING,S,6,0,253.02
[15]-PENDING,BUY,S,6,42.17,253.02,1795334460123
[15]-TRIGGER,BUY,S,500.00,40.00,0
[15]-TRIGGER,SELL,S,500.00,,0
[15]-HISTORY,1795334400123,14,COMMIT_BUY,,,NO_PENDING_BUY
[15]-HISTORY,1795334400123,3,BUY,S,276.83,OK
[15] OK,DISPLAY_SUMMARY,alice,7
[16] ERR,NO_PENDING_SELL,no SELL, none
-STAT,quote_hits,3
OK,STATS,1
-ADD,user,amount
OK,HELP,1
OK,PING
[9223372036854775807] OK,QUIT
OK,SUBSCRIBE,alice
OK,UNSUBSCRIBE,alice
OK,WATCH,S
OK,UNWATCH,S
* QUOTE,S,42.17,1795334400123
* EXPIRED,alice,BUY,S,6,42.17,253.02
* FILLED,alice,SELL,S,6,39.90,239.40
* ACCOUNT,alice,1.00,2.00,-3.00
* BYE,SLOW_CONSUMER
";

fn print(line: &ServerLine) -> String {
    let (mut out, mut pushed) = (LineBuffer::default(), Vec::new());
    match line {
        ServerLine::Reply(reply) => reply.body.write_to(reply.tag, &mut out),
        ServerLine::Detail(tag, detail) => detail.write_to(*tag, &mut out),
        ServerLine::Push(push) => push.write_to(&mut pushed),
    }
    String::from_utf8([out.into_bytes(), pushed].concat()).unwrap()
}

#[test]
fn every_line_of_the_protocol_parses_and_prints_to_the_same_line() {
    for line in EXAMPLES.lines() {
        let parsed = ServerLine::parse(line.as_bytes()).unwrap_or_else(|_| panic!("{line}"));
        assert_eq!(print(&parsed), format!("{line}\n"));
    }
}

#[test]
fn a_known_prefix_with_wrong_fields_is_not_a_reply() {
    for bad in [
        "",
        "OK",
        "OK,NOPE",
        "OK,ADD",
        "OK,ADD,1.00,2.00",
        "OK,ADD,x",
        "ERR,NOPE,x",
        "[0] OK,PING",
        "* QUOTE,S",
        "x",
    ] {
        assert_eq!(ServerLine::parse(bad.as_bytes()), Err(ReplyError), "{bad}");
    }
}

/// The blank at the end is trimmed, and what is left is sliced by offsets of the whole line.
#[test]
fn a_line_that_ends_within_a_character_is_refused() {
    for line in ["[1]\u{c0a}K ", "[1]\u{c0a}", "[1] \u{c0a}K", "\u{c0a}", "[1]-\u{c0a} "] {
        for end in 0..=line.len() {
            let _ = ServerLine::parse(&line.as_bytes()[..end]);
        }
    }
    assert!(ServerLine::parse("[1]\u{c0a}K \n".as_bytes()).is_err());
}

#[test]
fn refusals_name_the_amount_needed() {
    let refusal = Refusal::InsufficientFunds {
        needed: Money::from_cents(500),
        available: Money::from_cents(12),
    };
    let body = ReplyBody::refused(&refusal);
    let line = print(&ServerLine::Reply(Reply { tag: Tag::new(3), body }));
    assert_eq!(line, "[3] ERR,INSUFFICIENT_FUNDS,needs 5.00 and 0.12 is available\n");
}

proptest! {
    #[test]
    fn numbers_of_any_size_print_and_parse_to_the_same_value(
        cents in any::<i32>(),
        big in 0..=Money::BALANCE_MAX.cents(),
        n in any::<u64>(),
        shares in 0..=10 * Money::BALANCE_MAX.cents() as u64,
        tag in 1..=Tag::MAX,
    ) {
        let (small, big) = (Money::from_cents(i64::from(cents)), Money::from_cents(big));
        let symbol = Symbol::parse(b"Q9").unwrap();
        let terms = TradeTerms { symbol, shares, price: big, total: big };
        let user = UserName::parse(b"a.b").unwrap();
        let tag = Tag::new(tag);
        let buy = ReplyBody::Buy { terms, expires_at_ms: n };
        let holding = Detail::Holding { symbol, free: shares, reserved: shares, basis: big };
        let account = Push::Account { user, available: big, reserved: big, realised: small };
        let order = Push::Order {
            user: UserName::parse(b"a.b").unwrap(),
            at_ms: n,
            number: n,
            command: CommandName::SetBuyTrigger,
            symbol: Some(symbol).filter(|_| n % 2 == 0),
            amount: Some(big).filter(|_| n % 3 == 0),
            refused: Some(Code::NoSetBuy).filter(|_| n % 5 == 0),
        };
        let lines = [
            ServerLine::Push(order),
            ServerLine::Reply(Reply { tag, body: buy }),
            ServerLine::Detail(tag, holding),
            ServerLine::Push(account),
        ];
        for line in lines {
            prop_assert_eq!(ServerLine::parse(print(&line).as_bytes()), Ok(line));
        }
    }

    #[test]
    fn amounts_that_cannot_be_added_are_no_reply(
        n in 10 * Money::BALANCE_MAX.cents() as u64 + 1..,
    ) {
        let holding = format!("-HOLDING,Q9,{n},0,1.00");
        let parsed = ServerLine::parse(holding.as_bytes());
        let is_text = matches!(parsed, Ok(ServerLine::Detail(_, Detail::Text(_))));
        prop_assert!(is_text, "no holding");
        let push = format!("* ACCOUNT,a,{n}.00,0.00,0.00");
        prop_assert!(ServerLine::parse(push.as_bytes()).is_err());
    }

    #[test]
    fn no_bytes_make_the_parser_panic(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = ServerLine::parse(&line);
    }

    #[test]
    fn every_parsed_line_prints_to_an_equal_line(
        line in concat!(
            "(\\[[1-9][0-9]?\\][ -])?",
            "(OK|ERR|ACCOUNT|STAT|\\* QUOTE)",
            "(,[A-Z0-9.]{0,6}){0,5}",
        ),
    ) {
        if let Ok(parsed) = ServerLine::parse(line.as_bytes()) {
            prop_assert_eq!(ServerLine::parse(print(&parsed).as_bytes()), Ok(parsed));
        }
    }
}
