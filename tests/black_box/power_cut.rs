//! Power failures of the real server: what is on the disk is computed from its system calls.
//!
//! The model of the disk is Linux': a sync stores what was written since the sync before it; after
//! a failed sync the system considers the written data clean, so reads return it although it is
//! stored nowhere, and no later sync stores it.

use crate::harness::{Client, Daemon, Deadline, eventually, has_tool, program, send_signal};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::tempdir;

/// The unit in which the system remembers what is not yet stored.
const PAGE_BYTES: usize = 4096;
/// Commands sent at once: their frame has several pages.
const BATCH: usize = 200;

/// A file as programs read it and as it is stored.
#[derive(Default)]
struct File {
    cached: Vec<u8>,
    stored: Vec<u8>,
    dirty: BTreeSet<usize>,
}

impl File {
    fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        let begin = offset.min(self.cached.len());
        self.cached.resize(self.cached.len().max(end), 0);
        self.cached[offset..end].copy_from_slice(bytes);
        self.dirty.extend(begin / PAGE_BYTES..end.div_ceil(PAGE_BYTES));
    }

    fn sync(&mut self, succeeds: bool) {
        if succeeds {
            self.stored.resize(self.cached.len(), 0);
            for page in std::mem::take(&mut self.dirty) {
                let begin = (page * PAGE_BYTES).min(self.cached.len());
                let end = (begin + PAGE_BYTES).min(self.cached.len());
                self.stored[begin..end].copy_from_slice(&self.cached[begin..end]);
            }
        }
        self.dirty.clear();
    }
}

/// The files of a shard, computed from system calls.
#[derive(Default)]
struct Disk {
    files: BTreeMap<PathBuf, File>,
}

impl Disk {
    /// Applies the calls of one process in the order in which they ended.
    fn apply(&mut self, trace: &Path) {
        let trace = fs::read_to_string(trace).unwrap();
        let mut begun: BTreeMap<&str, String> = BTreeMap::new();
        for line in trace.lines() {
            let (thread, call) = line.split_once(char::is_whitespace).unwrap();
            let call = call.trim_start();
            if let Some(call) = call.strip_suffix("<unfinished ...>") {
                begun.insert(thread, call.to_owned());
            } else if let Some((_, rest)) = call.split_once(" resumed>") {
                let whole = begun.remove(thread).unwrap() + rest;
                self.apply_call(&whole);
            } else {
                self.apply_call(call);
            }
        }
    }

    fn apply_call(&mut self, call: &str) {
        let Some((name, rest)) = call.split_once('(') else { return };
        let Some((descriptor, rest)) = rest.split_once('>') else { return };
        let Some((_, path)) = descriptor.split_once('<') else { return };
        let path = PathBuf::from(String::from_utf8(unhex(path)).unwrap());
        if path.extension().is_none_or(|kind| kind != "journal") {
            return;
        }
        let file = self.files.entry(path).or_default();
        let returned = rest.rsplit_once(" = ").map_or("", |(_, value)| value);
        let number = |text: &str| text.trim().parse::<usize>().unwrap();
        match name {
            "pwrite64" => {
                let (_, rest) = rest.split_once('"').unwrap();
                let (bytes, rest) = rest.split_once('"').unwrap();
                assert!(!rest.starts_with("..."), "the trace has whole writes");
                let offset = rest.split(')').next().unwrap().rsplit(',').next().unwrap();
                let written = number(returned.split_whitespace().next().unwrap());
                file.write(&unhex(bytes)[..written], number(offset));
            }
            "ftruncate" => {
                let length = rest.split(')').next().unwrap().trim_start_matches(',');
                file.cached.resize(number(length), 0);
            }
            "fdatasync" | "fsync" => file.sync(returned.starts_with('0')),
            _ => {}
        }
    }

    /// Writes what is stored into a copy of a data folder.
    fn image(&self, data: &Path, into: &Path) {
        fs::create_dir_all(into.join("shard-0")).unwrap();
        fs::copy(data.join("manifest.toml"), into.join("manifest.toml")).unwrap();
        for (path, file) in &self.files {
            fs::write(into.join("shard-0").join(path.file_name().unwrap()), &file.stored).unwrap();
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |digits: &str| u8::from_str_radix(digits, 16).unwrap();
    text.split("\\x").skip(1).map(byte).collect()
}

/// Starts a server whose system calls are recorded. `fail` is the number of the sync that fails.
fn start_recorded(data: &Path, trace: &Path, fail: Option<usize>) -> Daemon {
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-xx", "-s", "2000000", "-o"]).arg(trace);
    command.args(["-e", "trace=pwrite64,ftruncate,fdatasync,fsync"]);
    if let Some(number) = fail {
        command.arg("-e").arg(format!("inject=fdatasync:error=EIO:when={number}"));
    }
    command.arg(program("daytraded")).args(["--listen", "127.0.0.1:0", "--shards", "1"]);
    command.arg("--data-dir").arg(data);
    Daemon::spawn(&mut command).unwrap()
}

/// Sends one batch of ADDs of new users. Returns true if all were carried out.
fn add(client: &mut Client, first: usize) -> bool {
    let lines: String = (0..BATCH).map(|n| format!("[1] ADD,user{},1\n", first + n)).collect();
    client.send(&lines);
    let ok = (0..BATCH).filter(|_| client.line().starts_with("[1] OK,ADD,1.00")).count();
    assert!(ok == 0 || ok == BATCH, "a batch is one frame");
    ok == BATCH
}

/// Returns the process that a strace process runs.
fn traced(strace: u32) -> u32 {
    let children = format!("/proc/{strace}/task/{strace}/children");
    fs::read_to_string(children).unwrap().split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn after_a_failed_sync_and_a_restart_a_power_cut_loses_no_answer() {
    if !has_tool("strace") {
        return;
    }
    for fail in 2..=5 {
        let (folder, image) = (tempdir().unwrap(), tempdir().unwrap());
        let data = folder.path().join("data");
        let mut disk = Disk::default();
        let mut answered = Vec::new();

        // The first life ends with a failed sync.
        let trace = folder.path().join("first");
        let server = start_recorded(&data, &trace, Some(fail));
        let mut client = server.connect();
        let mut next = 0;
        let deadline = Deadline::new("failed sync");
        while add(&mut client, next) {
            answered.push(next);
            next += BATCH;
            deadline.check();
        }
        assert_eq!(server.wait().code(), Some(1));
        disk.apply(&trace);

        // The second life works, on what the system has in its cache.
        let trace = folder.path().join("second");
        let server = start_recorded(&data, &trace, None);
        let mut client = server.connect();
        for _ in 0..3 {
            next += BATCH;
            assert!(add(&mut client, next));
            answered.push(next);
        }
        let pid = traced(server.pid());
        send_signal(pid, "KILL");
        eventually("end of the server", || !Path::new(&format!("/proc/{pid}")).exists());
        server.wait();
        disk.apply(&trace);

        // Then the power fails: only what is stored is left.
        disk.image(&data, image.path());
        let server = Daemon::try_start(image.path(), &[]).unwrap_or_else(|printed| {
            panic!("failed sync {fail}: a start on the image is refused: {printed}")
        });
        let mut client = server.connect();
        for first in answered {
            for user in first..first + BATCH {
                let reply = client.ask(&format!("ADD,user{user},1"));
                assert_eq!(reply, "OK,ADD,2.00", "failed sync {fail}: user{user} is lost");
            }
        }
    }
}
