//! `daytraded backup` and `restore`: a data folder as it was at one moment.
//!
//! A backup is itself a data folder, made of the same segments up to the last frame of that moment.
//! It is taken from the files, while the server runs or not; nothing waits for it. It must never
//! write into a folder that has anything in it, and never share a file with a data folder: what a
//! server appends to is copied, and only backups share files with each other.

mod shard;

use crate::data_dir::{
    DataDir, Manifest, copy_private, last_backup, make_copy, note_backup, read_manifest, shard_dir,
};
use crate::journal::Until;
use crate::logins::{SecurityLog, durable_frames};
use crate::runtime::NO_THREAD;
use crate::server::open_stores;
use crate::shard::recover_shard;
use anyhow::{Context as _, bail, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shard::{Amount, Copier};
use std::io::Write;
use std::path::Path;

const RECORD: &str = "backup.toml";
/// Files besides the journal that belong to a server.
const OTHERS: [&str; 3] = ["users.toml", "tls/cert.pem", "tls/key.pem"];

/// What a backup holds, as it was when it was taken.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupRecord {
    /// When it was taken.
    taken: Timestamp,
    shard: Vec<ShardRecord>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShardRecord {
    frames: u64,
    records: u64,
    /// Hash over all accounts, in hexadecimal digits.
    state: String,
}

/// Copies a data folder as it is now. What the last backup has already is linked, if that is on the
/// same file system and `anew` is false.
///
/// # Errors
/// If `to` has anything in it, or a file cannot be read or written.
pub(crate) fn backup(
    data: &Path,
    to: &Path,
    anew: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    // A folder that is not there is not made: an empty backup would look like one.
    read_manifest(data)?;
    // Without a server the folder is locked; with one, it says which frames are durable.
    let (frames, _lock) = if let Some(frames) = durable_frames(data)? {
        (frames.into_iter().map(Some).collect(), None)
    } else {
        let lock = DataDir::open(data, None).context(
            "the server that runs on it does not answer; if it is an older one, stop it",
        )?;
        (vec![None; usize::from(lock.manifest().shards)], Some(lock))
    };
    let until: Vec<Until> =
        frames.into_iter().map(|frame| Until { frame, time_ms: None }).collect();
    let base = last_backup(data).filter(|_| !anew);
    let taken = Timestamp::now();
    let (shards, amount) = copy(data, to, base.as_deref(), &until)?;
    let record = BackupRecord { taken, shard: shards };
    let text = toml::to_string(&record)?;
    copy_private(text.as_bytes(), &to.join(RECORD))?;
    say(out, &record.shard)?;
    amount.say(base.as_deref());
    note_backup(data, taken.as_millisecond(), &to.canonicalize()?)?;
    SecurityLog::open(data).context("security.log")?.write("backup", None, None, &[]);
    Ok(())
}

/// Checks that a backup is whole: every frame, and the accounts that come of them.
///
/// # Errors
/// The first difference.
pub(crate) fn verify(folder: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let path = folder.join(RECORD);
    let record = read_record(folder)?.with_context(|| {
        format!("{} is no backup: there is no {}", folder.display(), path.display())
    })?;
    let lock = DataDir::open(folder, None)?;
    say(out, &check(folder, &lock, &record)?)
}

/// Returns what a backup holds, or None if the folder is not a backup.
fn read_record(folder: &Path) -> anyhow::Result<Option<BackupRecord>> {
    let path = folder.join(RECORD);
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => {
            let text = read.with_context(|| path.display().to_string())?;
            toml::from_str(&text).map(Some).with_context(|| path.display().to_string())
        }
    }
}

/// Checks that the accounts of a backup are those that it recorded. Returns what it holds.
fn check(folder: &Path, lock: &DataDir, record: &BackupRecord) -> anyhow::Result<Vec<ShardRecord>> {
    let found = state_of(lock)?;
    let is_same = found == record.shard;
    ensure!(is_same, "{}: the accounts are not those of the backup", folder.display());
    Ok(found)
}

