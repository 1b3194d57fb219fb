//! All limits of the server. A request beyond a limit is refused with an error, or backpressure is
//! applied. Nothing grows without a limit, and nothing is dropped silently.

use std::num::NonZeroU32;
use std::time::Duration;

/// Lifetime of a pending order and of a quote, in milliseconds. At exactly this age, an order has
/// expired and a quote is still valid.
pub(crate) const LIFE_MS: u64 = 60_000;

/// Maximum number of pending orders of one user on one side (`LIMIT_EXCEEDED`).
pub(crate) const PENDING_ORDERS_MAX: usize = 1_000;

/// Number of entries in a user's history, as shown by DISPLAY_SUMMARY.
pub(crate) const HISTORY_MAX: usize = 10;

/// Default of `--max-connections`. Further connections are refused (`OVERLOADED`).
pub(crate) const CONNECTIONS_DEFAULT: usize = 10_000;

/// Connections to an address that the system has taken in and the server not yet (the system's own
/// bound, `net.core.somaxconn`, is usually 4,096).
pub(crate) const BACKLOG: u32 = 4_096;

/// Maximum number of connections that are being told so. Others are closed without a word.
pub(crate) const TURNED_AWAY_MAX: usize = 1_024;

/// Part of the open files for them: one of this many.
pub(crate) const TURNED_AWAY_SHARE: usize = 8;

/// Number of files that the server itself has open or may have to open: standard streams, sockets,
/// the log, the data folder, and dumps.
pub(crate) const OPEN_FILES_RESERVE: usize = 28;
/// Number of files that each shard has open or may have to open: two segments, a snapshot, its
/// folder, and the segments that are being dumped or sent to clients.
pub(crate) const OPEN_FILES_PER_SHARD: usize = 4 + DUMPS_AT_ONCE + LOG_READERS_MAX;

/// Silence after which the system asks a peer whether it is still there, the interval between such
/// probes, and their number until the connection ends.
pub(crate) const KEEPALIVE_IDLE: Duration = Duration::from_mins(1);
pub(crate) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
pub(crate) const KEEPALIVE_PROBES: u32 = 3;
/// Time after which sent data that is not acknowledged ends a connection, milliseconds.
pub(crate) const KEEPALIVE_TIMEOUT_MS: u32 = 90_000;

/// Default of `--idle-timeout`: the time a connection may stay open without a complete line,
/// seconds.
pub(crate) const IDLE_TIMEOUT_S: u64 = 600;

/// Maximum number of unanswered requests of one connection. At the limit the server stops reading
/// from it.
pub(crate) const IN_FLIGHT_MAX: usize = 65_536;

/// Buffer capacity for replies of one connection, bytes. At the limit the server stops reading from
/// it.
pub(crate) const OUTBOX_BYTES_MAX: usize = 3 << 18;

/// Maximum number of large reply buffers that are kept for the next replies: 9 MiB.
pub(crate) const SPARE_CHUNKS_MAX: usize = 64;
/// Maximum number of small read buffers, and of empty batches, that each thread of sockets keeps.
pub(crate) const SPARE_OF_THREAD_MAX: usize = 8;

/// Maximum number of emptied collections of replies that each shard keeps for connections with one
/// request, and the memory of one, bytes.
pub(crate) const SPARE_REPLIES_MAX: usize = 1_024;
pub(crate) const SPARE_REPLIES_BYTES: usize = 2 << 10;

/// Default of `--memory-limit`: the replies and events of all connections together. Past it, the
/// connection that holds most is closed.
pub(crate) const MEMORY_LIMIT: &str = "512MiB";
pub(crate) const MEMORY_LIMIT_BYTES: usize = 512 << 20;

/// Buffer capacity for account events of one subscriber, bytes. Beyond the limit the connection is
/// closed. It exceeds the events of one round of a shard.
pub(crate) const OUTBOX_EVENT_BYTES_MAX: usize = 4 << 20;

