//! The real mix as files, the prices that all servers use for it, and a comparison of replies.

use super::harness::{Daemon, program};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A generated workload.
pub struct Workload {
    /// The whole file.
    pub whole: PathBuf,
    /// The file without its DUMPLOG, which is measured apart.
    pub trades: PathBuf,
    /// Number of lines of `trades`.
    pub lines: u64,
    /// `SYMBOL,cents` lines.
    pub prices: PathBuf,
    /// `trades` in eight files, each user in one of them.
    pub eighths: Vec<PathBuf>,
}

impl Workload {
    /// Generates a workload in a folder and asks a server, whose prices never change, for the price
    /// of each symbol.
    pub fn generate(folder: &Path, users: u64, lines: u64, server: &Daemon) -> Self {
        let (users, count) = (users.to_string(), lines.to_string());
        let args = ["generate", "--users", &users, "--commands", &count, "--seed", "1"];
        let output = Command::new(program("daytrade")).args(args).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let path = |name: &str| folder.join(format!("{name}-{count}.txt"));
        let (whole, trades, prices) = (path("whole"), path("trades"), path("prices"));
        write(&whole, &text);
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("DUMPLOG")).collect();
        write(&trades, &(lines.join("\n") + "\n"));
        write(&prices, &prices_of(&lines, server));
        let mut parts = vec![String::new(); 8];
        for line in &lines {
            let user = fields_of(line).1[1];
            let part = user.bytes().map(usize::from).sum::<usize>() % parts.len();
            writeln!(parts[part], "{line}").unwrap();
        }
        let eighths = parts.iter().enumerate().map(|(number, text)| {
            let part = path(&format!("part{number}"));
            write(&part, text);
            part
        });
        let eighths = eighths.collect();
        Self { whole, trades, lines: lines.len() as u64, prices, eighths }
    }
}

/// Writes a file to the disk: what the system writes later would slow what is measured first.
fn write(path: &Path, text: &str) {
    let mut file = File::create(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.sync_all().unwrap();
}

/// Returns the tag and the fields of a line.
pub fn fields_of(line: &str) -> (u64, Vec<&str>) {
    let (tag, command) = line.split_once("] ").unwrap();
    (tag[1..].parse().unwrap(), command.trim_end().split(',').collect())
}

fn prices_of(lines: &[&str], server: &Daemon) -> String {
    let mut symbols = BTreeSet::new();
    for line in lines {
        let fields = fields_of(line).1;
        if let [name, _, symbol, ..] = fields[..]
            && name != "ADD"
        {
            symbols.insert(symbol);
        }
    }
    let asked: Vec<&str> = symbols.into_iter().collect();
    let requests: Vec<String> = asked.iter().map(|symbol| format!("QUOTE,u,{symbol}\n")).collect();
    let mut prices = String::new();
    for reply in server.talk(&requests.concat()).lines() {
        let fields: Vec<&str> = reply.split(',').collect();
        writeln!(prices, "{},{}", fields[2], fields[3].replace('.', "")).unwrap();
    }
    assert_eq!(prices.lines().count(), asked.len());
    prices
}

/// Returns the replies by tag, without what depends on the time: a quote's time and key, an order's
/// expiry, the text of an error. Without `history`, neither these lines nor their number.
pub fn comparable(text: &str, history: bool) -> HashMap<u64, Vec<String>> {
    let mut replies: HashMap<u64, Vec<String>> = HashMap::new();
    for line in text.lines() {
        let (tag, line) = line.split_once(']').unwrap();
        let reply = replies.entry(tag[1..].parse().unwrap()).or_default();
        reply.extend(comparable_line(line.trim_start(), history));
    }
    replies
}

/// Returns what [`comparable`] keeps of one line.
pub fn comparable_line(line: &str, history: bool) -> Option<String> {
    let mut fields: Vec<&str> = line.split(',').collect();
    match fields[..] {
        ["-HISTORY", ..] if !history => return None,
        ["-HISTORY", ..] => drop(fields.remove(1)),
        ["OK", "DISPLAY_SUMMARY", ..] if !history => fields.truncate(3),
        ["OK", "BUY" | "SELL", ..] | ["-PENDING", ..] => drop(fields.pop()),
        ["OK", "QUOTE", ..] => fields.truncate(4),
        ["ERR", ..] => fields.truncate(2),
        _ => {}
    }
    Some(fields.join(","))
}
