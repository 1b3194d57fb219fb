//! Which part of the log is wanted.

use super::filter::LogFilter;

/// A part of the log.
#[derive(Clone, Debug)]
pub(crate) struct LogQuery {
    /// The events.
    pub filter: LogFilter,
    /// The shard that has all of them, if one has.
    pub shard: Option<usize>,
    /// Shard and number of the DUMPLOG's own record, which comes last and is always included.
    pub own: Option<(usize, u64)>,
    /// Time of the first events, Unix milliseconds.
    pub from_ms: u64,
    /// Time of the last events, Unix milliseconds.
    pub until_ms: u64,
}