/// Maximum total size of unanswered summaries of one connection, bytes. At the limit the session
/// waits before it requests the next one.
pub(crate) const SUMMARIES_BYTES_MAX: usize = 32 << 20;
/// Assumed size of a summary before the first one is known, bytes.
pub(crate) const SUMMARY_BYTES_GUESS: usize = 64 << 10;
/// Number of summaries that may be requested concurrently, regardless of their size.
pub(crate) const SUMMARIES_AT_ONCE_MIN: usize = 16;

/// Time a closing connection has to accept its remaining replies, milliseconds.
pub(crate) const LINGER_MS: u64 = 5_000;

/// Maximum number of subscriptions and watches of one connection (`LIMIT_EXCEEDED`).
pub(crate) const SUBSCRIPTIONS_MAX: usize = 4_096;

/// Maximum number of subscribers of one account (`LIMIT_EXCEEDED`).
pub(crate) const SUBSCRIBERS_MAX: usize = 64;

/// Smallest size of a read buffer, bytes. Sessions share buffers of this size; those of one whose
/// reads fill it grow.
pub(crate) const READ_BUFFER_BYTES_MIN: usize = 4 << 10;
/// Maximum size of a read buffer, bytes.
pub(crate) const READ_BUFFER_BYTES_MAX: usize = 256 << 10;

/// Maximum number of jobs in one message from a session to a shard.
pub(crate) const BATCH_JOBS_MAX: usize = 512;
/// Maximum number of jobs of one connection that a shard carries out before the next connection has
/// its turn.
pub(crate) const TURN_JOBS_MAX: usize = 512;
/// Number of jobs after which a session lets others run that are served by the same thread.
pub(crate) const JOBS_BEFORE_YIELD: usize = 4 * BATCH_JOBS_MAX;
/// Number of jobs at which a shard leaves further batches in its queue.
pub(crate) const INBOX_JOBS_SOFT: usize = 4 * FRAME_RECORDS_SOFT;

/// How often the values of STATS are collected in each period of this length. Requests past that
/// are answered with the last ones.
pub(crate) const STATS_BURST: u32 = 16;
pub(crate) const STATS_AGE_MAX: Duration = Duration::from_millis(100);

/// Capacity of a shard's queue, in jobs. Sessions wait while it is full.
pub(crate) const SHARD_QUEUE_JOBS: usize = 256 * BATCH_JOBS_MAX;

/// Number of records at which a shard ends a round, and so a frame.
pub(crate) const FRAME_RECORDS_SOFT: usize = 16_384;
/// Size of the table of the users that a frame has named, by their index modulo this. Users who
/// share an element are named again.
pub(crate) const NAMED_USERS: usize = 16_384;
/// Size of the records at which a shard ends a round, bytes.
pub(crate) const FRAME_BYTES_SOFT: usize = 4 << 20;
/// Size of the replies at which a shard ends a round, bytes.
pub(crate) const ROUND_REPLY_BYTES_SOFT: usize = 8 << 20;

/// Number of jobs whose accounts are prefetched into the processor's cache together, before the
/// first job is run.
pub(crate) const PREFETCH_JOBS: usize = 24;

/// Number of triggers fired in one round, so that a price that fires ten thousand triggers does not
/// delay other commands.
pub(crate) const FIRED_IN_ROUND_MAX: usize = 2_000;

/// As [`FRAME_BYTES_SOFT`], for a log on other machines: a frame is one message.
pub(crate) const SHARED_FRAME_BYTES_SOFT: usize = 256 << 10;

/// How long an append to a log on other machines may take, tries together.
pub(crate) const LOG_PATIENCE: Duration = Duration::from_secs(15);
/// How long one try may take, and the pause before the next.
pub(crate) const LOG_TRY: Duration = Duration::from_secs(1);
pub(crate) const LOG_PAUSE: Duration = Duration::from_millis(100);

/// Maximum size of a frame, bytes; a header with a larger size is damaged. A round exceeds its soft
/// limits by at most one job, which may first expire all pending orders of a user.
pub(crate) const FRAME_BYTES_MAX: usize = 16 << 20;

