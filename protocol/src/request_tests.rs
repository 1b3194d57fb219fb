use super::*;
use crate::LineCodec;
use crate::{Argument, ArgumentKind, Code, CommandName, FileName, Money, SessionName};
use proptest::prelude::*;
use tokio_util::codec::Decoder as _;

fn request(line: &str) -> Request {
    match parse_line(line.as_bytes()) {
        Parsed::Request(request) => request,
        other => panic!("{line:?}: {other:?}"),
    }
}

fn invalid(line: &[u8]) -> Invalid {
    match parse_line(line) {
        Parsed::Invalid(invalid) => invalid,
        other => panic!("{line:?}: {other:?}"),
    }
}

#[test]
fn lines_of_real_workload_files_are_valid_requests() {
    let same = request("[17] BUY,alice,ABC,250.00");
    assert_eq!(same.tag.map(Tag::get), Some(17));
    let variants = [
        "[17] BUY,alice,ABC,250.00 \n",
        "[17] BUY,alice,ABC,250.00\r\n",
        "[17]BUY, alice ,abc,\t250 \t",
        " [17]  buy,alice,ABC,250.0",
    ];
    for line in variants {
        assert_eq!(request(line), same, "{line:?}");
    }
    assert!(request("ADD,a,5 noreply").noreply && request("ADD,a,5\tnoreply \r\n").noreply);
    assert!(!request("DUMPLOG,noreply").noreply, "a file may have the name noreply");
    for line in ["", "\n", "\r\n", "   \n", "# ADD,a,5", "  # note"] {
        assert_eq!(parse_line(line.as_bytes()), Parsed::Nothing, "{line:?}");
    }
}

#[test]
fn each_kind_of_invalid_line_has_its_code() {
    let cases: &[(&[u8], Code, Option<u64>)] = &[
        (b"[0] PING", Code::BadLine, None),
        (b"[9223372036854775808] PING", Code::BadLine, None),
        (b"[99999999999999999999999999] PING", Code::BadLine, None),
        (b"[-1] PING", Code::BadLine, None),
        (b"[] PING", Code::BadLine, None),
        (b"[1 PING", Code::BadLine, None),
        (b"[ 1] PING", Code::BadLine, None),
        (b"[7] ADD,a\xff,5", Code::BadLine, Some(7)),
        (b"[7] ADD,a\0b,5", Code::BadLine, Some(7)),
        (b"[7] AD\tD,a,5", Code::BadLine, Some(7)),
        (b"[7] ADD,a\r,5", Code::BadLine, Some(7)),
        ("[7] ADD,a\u{85},5".as_bytes(), Code::BadLine, Some(7)),
        ("[7] DUMPLOG,a\u{ffff}".as_bytes(), Code::BadLine, Some(7)),
        (b"[7]\x0cPING", Code::BadLine, Some(7)),
        (b"[7]", Code::UnknownCommand, Some(7)),
        (b"[7] NOPE,a,b", Code::UnknownCommand, Some(7)),
        (b"[7] ADD", Code::BadArguments, Some(7)),
        (b"[7] ADD,-,-,-,-,-", Code::BadArguments, Some(7)),
        (b"[7] PING,now", Code::BadArguments, Some(7)),
        (b"[7] WATCH", Code::BadArguments, Some(7)),
        (b"[7] WATCH,ABCD", Code::BadSymbol, Some(7)),
        (b"[7] SUBSCRIBE,a b", Code::BadUser, Some(7)),
        ("[7] ADD,é,5".as_bytes(), Code::BadUser, Some(7)),
        (b"[7] ADD,,5", Code::BadUser, Some(7)),
        (b"[7] BUY,a,ABCD,x", Code::BadSymbol, Some(7)),
        (b"[7] BUY,a,ABC,0.00", Code::BadAmount, Some(7)),
        (b"[7] SET_BUY_TRIGGER,a,ABC,0", Code::BadAmount, Some(7)),
        (b"[7] DUMPLOG,a,../x", Code::BadFilename, Some(7)),
        (b"[7] DUMPLOG,", Code::BadFilename, Some(7)),
    ];
    for (line, code, tag) in cases {
        let got = invalid(line);
        assert_eq!(
            (got.refusal.code(), got.tag.map(Tag::get)),
            (*code, *tag),
            "{}",
            String::from_utf8_lossy(line)
        );
    }
    assert!(invalid(b"[1] NOPE noreply").noreply && invalid(b"[0] ADD,a,5 noreply").noreply);
}

