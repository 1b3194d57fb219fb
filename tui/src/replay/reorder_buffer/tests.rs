//! Tests of the reorder buffer.

use super::*;
use proptest::prelude::*;

proptest! {
    /// Every line is released once, in the order of the file, for any tags and any order of
    /// replies.
    #[test]
    fn lines_are_released_in_the_order_of_the_file(
        tags in proptest::collection::vec(
            prop_oneof![3 => Just(None), 1 => (1..6u64).prop_map(Some)],
            1..40,
        ),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 200),
        bare in any::<u64>(),
    ) {
        // None stands for "the next number": the tags of most files count up, a few repeat or
        // are shuffled.
        let mut next = 0;
        let tags = tags.into_iter().map(|tag| tag.unwrap_or_else(|| { next += 1; next + 10 }));
        let tags: Vec<u64> = tags.collect();
        let mut buffer = ReorderBuffer::default();
        let (mut in_flight, mut released, mut order) =
            (Vec::new(), Vec::new(), order.into_iter());
        let mut lines = tags.iter().enumerate().peekable();
        loop {
            while let Some((number, &tag)) = lines.peek().copied() {
                let file_line = number as u64;
                if buffer.next_tag() == Some(tag) {
                    buffer.push_next(Line { tag, file_line }, CommandName::Add, 0);
                } else {
                    buffer.register_tag(Some(tag));
                    if !buffer.has_capacity_for(Some(tag)) { break; }
                    buffer.push(Some(tag), None, file_line, 0);
                }
                in_flight.push(tag);
                lines.next();
            }
            if in_flight.is_empty() { break; }
            let Some(pick) = order.next() else { break };
            let tag = in_flight.remove(pick.index(in_flight.len()));
            // Of some lines nobody wants the text.
            let is_bare = bare >> (tag % 64) & 1 == 1;
            let stored = is_bare.then(|| buffer.store_bare(tag, None, 0)).flatten();
            let stored = stored.or_else(|| {
                let position = buffer.position_of(tag).expect("in flight");
                let reply = if is_bare { Bytes::new() } else { Bytes::from(tag.to_string()) };
                buffer.store_reply(position, Answer { refused: None, reply }, 0)
            });
            prop_assert!(stored.is_some());
            prop_assert!(buffer.store_bare(tag, None, 0).is_none(), "it has its reply");
            while let Some(next) = buffer.pop() {
                released.push((next.file_line, next.answer.reply));
            }
        }
        let lines = tags.iter().enumerate();
        let text = |tag: &u64| {
            if bare >> (tag % 64) & 1 == 1 { String::new() } else { tag.to_string() }
        };
        let want: Vec<_> = lines.map(|(n, tag)| (n as u64, Bytes::from(text(tag)))).collect();
        prop_assert_eq!(released, want);
        prop_assert_eq!((buffer.unanswered(), buffer.reply_bytes), (0, 0));
    }
}

#[test]
fn only_lines_without_the_text_of_a_reply_are_skipped() {
    let mut buffer = ReorderBuffer::default();
    for tag in 1..=5 {
        buffer.register_tag(Some(tag));
        buffer.push(Some(tag), None, tag, 0);
    }
    for (tag, reply) in [(1, ""), (2, ""), (3, "[3] ERR"), (4, "")] {
        let position = buffer.position_of(tag).unwrap();
        let answer = Answer { refused: None, reply: Bytes::from(reply) };
        buffer.store_reply(position, answer, 0).unwrap();
    }
    buffer.skip_answered();
    let released = buffer.pop().unwrap();
    assert_eq!((released.file_line, &released.answer.reply[..]), (3, &b"[3] ERR"[..]));
    buffer.skip_answered();
    assert!(buffer.pop().is_none(), "line 5 has no reply");
    assert_eq!((buffer.unanswered(), buffer.reply_bytes), (1, 0));
    assert_eq!(buffer.position_of(5), Some(4));
}
