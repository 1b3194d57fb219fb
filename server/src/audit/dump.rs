//! Writes DUMPLOG files. The output is streamed, confined to the dump folder, and written
//! completely or not at all.
//!
//! A dump must never make a shard wait, and never use up the disk space of the journals.

use super::destination::{self, Destination};
use super::direct_io::write_file;
use super::error::DumpError;
use super::filter::LogFilter;
use super::merge::LogMerger;
use super::pace::Pace;
use super::query::LogQuery;
use crate::access::{Accounts, LogScope};
use crate::config::Config;
use crate::limits::{
    DUMP_ELEMENT_BYTES_MIN, DUMP_FREE_BYTES_MIN, DUMP_FREE_FILES_MIN, DUMP_SPACE_CHECK_BYTES,
    free_bytes_min,
};
use crate::message::{DumpDone, DumpRequest, DumpResult, ShardEvent};
use cap_std::fs::File;
use daytrade_protocol::{FileName, Refusal};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc::UnboundedSender;

/// Configuration and state of the dumps.
pub(crate) struct DumpService {
    /// Folder that all dump files are confined to.
    dump_dir: PathBuf,
    /// Data folder. Dumps must not be written into it, except to a dump folder inside it.
    data_dir: PathBuf,
    /// Maximum size of all dump files, bytes.
    quota: Option<u64>,
    /// Channels to the shards, for the result of a dump.
    shards: Vec<UnboundedSender<ShardEvent>>,
    /// The journals, as one log.
    merger: Arc<LogMerger>,
    /// Makes the names of temporary files unique.
    sequence: AtomicU64,
    progress: Progress,
}

/// What the dumps of this server have written, so that two at once keep to one quota.
#[derive(Debug, Default)]
struct Progress {
    /// Bytes of all dumps, those under way included, without the ones that failed.
    written: AtomicU64,
    /// Bytes of the dumps that are in place.
    finished: AtomicU64,
}

impl DumpService {
    /// Creates the service of a server.
    pub(crate) fn new(
        config: &Config,
        merger: Arc<LogMerger>,
        shards: Vec<UnboundedSender<ShardEvent>>,
    ) -> Arc<Self> {
        let (dump_dir, data_dir) = (config.dump_dir.clone(), config.data_dir.clone());
        let (sequence, quota) = (AtomicU64::new(0), config.dump_quota);
        let progress = Progress::default();
        Arc::new(Self { dump_dir, data_dir, quota, shards, merger, sequence, progress })
    }

    /// Removes dumps that a killed server has left unfinished.
    pub(crate) fn remove_abandoned(&self) {
        // A replay writes to the current folder, which may be a large one: it is cleaned when a
        // dump is written to it.
        if self.quota.is_some() {
            destination::remove_abandoned(&self.dump_dir);
        }
    }

    /// Writes the file and tells the shard. Blocks until that is done.
    pub(crate) fn carry_out(&self, request: DumpRequest) {
        let shard = usize::from(request.shard);
        let (result, replaced) = self.write(&request);
        let done = DumpDone { dump: request.dump, result };
        if let Some(shard) = self.shards.get(shard) {
            let _ = shard.send(ShardEvent::DumpDone(Box::new(done)));
        }
        // Freeing the blocks of a large replaced log may take the file system a long time, so this
        // is done after the reply.
        drop(replaced);
    }

    /// Writes the dump. Returns its path and number of events, and the replaced file, still open.
    fn write(&self, request: &DumpRequest) -> (DumpResult, Option<File>) {
        let filename = &request.dump.filename;
        // Held until the file is in place.
        let scope = request.dump.target.sink().take_log_scope();
        let scope = scope.as_ref().map(|(scope, _)| scope);
        let shown = match scope {
            // A client on another machine has no use for a path on this one.
            Some(LogScope { folder: Some(_), .. }) => filename.as_str().into(),
            _ => self.shown_path(filename),
        };
        let (written, replaced) = match self.write_into_place(request, scope) {
            Ok((events, replaced)) => (Ok((shown, events)), replaced),
            Err(error) => (Err(error), None),
        };
        let result = written.map_err(|error| match error {
            DumpError::LeadsOut => Refusal::FilenameLeadsOut,
            DumpError::Failed(message) => {
                tracing::warn!(file = %filename, error = %message, "a dump could not be written");
                Refusal::DumpFailed(message.replace(|c: char| c.is_control(), " ").into())
            }
        });
        (result, replaced)
    }

