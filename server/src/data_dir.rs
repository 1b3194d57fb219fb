//! The data folder: a manifest that describes its layout, a lock, and a folder for each shard.

mod error;
#[cfg(feature = "remote")]
mod last_backup;
mod private;

pub(crate) use error::DataDirError;
#[cfg(feature = "metrics")]
pub(crate) use last_backup::last_backup_ms;
#[cfg(feature = "remote")]
pub(crate) use last_backup::{last_backup, note_backup};

#[cfg(feature = "remote")]
pub(crate) use private::copy_private;
pub(crate) use private::{give_to_owner_of, replace_private};

use crate::limits::SHARDS_MAX;
use private::{private_files, private_folders};
use rand::TryRng;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Time for which somebody who only looks may hold the lock.
const LOOK_MAX: Duration = Duration::from_millis(200);

const MANIFEST: &str = "manifest.toml";
const LOCK: &str = "LOCK";
/// Holds the address of the server that has the lock. The next server removes it as soon as it has
/// the lock; for that moment an address may be that of a server that was killed.
const ADDRESS: &str = "address";
const FORMAT_VERSION: u32 = 1;

/// Fixed properties of a data folder, set when it is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Version of the layout.
    pub format_version: u32,
    /// Number of shards.
    pub shards: u16,
    /// Name of the server in the audit log.
    pub server_name: String,
    /// Default seed of the simulated market.
    pub quote_seed: u32,
    /// Identity of the cluster that the journals are a copy of. Earlier versions refuse it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

/// A data folder that this process has locked.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    manifest: Manifest,
    /// File that holds the lock while it is open.
    _lock: File,
}

impl Drop for DataDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.path.join(ADDRESS));
    }
}

/// Returns the address of the server that runs on a data folder; None if none does, or if it
/// listens with TLS only.
pub fn running_at(data_dir: &Path) -> Option<SocketAddr> {
    let lock = OpenOptions::new().read(true).open(data_dir.join(LOCK)).ok()?;
    match lock.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        _ => return None,
    }
    std::fs::read_to_string(data_dir.join(ADDRESS)).ok()?.trim().parse().ok()
}

/// Locks a folder. Whoever looks for its server holds the lock for a moment, which is waited for.
fn take_lock(lock: &File) -> Result<(), TryLockError> {
    let deadline = Instant::now() + LOOK_MAX;
    loop {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(LOOK_MAX / 20);
            }
            taken => return taken,
        }
    }
}

/// Returns the journal folder of a shard.
pub(crate) fn shard_dir(data_dir: &Path, shard: u16) -> PathBuf {
    data_dir.join(format!("shard-{shard}"))
}

/// Reads the manifest of a folder without locking it.
///
/// # Errors
/// Returns a [`DataDirError`] if the manifest does not exist or is invalid.
pub(crate) fn read_manifest(data_dir: &Path) -> Result<Manifest, DataDirError> {
    let path = data_dir.join(MANIFEST);
    let text = std::fs::read_to_string(&path)
        .map_err(|error| DataDirError::Io { path: path.clone(), error })?;
    let manifest: Manifest = toml::from_str(&text).map_err(|error| DataDirError::Manifest {
        path: path.clone(),
        words: error.message().to_owned(),
    })?;
    let words = if manifest.format_version != FORMAT_VERSION {
        format!("format version {}; this program knows {FORMAT_VERSION}", manifest.format_version)
    } else if manifest.shards == 0 || usize::from(manifest.shards) > SHARDS_MAX {
        format!("{} shards; the number must be 1 to {SHARDS_MAX}", manifest.shards)
    } else {
        return Ok(manifest);
    };
    Err(DataDirError::Manifest { path, words })
}

