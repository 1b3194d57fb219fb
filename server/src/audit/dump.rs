//! Writes DUMPLOG files. The output is streamed, confined to the dump folder, and written
//! completely or not at all.
//!
//! A dump must never make a shard wait.

use super::direct_io::write_file;
use super::error::DumpError;
use super::merge::LogMerger;
use crate::config::Config;
use crate::limits::DUMPS_AT_ONCE;
use crate::message::{DumpDone, DumpRequest, DumpResult, ShardEvent};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions};
use daytrade_protocol::{FileName, Refusal};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// Configuration and state of the dumps.
pub(crate) struct DumpService {
    /// Folder that all dump files are confined to.
    dump_dir: PathBuf,
    /// Data folder. Dumps must not be written into it, except to a dump folder inside it.
    data_dir: PathBuf,
    /// Channels to the shards, for the result of a dump.
    shards: Vec<UnboundedSender<ShardEvent>>,
    /// The journals, as one log.
    merger: LogMerger,
    /// Makes the names of temporary files unique.
    sequence: AtomicU64,
}

/// Writes the requested dumps, a few concurrently, each on a thread that may block.
pub(crate) fn spawn_dumps(service: Arc<DumpService>, mut requests: UnboundedReceiver<DumpRequest>) {
    let turns = Arc::new(Semaphore::new(DUMPS_AT_ONCE));
    tokio::spawn(async move {
        while let Some(request) = requests.recv().await {
            let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
            let service = Arc::clone(&service);
            tokio::task::spawn_blocking(move || {
                let shard = usize::from(request.shard);
                let (result, replaced) = service.write(&request);
                let done = DumpDone { dump: request.dump, result };
                let _ = service.shards[shard].send(ShardEvent::DumpDone(Box::new(done)));
                // Freeing the blocks of a large replaced log may take the file system a long time,
                // so this is done after the reply.
                drop(replaced);
                drop(turn);
            });
        }
    });
}

impl DumpService {
    /// Creates the service of a server.
    pub(crate) fn new(
        config: &Config,
        merger: LogMerger,
        shards: Vec<UnboundedSender<ShardEvent>>,
    ) -> Arc<Self> {
        let (dump_dir, data_dir) = (config.dump_dir.clone(), config.data_dir.clone());
        let sequence = AtomicU64::new(0);
        Arc::new(Self { dump_dir, data_dir, shards, merger, sequence })
    }

    /// Writes the dump. Returns its path and number of events, and the replaced file, still open.
    fn write(&self, request: &DumpRequest) -> (DumpResult, Option<File>) {
        let filename = &request.dump.filename;
        let (written, replaced) = match self.write_into_place(request) {
            Ok((events, replaced)) => (Ok((self.shown_path(filename), events)), replaced),
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

    /// Writes a temporary file, syncs it and renames it.
    fn write_into_place(&self, request: &DumpRequest) -> Result<(u64, Option<File>), DumpError> {
        std::fs::create_dir_all(&self.dump_dir)?;
        let root = Dir::open_ambient_dir(&self.dump_dir, ambient_authority())?;
        let path = Path::new(request.dump.filename.as_str());
        let folder_path = path.parent().unwrap_or(Path::new(""));
        let folder = match Some(folder_path).filter(|folder| !folder.as_os_str().is_empty()) {
            None => root.try_clone()?,
            Some(folder) => match root.open_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    root.create_dir_all(folder).map_err(confined)?;
                    root.open_dir(folder).map_err(confined)?
                }
                opened => opened.map_err(confined)?,
            },
        };
        self.keep_off_the_data(folder_path)?;
        let Some(name) = path.file_name() else { return Err(DumpError::LeadsOut) };
        match root.metadata(path) {
            Ok(there) if there.is_dir() => {
                return Err(DumpError::Failed("there is a folder of that name".to_owned()));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(confined(error)),
            _ => {}
        }
        let number = self.sequence.fetch_add(1, Ordering::Relaxed);
        let temporary = format!(".daytrade-dump.{}.{number}.tmp", std::process::id());
        let written = self.write_temporary(request, &folder, &temporary).and_then(|events| {
            let is_file = folder.symlink_metadata(name).is_ok_and(|there| there.is_file());
            let replaced = if is_file { folder.open(name).ok() } else { None };
            folder.rename(&temporary, &folder, name)?;
            // The folder's handle is only a reference to its path; a sync needs an open folder.
            folder.open(".")?.sync_all()?;
            Ok((events, replaced))
        });
        if written.is_err() {
            let _ = folder.remove_file(&temporary);
        }
        written
    }

    /// Refuses to write among the journals if the dump folder contains the data folder.
    fn keep_off_the_data(&self, folder: &Path) -> Result<(), DumpError> {
        let (data, dumps) = (self.data_dir.canonicalize()?, self.dump_dir.canonicalize()?);
        let into_data = dumps.join(folder).canonicalize()?.starts_with(&data);
        let dumps_are_apart = dumps.starts_with(&data) && dumps != data;
        if into_data && !dumps_are_apart { Err(DumpError::LeadsOut) } else { Ok(()) }
    }

    fn write_temporary(
        &self,
        request: &DumpRequest,
        folder: &Dir,
        temporary: &str,
    ) -> Result<u64, DumpError> {
        let file = folder
            .open_with(temporary, OpenOptions::new().write(true).create_new(true))?
            .into_std();
        let events = write_file(&file, |out| self.merger.merge(request, out))?;
        file.sync_all()?;
        Ok(events)
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