#[test]
fn a_refused_command_keeps_its_valid_fields() {
    let attempt = |line: &str| *invalid(line.as_bytes()).attempt.expect("audited");
    let negative = attempt("[9962] ADD,umhaEY4lil,-73280.58");
    assert_eq!(negative.funds, Some(Money::from_cents(-7_328_058)));
    assert_eq!(negative.user.unwrap().as_str(), "umhaEY4lil");
    let long = attempt("BUY,a,ABCD,5");
    assert_eq!((long.symbol, long.funds), (None, Some(Money::from_cents(500))));
    assert_eq!(attempt("ADD,a,five").funds, None);
    assert_eq!(attempt("DUMPLOG,/etc/x").filename.as_deref(), Some("/etc/x"));
    assert_eq!(attempt("COMMIT_BUY").user, None);
    assert!(invalid(b"WATCH,ABCD").attempt.is_none() && invalid(b"NOPE").attempt.is_none());
}

/// Generates a valid field of any kind.
fn field(kind: ArgumentKind) -> BoxedStrategy<String> {
    match kind {
        ArgumentKind::User => "[A-Za-z0-9_.-]{1,64}".boxed(),
        ArgumentKind::Symbol => "[A-Z0-9]{1,3}".boxed(),
        ArgumentKind::Money => (1..=Money::AMOUNT_MAX.cents())
            .prop_map(|cents| Money::from_cents(cents).to_string())
            .boxed(),
        ArgumentKind::FileName => "[a-z./ é]{1,40}"
            .prop_filter_map("a file name", |text| {
                FileName::parse(text.trim()).map(|name| name.to_string())
            })
            .boxed(),
        ArgumentKind::Secret => "[!-+\\--~]{12,128}".boxed(),
        ArgumentKind::Time => any::<u64>().prop_map(|ms| ms.to_string()).boxed(),
        ArgumentKind::Word => "[A-Za-z0-9._-]{1,32}".boxed(),
    }
}

/// Generates a request for each row of the table, with and without its optional argument.
fn body() -> impl Strategy<Value = Body> {
    let row = |name: &'static str, arguments: &'static [Argument]| {
        let fields = arguments.iter().map(|argument| {
            let field = field(argument.kind).prop_map(|text| format!(",{text}"));
            let absent = Just(String::new()).boxed();
            if argument.is_optional { prop_oneof![field, absent].boxed() } else { field.boxed() }
        });
        let fields: Vec<_> = fields.collect();
        fields.prop_map(move |fields| request(&format!("{name}{}", fields.concat())).body).boxed()
    };
    let commands = CommandName::ALL.map(|name| row(name.as_str(), name.arguments()));
    let session = SessionName::ALL.map(|name| row(name.as_str(), name.arguments()));
    proptest::strategy::Union::new(commands.into_iter().chain(session))
}

proptest! {
    #[test]
    fn every_request_prints_to_a_line_that_parses_back(
        tag in proptest::option::of((1..=Tag::MAX).prop_map(|n| Tag::new(n).unwrap())),
        noreply in any::<bool>(),
        body in body(),
    ) {
        // AUTH and PASSWD always have a reply.
        let needs_reply = matches!(
            body,
            Body::Session(SessionCommand::Auth { .. } | SessionCommand::Passwd { .. })
        );
        let request = Request { tag, noreply: noreply && !needs_reply, body };
        let mut line = Vec::new();
        request.write_to(&mut line);
        prop_assert_eq!(parse_line(&line), Parsed::Request(request));
    }

    #[test]
    fn no_bytes_make_the_parser_panic(line in proptest::collection::vec(any::<u8>(), 0..1100)) {
        let _ = parse_line(&line);
    }

    #[test]
    fn nearly_valid_lines_do_not_make_the_parser_panic(
        line in "\\[?[0-9]{0,20}\\]? ?[A-Z_]{0,17}(,[ -~\u{0}-\u{ff}]{0,9}){0,5}",
    ) {
        let _ = parse_line(line.as_bytes());
    }
}