/// Maximum size of a journal segment, bytes.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// Size of the space that is preallocated with zeros for small frames, bytes.
pub(crate) const FILL_BYTES: u64 = 1 << 20;

/// Free disk space required for the server and again for each shard, bytes. It is enough for the
/// current round. With less, commands that would write are refused (`READ_ONLY`).
pub(crate) const FREE_BYTES_MIN: u64 = 6 << 20;

/// Number of files that a file system must have left; with fewer it counts as full.
pub(crate) const FREE_FILES_MIN: u64 = 64;

/// Returns the free disk space that a server with this many shards requires, bytes.
pub(crate) const fn free_bytes_min(shards: usize) -> u64 {
    FREE_BYTES_MIN * (1 + shards as u64)
}

/// Number of times a shard with work yields to other tasks before it writes, so that more requests
/// share one sync. It stops when no more requests arrive.
pub(crate) const GATHER_TURNS_MAX: usize = 16;
/// Time for which a shard looks for the next message before it waits to be woken.
pub(crate) const SHARD_SPIN: Duration = Duration::from_micros(100);
/// Time after a command for which the sockets are polled without sleeping, while one or two clients
/// send one command at a time. A fast disk has synced the command by then.
pub(crate) const SESSION_SPIN: Duration = Duration::from_micros(300);
/// Number of times in a row that this may be in vain. After that it is only tried again
/// [`BUSY_POLL_PAUSE`] commands later.
pub(crate) const BUSY_POLL_ATTEMPTS: u32 = 8;
/// See [`BUSY_POLL_ATTEMPTS`].
pub(crate) const BUSY_POLL_PAUSE: u64 = 64;
/// Interval between checks of the free disk space while it is low, milliseconds.
pub(crate) const FREE_SPACE_CHECK_MS: u64 = 500;

/// Default of `--snapshot-every`: records between two snapshots, or
/// [`SNAPSHOT_RECORDS_PER_USER`] for each user beyond [`SNAPSHOT_USERS_FREE`] if that is more.
/// Recovery reads this many records in a tenth of a second.
pub(crate) const SNAPSHOT_RECORDS_MIN: u64 = 500_000;
/// Records for each user between two snapshots, at least: a snapshot of full histories then takes
/// about as many bytes as the journal since the one before, and a start reads both.
pub(crate) const SNAPSHOT_RECORDS_PER_USER: u64 = 8;
/// Users that do not count in that: copying so few accounts takes no time worth mentioning.
pub(crate) const SNAPSHOT_USERS_FREE: u64 = 1_000;
/// Records after which a stopping shard takes a snapshot.
pub(crate) const SNAPSHOT_AT_STOP_RECORDS_MIN: u64 = 10_000;
/// Approximate size of a slice of a snapshot, bytes. Copying a slice takes well below 5 ms.
/// Accounts that change before their slice are copied in addition.
pub(crate) const SNAPSHOT_SLICE_BYTES_SOFT: usize = 256 << 10;
/// Bytes of a snapshot that are written before they are synced: the sync of a journal meanwhile
/// waits for no more.
pub(crate) const SNAPSHOT_UNSYNCED_BYTES: u64 = 4 << 20;
/// Free disk space below which a snapshot is cancelled, bytes.
pub(crate) const SNAPSHOT_FREE_BYTES_MIN: u64 = 48 << 20;
/// Number of snapshots kept: the newest and a fallback.
pub(crate) const SNAPSHOTS_KEPT: usize = 2;

