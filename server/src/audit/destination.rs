//! Where a dump is written: a file in a folder that no name leads out of.
//!
//! It must never replace a file that is not an audit log, and never leave a temporary file behind
//! for longer than until the next start.

use super::error::DumpError;
use super::xml;
use crate::limits::{DUMP_ENTRY_BYTES, DUMP_FOLDER_DEPTH_MAX, DUMP_FOLDER_ENTRIES_MAX};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt as _};
use parking_lot::Mutex;
use rustix::fs::OFlags;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::{Component, Path, PathBuf};

const TEMPORARY_PREFIX: &str = ".daytrade-dump.";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Held while a temporary file is created and locked, or looked at.
static CREATING: Mutex<()> = Mutex::new(());

/// The place of one dump.
pub(super) struct Destination {
    folder: Dir,
    name: String,
}

impl Destination {
    /// Opens the folder of a dump, and creates it if necessary. `kept` is a folder in which nothing
    /// is written or created.
    pub(super) fn open(root: &Path, path: &Path, kept: Option<&Path>) -> Result<Self, DumpError> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or(DumpError::LeadsOut)?.to_owned();
        let folder = path.parent().unwrap_or(Path::new(""));
        let shown = folder.components().filter(|part| *part != Component::CurDir);
        if shown.count() > DUMP_FOLDER_DEPTH_MAX {
            let message = format!("at most {DUMP_FOLDER_DEPTH_MAX} folders may precede the name");
            return Err(DumpError::Failed(message));
        }
        let dir = Dir::open_ambient_dir(root, ambient_authority())?;
        // Checked before anything is created: a folder must not appear among the journals either.
        let there = folder.ancestors().find(|folder| root.join(folder).exists());
        let there = root.join(there.unwrap_or(Path::new(""))).canonicalize()?;
        if kept.is_some_and(|kept| there.starts_with(kept)) {
            return Err(DumpError::LeadsOut);
        }
        let folder = if folder.as_os_str().is_empty() {
            dir
        } else {
            match dir.open_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    dir.create_dir_all(folder).map_err(confined)?;
                    dir.open_dir(folder).map_err(confined)?
                }
                opened => opened.map_err(confined)?,
            }
        };
        // Checked again on what was opened: a link may have been changed since.
        let opened = real_path(&folder)?;
        if kept.is_some_and(|kept| opened.starts_with(kept)) {
            return Err(DumpError::LeadsOut);
        }
        Ok(Self { folder, name })
    }

    /// Returns the file that the dump will replace, if one exists. Only an audit log is
    /// replaced.
    fn replaceable(&self) -> Result<Option<File>, DumpError> {
        let there = match self.folder.symlink_metadata(&self.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            there => there.map_err(confined)?,
        };
        if there.is_dir() {
            return Err(DumpError::Failed("there is a folder of that name".to_owned()));
        }
        // A link may lead to a log, but not out of the folder.
        if there.is_symlink() {
            match self.folder.metadata(&self.name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(confined(error));
                }
                _ => {}
            }
        }
        let not_a_log = || DumpError::Failed("the file there is not an audit log".to_owned());
        let mut options = OpenOptions::new();
        // Opening a pipe would otherwise wait for its other end.
        options.read(true).custom_flags(OFlags::NONBLOCK.bits() as i32);
        let file = self.folder.open_with(&self.name, &options).map_err(|_| not_a_log())?;
        let mut head = Vec::new();
        let is_file = file.metadata()?.is_file();
        if is_file {
            (&file).take(xml::BEGIN.len() as u64).read_to_end(&mut head)?;
        }
        if is_file && head == xml::BEGIN { Ok(Some(file)) } else { Err(not_a_log()) }
    }

    /// Returns the size of the log that the dump will replace, bytes. Fails if there is a file that
    /// is not an audit log.
    pub(super) fn replaced_bytes(&self) -> Result<u64, DumpError> {
        Ok(self.replaceable()?.map_or(Ok(0), |file| file.metadata().map(|there| there.len()))?)
    }

    /// Writes a temporary file with `fill`, syncs it and renames it. Returns the result of `fill`
    /// and the replaced file, still open.
    pub(super) fn write<T>(
        &self,
        number: u64,
        fill: impl FnOnce(&std::fs::File) -> Result<T, DumpError>,
    ) -> Result<(T, Option<File>), DumpError> {
        let process = std::process::id();
        let temporary = format!("{TEMPORARY_PREFIX}{process}.{number}{TEMPORARY_SUFFIX}");
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let file = {
            // Nobody takes the file for an abandoned one before it is locked.
            let _creating = CREATING.lock();
            let file = self.folder.open_with(&temporary, &options)?.into_std();
            file.try_lock().map_err(io::Error::from)?;
            file
        };
        let written = fill(&file).and_then(|value| {
            file.sync_all()?;
            let replaced = self.replaceable()?;
            self.folder.rename(&temporary, &self.folder, &self.name)?;
            // The folder's handle is only a reference to its path; a sync needs an open folder.
            self.folder.open(".")?.sync_all()?;
            Ok((value, replaced))
        });
        if written.is_err() {
            let _ = self.folder.remove_file(&temporary);
        }
        written
    }

    /// Removes the temporary files of this folder that no server writes any more.
    pub(super) fn remove_abandoned(&self) {
        for name in names(&self.folder) {
            remove_if_abandoned(&self.folder, &name);
        }
    }
}

