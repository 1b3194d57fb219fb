//! DUMPLOG files: the shards' journals merged by time, streamed, confined to the dump folder, written whole.
//!
//! A dump reads files that are being written, up to places it has noted before; it must never make a shard wait.

use super::xml::{self, AuditWriter, Origin};
use crate::journal::{FsStorage, JournalReader, Position, Positions, ReadError, Start, first_kept};
use crate::limits::DUMPS_AT_ONCE;
use crate::shard::{Control, DumpDone, DumpRequest, DumpResult};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions};
use daytrade_protocol::{FileName, Refusal};
use parking_lot::RwLock;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// How much is written between two syncs of a long dump.
const SYNC_EVERY_BYTES: usize = 32 << 20;
/// How far a dump gives way to other threads, on the scale of `nice`.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// What a dump is made from and where it goes.
pub struct DumpService {
    /// The folder all dump files are confined to.
    pub dump_dir: PathBuf,
    /// The data folder, where no dump may go, but into a dump folder of its own.
    pub data_dir: PathBuf,
    /// The journal folder of each shard.
    pub journals: Vec<PathBuf>,
    /// How far each shard has written.
    pub positions: Vec<Positions>,
    /// The shards, to tell them when a dump is done.
    pub shards: Vec<UnboundedSender<Control>>,
    /// The name of the server in the log; a shard's is this and its number.
    pub server_name: String,
    /// Makes the names of unfinished files different.
    pub sequence: AtomicU64,
    /// Held while the journal is read, so that no segment is removed.
    pub readers: Arc<RwLock<()>>,
}

/// Why no dump was written.
enum DumpError {
    LeadsOut,
    Failed(String),
}

