//! Clients that trade, lose connections and reconnect, and the record of everything they received.

use super::Random;
use daytrade_server::test_support::Connector;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

/// Number of concurrent clients. Each trades for its own users, over one connection at a time.
pub(super) const CLIENTS: u64 = 3;
const USERS_PER_CLIENT: u64 = 2;
const SYMBOLS: [&str; 4] = ["A", "BB", "CCC", "D"];

/// A sent command and its reply.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// Number of its connection. Commands of two connections have no order.
    pub(super) connection: u64,
    /// Line without its tag.
    pub(super) command: String,
    /// Last line of the reply without its tag, after it arrived.
    pub(super) reply: Option<String>,
}

/// Everything that the clients sent and received in all server runs.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// Every sent command, by tag.
    pub(super) sent: BTreeMap<u64, Sent>,
    connections: u64,
    digest: DefaultHasher,
}

impl Observed {
    fn record_command(&mut self, connection: u64, command: &str) -> u64 {
        let tag = self.sent.len() as u64 + 1;
        self.sent.insert(tag, Sent { connection, command: command.to_owned(), reply: None });
        tag
    }

    fn record_line(&mut self, line: &str) -> anyhow::Result<()> {
        line.hash(&mut self.digest);
        let Some((tag, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
            anyhow::ensure!(line.starts_with("* "), "neither a reply nor a push: {line}");
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

    /// Returns the number of sent commands.
    pub(super) fn submitted(&self) -> u64 {
        self.sent.len() as u64
    }

    /// Returns the number of acknowledged commands.
    pub(super) fn acknowledged(&self) -> u64 {
        self.sent.values().filter(|sent| sent.is_acknowledged()).count() as u64
    }

    /// Returns a hash over every received line in the order of arrival.
    pub(super) fn digest(&self) -> u64 {
        self.digest.finish()
    }
}

impl Sent {
    /// Returns true if the reply promises that the command is in the journal.
    pub(super) fn is_acknowledged(&self) -> bool {
        let not_taken = ["ERR,SHUTTING_DOWN,", "ERR,READ_ONLY,"];
        self.reply
            .as_ref()
            .is_some_and(|reply| !not_taken.iter().any(|code| reply.starts_with(code)))
    }
}

/// Runs one client to its end. The real session code serves its connections.
pub(super) async fn trade(
    number: u64,
    mut random: Random,
    connector: Connector,
    observed: Arc<Mutex<Observed>>,
) -> anyhow::Result<()> {
    let connections = random.below(4) + 1;
    for _ in 0..connections {
        let (near, far) = tokio::io::duplex(64 + random.below(4_000) as usize);
        let (reader, writer) = tokio::io::split(far);
        connector.connect(reader, writer);
        connection(number, &mut random, near, &observed).await?;
        tokio::time::sleep(Duration::from_millis(random.below(3_000))).await;
    }
    Ok(())
}

async fn connection(
    number: u64,
    random: &mut Random,
    near: tokio::io::DuplexStream,
    observed: &Mutex<Observed>,
) -> anyhow::Result<()> {
    let connection = {
        let mut observed = observed.lock();
        observed.connections += 1;
        observed.connections
    };
    let (reader, mut writer) = tokio::io::split(near);
    let mut replies = BufReader::new(reader).lines();
    if random.one_in(3) {
        let subscribe =
            format!("[9000000] SUBSCRIBE,c{number}u0 noreply\n[9000000] WATCH,A noreply\n");
        let _ = writer.write_all(subscribe.as_bytes()).await;
    }
    for _ in 0..=random.below(6) {
        let mut sent = Vec::new();
        let count = random.below(12) + 1;
        for _ in 0..count {
            let user = format!("c{number}u{}", random.below(USERS_PER_CLIENT));
            let command = command(random, &user);
            let tag = observed.lock().record_command(connection, &command);
            sent.push(format!("[{tag}] {command}\n"));
        }
        let lines = sent.concat();
        // A connection that breaks here leaves an unfinished last line.
        let breaks = random.one_in(25);
        let bytes = if breaks { &lines.as_bytes()[..lines.len() - 3] } else { lines.as_bytes() };
        let timeout = Duration::from_millis(random.below(20_000) + 1);
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
                        observed.lock().record_line(&line)?;
                    }
                    done = &mut write, if !written => {
                        if done.is_err() { return Ok(false); }
                        written = true;
                    }
                }
            }
            Ok(true)
        };
        // A client may time out and disconnect while replies are in flight.
        let Ok(connected) = tokio::time::timeout(timeout, talk).await else { return Ok(()) };
        if !connected? || breaks {
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