/// Returns the path of an open folder, without links.
fn real_path(folder: &Dir) -> io::Result<PathBuf> {
    let descriptor = folder.as_fd().as_raw_fd();
    std::fs::read_link(format!("/proc/self/fd/{descriptor}"))
}

/// Removes the temporary files in a dump folder that a killed server has left behind.
pub(super) fn remove_abandoned(root: &Path) {
    walk(root, |folder, name, _| remove_if_abandoned(folder, name));
}

/// Returns the size of everything in a dump folder, bytes, except for dumps that are being written.
/// Each entry counts at least a block, so that the quota also bounds the number of files and
/// folders.
pub(super) fn used_bytes(root: &Path) -> u64 {
    let mut bytes = 0_u64;
    walk(root, |_, name, size| {
        if !is_temporary(name) {
            bytes = bytes.saturating_add(size.max(DUMP_ENTRY_BYTES));
        }
    });
    bytes
}

/// Visits the entries of a folder and its folders, within bounds; links are not followed. Only one
/// folder is open at a time: descriptors are scarce, and the journals need them.
fn walk(root: &Path, mut visit: impl FnMut(&Dir, &str, u64)) {
    let Ok(root) = Dir::open_ambient_dir(root, ambient_authority()) else { return };
    let (mut folders, mut left) = (vec![(PathBuf::from("."), 0)], DUMP_FOLDER_ENTRIES_MAX);
    while let Some((path, depth)) = folders.pop() {
        let Ok(folder) = root.open_dir(&path) else { continue };
        for name in names(&folder) {
            if left == 0 {
                return;
            }
            left -= 1;
            let Ok(there) = folder.symlink_metadata(&name) else { continue };
            if there.is_dir() && depth < DUMP_FOLDER_DEPTH_MAX {
                folders.push((path.join(&name), depth + 1));
            }
            visit(&folder, &name, if there.is_file() { there.len() } else { 0 });
        }
    }
}

fn names(folder: &Dir) -> impl Iterator<Item = String> + use<> {
    let entries = folder.entries().into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX)
}

fn remove_if_abandoned(folder: &Dir, name: &str) {
    if !is_temporary(name) {
        return;
    }
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlags::NONBLOCK.bits() as i32);
    let _creating = CREATING.lock();
    let Ok(file) = folder.open_with(name, &options) else { return };
    if file.into_std().try_lock().is_ok() && folder.remove_file(name).is_ok() {
        tracing::info!(file = name, "removed a dump that was never finished");
    }
}

/// Converts an error of a confined operation. cap-std returns "permission denied" without an OS
/// error code if a path would leave the folder, for example by a symbolic link.
fn confined(error: io::Error) -> DumpError {
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::PermissionDenied, None) => DumpError::LeadsOut,
        _ => error.into(),
    }
}
