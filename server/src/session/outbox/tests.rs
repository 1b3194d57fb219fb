//! Tests of the outbox: the order of replies and pushes, and which of shard and session writes
//! them.

use super::queue::SMALL_CHUNK_BYTES;
use super::*;
use crate::limits::{
    OUTBOX_EVENT_BYTES_MAX, OUTBOX_QUOTES_MAX, SUMMARIES_AT_ONCE_MIN, SUMMARIES_BYTES_MAX,
    SUMMARY_BYTES_GUESS,
};
use crate::message::ReplyTo;
use daytrade_protocol::{Money, Refusal, Tag, UserName};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use tokio::io::AsyncWrite;

/// Returns the text in an outbox, and empties it.
fn text(outbox: &Outbox) -> String {
    String::from_utf8(outbox.take_bytes()).unwrap()
}

fn replies(to: &[ReplyTo]) -> Replies {
    let mut replies = Replies::default();
    for to in to {
        replies.write(*to, |tag, out| {
            let text = format!("{}{to:?}\n", tag.map(|t| t.to_string()).unwrap_or_default());
            out.extend_from_slice(text.as_bytes());
        });
    }
    replies
}

#[test]
fn untagged_replies_wait_for_their_turn_and_tagged_ones_do_not() {
    let outbox = Outbox::default();
    outbox.begin(4, 0);
    outbox.deliver(&mut replies(&[ReplyTo::Untagged(1), ReplyTo::Tagged(Tag::new(9).unwrap())]));
    assert_eq!(text(&outbox), "[9]Tagged(Tag(9))\n");
    assert_eq!(outbox.load().flow.in_flight, 2);
    outbox.deliver(&mut replies(&[ReplyTo::Nobody, ReplyTo::Untagged(0)]));
    assert_eq!(text(&outbox), "Untagged(0)\nUntagged(1)\n");
    let load = outbox.load();
    assert_eq!(
        (load.flow.in_flight, load.bytes, load.untagged_answered, load.too_slow),
        (0, 0, 2, false)
    );
}

/// A socket with a limited send buffer: the bytes written, and the bytes it still accepts.
#[derive(Clone)]
struct Socket(Arc<Mutex<(Vec<u8>, usize)>>);

impl Socket {
    fn with_capacity(bytes: usize) -> (Self, Outbox) {
        let socket = Self(Arc::new(Mutex::new((Vec::new(), bytes))));
        (socket.clone(), Outbox::new(socket, None))
    }

    fn take_written(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().0)).unwrap()
    }
}