/// Maximum number of concurrent dumps; further ones wait.
pub(crate) const DUMPS_AT_ONCE: usize = 2;
/// Approximate size of the batches a dump receives from each shard's journal, bytes.
pub(crate) const DUMP_BATCH_BYTES: usize = 128 << 10;
/// Size of the buffers that a dump writes at once while no shard commits, bytes.
pub(crate) const DUMP_WRITE_BYTES: usize = 1 << 20;
/// Size of the pieces it writes while shards commit, bytes: small enough for a journal's sync to
/// wait for one piece.
pub(crate) const DUMP_PIECE_BYTES: usize = 32 << 10;
/// Longest pause after such a piece. The pause is as long as the piece took.
pub(crate) const DUMP_PAUSE_MAX: Duration = Duration::from_millis(5);
/// Time without a frame after which nobody trades, for a dump.
pub(crate) const DUMP_QUIET: Duration = Duration::from_millis(20);
/// Maximum unsynced data of a dump in the page cache, if direct I/O is not supported, bytes.
pub(crate) const DUMP_UNSYNCED_BYTES: u64 = 32 << 20;
/// Default of `--dump-quota`: maximum size of all files in the dump folder (`DUMP_FAILED`).
pub(crate) const DUMP_QUOTA: &str = "10GiB";
/// Smallest size that a record takes in a log, bytes. A dump that cannot fit is refused at once.
pub(crate) const DUMP_ELEMENT_BYTES_MIN: u64 = 150;
/// Free disk space that a dump leaves in addition to the space for the journals, bytes.
pub(crate) const DUMP_FREE_BYTES_MIN: u64 = SNAPSHOT_FREE_BYTES_MIN;
/// Output after which a dump looks at the free space again, bytes.
pub(crate) const DUMP_SPACE_CHECK_BYTES: u64 = 4 << 20;
/// Maximum number of entries and depth of the dump folder that are searched for unfinished dumps
/// and counted for the quota.
pub(crate) const DUMP_FOLDER_ENTRIES_MAX: usize = 1_000_000;
pub(crate) const DUMP_FOLDER_DEPTH_MAX: usize = 16;
/// Size that a file or folder counts at least for the quota, bytes.
pub(crate) const DUMP_ENTRY_BYTES: u64 = 4 << 10;
/// Number of files that a file system must be able to create after a dump: far more than the
/// journals need.
pub(crate) const DUMP_FREE_FILES_MIN: u64 = 1_024;
/// Maximum number of threads of a dump that read journals. The dump reads further ones itself.
pub(crate) const DUMP_READERS_MAX: usize = 8;
/// Number of buffers that wait to be written or filled.
pub(crate) const DUMP_WRITE_BUFFERS: usize = 3;

/// Default of `--quote-connections`. Further requests wait in order.
pub(crate) const QUOTE_CONNECTIONS_MAX: usize = 256;

/// Maximum number of open connections to a legacy quote server for one quote, including hedges.
pub(crate) const QUOTE_ATTEMPTS_MAX: u32 = 5;

/// Default of `--hedge-after`: the time without an answer after which another connection is tried,
/// milliseconds.
pub(crate) const HEDGE_AFTER_MS: u64 = 30;

/// Default of `--quote-timeout`: the deadline for a quote, milliseconds (`QUOTE_UNAVAILABLE`).
pub(crate) const QUOTE_TIMEOUT_MS: u64 = 5_000;

/// Default of `--refresh-budget`: re-quotes a second that no command waits for. It renews the 2,773
/// symbols of a large workload within fifteen seconds.
pub(crate) const REFRESH_BUDGET: u64 = 200;

/// Shortest time between two records of a market's clock, milliseconds.
pub(crate) const MARKET_RECORD_PAUSE_MS: u64 = 20;

/// Time after which a market's clock is recorded though no price was shown, milliseconds. A killed
/// server loses at most this much of a stretch without prices.
pub(crate) const MARKET_IDLE_RECORD_MS: u64 = 5_000;

/// Prices that a market shows before the shards must have taken them.
pub(crate) const MARKET_ROWS_AT_ONCE: usize = 1_024;

/// Prices of a connection that wait whole. Of more, the newest of each symbol is kept.
pub(crate) const OUTBOX_QUOTES_MAX: usize = 64;

/// Pause before a failed re-quote is tried again, milliseconds.
pub(crate) const REQUOTE_PAUSE_MS: u64 = 5_000;

/// Maximum number of rows of a file of prices.
pub(crate) const CSV_ROWS_MAX: usize = 20_000_000;