impl From<io::Error> for DumpError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ReadError> for DumpError {
    fn from(error: ReadError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Writes dumps as they are asked for, a few at once, each on a thread where it may block.
pub fn spawn_dumps(service: Arc<DumpService>, mut requests: UnboundedReceiver<DumpRequest>) {
    let turns = Arc::new(Semaphore::new(DUMPS_AT_ONCE));
    tokio::spawn(async move {
        while let Some(request) = requests.recv().await {
            let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
            let service = Arc::clone(&service);
            tokio::task::spawn_blocking(move || {
                let shard = usize::from(request.shard);
                let (result, replaced) = service.write(&request);
                let done = DumpDone { ticket: request.ticket, result };
                let _ = service.shards[shard].send(Control::DumpDone(Box::new(done)));
                // Giving back the blocks of a large old log takes the file system longer than anybody should wait.
                drop(replaced);
                drop(turn);
            });
        }
    });
}

impl DumpService {
    /// Writes the dump: its path and events, and the file it replaced, still open.
    fn write(&self, request: &DumpRequest) -> (DumpResult, Option<File>) {
        let filename = &request.ticket.filename;
        let (written, replaced) = match self.write_file(request) {
            Ok((events, replaced)) => (Ok((self.shown_path(filename), events)), replaced),
            Err(error) => (Err(error), None),
        };
        let result = written.map_err(|error| match error {
            DumpError::LeadsOut => Refusal::FilenameLeadsOut,
            DumpError::Failed(words) => {
                tracing::warn!(file = %filename, error = %words, "a dump could not be written");
                Refusal::DumpFailed(words.replace(|c: char| c.is_control(), " ").into())
            }
        });
        (result, replaced)
    }

    fn shown_path(&self, filename: &FileName) -> Box<str> {
        let clean: PathBuf =
            Path::new(filename.as_str()).components().filter(|c| *c != std::path::Component::CurDir).collect();
        self.dump_dir.join(clean).display().to_string().into()
    }

    /// Writes the file aside, syncs it, renames it.
    fn write_file(&self, request: &DumpRequest) -> Result<(u64, Option<File>), DumpError> {
        std::fs::create_dir_all(&self.dump_dir)?;
        let root = Dir::open_ambient_dir(&self.dump_dir, ambient_authority())?;
        let path = Path::new(request.ticket.filename.as_str());
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
            Ok(there) if there.is_dir() => return Err(DumpError::Failed("there is a folder of that name".to_owned())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(confined(error)),
            _ => {}
        }
        let number = self.sequence.fetch_add(1, Ordering::Relaxed);
        let aside = format!(".daytrade-dump.{}.{number}.tmp", std::process::id());
        let written = self.write_aside(request, &folder, &aside).and_then(|events| {
            let is_file = folder.symlink_metadata(name).is_ok_and(|there| there.is_file());
            let replaced = if is_file { folder.open(name).ok() } else { None };
            folder.rename(&aside, &folder, name)?;
            // The folder's own handle is only a name for it; syncing takes one that is open.
            folder.open(".")?.sync_all()?;
            Ok((events, replaced))
        });
        if written.is_err() {
            let _ = folder.remove_file(&aside);
        }
        written
    }

    /// Refuses to write among the journals, where the dump folder holds the data folder.
    fn keep_off_the_data(&self, folder: &Path) -> Result<(), DumpError> {
        let (data, dumps) = (self.data_dir.canonicalize()?, self.dump_dir.canonicalize()?);
        let into_data = dumps.join(folder).canonicalize()?.starts_with(&data);
        let dumps_are_apart = dumps.starts_with(&data) && dumps != data;
        if into_data && !dumps_are_apart { Err(DumpError::LeadsOut) } else { Ok(()) }
    }

    fn write_aside(&self, request: &DumpRequest, folder: &Dir, aside: &str) -> Result<u64, DumpError> {
        let file = folder.open_with(aside, OpenOptions::new().write(true).create_new(true))?;
        let also = file.try_clone()?;
        let (ask, asked) = std::sync::mpsc::sync_channel(1);
        // The disk works while the rest is written, so that the last sync has little left to do.
        let events = std::thread::scope(|scope| {
            let syncing = scope.spawn(move || asked.into_iter().try_for_each(|()| also.sync_data()));
            let out = Flushing { file: &file, unasked: 0, ask };
            let merging = scope.spawn(|| {
                give_way();
                self.merge(request, out)
            });
            let merged = merging.join().unwrap_or_else(|_| Err(DumpError::Failed("the dump has failed".to_owned())));
            // An error it has met is told once, and to nobody else.
            syncing.join().unwrap_or_else(|_| Err(io::Error::other("the syncing thread has failed")))?;
            merged
        })?;
        file.sync_all()?;
        Ok(events)
    }

    /// Merges the journals by time, up to the DUMPLOG's own record, which comes last. Each journal is read and turned into
    /// elements on a thread of its own, a frame at a time and no more than one frame ahead.
    fn merge(&self, request: &DumpRequest, mut out: impl Write) -> Result<u64, DumpError> {
        let _reading = self.readers.read();
        let mut shards: Vec<usize> = match request.ticket.user {
            Some(_) => vec![usize::from(request.shard)],
            None => (0..self.journals.len()).collect(),
        };
        // Equal times keep this order: the DUMPLOG's shard last.
        shards.sort_by_key(|&shard| (shard == usize::from(request.shard), shard));
        // Everything that was answered before the DUMPLOG was received is at or before these places.
        let places: Vec<(usize, Position)> = shards.iter().map(|&shard| (shard, self.positions[shard].get())).collect();
        out.write_all(xml::BEGIN)?;
        for &(shard, _) in &places {
            let first = first_kept(&FsStorage::new(&self.journals[shard]))?.unwrap_or(1);
            if first > 1 {
                writeln!(out, "<!-- {}-{shard}: the records before {first} are no longer kept -->", self.server_name)?;
            }
        }
        let mut events = 0;
        std::thread::scope(|scope| {
            let mut streams: Vec<Stream> = Vec::new();
            for (shard, place) in places {
                let (send, frames) = std::sync::mpsc::sync_channel(0);
                scope.spawn(move || {
                    if let Err(error) = self.read(request, shard, place, &send) {
                        // Nobody listens when the dump has failed elsewhere.
                        let _ = send.send(Err(error));
                    }
                });
                streams.extend(Stream::begin(frames)?);
            }
            while let Some(index) = earliest(&streams) {
                let stream = &mut streams[index];
                out.write_all(&stream.next.xml)?;
                events += stream.next.events;
                if !stream.advance()? {
                    streams.remove(index);
                }
            }
            Ok::<(), DumpError>(())
        })?;
        out.write_all(xml::END)?;
        Ok(events)
    }

    /// Sends a shard's part of the log, a frame at a time, up to its place or the DUMPLOG's time and record.
    fn read(
        &self,
        request: &DumpRequest,
        shard: usize,
        place: Position,
        send: &SyncSender<Read>,
    ) -> Result<(), DumpError> {
        let storage = FsStorage::new(&self.journals[shard]);
        let mut reader = JournalReader::new(&storage, shard as u16, Start::FirstKept, Some(place))?;
        let server = format!("{}-{shard}", self.server_name);
        let only = request.ticket.user.as_ref();
        let last = if shard == usize::from(request.shard) { request.record } else { u64::MAX };
        let mut audit = AuditWriter::default();
        while let Some(frame) = reader.next_frame()? {
            let time_ms = frame.header.time_ms;
            if time_ms > request.time_ms || frame.header.first_record > last {
                break;
            }
            let origin = Origin { time_ms, server: &server };
            let add = |number, record| {
                if number <= last {
                    audit.record(origin, &record, only);
                }
            };
            frame.each_record(add).map_err(|fault| DumpError::Failed(fault.to_string()))?;
            let (xml, events) = audit.take();
            if send.send(Ok(Elements { time_ms, xml, events })).is_err() {
                break;
            }
        }
        Ok(())
    }
}

/// The elements of one frame.
struct Elements {
    time_ms: u64,
    xml: Vec<u8>,
    events: u64,
}

type Read = Result<Elements, DumpError>;

/// One shard's part of the log, of which the next frame is known.
struct Stream {
    frames: Receiver<Read>,
    next: Elements,
}

impl Stream {
    /// None where there is no frame.
    fn begin(frames: Receiver<Read>) -> Result<Option<Self>, DumpError> {
        match frames.recv() {
            Ok(first) => Ok(Some(Self { next: first?, frames })),
            Err(_) => Ok(None),
        }
    }

    /// False after the last frame.
    fn advance(&mut self) -> Result<bool, DumpError> {
        match self.frames.recv() {
            Ok(next) => {
                self.next = next?;
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }
}

fn earliest(streams: &[Stream]) -> Option<usize> {
    streams.iter().enumerate().min_by_key(|(index, stream)| (stream.next.time_ms, *index)).map(|(index, _)| index)
}

/// Has this thread, and those it begins, use what the others leave of the processors: who trades comes before who reads the log.
fn give_way() {
    // On other systems it would be the whole server that gives way. Where it is not possible, the dump is only a louder neighbour.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
}

/// A file that asks for a sync every so often while it is written.
struct Flushing<'a> {
    file: &'a File,
    unasked: usize,
    ask: SyncSender<()>,
}

impl Write for Flushing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.unasked += written;
        if self.unasked >= SYNC_EVERY_BYTES {
            self.unasked = 0;
            // A sync that is still under way is enough.
            let _ = self.ask.try_send(());
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// cap-std says "permission denied", without asking the system, when a path would leave the folder, by a link for instance.
fn confined(error: io::Error) -> DumpError {
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::PermissionDenied, None) => DumpError::LeadsOut,
        _ => error.into(),
    }
}
