//! Whether the NATS servers keep what they acknowledge: a start is refused if they would not.

use super::nats::{LOGINS, Nats, Plan};
use anyhow::Context as _;
use serde::Deserialize;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a monitoring port may take to answer, and the most that is read of it.
const PATIENCE: Duration = Duration::from_secs(2);
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// The monitoring ports of the NATS servers, `host:port`.
pub(crate) struct Monitors<'a>(&'a [String]);

#[derive(Deserialize)]
struct Varz {
    #[serde(default)]
    server_name: String,
    #[serde(default)]
    jetstream: JetStream,
}

#[derive(Default, Deserialize)]
struct JetStream {
    #[serde(default)]
    config: JetStreamConfig,
}

#[derive(Default, Deserialize)]
struct JetStreamConfig {
    #[serde(default)]
    sync_always: bool,
}

impl<'a> Monitors<'a> {
    /// Creates it.
    pub(crate) const fn new(addresses: &'a [String]) -> Self {
        Self(addresses)
    }

    /// Returns the ports that do not answer.
    pub(crate) async fn silent(&self) -> Vec<&str> {
        let mut silent = Vec::new();
        for address in self.0 {
            if varz(address).await.is_err() {
                silent.push(address.as_str());
            }
        }
        silent
    }

    /// Checks that most servers answer, and that each that does syncs before it acknowledges. By
    /// default they sync every two minutes, and a power cut loses what was acknowledged.
    ///
    /// # Errors
    /// A message for the user.
    pub(crate) async fn check(&self) -> anyhow::Result<()> {
        let mut answered = 0;
        let mut failure = None;
        for address in self.0 {
            match varz(address).await {
                Ok(varz) => {
                    anyhow::ensure!(
                        varz.jetstream.config.sync_always,
                        "the NATS server {} does not sync before it acknowledges: set \
                         sync_interval to always in its jetstream section",
                        varz.server_name
                    );
                    answered += 1;
                }
                Err(error) => {
                    tracing::warn!(address, error = format!("{error:#}"), "no NATS monitoring");
                    failure = Some(error);
                }
            }
        }
        match failure {
            Some(error) if answered * 2 <= self.0.len() => Err(error).context(
                "whether NATS syncs before it acknowledges is not known; name its monitoring \
                 ports with --cluster-monitor",
            ),
            _ => Ok(()),
        }
    }
}

/// Asks a monitoring port how its server is configured.
async fn varz(address: &str) -> anyhow::Result<Varz> {
    let ask = async {
        let mut socket = TcpStream::connect(address).await?;
        let request = format!("GET /varz HTTP/1.0\r\nHost: {address}\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        socket.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = timeout(PATIENCE, ask)
        .await
        .map_err(anyhow::Error::from)
        .and_then(|answer| Ok(answer?))
        .with_context(|| format!("http://{address}/varz does not answer"))?;
    let body = memchr::memmem::find(&answer, b"\r\n\r\n").and_then(|at| answer.get(at + 4..));
    serde_json::from_slice(body.unwrap_or_default())
        .with_context(|| format!("http://{address}/varz is not the monitoring port of NATS"))
}

/// Checks that every stream is kept as it has to be.
///
/// # Errors
/// A message for the user.
pub(crate) async fn check_streams(nats: &Nats, plan: &Plan) -> anyhow::Result<()> {
    for shard in 0..plan.shards {
        let info = nats.info(shard).await?.with_context(|| {
            format!(
                "the stream of shard {shard} is gone: daytraded cluster restore makes it of a copy"
            )
        })?;
        nats.check_stream(shard, plan, &info)?;
    }
    anyhow::ensure!(
        nats.info(LOGINS).await?.is_some(),
        "the stream of the logins is missing: daytraded cluster init, called as the first time, \
         makes it"
    );
    Ok(())
}