/// Makes a data folder of a backup, up to a time if one is given.
///
/// # Errors
/// If `to` has anything in it, or a file cannot be read or written.
pub(crate) fn restore(
    from: &Path,
    to: &Path,
    until: Option<Timestamp>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    read_manifest(from)?;
    let lock = DataDir::open(from, None)?;
    // What is not whole is not restored. A data folder that is no backup has nothing to compare.
    if let Some(record) = read_record(from)? {
        check(from, &lock, &record)?;
    }
    let time_ms = until.map(|time| u64::try_from(time.as_millisecond()).unwrap_or(0));
    let shards = usize::from(lock.manifest().shards);
    let (shards, _) = copy(from, to, None, &vec![Until { frame: None, time_ms }; shards])?;
    say(out, &shards)?;
    SecurityLog::open(to).context("security.log")?.write("restore", None, None, &[]);
    Ok(())
}

fn say(out: &mut impl Write, shards: &[ShardRecord]) -> anyhow::Result<()> {
    for (number, ShardRecord { frames, records, state }) in shards.iter().enumerate() {
        writeln!(out, "shard {number}: {frames} frames, {records} records, state {state}")?;
    }
    Ok(())
}

/// Copies a data folder, each shard up to its moment. `base` is an earlier backup of it. Returns
/// what the copy holds, and what that took. Of a copy that fails nothing is left.
fn copy(
    from: &Path,
    to: &Path,
    base: Option<&Path>,
    until: &[Until],
) -> anyhow::Result<(Vec<ShardRecord>, Amount)> {
    let manifest = read_manifest(from)?;
    ensure!(usize::from(manifest.shards) == until.len(), "the server has another folder");
    if to.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty", to.display());
    }
    let copied = copy_into(from, to, &manifest, base, until);
    if copied.is_err() {
        // The folder itself may have been there before.
        for entry in to.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
        }
    }
    copied
}

fn copy_into(
    from: &Path,
    to: &Path,
    manifest: &Manifest,
    base: Option<&Path>,
    until: &[Until],
) -> anyhow::Result<(Vec<ShardRecord>, Amount)> {
    make_copy(to, manifest)?;
    let is_of_it = |base: &&Path| read_manifest(base).is_ok_and(|earlier| earlier == *manifest);
    let base = base.filter(is_of_it);
    let shards: Vec<Copier> = (0..manifest.shards)
        .zip(until)
        .map(|(number, until)| {
            let folder = |of: &Path| shard_dir(of, number);
            Copier {
                number,
                from: folder(from),
                to: folder(to),
                base: base.map(folder),
                until: *until,
            }
        })
        .collect();
    // Each shard is read by a thread of its own: a disk serves several better than one.
    let copied: anyhow::Result<Vec<Amount>> = std::thread::scope(|scope| {
        let begin =
            |shard| std::thread::Builder::new().spawn_scoped(scope, move || Copier::run(shard));
        let running: Vec<_> = shards.iter().map(begin).collect();
        let end = |thread: std::io::Result<std::thread::ScopedJoinHandle<'_, _>>| {
            let joined = thread.context(NO_THREAD)?.join();
            joined.unwrap_or_else(|_| bail!("a copy ended with a panic"))
        };
        running.into_iter().map(end).collect()
    });
    let amount = copied?.into_iter().fold(Amount::default(), Amount::and);
    for name in OTHERS {
        match std::fs::read(from.join(name)) {
            Ok(bytes) => copy_private(bytes.as_slice(), &to.join(name))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| name.to_owned()),
        }
    }
    Ok((state_of(&DataDir::open(to, None)?)?, amount))
}

/// Reads the accounts of a folder.
fn state_of(folder: &DataDir) -> anyhow::Result<Vec<ShardRecord>> {
    let stores = open_stores(folder);
    let shards = stores.iter().zip(0..).map(|(store, shard)| {
        let recovered = recover_shard(&**store, shard, false)?;
        let state = format!("{:016x}", recovered.book.state_hash().0);
        Ok(ShardRecord { frames: recovered.end.frame, records: recovered.end.record, state })
    });
    shards.collect()
}
