//! Redis with Lua functions that do the same commands (`trade.lua`).

use super::redis::Redis;
use super::workload::fields_of;
use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Number of connections, and of requests in flight on each.
const CONNECTIONS: usize = 50;
const IN_FLIGHT: usize = 100;

/// Requests of one connection: their tags and their bytes, `IN_FLIGHT` together.
type Requests = Vec<(Vec<u64>, Vec<u8>)>;

/// The replies by tag.
pub type Replies = HashMap<u64, String>;

/// A workload as requests to redis. A user's commands are on one connection, in their order.
pub struct LuaWorkload(Vec<Requests>);

impl LuaWorkload {
    /// Converts lines with tags.
    pub fn of(text: &str) -> Self {
        let mut connections: Vec<Requests> = vec![Vec::new(); CONNECTIONS];
        for line in text.lines() {
            let (tag, fields) = fields_of(line);
            let user = fields[1];
            let hash = user.bytes().fold(0_usize, |hash, byte| hash * 31 + usize::from(byte));
            let requests = &mut connections[hash % CONNECTIONS];
            if requests.last().is_none_or(|(tags, _)| tags.len() == IN_FLIGHT) {
                requests.push((Vec::new(), Vec::new()));
            }
            let (tags, bytes) = requests.last_mut().unwrap();
            tags.push(tag);
            let mut words = vec!["FCALL".to_owned(), fields[0].to_owned(), "1".to_owned()];
            words.push(user.to_owned());
            // An amount is in cents.
            words.extend(fields[2..].iter().map(|field| field.replace('.', "")));
            command(bytes, &words);
        }
        Self(connections)
    }

    /// Sends everything and waits for all replies; keeps them if `keep` is true.
    pub fn run(self, redis: &Redis, keep: bool) -> Replies {
        let address = redis.address();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for requests in self.0 {
                let stream = TcpStream::connect(&address).await.unwrap();
                tasks.spawn(run_connection(stream, requests, keep));
            }
            let mut replies = Replies::new();
            while let Some(done) = tasks.join_next().await {
                replies.extend(done.unwrap());
            }
            replies
        })
    }
}

/// Loads the functions, and the prices of `SYMBOL,cents` lines.
pub fn prepare(redis: &Redis, prices: &Path) {
    let mut bytes = Vec::new();
    command(&mut bytes, &["FUNCTION", "LOAD", include_str!("trade.lua")]);
    for line in std::fs::read_to_string(prices).unwrap().lines() {
        let (symbol, cents) = line.split_once(',').unwrap();
        command(&mut bytes, &["HSET", "prices", symbol, cents]);
    }
    command(&mut bytes, &["QUIT"]);
    let mut stream = std::net::TcpStream::connect(redis.address()).unwrap();
    stream.write_all(&bytes).unwrap();
    let mut answers = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answers).unwrap();
    assert!(!answers.contains('-'), "redis refused: {answers}");
}

fn command(bytes: &mut Vec<u8>, words: &[impl AsRef<str>]) {
    write!(bytes, "*{}\r\n", words.len()).unwrap();
    for word in words.iter().map(AsRef::as_ref) {
        write!(bytes, "${}\r\n{word}\r\n", word.len()).unwrap();
    }
}

async fn run_connection(stream: TcpStream, requests: Requests, keep: bool) -> Replies {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let (mut replies, mut head, mut body) = (Replies::new(), String::new(), Vec::new());
    for (tags, bytes) in requests {
        writer.write_all(&bytes).await.unwrap();
        for tag in tags {
            head.clear();
            reader.read_line(&mut head).await.unwrap();
            let length: Option<usize> =
                head.trim_end().strip_prefix('$').and_then(|length| length.parse().ok());
            body.resize(length.unwrap_or_else(|| panic!("redis answers {head}")) + 2, 0);
            reader.read_exact(&mut body).await.unwrap();
            if keep {
                replies.insert(tag, String::from_utf8_lossy(&body).trim_end().to_owned());
            }
        }
    }
    replies
}
