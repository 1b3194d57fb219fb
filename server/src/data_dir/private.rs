//! Files and folders that only the server's user may read.

use super::error::DataDirError;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Creates folders that only the user may enter.
pub(super) fn private_folders() -> DirBuilder {
    let mut folders = DirBuilder::new();
    folders.recursive(true).mode(0o700);
    folders
}

/// Opens a file for writing, or creates one that only the user may read. Never follows a link, and
/// leaves the content as it is.
pub(super) fn private_files() -> OpenOptions {
    let mut files = OpenOptions::new();
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    files.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(no_follow);
    files
}

/// Gives a file that root has made to the user of the folder, whose server has to read it.
pub(crate) fn give_to_owner_of(folder: &Path, file: &File) -> std::io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = std::fs::metadata(folder)?;
    std::os::unix::fs::fchown(file, Some(owner.uid()), Some(owner.gid()))
}

/// Writes a file that only the user may read, in the place of the one before. Whoever reads it sees
/// either, whole.
///
/// # Errors
/// Returns a [`DataDirError`].
pub(crate) fn replace_private(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), DataDirError> {
    let write = || {
        let aside = folder.join(format!("{name}.tmp"));
        let mut file = private_files().open(&aside)?;
        file.set_len(0)?;
        file.write_all(bytes)?;
        give_to_owner_of(folder, &file)?;
        std::fs::rename(&aside, folder.join(name))
    };
    write().map_err(|error| DataDirError::Io { path: folder.to_owned(), error })
}

/// Writes a new file that only the user may read, and makes it durable.
///
/// # Errors
/// Returns a [`DataDirError`]; also if there is a file.
#[cfg(feature = "remote")]
pub(crate) fn copy_private(mut from: impl std::io::Read, path: &Path) -> Result<(), DataDirError> {
    let mut write = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(path);
        private_folders().create(folder)?;
        let mut file = private_files().create_new(true).open(path)?;
        std::io::copy(&mut from, &mut file)?;
        file.sync_all()?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| DataDirError::Io { path: path.to_owned(), error })
}
