//! The answer to HELP.

use daytrade_protocol::{CommandName, Detail, LineBuffer, ReplyBody, SESSION_HELP, Tag};

/// Appends the complete reply.
pub(super) fn write_help(tag: Option<Tag>, out: &mut LineBuffer) {
    let commands = CommandName::ALL.iter().map(|name| name.usage());
    let mut lines = 0;
    for text in commands.chain(SESSION_HELP.iter().copied()) {
        Detail::Text(text.into()).write_to(tag, out);
        lines += 1;
    }
    ReplyBody::Help { lines }.write_to(tag, out);
}