/// How long the addresses of a quote server's name are used.
pub(crate) const HOST_KEPT: Duration = Duration::from_mins(1);
/// How long a name that was not found is not looked up again.
pub(crate) const HOST_FAILURE_KEPT: Duration = Duration::from_secs(1);
/// Maximum size of an answer of a legacy quote server, bytes.
pub(crate) const QUOTE_ANSWER_BYTES_MAX: usize = 256;

/// Size at which a log file is renamed and another one begun, bytes. One older file is kept.
pub(crate) const LOG_FILE_BYTES_MAX: u64 = 64 << 20;
/// Maximum number of log lines that wait to be written; further ones are dropped. The queue has its
/// whole size from the start: 32 bytes a line.
pub(crate) const LOG_LINES_WAITING_MAX: usize = 8_192;

/// Failed logins after which a connection is closed.
pub(crate) const LOGIN_FAILURES_MAX: u32 = 3;
/// Time within which a session ends whose login has been changed.
pub(crate) const REVOKED_WITHIN: Duration = Duration::from_millis(900);
/// Bytes that a connection may send and receive before it has logged in.
pub(crate) const LOGIN_BYTES_MAX: usize = 4 << 10;

/// Time that a connection has for its TLS handshake and its login.
pub(crate) const LOGIN_WITHIN: Duration = Duration::from_secs(10);
/// Maximum number of connections that are not logged in, and of those of one address. A further one
/// takes the place of the oldest of the address that has most.
pub(crate) const ENTERING_MAX: usize = 256;
pub(crate) const ENTERING_OF_ADDRESS_MAX: usize = 16;
/// Default of `--address-connections` (`OVERLOADED`).
pub(crate) const ADDRESS_CONNECTIONS: usize = 64;
/// Default of `--login-connections` (`OVERLOADED`).
pub(crate) const LOGIN_CONNECTIONS: usize = 16;
/// Connections that only admins and monitors may take; fewer if the server takes few.
pub(crate) const CONNECTIONS_KEPT: usize = 100;
/// Shortest time in which a wrong secret is answered.
pub(crate) const FAILED_LOGIN_TIME: Duration = Duration::from_millis(100);
/// Failed logins of one address at once, and the interval of further ones (`RATE_LIMITED`).
pub(crate) const FAILURE_BURST: u32 = 10;
pub(crate) const FAILURE_INTERVAL: Duration = Duration::from_secs(10);
/// How long a login waits for others of its address that may still fail, and how often.
pub(crate) const ATTEMPT_TURN: Duration = Duration::from_millis(50);
pub(crate) const ATTEMPT_TURNS_MAX: u32 = 200;
/// Maximum number of addresses whose failures are remembered, and of names.
pub(crate) const FAILURE_SOURCES_MAX: usize = 65_536;
pub(crate) const NAMES_TRIED_MAX: usize = 16_384;
/// How long the failures of a name are remembered, and the longest delay they cause.
pub(crate) const NAME_FAILURES_KEPT: Duration = Duration::from_mins(10);
pub(crate) const NAME_DELAY_MAX: Duration = Duration::from_secs(1);
/// Passwords that are hashed at once, each in 19 MiB, and that wait for it (`RATE_LIMITED`).
pub(crate) const PASSWORD_HASHES_AT_ONCE: usize = 2;
pub(crate) const PASSWORD_HASHES_WAITING: usize = 64;
/// Default of `--login-rate` and `--price-rate`: lines of a login a second, and those among them
/// that need a price. Past them the server reads more slowly.
pub(crate) const COMMAND_RATE: NonZeroU32 = NonZeroU32::new(5_000).unwrap();
pub(crate) const PRICE_RATE: NonZeroU32 = NonZeroU32::new(200).unwrap();
/// DUMPLOGs and READLOGs of a login in a minute (`RATE_LIMITED`).
pub(crate) const LOG_READS_A_MINUTE: NonZeroU32 = NonZeroU32::new(6).unwrap();
/// Maximum number of logins.
pub(crate) const USERS_MAX: usize = 100_000;
/// Size of a file of the security log, bytes, and how many are kept.
pub(crate) const SECURITY_LOG_BYTES_MAX: u64 = 16 << 20;
pub(crate) const SECURITY_LOG_FILES: u32 = 8;
/// Interval at which the security log notes each event that a client can cause at will: a line that
/// its role forbids, a refusal because of a rate, a failed TLS handshake.
pub(crate) const FREQUENT_NOTED: Duration = Duration::from_millis(100);
/// Interval at which expired logins are looked for.
pub(crate) const EXPIRY_CHECK: Duration = Duration::from_millis(500);
/// Life of an invitation, hours.
pub(crate) const INVITATION_HOURS: i64 = 24;
/// Time that a request over the control socket may take.
pub(crate) const CONTROL_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections of `--metrics` at a time.
pub(crate) const METRICS_CONNECTIONS_MAX: usize = 16;
/// Time that a request to `--metrics` may take, the answers of the shards included.
pub(crate) const METRICS_TIMEOUT: Duration = Duration::from_secs(15);
/// Pause after a connection to `--metrics` that was not accepted.
pub(crate) const METRICS_ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Time that shards have to look at their disks before a server says whether it is ready.
pub(crate) const LOOK_WITHIN: Duration = Duration::from_secs(1);
/// Time within which every shard of a server that lives answers.
pub(crate) const LIVE_WITHIN: Duration = Duration::from_secs(10);