/// Returns the requests of lines that are read in their plain form, and what the general parser
/// reads.
fn both_parsers(lines: &str) -> (Vec<Option<Parsed>>, Vec<Parsed>) {
    let mut bytes = bytes::BytesMut::from(lines);
    let mut block = LineCodec::default().decode(&mut bytes).unwrap().unwrap_or_default();
    let (mut plain, mut general) = (Vec::new(), Vec::new());
    while !block.is_empty() {
        let length = block.rest().iter().position(|byte| *byte == b'\n').unwrap() + 1;
        general.push(parse_line(&block.rest()[..length]));
        let request = |tag, command, bytes| {
            assert_eq!(bytes, length, "of a line in {lines:?}");
            Request { tag, noreply: false, body: Body::Command(command) }
        };
        if let Some(request) = block.next_plain(request) {
            plain.push(Some(Parsed::Request(request)));
        } else {
            plain.push(None);
            block.next_line().unwrap();
        }
    }
    (plain, general)
}

#[test]
fn lines_of_workload_files_are_read_in_their_plain_form() {
    let lines = "[1] ADD,iY9ENkXNzR,93298.70 \n[99999999] SET_SELL_TRIGGER,a_b.c-9,ABC,0.01\n\
                 BUY,u,A1,12345678.90\r\n[3] DISPLAY_SUMMARY,abcdefghijklmnopqrst\n\
                 [4] CANCEL_SET_SELL,u,Z9Z \r\n# comments are read by the other parser\n";
    let (plain, general) = both_parsers(lines);
    assert_eq!(plain.iter().flatten().count(), 5, "{plain:?}");
    assert!(plain.into_iter().flatten().eq(general.into_iter().take(5)));
    // Also a line that arrives alone, whose last word the block does not fill.
    for line in lines.split_inclusive('\n').take(5) {
        let (plain, general) = both_parsers(line);
        assert_eq!(plain, general.into_iter().map(Some).collect::<Vec<_>>());
    }
}

proptest! {
    /// What the plain parser takes, the general one reads in the same way.
    #[test]
    fn the_plain_form_is_read_as_the_general_parser_reads_it(
        lines in prop::collection::vec(
            (
                prop_oneof![
                    4 => "\\[[0-9]{1,9}\\] ".prop_map(String::from),
                    1 => "(\\[0\\] |\\[1\\]|\\[1\\]  |\\[x\\] | )?".prop_map(String::from),
                ],
                prop::sample::select(CommandName::ALL.map(CommandName::as_str).to_vec())
                    .prop_union(prop::sample::select(vec!["add", "PING", "ADDS", "WATCH"])),
                prop::collection::vec(
                    prop_oneof![
                        3 => "[A-Za-z0-9_.-]{1,24}".prop_map(String::from),
                        3 => "[A-Z0-9]{1,3}".prop_map(String::from),
                        3 => "[0-9]{1,9}\\.[0-9]{2}".prop_map(String::from),
                        1 => "[ -~]{0,5}".prop_map(String::from),
                        1 => Just("daytraded".to_owned()),
                        1 => Just("0.00".to_owned()),
                    ],
                    0..4,
                ),
                prop::sample::select(vec!["", " ", "\r", " \r", "\r ", "  ", " noreply", "\t"]),
            ),
            1..6,
        )
    ) {
        let line = |(tag, name, fields, end): &(String, &str, Vec<String>, &str)| {
            let words: Vec<&str> =
                [*name].into_iter().chain(fields.iter().map(String::as_str)).collect();
            format!("{tag}{}{end}\n", words.join(","))
        };
        let (plain, general) = both_parsers(&lines.iter().map(line).collect::<String>());
        for (plain, general) in plain.into_iter().zip(general) {
            if let Some(plain) = plain {
                prop_assert_eq!(plain, general);
            }
        }
    }
}
