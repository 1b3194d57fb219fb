//! Options of the source of prices.

use super::units;
use crate::limits::{HEDGE_AFTER_MS, QUOTE_CONNECTIONS_MAX, QUOTE_TIMEOUT_MS, REFRESH_BUDGET};
use crate::quotes::{LegacyOptions, QuoteSpec};
use clap::Args;
use std::time::Duration;

/// Source of prices and options of its requests.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Quotes")]
pub struct QuoteArgs {
    /// Source of prices; a frozen market keeps every first price [default: simulated; in daytrade
    /// the market that the data folder was played with last]
    #[arg(long, value_name = "simulated[:SEED][:frozen]|legacy:HOST:PORT|csv:FILE")]
    pub quotes: Option<QuoteSpec>,
    /// Playback speed of csv:FILE, as a multiple of real time
    #[arg(
        long,
        default_value = "1",
        value_name = "X",
        value_parser = crate::quotes::market::parse_speed
    )]
    pub speed: u64,
    /// Play csv:FILE back and forth without an end
    #[arg(long = "loop")]
    pub looped: bool,
    /// Let simulated prices move by themselves, a step in this many milliseconds; 0 for a step at
    /// each request
    #[arg(long, value_name = "MS", value_parser = units::milliseconds(0, 86_400_000))]
    pub tick: Option<u64>,
    /// Deadline for a quote, in milliseconds
    #[arg(
        long,
        default_value_t = QUOTE_TIMEOUT_MS,
        value_name = "MS",
        value_parser = units::milliseconds(1, u64::MAX)
    )]
    pub quote_timeout: u64,
    /// Repeat a legacy quote request on another connection after this many milliseconds without an
    /// answer; 0 disables this
    #[arg(
        long,
        default_value_t = HEDGE_AFTER_MS,
        value_name = "MS",
        value_parser = units::milliseconds(0, u64::MAX)
    )]
    pub hedge_after: u64,
    /// Maximum number of connections to a legacy quote server
    #[arg(
        long,
        default_value_t = QUOTE_CONNECTIONS_MAX as u64,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=65_536)
    )]
    pub quote_connections: u64,
    /// Limit of re-quotes a second for symbols with triggers or watchers
    #[arg(
        long,
        default_value_t = REFRESH_BUDGET,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000)
    )]
    pub refresh_budget: u64,
}

impl Default for QuoteArgs {
    fn default() -> Self {
        Self {
            quotes: None,
            speed: crate::quotes::market::REAL_TIME,
            looped: false,
            tick: None,
            quote_timeout: QUOTE_TIMEOUT_MS,
            hedge_after: HEDGE_AFTER_MS,
            quote_connections: QUOTE_CONNECTIONS_MAX as u64,
            refresh_budget: REFRESH_BUDGET,
        }
    }
}

impl QuoteArgs {
    /// Returns the source of prices.
    pub fn spec(&self) -> QuoteSpec {
        self.quotes.clone().unwrap_or_default()
    }

    /// Returns the options of a legacy quote server.
    pub fn legacy(&self) -> LegacyOptions {
        LegacyOptions {
            timeout: Duration::from_millis(self.quote_timeout),
            hedge_after: (self.hedge_after > 0).then(|| Duration::from_millis(self.hedge_after)),
            connections: self.quote_connections as usize,
        }
    }
}
