//! The rates of a login: a line that is past them waits, and nothing is lost.

use crate::access::LoginLimits;
use daytrade_protocol::{Body, Command, Parsed, SessionCommand};
use tokio::time::Instant;

/// What the line that is asked for has been granted so far.
#[derive(Debug, Default)]
pub(super) struct Admission {
    command: bool,
}

impl Admission {
    /// Takes the rights that a line needs. What was granted is kept until the line has all.
    ///
    /// # Errors
    /// When to ask again.
    pub(super) fn ask(&mut self, limits: &dyn LoginLimits, line: &Parsed) -> Result<(), Instant> {
        let needs_price = match line {
            Parsed::Nothing => return Ok(()),
            Parsed::Invalid(_) => false,
            Parsed::Request(request) => matches!(
                request.body,
                Body::Command(Command::Quote { .. } | Command::Buy { .. } | Command::Sell { .. })
                    | Body::Session(SessionCommand::Watch { .. })
            ),
        };
        if !self.command {
            limits.command()?;
            self.command = needs_price;
        }
        if needs_price {
            limits.price()?;
            self.command = false;
        }
        Ok(())
    }
}
