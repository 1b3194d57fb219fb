//! The rates of a login: a line that is past them waits, and nothing is lost.

use crate::access::LoginLimits;
use daytrade_protocol::{Body, Command, Parsed, SessionCommand};
use tokio::time::Instant;

/// Takes the rights that a line needs. A line that waits asks again.
pub(super) fn throttle(limits: &dyn LoginLimits, line: &Parsed) -> Result<(), Instant> {
    let needs_price = match line {
        Parsed::Nothing => return Ok(()),
        Parsed::Invalid(_) => false,
        Parsed::Request(request) => matches!(
            request.body,
            Body::Command(Command::Quote { .. } | Command::Buy { .. } | Command::Sell { .. })
                | Body::Session(SessionCommand::Watch { .. })
        ),
    };
    if needs_price {
        limits.price()?;
    }
    limits.command()
}