impl DataDir {
    /// Opens a folder, or creates it with `shards` shards, by default one for each core.
    ///
    /// # Errors
    /// Returns a [`DataDirError`].
    pub(crate) fn open(path: &Path, shards: Option<u16>) -> Result<Self, DataDirError> {
        let io = |error| DataDirError::Io { path: path.to_owned(), error };
        private_folders().create(path).map_err(io)?;
        let lock = private_files().open(path.join(LOCK)).map_err(io)?;
        warn_if_open_to_others(path).map_err(io)?;
        take_lock(&lock).map_err(|error| match error {
            TryLockError::WouldBlock => DataDirError::InUse(path.to_owned()),
            TryLockError::Error(error) => io(error),
        })?;
        match std::fs::remove_file(path.join(ADDRESS)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        if !path.join(MANIFEST).try_exists().map_err(io)? {
            // A new manifest could have another number of shards: accounts would be missing.
            if has_journals(path).map_err(io)? {
                return Err(DataDirError::NoManifest(path.to_owned()));
            }
            make(path, shards).map_err(io)?;
        }
        let manifest = read_manifest(path)?;
        if let Some(asked) = shards.filter(|asked| *asked != manifest.shards) {
            return Err(DataDirError::Shards {
                path: path.to_owned(),
                made: manifest.shards,
                asked,
            });
        }
        Ok(Self { path: path.to_owned(), manifest, _lock: lock })
    }

    /// Opens a folder for the copy of a cluster's journals, or creates it. A folder that has no
    /// journals yet becomes one.
    ///
    /// # Errors
    /// Returns a [`DataDirError`], for example if it has journals of something else.
    #[cfg(feature = "cluster")]
    pub(crate) fn open_member(
        path: &Path,
        cluster: &str,
        shards: u16,
        quote_seed: u32,
    ) -> Result<Self, DataDirError> {
        let mut folder = Self::open(path, None)?;
        if folder.manifest.cluster.as_deref() == Some(cluster) {
            return Ok(folder);
        }
        let io = |error| DataDirError::Io { path: path.to_owned(), error };
        let is_empty = |shard| {
            let listed = std::fs::read_dir(shard_dir(path, shard));
            listed.is_ok_and(|mut entries| entries.next().is_none())
        };
        let made = folder.manifest.shards;
        if folder.manifest.cluster.is_some() || !(0..made).all(is_empty) {
            return Err(DataDirError::NoMember(path.to_owned()));
        }
        for shard in shards..made {
            std::fs::remove_dir(shard_dir(path, shard)).map_err(io)?;
        }
        let drawn = rand::rngs::SysRng.try_next_u32().map_err(std::io::Error::other).map_err(io)?;
        folder.manifest = Manifest {
            shards,
            quote_seed,
            server_name: format!("{}-{drawn:08x}", folder.manifest.server_name),
            cluster: Some(cluster.to_owned()),
            ..folder.manifest
        };
        make_with(path, &folder.manifest).map_err(io)?;
        Ok(folder)
    }

    /// Notes that the folder is a copy of a cluster's journals, or is one no more.
    ///
    /// # Errors
    /// Returns a [`DataDirError`].
    #[cfg(feature = "cluster")]
    pub(crate) fn mark(&mut self, cluster: Option<&str>) -> Result<(), DataDirError> {
        if cluster.is_some() && self.manifest.cluster.is_none() {
            let name = &self.manifest.server_name;
            self.manifest.server_name = format!("{name}-{:08x}", self.manifest.quote_seed);
        }
        self.manifest.cluster = cluster.map(str::to_owned);
        make_with(&self.path, &self.manifest)
            .map_err(|error| DataDirError::Io { path: self.path.clone(), error })
    }

    /// Checks that a folder is not a cluster's, unless this is a member of one: a forgotten option
    /// must not start a second exchange.
    ///
    /// # Errors
    /// [`DataDirError::Member`].
    pub(crate) fn ensure_own(&self, is_member: bool) -> Result<(), DataDirError> {
        match &self.manifest.cluster {
            Some(cluster) if !is_member => {
                Err(DataDirError::Member { path: self.path.clone(), cluster: cluster.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Checks that only the server's user may enter the folder.
    ///
    /// # Errors
    /// [`DataDirError::NotPrivate`].
    #[cfg(feature = "remote")]
    pub(crate) fn ensure_private(&self) -> Result<(), DataDirError> {
        let io = |error| DataDirError::Io { path: self.path.clone(), error };
        let mode = std::fs::metadata(&self.path).map_err(io)?.mode() & 0o077;
        if mode == 0 { Ok(()) } else { Err(DataDirError::NotPrivate(self.path.clone())) }
    }

    /// Notes where the server listens for plain lines, for clients that are given the folder only.
    ///
    /// # Errors
    /// Returns a [`DataDirError`].
    pub(crate) fn publish(&self, address: SocketAddr) -> Result<(), DataDirError> {
        replace_private(&self.path, ADDRESS, format!("{address}\n").as_bytes())
    }

    /// Returns the path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the manifest.
    pub(crate) const fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// Returns true if a shard's folder has a journal or a snapshot.
fn has_journals(path: &Path) -> std::io::Result<bool> {
    for shard in 0..SHARDS_MAX as u16 {
        match std::fs::read_dir(shard_dir(path, shard)) {
            Ok(files) => {
                for file in files {
                    let name = file?.file_name();
                    let kind = Path::new(&name).extension();
                    if kind.is_some_and(|kind| kind == "journal" || kind == "snapshot") {
                        return Ok(true);
                    }
                }
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Err(_) => {}
        }
    }
    Ok(false)
}

/// Creates the shards' folders, then the manifest in one step. A folder with a manifest is
/// complete.
fn make(path: &Path, shards: Option<u16>) -> std::io::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let shards = shards.unwrap_or(cores.clamp(1, SHARDS_MAX) as u16);
    let quote_seed = rand::rngs::SysRng.try_next_u32().map_err(std::io::Error::other)?;
    let server_name = "daytraded".to_owned();
    let (format_version, cluster) = (FORMAT_VERSION, None);
    make_with(path, &Manifest { format_version, shards, server_name, quote_seed, cluster })
}

/// Creates a folder with the properties of another one, and nothing in it.
///
/// # Errors
/// Returns a [`DataDirError`].
#[cfg(feature = "remote")]
pub(crate) fn make_copy(path: &Path, manifest: &Manifest) -> Result<(), DataDirError> {
    let make = || {
        private_folders().create(path)?;
        make_with(path, manifest)
    };
    make().map_err(|error| DataDirError::Io { path: path.to_owned(), error })
}

fn make_with(path: &Path, manifest: &Manifest) -> std::io::Result<()> {
    for shard in 0..manifest.shards {
        private_folders().create(shard_dir(path, shard))?;
    }
    let aside = path.join(format!("{MANIFEST}.tmp"));
    let mut file = private_files().open(&aside)?;
    file.set_len(0)?;
    file.write_all(toml::to_string(manifest).map_err(std::io::Error::other)?.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&aside, path.join(MANIFEST))?;
    File::open(path)?.sync_all()?;
    // The folder's name, and those of parent folders created for it, must be as durable as its
    // content.
    let full = path.canonicalize()?;
    full.ancestors().skip(1).try_for_each(|folder| match File::open(folder) {
        Ok(folder) => folder.sync_all(),
        // A folder that may not be read was not created here.
        Err(_) => Ok(()),
    })
}

/// Warns if others than the user may enter the folder.
fn warn_if_open_to_others(path: &Path) -> std::io::Result<()> {
    let mode = std::fs::metadata(path)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        let mode = format!("{mode:o}");
        tracing::warn!(data = %path.display(), mode, "others may read the data folder: chmod 700");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_by_one_server_and_keeps_its_number_of_shards() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(folder.path(), Some(3)).unwrap();
        assert!(matches!(DataDir::open(folder.path(), None), Err(DataDirError::InUse(_))));
        let seed = first.manifest().quote_seed;
        drop(first);
        let again = DataDir::open(folder.path(), None).unwrap();
        assert_eq!((again.manifest().shards, again.manifest().quote_seed), (3, seed));
        drop(again);
        let other = DataDir::open(folder.path(), Some(4)).unwrap_err().to_string();
        assert!(other.contains("made with 3 shards") && other.contains("with 4"), "{other}");
    }

    #[test]
    fn journals_without_their_manifest_are_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        drop(DataDir::open(folder.path(), Some(3)).unwrap());
        std::fs::remove_file(folder.path().join(MANIFEST)).unwrap();
        // A start that was interrupted leaves empty folders.
        drop(DataDir::open(folder.path(), Some(3)).unwrap());
        std::fs::write(shard_dir(folder.path(), 2).join("1.journal"), "").unwrap();
        std::fs::remove_file(folder.path().join(MANIFEST)).unwrap();
        let refused = DataDir::open(folder.path(), None).unwrap_err().to_string();
        assert!(refused.contains("has journals but no manifest.toml"), "{refused}");
        assert!(!folder.path().join(MANIFEST).exists());
    }

    #[test]
    fn a_manifest_of_another_version_is_refused_with_a_message() {
        let folder = tempfile::tempdir().unwrap();
        drop(DataDir::open(folder.path(), Some(1)).unwrap());
        let path = folder.path().join(MANIFEST);
        let newer = std::fs::read_to_string(&path)
            .unwrap()
            .replace("format_version = 1", "format_version = 2");
        std::fs::write(&path, newer).unwrap();
        let words = DataDir::open(folder.path(), None).unwrap_err().to_string();
        assert!(words.contains("format version 2; this program knows 1"), "{words}");
    }
}