    fn shown_path(&self, filename: &FileName) -> Box<str> {
        let clean: PathBuf = Path::new(filename.as_str())
            .components()
            .filter(|c| *c != std::path::Component::CurDir)
            .collect();
        self.dump_dir.join(clean).display().to_string().into()
    }

    fn write_into_place(
        &self,
        request: &DumpRequest,
        scope: Option<&LogScope>,
    ) -> Result<(u64, Option<File>), DumpError> {
        std::fs::create_dir_all(&self.dump_dir)?;
        let folder = scope.and_then(|scope| scope.folder.as_deref()).unwrap_or_default();
        let path = &Path::new(folder).join(request.dump.filename.as_str());
        let query = query(request, scope);
        let mut budget = self.budget();
        // Before anything is created, folders included.
        budget.check(0, "")?;
        if !self.dump_dir.join(path).exists() {
            budget.check_quota(1, "at least ")?;
        }
        let kept = self.kept_folder()?;
        let destination = Destination::open(&self.dump_dir, path, kept.as_deref())?;
        destination.remove_abandoned();
        budget.used = budget.used.saturating_sub(destination.replaced_bytes()?);
        if matches!(query.filter, LogFilter::Everything) {
            let least = self.merger.record_count().saturating_mul(DUMP_ELEMENT_BYTES_MIN);
            budget.check(least, "at least ")?;
        }
        let number = self.sequence.fetch_add(1, Ordering::Relaxed);
        let mut bytes = 0;
        let dumped = destination.write(number, |file| {
            write_file(file, Pace::new(self.merger.positions.clone()), |out| {
                let mut out = Bounded { out, budget, written: 0, checked: 0, refused: None };
                let events = self.merger.merge(&query, &mut out);
                bytes = out.written;
                out.refused.map_or(events, Err)
            })
        });
        match &dumped {
            Ok(_) => self.progress.finished.fetch_add(bytes, Ordering::Relaxed),
            Err(_) => self.progress.written.fetch_sub(bytes, Ordering::Relaxed),
        };
        dumped
    }

    /// Returns how much may be written.
    fn budget(&self) -> Budget<'_> {
        // Before the files are looked at: one that is finished meanwhile counts twice, not never.
        let finished = self.progress.finished.load(Ordering::Relaxed);
        let used = self.quota.map_or(0, |_| destination::used_bytes(&self.dump_dir));
        let reserve = free_bytes_min(self.shards.len()) + DUMP_FREE_BYTES_MIN;
        let data_dir = Some(self.data_dir.as_path()).filter(|_| self.quota.is_some());
        let (quota, dump_dir, progress) = (self.quota, &*self.dump_dir, &self.progress);
        Budget { quota, used, finished, progress, reserve, dump_dir, data_dir }
    }

    /// Returns the data folder if the dump folder is or contains it. A dump folder within the data
    /// folder is apart from the journals.
    fn kept_folder(&self) -> io::Result<Option<PathBuf>> {
        let (data, dumps) = (self.data_dir.canonicalize()?, self.dump_dir.canonicalize()?);
        let is_apart = dumps.starts_with(&data) && dumps != data;
        Ok(Some(data).filter(|_| !is_apart))
    }
}

/// Returns the part of the log that a dump writes.
fn query(request: &DumpRequest, scope: Option<&LogScope>) -> LogQuery {
    let shard = usize::from(request.shard);
    let filter = match (&request.dump.user, scope) {
        (Some(user), _) => LogFilter::User(user.clone()),
        (None, Some(scope)) if scope.accounts != Accounts::All => {
            LogFilter::Accounts(scope.accounts.clone())
        }
        (None, _) => LogFilter::Everything,
    };
    LogQuery {
        filter,
        shard: request.dump.user.as_ref().map(|_| shard),
        own: Some((shard, request.record)),
        from_ms: 0,
        until_ms: request.time_ms,
    }
}

