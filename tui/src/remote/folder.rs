//! Files in the user's configuration folder that others must not read or change.

use anyhow::Context as _;
use etcetera::BaseStrategy as _;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Returns the path of a file in the user's configuration folder.
///
/// # Errors
/// If the user has no home folder.
pub(super) fn path_of(name: &str) -> anyhow::Result<PathBuf> {
    let folders = etcetera::choose_base_strategy().context("no home folder")?;
    Ok(folders.config_dir().join("daytrade").join(name))
}

/// Reads a file; None if it does not exist.
///
/// # Errors
/// If it cannot be read, or if others can read it although it is secret.
pub(super) fn read(path: &Path, secret: bool) -> anyhow::Result<Option<String>> {
    let name = || path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.with_context(name)?,
    };
    let mode = std::fs::metadata(path).with_context(name)?.mode() & 0o077;
    anyhow::ensure!(!secret || mode == 0, "{0}: others can read it: chmod 600 {0}", path.display());
    Ok(Some(text))
}

/// Replaces a file by one that only the user can read.
///
/// # Errors
/// If it cannot be written.
pub(super) fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let aside = path.with_extension(format!("{}.tmp", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&aside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&aside, path)
    };
    write().with_context(|| path.display().to_string())
}
