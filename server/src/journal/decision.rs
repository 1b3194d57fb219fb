//! Recovery decisions: pure tables that map each observed condition of the journal to an action.
//! The first matching row applies.
//!
//! docs/JOURNAL.md contains the same tables. A test compares them and checks every combination.

/// An action during recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Accept it and continue reading.
    Continue,
    /// The segment ends here.
    End,
    /// Cut off an interrupted last write. Writing continues there.
    Cut,
    /// Remove a segment that was never used.
    Remove,
    /// Skip the snapshot, and use an older one or the whole journal.
    PassOver,
    /// Refuse the start and change nothing.
    Refuse,
}

/// One row of a table: the observed columns, the action and the reason.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// One letter a column: `y`, `n`, or `-` for either.
    pub seen: &'static str,
    /// Action to take.
    pub decision: Decision,
    /// Reason for the action.
    pub reason: &'static str,
}

const fn row(seen: &'static str, decision: Decision, reason: &'static str) -> Row {
    Row { seen, decision, reason }
}

use Decision::{Continue, Cut, End, PassOver, Refuse, Remove};

/// Observations at a position in a segment where a frame should begin.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of the table")]
pub struct SeenFrame {
    /// The rest of the file is empty or contains only zeros.
    pub empty: bool,
    /// The header is valid and all bytes of the frame are present.
    pub whole: bool,
    /// The checksum matches.
    pub checksum: bool,
    /// The format version is known.
    pub version: bool,
    /// The frame belongs to this shard.
    pub shard: bool,
    /// Its numbers follow those of the previous frame.
    pub follows: bool,
    /// It contains the checksum of the previous frame.
    pub chain: bool,
    /// Its records can be decoded.
    pub readable: bool,
    /// It is in the newest segment.
    pub newest: bool,
    /// A later whole frame states that this one was durable.
    pub was_durable: bool,
}

/// Column names of [`FRAMES`].
#[cfg(test)]
const FRAME_COLUMNS: &[&str] = &[
    "empty",
    "whole",
    "checksum",
    "version",
    "shard",
    "follows",
    "chain",
    "readable",
    "newest",
    "was durable",
];

/// Decisions about a frame.
pub const FRAMES: &[Row] = &[
    row("y---------", End, "nothing was written here, or the space was preallocated"),
    row("-yyn------", Refuse, "a newer version wrote it, and this one cannot interpret it"),
    row("-yyyn-----", Refuse, "the file belongs to another shard"),
    row("-yyyyn----", Refuse, "a frame is missing or duplicated"),
    row("-yyyyyn---", Refuse, "it was written after a different frame than the one before it"),
    row("-yyyyyyn--", Refuse, "the bytes are as written: a defect of the program, not of the disk"),
    row("-yyyyyyy--", Continue, "this is the expected frame"),
    row(
        "--------n-",
        Refuse,
        "a full segment is durable before the next is created: this is damage",
    ),
    row("--------yy", Refuse, "it was durable, so an answered command would be lost"),
    row(
        "--------yn",
        Cut,
        "the write was interrupted before it was durable, so no command in it was answered",
    ),
];

/// Observations at the beginning of a segment.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of the table")]
pub struct SeenSegment {
    /// The header is valid and its checksum matches.
    pub whole: bool,
    /// The format version is known.
    pub version: bool,
    /// The segment belongs to this shard.
    pub shard: bool,
    /// It continues where the previous segment ended, or reading may begin here.
    pub follows: bool,
    /// It is the newest segment.
    pub newest: bool,
    /// It contains a whole frame, so its header was durable.
    pub was_durable: bool,
}

/// Column names of [`SEGMENTS`].
#[cfg(test)]
const SEGMENT_COLUMNS: &[&str] = &["whole", "version", "shard", "follows", "newest", "was durable"];

/// Decisions about a segment.
pub const SEGMENTS: &[Row] = &[
    row("yn----", Refuse, "a newer version wrote it"),
    row("yyn---", Refuse, "the file belongs to another shard"),
    row(
        "yyyn--",
        Refuse,
        "a segment is missing, or the first segments are gone and no snapshot covers them",
    ),
    row("yyyy--", Continue, "this is the expected segment"),
    row(
        "n---n-",
        Refuse,
        "its header was durable before a later segment was created: this is damage",
    ),
    row(
        "n---yy",
        Refuse,
        "it contains a frame, and its header was durable before that frame was written",
    ),
    row("n---yn", Remove, "it was being created when the process ended and was never used"),
];

/// Observations of a snapshot.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of the table")]
pub struct SeenSnapshot {
    /// It is complete and every checksum matches.
    pub whole: bool,
    /// The format version is known.
    pub version: bool,
    /// The snapshot belongs to this shard.
    pub shard: bool,
    /// The journal contains the last frame that the snapshot covers.
    pub anchored: bool,
    /// Its accounts can be decoded and their hash matches.
    pub state: bool,
}

/// Column names of [`SNAPSHOTS`].
#[cfg(test)]
const SNAPSHOT_COLUMNS: &[&str] = &["whole", "version", "shard", "anchored", "state"];

/// Decisions about a snapshot.
pub const SNAPSHOTS: &[Row] = &[
    row("n----", PassOver, "a snapshot only saves time: the journal has the same data"),
    row("yn---", PassOver, "a newer version wrote it; the journal has the same data"),
    row("yyn--", Refuse, "the file belongs to another shard"),
    row(
        "yyyn-",
        Refuse,
        "its frame was durable before it was started, so part of the journal is lost",
    ),
    row(
        "yyyyn",
        PassOver,
        "its accounts differ from what was written; the journal has the correct data",
    ),
    row("yyyyy", Continue, "reading continues after the last frame it covers"),
];