/// Longest time that a client of READLOG may take nothing.
pub(crate) const LOG_READER_PATIENCE: Duration = Duration::from_secs(5);
/// Maximum number of READLOGs under way; each has a thread (`OVERLOADED`).
pub(crate) const LOG_READERS_MAX: usize = 8;
/// Size of the parts of the log that are sent to a client, bytes, and how many wait for it.
pub(crate) const LOG_PART_BYTES: usize = 64 << 10;
pub(crate) const LOG_PARTS_WAITING: usize = 2;

/// Transaction number from which a start reports that numbers are unusually high.
pub(crate) const ASSIGNED_UNUSUAL: u64 = 1 << 62;

/// Interval of heartbeats, and the silence after which the owner of a cluster is replaced.
pub(crate) const HEARTBEAT: Duration = Duration::from_millis(500);
pub(crate) const OWNER_SILENCE: Duration = Duration::from_secs(2);
/// Frames that a follower may be behind and still be one that could take over.
pub(crate) const FOLLOWER_LAG_MAX: u64 = 1_000;
/// How long commands wait for an owner (`READ_ONLY`).
pub(crate) const OWNER_WAIT: Duration = Duration::from_secs(15);
/// How long a server without a copy waits to hear what copies others have.
pub(crate) const UNKNOWN_COPIES_WAIT: Duration = Duration::from_secs(10);
/// How long a takeover of all shards may take, and a stopping owner waits for the next one.
pub(crate) const TAKE_OVER_WITHIN: Duration = Duration::from_secs(10);
pub(crate) const HAND_OVER_WITHIN: Duration = Duration::from_secs(5);
/// Difference of clocks with which a server may not become the owner, milliseconds.
pub(crate) const CLOCK_SKEW_MS: u64 = 1_000;
/// Maximum number of servers of a cluster that are remembered.
pub(crate) const NODES_MAX: usize = 64;
/// Frames that are handed to a follower at once, their size, and how many such parts wait for it.
pub(crate) const FOLLOWED_FRAMES_MAX: usize = 256;
pub(crate) const FOLLOWED_BYTES_SOFT: usize = 1 << 20;
pub(crate) const FOLLOWED_PARTS_WAITING: usize = 4;
/// Shards of a new cluster.
pub(crate) const CLUSTER_SHARDS: u16 = 12;
/// Smallest maximum of a message that a NATS server must have, bytes.
pub(crate) const NATS_PAYLOAD_MIN: usize = 1 << 20;

/// Maximum number of shards of a data folder.
pub(crate) const SHARDS_MAX: usize = 1_024;

/// Time a stopping server waits for its sessions, milliseconds. It is longer than the deadline for
/// a quote.
pub(crate) const STOP_MS: u64 = QUOTE_TIMEOUT_MS + LINGER_MS;
