//! Clients that trade, lose their connections and come back; and everything they saw.

use super::Random;
use daytrade_server::session::{Context, serve};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio_util::task::TaskTracker;

/// Clients at once; each trades for users of its own, over one connection at a time.
pub(super) const CLIENTS: u64 = 3;
const USERS_OF_EACH: u64 = 2;
const SYMBOLS: [&str; 4] = ["A", "BB", "CCC", "D"];

/// One command that was sent, and what came back.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// Over which connection: what two connections send has no order.
    pub(super) connection: u64,
    /// The line without its tag.
    pub(super) command: String,
    /// The last line of the reply, without its tag, once it came.
    pub(super) reply: Option<String>,
}

/// Everything that all clients saw in all lives, by tag.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Every command that was sent.
    pub(super) sent: BTreeMap<u64, Sent>,
    connections: u64,
    digest: DefaultHasher,
}

impl Seen {
    fn send(&mut self, connection: u64, command: &str) -> u64 {
        let tag = self.sent.len() as u64 + 1;
        self.sent.insert(tag, Sent { connection, command: command.to_owned(), reply: None });
        tag
    }

    fn hear(&mut self, line: &str) -> anyhow::Result<()> {
        line.hash(&mut self.digest);
        let Some((tag, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
            anyhow::ensure!(line.starts_with("* "), "neither a reply nor pushed: {line}");
            return Ok(());
        };
        let sent = self
            .sent
            .get_mut(&tag.parse()?)
            .ok_or_else(|| anyhow::anyhow!("never sent: {line}"))?;
        if let Some(reply) = rest.strip_prefix(' ') {
            anyhow::ensure!(sent.reply.is_none(), "answered twice: {line}");
            sent.reply = Some(reply.to_owned());
        }
        Ok(())
    }

    /// How many commands were sent.
    pub(super) fn submitted(&self) -> u64 {
        self.sent.len() as u64
    }

    /// How many were answered other than "not now".
    pub(super) fn acknowledged(&self) -> u64 {
        self.sent.values().filter(|sent| sent.is_acknowledged()).count() as u64
    }

    /// A hash over every line that came, in the order they came.
    pub(super) fn digest(&self) -> u64 {
        self.digest.finish()
    }
}

impl Sent {
    /// Whether it was answered with something that must be in the journal.
    pub(super) fn is_acknowledged(&self) -> bool {
        let not_now = ["ERR,SHUTTING_DOWN,", "ERR,READ_ONLY,"];
        self.reply.as_ref().is_some_and(|reply| !not_now.iter().any(|code| reply.starts_with(code)))
    }
}

/// One client, until it is done; connections are served as the server serves them.
pub(super) async fn trade(
    number: u64,
    mut random: Random,
    context: Context,
    sessions: TaskTracker,
    seen: Arc<Mutex<Seen>>,
) -> anyhow::Result<()> {
    let connections = random.below(4) + 1;
    for _ in 0..connections {
        let (near, far) = tokio::io::duplex(64 + random.below(4_000) as usize);
        let served = context.clone();
        sessions.spawn(async move {
            let (reader, writer) = tokio::io::split(far);
            let _ = serve(reader, writer, served).await;
        });
        connection(number, &mut random, near, &seen).await?;
        tokio::time::sleep(Duration::from_millis(random.below(3_000))).await;
    }
    Ok(())
}

async fn connection(
    number: u64,
    random: &mut Random,
    near: tokio::io::DuplexStream,
    seen: &Mutex<Seen>,
) -> anyhow::Result<()> {
    let connection = {
        let mut seen = seen.lock();
        seen.connections += 1;
        seen.connections
    };
    let (reader, mut writer) = tokio::io::split(near);
    let mut replies = BufReader::new(reader).lines();
    if random.one_in(3) {
        let listen =
            format!("[9000000] SUBSCRIBE,c{number}u0 noreply\n[9000000] WATCH,A noreply\n");
        let _ = writer.write_all(listen.as_bytes()).await;
    }
    for _ in 0..=random.below(6) {
        let mut sent = Vec::new();
        let count = random.below(12) + 1;
        for _ in 0..count {
            let user = format!("c{number}u{}", random.below(USERS_OF_EACH));
            let command = command(random, &user);
            let tag = seen.lock().send(connection, &command);
            sent.push(format!("[{tag}] {command}\n"));
        }
        let lines = sent.concat();
        // The other half of a line never comes, if the connection breaks now.
        let breaks = random.one_in(25);
        let bytes = if breaks { &lines.as_bytes()[..lines.len() - 3] } else { lines.as_bytes() };
        let patience = Duration::from_millis(random.below(20_000) + 1);
        let talk = async {
            let (mut answered, mut written) = (0, false);
            let write = writer.write_all(bytes);
            tokio::pin!(write);
            while answered < count || !written {
                tokio::select! {
                    biased;
                    line = replies.next_line() => {
                        let Ok(Some(line)) = line else { return Ok::<bool, anyhow::Error>(false) };
                        answered += u64::from(line.contains("] "));
                        seen.lock().hear(&line)?;
                    }
                    done = &mut write, if !written => {
                        if done.is_err() { return Ok(false); }
                        written = true;
                    }
                }
            }
            Ok(true)
        };
        // A client may run out of patience and leave, with replies on their way.
        let Ok(goes_on) = tokio::time::timeout(patience, talk).await else { return Ok(()) };
        if !goes_on? || breaks {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(if random.one_in(6) {
            70_000
        } else {
            random.below(2_000)
        }))
        .await;
    }
    Ok(())
}

fn command(random: &mut Random, user: &str) -> String {
    let symbol = SYMBOLS[random.below(4) as usize];
    let dollars = random.below(300) + 1;
    match random.below(20) {
        0..=3 => format!("ADD,{user},{dollars}.{:02}", random.below(100)),
        4..=6 => format!("BUY,{user},{symbol},{dollars}"),
        7 | 8 => format!("COMMIT_BUY,{user}"),
        9 => format!("CANCEL_BUY,{user}"),
        10 => format!("SELL,{user},{symbol},{dollars}"),
        11 => format!("COMMIT_SELL,{user}"),
        12 => format!("CANCEL_SELL,{user}"),
        13 => format!("SET_BUY_AMOUNT,{user},{symbol},{dollars}"),
        14 => format!("SET_BUY_TRIGGER,{user},{symbol},{}", random.below(80) + 1),
        15 => format!("SET_SELL_AMOUNT,{user},{symbol},{dollars}"),
        16 => format!("SET_SELL_TRIGGER,{user},{symbol},{}", random.below(80) + 1),
        17 => format!("CANCEL_SET_BUY,{user},{symbol}"),
        18 => format!("QUOTE,{user},{symbol}"),
        _ => format!("DISPLAY_SUMMARY,{user}"),
    }
}