impl ReplyWriter for Socket {
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (got, capacity) = &mut *self.0.lock();
        let taken = bytes.len().min(*capacity);
        got.extend_from_slice(&bytes[..taken]);
        *capacity -= taken;
        if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.try_write(bytes).map_or(Poll::Pending, |taken| Poll::Ready(Ok(taken)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Counts the wakeups of a session.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_short_reply_is_written_at_once_and_does_not_wake_the_session() {
    let (socket, outbox) = Socket::with_capacity(1_000);
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let context = Context::from_waker(&waker);
    outbox.begin(3, 0);
    assert!(!outbox.poll_changed(&context, false));
    outbox.deliver(&mut replies(&[ReplyTo::Untagged(0)]));
    assert_eq!(
        (socket.take_written().as_str(), wakes.0.load(Ordering::Relaxed)),
        ("Untagged(0)\n", 0)
    );
    assert_eq!((outbox.load().bytes, outbox.load().flow.in_flight), (0, 2));
    assert!(outbox.load().written_at.is_some());
    // A session that waits for replies is woken. It also learns of a reply that was written before
    // it began to wait.
    assert!(outbox.poll_changed(&context, true));
    assert!(!outbox.poll_changed(&context, true));
    outbox.deliver(&mut replies(&[ReplyTo::Untagged(1)]));
    assert_eq!(
        (socket.take_written().as_str(), wakes.0.load(Ordering::Relaxed)),
        ("Untagged(1)\n", 1)
    );
    // While the session has bytes to write, the shard writes none.
    outbox.deliver(&mut replies(&[ReplyTo::Nobody]));
    let long = "x".repeat(SMALL_CHUNK_BYTES + 1);
    let mut given = Replies::default();
    given.write(ReplyTo::Tagged(Tag::new(1).unwrap()), |_, out| {
        out.extend_from_slice(long.as_bytes());
    });
    outbox.deliver(&mut given);
    assert_eq!((socket.take_written().as_str(), text(&outbox).len()), ("", long.len()));
    outbox.deliver(&mut replies(&[ReplyTo::Untagged(2)]));
    assert_eq!((socket.take_written().as_str(), text(&outbox).as_str()), ("", "Untagged(2)\n"));
}

#[test]
fn the_session_writes_what_the_socket_did_not_accept_in_order() {
    let (socket, outbox) = Socket::with_capacity(15);
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    outbox.begin(3, 0);
    assert!(!outbox.poll_changed(&Context::from_waker(&waker), false));
    for place in 0..3 {
        outbox.deliver(&mut replies(&[ReplyTo::Untagged(place)]));
    }
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1, "one wakeup until the session polls again");
    assert_eq!(outbox.load().bytes, 36 - 15);
    assert_eq!(socket.take_written() + &text(&outbox), "Untagged(0)\nUntagged(1)\nUntagged(2)\n");
}

#[test]
fn the_number_of_summaries_in_flight_follows_their_size() {
    let outbox = Outbox::default();
    assert_eq!(outbox.load().flow.summaries_max(), SUMMARIES_BYTES_MAX / SUMMARY_BYTES_GUESS);
    for (bytes, at_once) in [(1_000, SUMMARIES_BYTES_MAX / 1_000), (1 << 30, SUMMARIES_AT_ONCE_MIN)]
    {
        outbox.begin(1, 1);
        let mut given = replies(&[ReplyTo::Nobody]);
        given.note_summary(bytes);
        outbox.deliver(&mut given);
        assert_eq!(
            (outbox.load().flow.summaries, outbox.load().flow.summaries_max()),
            (0, at_once)
        );
    }
}

#[test]
fn a_slow_reader_gets_the_newest_prices_and_all_events_up_to_the_limit() {
    let outbox = Outbox::default();
    let symbol = Symbol::parse(b"S").unwrap();
    let show = |cents| {
        let price = Money::from_cents(cents);
        outbox.push_quote(symbol, Push::Quote { symbol, price, at_ms: 1 });
    };
    [100, 200, 300].into_iter().for_each(show);
    assert_eq!(text(&outbox), "* QUOTE,S,1.00,1\n* QUOTE,S,2.00,1\n* QUOTE,S,3.00,1\n");
    let most = OUTBOX_QUOTES_MAX as i64;
    (1..=3 * most).for_each(show);
    let prices = text(&outbox);
    let last = format!("* QUOTE,S,{},1\n", Money::from_cents(3 * most));
    assert_eq!(prices.lines().count(), OUTBOX_QUOTES_MAX + 1);
    assert!(prices.ends_with(&last), "{prices}");
    let user = UserName::parse(b"alice").unwrap();
    let zero = Money::ZERO;
    let mut event = Vec::new();
    Push::Account { user, available: zero, reserved: zero, realised: zero }.write_to(&mut event);
    let event = Bytes::from(event);
    while !outbox.load().too_slow {
        outbox.push_events(&event);
    }
    outbox.push_events(&event);
    let left = text(&outbox);
    assert!(left.len() > OUTBOX_EVENT_BYTES_MAX && left.len() < OUTBOX_EVENT_BYTES_MAX + 100);
    assert!(left.ends_with("0.00\n* BYE,SLOW_CONSUMER\n"));
}

#[test]
fn many_events_are_written_in_order_with_what_is_before_and_after_them() {
    let (socket, outbox) = Socket::with_capacity(5);
    outbox.begin(2, 0);
    let lines: Vec<_> = (0..5_000).map(|n| format!("* ACCOUNT {n}\n")).collect();
    let lines = lines.concat();
    assert!(lines.len() > 2 * SMALL_CHUNK_BYTES);
    outbox.deliver(&mut replies(&[ReplyTo::Untagged(0)]));
    outbox.push_events(&Bytes::from(lines.clone()));
    outbox.push_events(&Bytes::from_static(b"* ACCOUNT last\n"));
    outbox.deliver(&mut replies(&[ReplyTo::Untagged(1)]));
    let whole = format!("Untagged(0)\n{lines}* ACCOUNT last\nUntagged(1)\n");
    assert_eq!(outbox.load().bytes, whole.len() - 5);
    assert!(socket.take_written() + &text(&outbox) == whole);
    assert_eq!(outbox.load().bytes, 0);
}

#[test]
fn after_a_failed_commit_the_same_requests_are_refused() {
    let given =
        replies(&[ReplyTo::Tagged(Tag::new(9).unwrap()), ReplyTo::Untagged(0), ReplyTo::Nobody]);
    let outbox = Outbox::default();
    outbox.begin(3, 0);
    outbox.deliver(&mut given.all_refused(&Refusal::ReadOnly));
    let text = text(&outbox);
    assert!(text.starts_with("[9] ERR,READ_ONLY,") && text.lines().count() == 2, "{text}");
    assert_eq!(outbox.load().flow.in_flight, 0);
}

#[test]
fn pushed_lines_wait_for_the_end_of_a_reply_in_parts() {
    let outbox = Outbox::default();
    outbox.begin(1, 0);
    outbox.begin_parts();
    outbox.append(b"-LOG,1\n".to_vec());
    outbox.push_events(&Bytes::from_static(b"* ACCOUNT\n"));
    let symbol = Symbol::parse(b"S").unwrap();
    outbox.push_quote(symbol, Push::Quote { symbol, price: Money::from_cents(1), at_ms: 0 });
    assert_eq!(text(&outbox), "-LOG,1\n");
    outbox.append(b"-LOG,2\n".to_vec());
    outbox.end_parts(&mut replies(&[ReplyTo::Untagged(0)]));
    assert_eq!(text(&outbox), "-LOG,2\nUntagged(0)\n* ACCOUNT\n* QUOTE,S,0.01,0\n");
}
