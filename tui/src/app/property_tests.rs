//! The guarantees of sending, tested with random events.

use super::tests::World;
use super::*;
use proptest::prelude::*;

fn event() -> impl Strategy<Value = (Option<Event>, u64)> {
    let keys = prop::sample::select(vec![
        Key::Char('b'),
        Key::Char('s'),
        Key::Char('t'),
        Key::Char('y'),
        Key::Char('n'),
        Key::Char('u'),
        Key::Char('x'),
        Key::Char('a'),
        Key::Char('j'),
        Key::Char('1'),
        Key::Char('5'),
        Key::Char('m'),
        Key::Char(':'),
        Key::Char('/'),
        Key::Char('?'),
        Key::Char('r'),
        Key::Char('+'),
        Key::Char('-'),
        Key::Char('q'),
        Key::Char('3'),
        Key::Char('4'),
        Key::Tab,
        Key::Enter,
        Key::Esc,
        Key::Backspace,
        Key::Left,
        Key::Ctrl('c'),
        Key::Ctrl('u'),
    ]);
    let lost = LinkEvent::Down { cause: "broken".to_owned(), next_try_ms: 0, attempt: 2 };
    let event = prop_oneof![
        12 => keys.prop_map(|key| Some(Event::Key(key))),
        1 => Just(Some(Event::Paste("y\n5\nb".to_owned()))),
        1 => Just(Some(Event::Link(LinkEvent::Up(None)))),
        1 => Just(Some(Event::Link(lost))),
        1 => Just(Some(Event::Click(HitTarget::Row(Pane::Pending, 0)))),
        // None: the server replies to the oldest request.
        8 => Just(None),
    ];
    (event, 0..400_u64)
}

/// Returns a possible reply to a line.
fn answer(tag: u64, line: &str, now_ms: u64) -> Vec<String> {
    let reply = match line.split(',').next().unwrap() {
        "BUY" => format!("OK,BUY,XYZ,1,15.02,15.02,{}", now_ms + 60_000),
        "COMMIT_BUY" => "OK,COMMIT_BUY,XYZ,1,15.02,15.02".to_owned(),
        "ADD" => "OK,ADD,5.00".to_owned(),
        "DISPLAY_SUMMARY" => {
            return vec![
                format!("[{tag}]-ACCOUNT,alice,1000.00,15.02,0.00"),
                format!(
                    "[{tag}]-PENDING,BUY,XYZ,1,15.02,15.02,{}",
                    now_ms / 5_000 * 5_000 + 60_000
                ),
                format!("[{tag}] OK,DISPLAY_SUMMARY,alice,2"),
            ];
        }
        _ => "ERR,NO_SET_BUY,no".to_owned(),
    };
    vec![format!("[{tag}] {reply}")]
}

/// Replies to the oldest request in flight; returns the lines that are sent as a result.
fn reply_to_oldest(world: &mut World) -> Vec<String> {
    let oldest = world.in_flight().into_iter().next();
    let lines = oldest.map_or(Vec::new(), |(tag, line)| answer(tag, &line, world.now_ms));
    lines.iter().flat_map(|line| world.receive(line)).collect()
}

proptest! {
    /// For every sequence of keys, replies, losses and delays: no tag is used twice, nothing is
    /// sent without a link, and no commit is sent without its own key press or right after a change
    /// of the banner.
    #[test]
    fn nothing_is_sent_without_a_key_pressed_now(
        events in prop::collection::vec(event(), 1..120),
    ) {
        let mut world = World::live();
        let mut tags = std::collections::BTreeSet::new();
        let mut banner = (None, world.now_ms);
        for (event, ms) in events {
            world.now_ms += ms;
            let has_key =
                matches!(event, Some(Event::Key(Key::Char('y' | 'n' | 'u') | Key::Enter)));
            let sent = match event {
                Some(event) => world.handle(event),
                None => reply_to_oldest(&mut world),
            };
            for line in sent {
                let (tag, request) = line.split_once("] ").unwrap();
                prop_assert!(tags.insert(tag.to_owned()), "{} was used twice", tag);
                prop_assert!(world.app.connection.is_live(), "{} was sent without a link", line);
                let prefixes = ["COMMIT_", "CANCEL_BUY", "CANCEL_SELL"];
                if prefixes.iter().any(|prefix| request.starts_with(prefix)) {
                    let since_ms = world.now_ms - banner.1;
                    prop_assert!(has_key, "{} without its key", line);
                    prop_assert!(since_ms >= BANNER_GUARD_MS, "{} after {} ms", line, since_ms);
                }
            }
            let next = world.app.next_pending();
            let order = next.map(|next| (next.side, next.terms.symbol, next.expires_at_ms));
            if order != banner.0 {
                banner = (order, world.now_ms);
            }
        }
    }
}
