//! `security.log`: who has logged in or tried to, and who was refused, as JSON lines.
//!
//! It never contains a secret, nor the name of anything but a login, a role, an address or a
//! command.

use crate::data_dir::give_to_owner_of;
use crate::limits::{SECURITY_LOG_BYTES_MAX, SECURITY_LOG_FILES};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

const FILE: &str = "security.log";

/// The log of one data folder.
#[derive(Debug)]
pub(crate) struct SecurityLog {
    path: PathBuf,
    open: Mutex<Open>,
}

/// One event.
#[derive(Serialize)]
struct Line<'a> {
    /// RFC 3339, UTC.
    time: String,
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    #[serde(flatten)]
    more: BTreeMap<&'a str, &'a str>,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
}

impl SecurityLog {
    /// Opens the log of a data folder.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub(crate) fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(FILE);
        let open = Mutex::new(Open::append_to(&path)?);
        Ok(Self { path, open })
    }

    /// Writes an event. `more` are further names and values.
    pub(crate) fn write(
        &self,
        event: &str,
        login: Option<&str>,
        address: Option<IpAddr>,
        more: &[(&str, &str)],
    ) {
        let line = Line {
            time: format!("{:.3}", Timestamp::now()),
            event,
            login,
            address: address.map(|address| address.to_canonical()),
            more: more.iter().copied().collect(),
        };
        let written = serde_json::to_string(&line).map_err(io::Error::other);
        let written = written.and_then(|text| self.append(format!("{text}\n").as_bytes()));
        if let Err(error) = written {
            tracing::warn!(path = %self.path.display(), %error, "an event could not be logged");
        }
    }

    fn append(&self, line: &[u8]) -> io::Result<()> {
        let mut open = self.open.lock();
        if open.bytes + line.len() as u64 > SECURITY_LOG_BYTES_MAX {
            self.rotate()?;
            *open = Open::append_to(&self.path)?;
        }
        open.file.write_all(line)?;
        open.bytes += line.len() as u64;
        Ok(())
    }

    /// Renames the log to the first of the older ones, and those each to the next.
    fn rotate(&self) -> io::Result<()> {
        let older = |number: u32| self.path.with_extension(format!("log.{number}"));
        for number in (1..SECURITY_LOG_FILES - 1).rev() {
            match std::fs::rename(older(number), older(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::rename(&self.path, older(1))
    }
}

impl Open {
    fn append_to(path: &Path) -> io::Result<Self> {
        let no_follow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600).custom_flags(no_follow);
        let file = options.open(path)?;
        if let Some(folder) = path.parent() {
            give_to_owner_of(folder, &file)?;
        }
        let bytes = file.metadata()?.len();
        Ok(Self { file, bytes })
    }
}
