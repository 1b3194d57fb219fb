//! The disk operations of a journal, as a trait. Tests can make each of them fail.

use super::fs_file::FsFile;
use crate::limits::FREE_FILES_MIN;
use rustix::fs::{AtFlags, CWD, StatxFlags};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A folder of journal files.
pub trait Storage: Send + Sync {
    /// Lists the names of the files, in any order.
    ///
    /// # Errors
    /// Returns an error of the file system.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Creates a file that must not exist yet.
    ///
    /// # Errors
    /// Returns an error of the file system.
    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>>;

    /// Opens a file that exists.
    ///
    /// # Errors
    /// Returns an error of the file system.
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>>;

    /// Removes a file.
    ///
    /// # Errors
    /// Returns an error of the file system.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Renames a file, and replaces an existing file of the new name.
    ///
    /// # Errors
    /// Returns an error of the file system.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Makes the names of the files durable.
    ///
    /// # Errors
    /// Returns an error of the file system.
    fn sync_folder(&self) -> io::Result<()>;

    /// Returns the free space, bytes; 0 if hardly any further file can be created.
    ///
    /// # Errors
    /// Returns an error of the file system.
    fn free_bytes(&self) -> io::Result<u64>;

    /// Returns which file has this name now, and its size.
    ///
    /// # Errors
    /// Returns an error of the file system, for example if no file has this name.
    fn status(&self, name: &str) -> io::Result<FileStatus>;

    /// Returns the name of a file of the folder for messages.
    fn describe(&self, name: &str) -> String;
}

/// What distinguishes a file from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    /// Number of the device.
    pub device: u64,
    /// Number of the file on it.
    pub inode: u64,
}

/// What a folder says about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStatus {
    /// Which file it is.
    pub identity: FileIdentity,
    /// Its size, bytes.
    pub bytes: u64,
}

/// An open journal file.
pub trait StorageFile: Send {
    /// Returns which file it is.
    ///
    /// # Errors
    /// Returns an error of the file system.
    fn identity(&self) -> io::Result<FileIdentity>;

    /// Reads up to `into.len()` bytes at an offset. Returns 0 at the end of the file.
    ///
    /// # Errors
    /// Returns an error of the file system.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all bytes at an offset.
    ///
    /// # Errors
    /// Returns an error of the file system. Part of the bytes may have been written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes all written data durable.
    ///
    /// # Errors
    /// Returns an error of the file system. Data written since the last sync may then be lost.
    fn sync(&self) -> io::Result<()>;

    /// Writes all bytes at an offset and makes them durable. Nothing else waits for a sync, and
    /// the file holds nothing but zeros after the bytes.
    ///
    /// # Errors
    /// As for [`StorageFile::write_all_at`] and [`StorageFile::sync`].
    fn append_durably(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)?;
        self.sync()
    }

    /// Truncates the file, or extends it with zeros.
    ///
    /// # Errors
    /// Returns an error of the file system.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// Returns the size of the file, bytes.
    ///
    /// # Errors
    /// Returns an error of the file system.
    fn size(&self) -> io::Result<u64>;
}

/// A folder of the file system.
#[derive(Clone, Debug)]
pub struct FsStorage {
    folder: PathBuf,
}

impl FsStorage {
    /// Uses this folder, which must exist.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }
}

impl Storage for FsStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        std::fs::read_dir(&self.folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.folder.join(name))?;
        Ok(Box::new(FsFile::new(file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let path = self.folder.join(name);
        // `journal verify` and DUMPLOG only read, and may lack the permission to write.
        let file =
            OpenOptions::new().read(true).write(true).open(&path).or_else(|_| File::open(&path))?;
        Ok(Box::new(FsFile::new(file)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.folder.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.folder.join(from), self.folder.join(to))
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.folder)?;
        // Some file systems do not count files.
        if stat.f_files > 0 && stat.f_favail < FREE_FILES_MIN {
            return Ok(0);
        }
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn status(&self, name: &str) -> io::Result<FileStatus> {
        status_of(CWD, &self.folder.join(name), AtFlags::SYMLINK_NOFOLLOW)
    }

    fn describe(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

/// Asks for identity and size only. Since Linux 6.13, asking for the times of a file makes its next
/// write store a new time, which took 90 microseconds a frame.
fn status_of(folder: impl AsFd, path: &Path, flags: AtFlags) -> io::Result<FileStatus> {
    let wanted = StatxFlags::INO | StatxFlags::SIZE;
    let seen = match rustix::fs::statx(&folder, path, flags, wanted) {
        // A sandbox may know only the older call.
        Err(Errno::NOSYS | Errno::PERM) => {
            let seen = rustix::fs::statat(&folder, path, flags)?;
            let identity = FileIdentity { device: seen.st_dev, inode: seen.st_ino };
            return Ok(FileStatus { identity, bytes: seen.st_size.cast_unsigned() });
        }
        seen => seen?,
    };
    let device = u64::from(seen.stx_dev_major) << 32 | u64::from(seen.stx_dev_minor);
    let identity = FileIdentity { device, inode: seen.stx_ino };
    Ok(FileStatus { identity, bytes: seen.stx_size })
}

impl StorageFile for FsFile {
    fn identity(&self) -> io::Result<FileIdentity> {
        status_of(self.file(), Path::new(""), AtFlags::EMPTY_PATH).map(|seen| seen.identity)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file().read_at(into, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file().write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file().sync_data()
    }

    fn append_durably(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.append(bytes, offset)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file().set_len(bytes)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.file().metadata()?.len())
    }
}

/// Fills `into` from an offset. Returns false if the file ends first.
#[expect(clippy::indexing_slicing, reason = "a read returns at most the length it was given")]
pub(super) fn read_exact(file: &dyn StorageFile, into: &mut [u8], offset: u64) -> io::Result<bool> {
    let mut have = 0;
    while have < into.len() {
        match file.read_at(&mut into[have..], offset + have as u64)? {
            0 => return Ok(false),
            read => have += read,
        }
    }
    Ok(true)
}
