//! What a start makes of what it reads: pure tables from what was seen to what is done, the first
//! matching row counts.
//!
//! docs/JOURNAL.md shows the same tables; a test holds the two together and goes through every
//! combination.

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is taken in and reading goes on.
    Continue,
    /// The segment ends here.
    End,
    /// An interrupted last write is cut off, and writing goes on there.
    Cut,
    /// A segment that was never used is removed.
    Remove,
    /// The snapshot is passed over for an older one, or for the whole journal.
    PassOver,
    /// The start is refused; nothing is changed.
    Refuse,
}

/// One row: what is seen, a letter a column (`y`, `n`, `-` for either), what is done, and why.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// A letter for each column.
    pub seen: &'static str,
    /// What is done.
    pub decision: Decision,
    /// Why that is right.
    pub reason: &'static str,
}

const fn row(seen: &'static str, decision: Decision, reason: &'static str) -> Row {
    Row { seen, decision, reason }
}

use Decision::{Continue, Cut, End, PassOver, Refuse, Remove};

/// A place in a segment where a frame should begin.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of the table")]
pub struct SeenFrame {
    /// Nothing, or nothing but zeros, up to the end of the file.
    pub empty: bool,
    /// The header is one and all its bytes are there.
    pub whole: bool,
    /// The checksum matches.
    pub checksum: bool,
    /// The format version is known.
    pub version: bool,
    /// It is this shard's.
    pub shard: bool,
    /// Its numbers follow those of the frame before.
    pub follows: bool,
    /// It names the checksum of the frame before.
    pub chain: bool,
    /// Its records can be read.
    pub readable: bool,
    /// It is in the newest segment.
    pub newest: bool,
    /// A whole frame behind it says that this one was durable.
    pub was_durable: bool,
}

/// The columns of [`FRAMES`].
pub const FRAME_COLUMNS: &[&str] = &[
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

/// What is done about a frame.
pub const FRAMES: &[Row] = &[
    row("y---------", End, "nothing was written here, or space was filled ahead of writing"),
    row("-yyn------", Refuse, "a newer program wrote it; this one cannot know what it means"),
    row("-yyyn-----", Refuse, "another shard's file stands in this folder"),
    row("-yyyyn----", Refuse, "a frame is missing or there twice"),
    row("-yyyyyn---", Refuse, "the frame before is not the one it was written behind"),
    row(
        "-yyyyyyn--",
        Refuse,
        "the bytes are as they were written: a defect of the program, not of the disk",
    ),
    row("-yyyyyyy--", Continue, "the frame that belongs here"),
    row("--------n-", Refuse, "a full segment is durable before the next is begun: this is damage"),
    row("--------yy", Refuse, "it was durable once, so an answered command would be lost"),
    row(
        "--------yn",
        Cut,
        "a write that was interrupted before it was durable, so nobody was answered",
    ),
];

/// The head of a segment.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of the table")]
pub struct SeenSegment {
    /// The header is one and its checksum matches.
    pub whole: bool,
    /// The format version is known.
    pub version: bool,
    /// It is this shard's.
    pub shard: bool,
    /// It goes on where the segment before ended, or is where reading may begin.
    pub follows: bool,
    /// It is the newest segment.
    pub newest: bool,
    /// A whole frame stands in it, so its header was durable.
    pub was_durable: bool,
}

/// The columns of [`SEGMENTS`].
pub const SEGMENT_COLUMNS: &[&str] =
    &["whole", "version", "shard", "follows", "newest", "was durable"];

/// What is done about a segment.
pub const SEGMENTS: &[Row] = &[
    row("yn----", Refuse, "a newer program wrote it"),
    row("yyn---", Refuse, "another shard's file stands in this folder"),
    row(
        "yyyn--",
        Refuse,
        "a segment is missing, or the first ones are gone and no snapshot stands for them",
    ),
    row("yyyy--", Continue, "the segment that belongs here"),
    row(
        "n---n-",
        Refuse,
        "a segment's header is durable before it is used, and another was begun behind it: this is damage",
    ),
    row("n---yy", Refuse, "a frame stands in it, and its header was durable before that"),
    row("n---yn", Remove, "it was being made when the process ended: it was never used"),
];

/// A snapshot.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of the table")]
pub struct SeenSnapshot {
    /// It is complete and every checksum matches.
    pub whole: bool,
    /// The format version is known.
    pub version: bool,
    /// It is this shard's.
    pub shard: bool,
    /// The journal holds the frame that it stands for.
    pub anchored: bool,
    /// Its accounts can be read and their hash is the one noted.
    pub state: bool,
}

/// The columns of [`SNAPSHOTS`].
pub const SNAPSHOT_COLUMNS: &[&str] = &["whole", "version", "shard", "anchored", "state"];

/// What is done about a snapshot.
pub const SNAPSHOTS: &[Row] = &[
    row("n----", PassOver, "a snapshot only saves time: the journal says the same"),
    row("yn---", PassOver, "a newer program's; the journal says the same"),
    row("yyn--", Refuse, "another shard's file stands in this folder"),
    row(
        "yyyn-",
        Refuse,
        "its frame was durable before it was begun, so a part of the journal is lost",
    ),
    row(
        "yyyyn",
        PassOver,
        "its accounts are not what was written; the journal says what they were",
    ),
    row("yyyyy", Continue, "reading goes on behind the frame that it stands for"),
];

/// The row that counts.
///
/// # Panics
/// Never: the tables cover every combination, which a test goes through.
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
    /// What is done about it.
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
    /// What is done about it.
    pub fn decide(self) -> &'static Row {
        let Self { whole, version, shard, follows, newest, was_durable } = self;
        find(SEGMENTS, &[whole, version, shard, follows, newest, was_durable])
    }
}

impl SeenSnapshot {
    /// What is done about it.
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
    fn every_combination_of_a_frame_has_its_decision() {
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
                unreachable!()
            };
            let torn = !whole || !checksum;
            let good = version && shard && follows && chain && readable;
            // Said once more in other words than the table's.
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
        assert!(seen_each.iter().all(|&count| count > 0), "a row that never counts: {seen_each:?}");
    }

    #[test]
    fn every_combination_of_a_segment_and_a_snapshot_has_its_decision() {
        for seen in combinations(SEGMENT_COLUMNS.len()) {
            let &[whole, version, shard, follows, newest, was_durable] = &seen[..] else {
                unreachable!()
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
            let &[whole, version, shard, anchored, state] = &seen[..] else { unreachable!() };
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
    fn the_documentation_shows_the_same_tables() {
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
