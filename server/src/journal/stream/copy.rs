//! What may be believed of a copy: it is written without syncs, so that after a power cut any part
//! of its end may be missing. The stream has the rest.

use crate::journal::fault::{ReadError, RecoveryError};
use crate::journal::file::{last_good, segment_name};
use crate::journal::snapshot::snapshots;
use crate::journal::storage::Storage;

/// Removes the first frame with a fault and everything after it, which the stream still has.
/// Returns the number of the last frame that is left, or 0.
///
/// # Errors
/// Returns a [`RecoveryError`] if the folder cannot be read or changed.
pub fn cut_at_damage(storage: &dyn Storage, shard: u16) -> Result<u64, RecoveryError> {
    let end = last_good(storage, shard)?;
    let io = |error| RecoveryError::from(ReadError::Io { file: storage.describe(""), error });
    let mut names = storage.list().map_err(io)?;
    names.sort_unstable();
    let first_lost = end.segment.as_ref().map_or_else(String::new, |(name, _)| name.clone());
    for name in names.iter().filter(|name| is_segment_name(name) && **name > first_lost) {
        storage.remove(name).map_err(io)?;
    }
    if let Some((name, offset)) = &end.segment {
        let file = storage.open(name).map_err(io)?;
        file.set_len(*offset).and_then(|()| file.sync()).map_err(io)?;
    }
    for name in snapshots(storage).map_err(io)? {
        let digits = name.split('.').next().unwrap_or_default();
        if digits.parse::<u64>().map_or(true, |record| record > end.record) {
            storage.remove(&name).map_err(io)?;
        }
    }
    storage.sync_folder().map_err(io)?;
    tracing::warn!(shard, frame = end.frame, "the copy was cut where it is damaged");
    Ok(end.frame)
}

fn is_segment_name(name: &str) -> bool {
    let digits = name.split('.').next().and_then(|digits| digits.parse().ok());
    digits.is_some_and(|record| segment_name(record) == name)
}
