//! What a data folder knows of its last backup: when it was taken (Unix milliseconds) and where it
//! is, a line each.

use super::{DataDirError, MANIFEST, replace_private};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

const FILE: &str = "last-backup";

/// Notes that a backup of a folder was taken.
///
/// # Errors
/// Returns a [`DataDirError`].
pub(crate) fn note_backup(path: &Path, at_ms: i64, to: &Path) -> Result<(), DataDirError> {
    let noted = [format!("{at_ms}\n").as_bytes(), to.as_os_str().as_bytes()].concat();
    replace_private(path, FILE, &noted)
}

/// Returns both lines.
fn read(path: &Path) -> Option<(String, PathBuf)> {
    let noted = std::fs::read(path.join(FILE)).ok()?;
    let mut lines = noted.splitn(2, |byte| *byte == b'\n');
    let at_ms = String::from_utf8(lines.next()?.to_owned()).ok()?;
    Some((at_ms, PathBuf::from(OsStr::from_bytes(lines.next()?))))
}

/// Returns when the last backup of a folder was taken, Unix milliseconds, if there was one.
#[cfg(feature = "metrics")]
pub(crate) fn last_backup_ms(path: &Path) -> Option<u64> {
    read(path)?.0.parse().ok()
}

/// Returns where the last backup of a folder is, if it is still there.
pub(crate) fn last_backup(path: &Path) -> Option<PathBuf> {
    let (_, folder) = read(path)?;
    folder.join(MANIFEST).is_file().then_some(folder)
}
