//! The answer to HELP.

use daytrade_protocol::{CommandName, Detail, Lines, ReplyBody, Tag};

/// What follows the sixteen commands.
const SESSION_LINES: &[&str] = &[
    "PING  STATS  HELP  QUIT",
    "SUBSCRIBE,user  UNSUBSCRIBE,user  account events as lines that start with *",
    "WATCH,symbol  UNWATCH,symbol  prices as lines that start with *",
    "a [number] before a command comes back before its reply; noreply behind it wants none",
];

/// Appends the whole reply.
pub(super) fn write_help(tag: Option<Tag>, out: &mut Lines) {
    let commands = CommandName::ALL.iter().map(|name| name.usage());
    let mut lines = 0;
    for text in commands.chain(SESSION_LINES.iter().copied()) {
        Detail::Text(text.into()).write_to(tag, out);
        lines += 1;
    }
    ReplyBody::Help { lines }.write_to(tag, out);
}