/// How much a dump may write.
struct Budget<'a> {
    /// Maximum size of all dump files, bytes.
    quota: Option<u64>,
    /// Size of the dump files when this dump began, without those under way.
    used: u64,
    /// Value of `progress.finished` then.
    finished: u64,
    progress: &'a Progress,
    /// Free space that must be left for the journals, bytes.
    reserve: u64,
    dump_dir: &'a Path,
    /// Data folder, if the journals may be on the disk of the dumps.
    data_dir: Option<&'a Path>,
}

impl Budget<'_> {
    /// Checks that another `bytes` may be written.
    fn check(&self, bytes: u64, prefix: &str) -> Result<(), DumpError> {
        self.check_quota(bytes, prefix)?;
        let stat = rustix::fs::statvfs(self.dump_dir).map_err(io::Error::from)?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        let shared = self.data_dir.is_some_and(|data| same_disk(data, self.dump_dir));
        if shared && stat.f_files > 0 && stat.f_favail < DUMP_FREE_FILES_MIN {
            let message = "the disk can create hardly any further file, and the journal needs them";
            return Err(DumpError::Failed(message.to_owned()));
        }
        if shared && free < self.reserve.saturating_add(bytes) {
            return Err(DumpError::Failed(format!(
                "the log needs {prefix}{bytes} bytes, and the disk must keep {} of its {free} free \
                 bytes for the journal",
                self.reserve
            )));
        }
        Ok(())
    }

    fn check_quota(&self, bytes: u64, prefix: &str) -> Result<(), DumpError> {
        let Some(quota) = self.quota else { return Ok(()) };
        let written = self.progress.written.load(Ordering::Relaxed);
        let used = self.used.saturating_add(written.saturating_sub(self.finished));
        let left = quota.saturating_sub(used);
        if bytes <= left {
            return Ok(());
        }
        Err(DumpError::Failed(format!(
            "the log needs {prefix}{bytes} bytes, and of --dump-quota ({quota}) {left} are left"
        )))
    }
}

fn same_disk(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (std::fs::metadata(one), std::fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.dev() == other.dev(),
        _ => true,
    }
}

/// Writes as much as the budget allows.
struct Bounded<'a, W> {
    out: &'a mut W,
    budget: Budget<'a>,
    written: u64,
    /// Value of `written` at the last look at the free space.
    checked: u64,
    /// The reason why nothing more is written.
    refused: Option<DumpError>,
}

impl<W: Write> Write for Bounded<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut allowed = self.budget.check_quota(bytes.len() as u64, "another ");
        if allowed.is_ok() && self.written - self.checked >= DUMP_SPACE_CHECK_BYTES {
            self.checked = self.written;
            allowed = self.budget.check(DUMP_SPACE_CHECK_BYTES, "another ");
        }
        if let Err(refused) = allowed {
            self.refused = Some(refused);
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let taken = self.out.write(bytes)?;
        self.written += taken as u64;
        self.budget.progress.written.fetch_add(taken as u64, Ordering::Relaxed);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dumps_at_the_same_time_share_one_quota() {
        let progress = Progress::default();
        let budget = |used| Budget {
            quota: Some(100),
            used,
            finished: progress.finished.load(Ordering::Relaxed),
            progress: &progress,
            reserve: 0,
            dump_dir: Path::new("."),
            data_dir: None,
        };
        // Two begin while there are 40 bytes of older dumps.
        let (one, other) = (budget(40), budget(40));
        progress.written.fetch_add(50, Ordering::Relaxed);
        assert!(one.check_quota(10, "").is_ok() && other.check_quota(10, "").is_ok());
        assert!(one.check_quota(11, "").is_err() && other.check_quota(11, "").is_err());
        // The first is in place: for a third it is one of the older ones.
        progress.finished.fetch_add(50, Ordering::Relaxed);
        assert!(other.check_quota(11, "").is_err() && budget(90).check_quota(10, "").is_ok());
        assert!(budget(90).check_quota(11, "").is_err());
    }
}
