//! Copies the journal and the snapshots of one shard up to a moment.

use crate::data_dir::copy_private;
use crate::journal::{Extent, FsStorage, Until, extent, snapshots};
use anyhow::{Context as _, ensure};
use bytesize::ByteSize;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Bytes at each end of a segment that are compared. A frame names the checksum of the one before,
/// so the last ones stand for all.
const COMPARED_BYTES: u64 = 64 << 10;

/// How much was copied, and how much was there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    copied: Files,
    linked: Files,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Files {
    count: u64,
    bytes: u64,
}

impl Files {
    const fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }

    const fn and(self, other: Self) -> Self {
        Self { count: self.count + other.count, bytes: self.bytes + other.bytes }
    }
}

impl Amount {
    /// Returns both together.
    pub(super) const fn and(self, other: Self) -> Self {
        Self { copied: self.copied.and(other.copied), linked: self.linked.and(other.linked) }
    }

    /// Tells the user.
    pub(super) fn say(&self, base: Option<&Path>) {
        let shown = |files: Files| format!("{} files, {}", files.count, ByteSize(files.bytes));
        let copied = shown(self.copied);
        let linked = base.map_or_else(String::new, |base| {
            format!("; linked {} of {}", shown(self.linked), base.display())
        });
        let _ = writeln!(io::stderr(), "copied {copied}{linked}");
    }
}

/// Copies one shard.
pub(super) struct Copier {
    /// Its number.
    pub number: u16,
    /// Its folder.
    pub from: PathBuf,
    /// The new folder.
    pub to: PathBuf,
    /// Its folder in an earlier backup.
    pub base: Option<PathBuf>,
    /// The last moment that is copied.
    pub until: Until,
}

impl Copier {
    /// Copies the journal up to the moment, and the snapshots that are no later.
    ///
    /// # Errors
    /// The first damage, or a file that cannot be read or written.
    pub(super) fn run(&self) -> anyhow::Result<Amount> {
        let storage = FsStorage::new(&self.from);
        let mut amount = Amount::default();
        // A segment is copied as soon as it was read and checked, while it is in memory.
        let mut copy = |name: &str, bytes: u64| self.segment(name, bytes, &mut amount);
        let Extent { record, first_record, .. } =
            extent(&storage, self.number, self.until, &mut copy)?;
        let mut has_snapshot = false;
        for name in snapshots(&storage)? {
            let covers = name.split('.').next().and_then(|digits| digits.parse::<u64>().ok());
            if covers.is_some_and(|covers| covers <= record) {
                let bytes = std::fs::read(self.from.join(&name)).with_context(|| name.clone())?;
                copy_private(bytes.as_slice(), &self.to.join(&name))?;
                amount.copied.add(bytes.len() as u64);
                has_snapshot = true;
            }
        }
        let shard = self.number;
        ensure!(
            first_record <= 1 || has_snapshot,
            "shard {shard}: the records before {first_record} are no longer kept, and no snapshot \
             is as old as that moment"
        );
        Ok(amount)
    }

    /// Copies the beginning of a segment, or links it if an earlier backup has the same.
    fn segment(&self, name: &str, bytes: u64, amount: &mut Amount) -> anyhow::Result<()> {
        let (from, to) = (self.from.join(name), self.to.join(name));
        if let Some(base) = &self.base {
            let earlier = base.join(name);
            if is_same(&earlier, &from, bytes).unwrap_or(false)
                && std::fs::hard_link(&earlier, &to).is_ok()
            {
                amount.linked.add(bytes);
                return Ok(());
            }
        }
        let file = File::open(from).with_context(|| name.to_owned())?;
        copy_private(file.take(bytes), &to)?;
        amount.copied.add(bytes);
        Ok(())
    }
}

/// Returns true if a file of an earlier backup is the beginning of a segment, of this size.
fn is_same(earlier: &Path, segment: &Path, bytes: u64) -> io::Result<bool> {
    let (earlier, segment) = (File::open(earlier)?, File::open(segment)?);
    if earlier.metadata()?.len() != bytes {
        return Ok(false);
    }
    let part = bytes.min(COMPARED_BYTES);
    for at in [0, bytes - part] {
        let mut both = [vec![0; part as usize], vec![0; part as usize]];
        let [one, other] = &mut both;
        earlier.read_exact_at(one, at)?;
        segment.read_exact_at(other, at)?;
        if one != other {
            return Ok(false);
        }
    }
    Ok(true)
}
