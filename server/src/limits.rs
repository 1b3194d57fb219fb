//! Every bound of the server, in one place. Past a bound comes an error that says so, or
//! backpressure; never growth without end and never a silent drop.

/// How long a pending order and a quote live, in milliseconds: an order has run out at exactly this
/// age, a quote is still good at exactly this age.
pub const LIFE_MS: u64 = 60_000;

/// Pending orders of one user on one side (`LIMIT_EXCEEDED`).
pub const PENDING_ORDERS_MAX: usize = 1_000;

/// Entries of a user's history that DISPLAY_SUMMARY shows.
pub const HISTORY_MAX: usize = 10;

/// Connections at once, unless `--max-connections` says otherwise (`OVERLOADED`).
pub const CONNECTIONS_DEFAULT: usize = 10_000;

/// How long a connection may go without sending a whole line, in seconds, unless `--idle-timeout`
/// says otherwise.
pub const IDLE_TIMEOUT_S: u64 = 600;

/// Requests of one connection that are read and not yet answered; beyond it the server stops
/// reading.
pub const IN_FLIGHT_MAX: usize = 65_536;

/// Bytes of replies that wait for one connection's socket; beyond it the server stops reading from
/// it.
pub const OUTBOX_BYTES_MAX: usize = 4 << 20;

/// Bytes of account events that wait for a subscriber who does not read; beyond it the connection
/// closes. It is more than one round of a shard can say.
pub const OUTBOX_EVENT_BYTES_MAX: usize = 4 << 20;

/// Summaries of one connection that are asked for and not yet answered may come to this many bytes;
/// the session waits with the next one.
pub const SUMMARIES_BYTES_MAX: usize = 32 << 20;
/// What a summary is taken to need before the first one is seen.
pub const SUMMARY_BYTES_GUESS: usize = 64 << 10;
/// However long they are, so many may be asked for at once.
pub const SUMMARIES_AT_ONCE_MIN: usize = 16;

/// How long a connection that is being closed may take to accept what is left for it, in
/// milliseconds.
pub const LINGER_MS: u64 = 5_000;

/// Subscriptions and watches of one connection together (`LIMIT_EXCEEDED`).
pub const SUBSCRIPTIONS_MAX: usize = 4_096;

/// The read buffer of a connection: it starts small, because most of many connections are idle, and
/// grows while reads fill it.
pub const READ_BUFFER_BYTES_MIN: usize = 4 << 10;
/// The largest a read buffer grows.
pub const READ_BUFFER_BYTES_MAX: usize = 256 << 10;

/// Jobs in one message from a session to a shard.
pub const BATCH_JOBS_MAX: usize = 4_096;

/// Batches that wait in a shard's queue; beyond it sessions wait.
pub const SHARD_QUEUE_BATCHES: usize = 256;

/// A shard ends a round, and so a frame, at this many records …
pub const FRAME_RECORDS_SOFT: usize = 16_384;
/// … or this many bytes of records …
pub const FRAME_BYTES_SOFT: usize = 4 << 20;
/// … or this many bytes of replies.
pub const ROUND_REPLY_BYTES_SOFT: usize = 8 << 20;

/// Jobs whose accounts are fetched into the processor's cache together, before the first of them is
/// carried out.
pub const LOOK_AHEAD_JOBS: usize = 16;

/// Triggers fired in one round, so that a price that fires ten thousand holds nobody up.
pub const FIRED_IN_ROUND_MAX: usize = 2_000;

/// No frame is longer; one that says it is, is damaged. A round passes its soft bounds by one job,
/// which may run out a full stack of orders first.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// A journal segment is closed before it would grow beyond this.
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// Space of a journal segment that is filled with zeros ahead of small frames.
pub const FILL_BYTES: u64 = 1 << 20;

/// Disk space that must stay free, in bytes, and as much again for each shard: enough for the round
/// it is in. With less, commands that would write are refused (`READ_ONLY`) until there is more.
pub const FREE_BYTES_MIN: u64 = 6 << 20;
/// How often a shard that has found work lets others run before it writes: sessions that have
/// something to say say it, and one sync serves them all. It stops as soon as nothing more comes.
pub const GATHER_TURNS_MAX: usize = 16;
/// How often a shard looks whether there is room again, in milliseconds.
pub const LOOK_FOR_ROOM_MS: u64 = 500;

/// A snapshot is taken after so many records, or twice as many as there are users, unless
/// `--snapshot-every` says otherwise: a start reads as many in a tenth of a second.
pub const SNAPSHOT_RECORDS_MIN: u64 = 500_000;
/// A stopping shard takes one after so many.
pub const SNAPSHOT_AT_STOP_RECORDS_MIN: u64 = 10_000;
/// A snapshot is copied in slices of about this size, each well below 5 ms; accounts that change
/// before their turn come on top.
pub const SNAPSHOT_SLICE_BYTES_SOFT: usize = 256 << 10;
/// A snapshot is given up when it would leave less room than this on the disk.
pub const SNAPSHOT_FREE_BYTES_MIN: u64 = 48 << 20;
/// How many snapshots are kept: the newest, and one to fall back on.
pub const SNAPSHOTS_KEPT: usize = 2;

/// Dumps written at once; further ones wait.
pub const DUMPS_AT_ONCE: usize = 2;
/// A dump hands over a shard's part of the log in batches of about this size …
pub const DUMP_BATCH_BYTES: usize = 256 << 10;
/// … and writes pieces of this size, so long that the disk is hardly slower for them, and so short
/// that a journal's sync may wait for one. …
pub const DUMP_PIECE_BYTES: usize = 64 << 10;
/// … Where they have to go through the page cache, no more than this is left there.
pub const DUMP_UNSYNCED_BYTES: u64 = 32 << 20;
/// How many pieces wait to be written or filled.
pub const DUMP_PIECES: usize = 8;

/// Connections to a legacy quote server at once, unless `--quote-connections` says otherwise;
/// further requests wait in order.
pub const QUOTE_CONNECTIONS_MAX: usize = 256;

/// Connections to a legacy quote server open at once for one quote: the first, and those opened
/// because an answer is slow.
pub const QUOTE_ATTEMPTS_MAX: u32 = 5;

/// After how many milliseconds without an answer another connection is tried, unless
/// `--hedge-after` says otherwise.
pub const HEDGE_AFTER_MS: u64 = 30;

/// How long a quote may take, in milliseconds, unless `--quote-timeout` says otherwise
/// (`QUOTE_UNAVAILABLE`).
pub const QUOTE_TIMEOUT_MS: u64 = 5_000;

/// Quotes a second that no command waits for, unless `--refresh-budget` says otherwise: the 2,773
/// symbols of a large workload within fifteen seconds.
pub const REFRESH_BUDGET: u64 = 200;

/// How long to leave a symbol alone whose re-quote failed, in milliseconds.
pub const REQUOTE_PAUSE_MS: u64 = 5_000;

/// Rows of a file of prices that is played.
pub const CSV_ROWS_MAX: usize = 20_000_000;

/// The longest answer a legacy quote server may give, in bytes.
pub const QUOTE_ANSWER_BYTES_MAX: usize = 256;

/// The most shards a data folder may have.
pub const SHARDS_MAX: usize = 1_024;

/// How long a stopping server waits for its sessions, in milliseconds: longer than a quote may
/// take.
pub const STOP_MS: u64 = QUOTE_TIMEOUT_MS + LINGER_MS;
