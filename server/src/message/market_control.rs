//! Commands of a market's owner to the quote manager.

/// A command of the market's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketControl {
    /// Say how it stands.
    Show,
    /// Stop the clock.
    Pause,
    /// Let it run again.
    Resume,
    /// Go to the next price.
    Step,
    /// Run at this speed, in thousandths of real time.
    Speed(u64),
    /// Go forward to this time of the market, Unix milliseconds.
    Seek(u64),
}