/// Returns the first matching row.
///
/// # Panics
/// Never panics: the tables cover every combination, as a test checks.
#[expect(clippy::indexing_slicing, reason = "no table is empty")]
fn find(rows: &'static [Row], seen: &[bool]) -> &'static Row {
    let matches = |row: &&Row| {
        row.seen.bytes().zip(seen).all(|(letter, seen)| match letter {
            b'y' => *seen,
            b'n' => !*seen,
            _ => true,
        })
    };
    rows.iter().find(matches).unwrap_or(&rows[rows.len() - 1])
}

impl SeenFrame {
    /// Returns the matching row of [`FRAMES`].
    pub fn decide(self) -> &'static Row {
        let Self {
            empty,
            whole,
            checksum,
            version,
            shard,
            follows,
            chain,
            readable,
            newest,
            was_durable,
        } = self;
        find(
            FRAMES,
            &[
                empty,
                whole,
                checksum,
                version,
                shard,
                follows,
                chain,
                readable,
                newest,
                was_durable,
            ],
        )
    }
}

impl SeenSegment {
    /// Returns the matching row of [`SEGMENTS`].
    pub fn decide(self) -> &'static Row {
        let Self { whole, version, shard, follows, newest, was_durable } = self;
        find(SEGMENTS, &[whole, version, shard, follows, newest, was_durable])
    }
}

impl SeenSnapshot {
    /// Returns the matching row of [`SNAPSHOTS`].
    pub fn decide(self) -> &'static Row {
        let Self { whole, version, shard, anchored, state } = self;
        find(SNAPSHOTS, &[whole, version, shard, anchored, state])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn combinations(columns: usize) -> impl Iterator<Item = Vec<bool>> {
        (0..1_u32 << columns)
            .map(move |bits| (0..columns).map(|at| bits & (1 << at) != 0).collect())
    }

    #[test]
    fn every_combination_of_frame_columns_has_the_expected_decision() {
        let mut seen_each = [0; FRAMES.len()];
        for seen in combinations(FRAME_COLUMNS.len()) {
            let &[
                empty,
                whole,
                checksum,
                version,
                shard,
                follows,
                chain,
                readable,
                newest,
                was_durable,
            ] = &seen[..]
            else {
                panic!("a column for each")
            };
            let torn = !whole || !checksum;
            let good = version && shard && follows && chain && readable;
            // The expected decision, stated independently of the table.
            let want = match () {
                () if empty => End,
                () if !torn && good => Continue,
                () if torn && newest && !was_durable => Cut,
                () => Refuse,
            };
            let row = find(FRAMES, &seen);
            assert_eq!(row.decision, want, "{seen:?}: {}", row.reason);
            let frame = SeenFrame {
                empty,
                whole,
                checksum,
                version,
                shard,
                follows,
                chain,
                readable,
                newest,
                was_durable,
            };
            assert_eq!(frame.decide().reason, row.reason);
            seen_each[FRAMES.iter().position(|r| r.seen == row.seen).unwrap()] += 1;
        }
        assert!(seen_each.iter().all(|&count| count > 0), "a row never applies: {seen_each:?}");
    }

    #[test]
    fn every_combination_of_segment_and_snapshot_columns_has_the_expected_decision() {
        for seen in combinations(SEGMENT_COLUMNS.len()) {
            let &[whole, version, shard, follows, newest, was_durable] = &seen[..] else {
                panic!("a column for each")
            };
            let want = match () {
                () if whole && version && shard && follows => Continue,
                () if !whole && newest && !was_durable => Remove,
                () => Refuse,
            };
            let row = SeenSegment { whole, version, shard, follows, newest, was_durable }.decide();
            assert_eq!(row.decision, want, "{seen:?}: {}", row.reason);
        }
        for seen in combinations(SNAPSHOT_COLUMNS.len()) {
            let &[whole, version, shard, anchored, state] = &seen[..] else {
                panic!("a column for each")
            };
            let want = match () {
                () if !whole || !version => PassOver,
                () if !shard || !anchored => Refuse,
                () if state => Continue,
                () => PassOver,
            };
            let row = SeenSnapshot { whole, version, shard, anchored, state }.decide();
            assert_eq!(row.decision, want, "{seen:?}: {}", row.reason);
        }
    }

    #[test]
    fn the_documentation_contains_the_same_tables() {
        let docs = include_str!("../../../docs/JOURNAL.md");
        for (columns, rows) in
            [(FRAME_COLUMNS, FRAMES), (SEGMENT_COLUMNS, SEGMENTS), (SNAPSHOT_COLUMNS, SNAPSHOTS)]
        {
            let head = format!("| {} | then | because |", columns.join(" | "));
            let mut lines = docs.lines().skip_while(|line| *line != head).skip(2);
            for row in rows {
                let letters: Vec<_> = row.seen.chars().map(String::from).collect();
                let then = match row.decision {
                    Continue => "continue",
                    End => "end",
                    Cut => "cut",
                    Remove => "remove",
                    PassOver => "pass over",
                    Refuse => "refuse",
                };
                let want = format!("| {} | {then} | {} |", letters.join(" | "), row.reason);
                assert_eq!(lines.next(), Some(want.as_str()), "docs/JOURNAL.md, under {head}");
            }
        }
    }
}
