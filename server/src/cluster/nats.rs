//! Everything that is NATS: the connection, the streams, and their answers in our own terms.

use super::endpoint::{NatsConfig, with_credentials};
use super::heartbeat::Heartbeat;
use crate::journal::Answer;
use crate::limits::{LOG_PATIENCE, LOG_PAUSE, LOG_TRY, NATS_PAYLOAD_MIN};
use anyhow::Context as _;
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, StorageType};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, ConnectOptions, Event};
use bytes::Bytes;
use futures_util::StreamExt as _;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Oldest server whose answers this program knows.
const VERSION_MIN: (i64, i64, i64) = (2, 10, 27);
/// How long connecting may take, and a request about streams.
const CONNECT: Duration = Duration::from_secs(5);
const REQUEST: Duration = Duration::from_secs(2);
/// Messages and bytes that a reader asks for at once.
const PULL_MESSAGES: i64 = 512;

/// In place of a shard's number: the stream of the logins. A message is the whole file.
pub(crate) const LOGINS: u16 = u16::MAX;

const CLUSTER_ID: &str = "daytrade_cluster_id";
const SHARDS: &str = "daytrade_shards";
const LEFT_BY: &str = "daytrade_left_by";
const QUOTE_SEED: &str = "daytrade_quote_seed";

/// What all servers of a cluster have in common, as its streams say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Identity of the cluster.
    pub id: String,
    /// Number of shards.
    pub shards: u16,
    /// Seed of the simulated market.
    pub quote_seed: u32,
}

/// A connection to the NATS servers.
#[derive(Clone)]
pub(crate) struct Nats {
    client: Client,
    streams: jetstream::Context,
    cluster: String,
}

/// Logs what becomes of the connection.
fn tell(event: &Event) {
    match event {
        Event::Connected => tracing::info!("connected to a NATS server"),
        Event::Disconnected | Event::Closed => {
            tracing::warn!("the connection to the NATS server is lost; another one is tried");
        }
        Event::ServerError(error) => tracing::warn!(%error, "the NATS server reports an error"),
        Event::ClientError(error) => tracing::debug!(%error, "of the connection to NATS"),
        Event::LameDuckMode | Event::Draining | Event::SlowConsumer(_) => {
            tracing::debug!(%event, "of the connection to NATS");
        }
    }
}

/// Returns the server whose folder has left a cluster with this stream.
pub(crate) fn left_by(info: &Info) -> Option<&str> {
    info.config.metadata.get(LEFT_BY).map(String::as_str)
}

impl Nats {
    /// Connects to one of the servers, and to another whenever the connection is lost.
    ///
    /// # Errors
    /// If none of them answers, or the credentials cannot be read or are refused.
    pub(crate) async fn connect(config: &NatsConfig) -> anyhow::Result<Self> {
        let mut options = ConnectOptions::new()
            .name("daytraded")
            .ping_interval(Duration::from_secs(1))
            .connection_timeout(REQUEST)
            .request_timeout(Some(REQUEST))
            .max_reconnects(None)
            // The operator has named all servers, by addresses that can be reached from here.
            .ignore_discovered_servers()
            .event_callback(|event| async move { tell(&event) })
            .reconnect_delay_callback(|tries| {
                Duration::from_millis(if tries < 2 { 20 } else { 250 })
            });
        if let Some(file) = &config.credentials {
            options = with_credentials(options, file).await?;
        }
        if let Some(ca) = &config.ca {
            options = options.add_root_certificates(ca.clone());
        }
        let servers = config.servers.join(", ");
        let client = timeout(CONNECT, options.connect(&config.servers))
            .await
            .map_err(anyhow::Error::from)
            // Its text has that of its sources.
            .and_then(|connected| connected.map_err(|error| anyhow::anyhow!("{error}")))
            .with_context(|| format!("cannot connect to NATS at {servers}"))?;
        let mut streams = jetstream::new(client.clone());
        streams.set_timeout(REQUEST);
        Ok(Self { client, streams, cluster: config.cluster.clone() })
    }

    /// Checks the server that the connection is to.
    ///
    /// # Errors
    /// A message for the user, if the server cannot keep a journal.
    pub(crate) fn check_server(&self) -> anyhow::Result<()> {
        let info = self.client.server_info();
        let (major, minor, patch) = VERSION_MIN;
        anyhow::ensure!(
            self.client.is_server_compatible(major, minor, patch),
            "the NATS server {} has version {}; at least {major}.{minor}.{patch} is needed",
            info.server_name,
            info.version
        );
        anyhow::ensure!(
            info.max_payload >= NATS_PAYLOAD_MIN,
            "the NATS server {} takes messages of at most {} bytes; set max_payload to 8MB",
            info.server_name,
            info.max_payload
        );
        Ok(())
    }

    /// Returns the maximum size of a message, bytes.
    pub(crate) fn max_payload(&self) -> usize {
        self.client.server_info().max_payload
    }

    fn stream_name(&self, shard: u16) -> String {
        match shard {
            LOGINS => format!("DT_{}_USERS", self.cluster),
            shard => format!("DT_{}_J{shard}", self.cluster),
        }
    }

    fn subject(&self, shard: u16) -> String {
        match shard {
            LOGINS => format!("dt.{}.users", self.cluster),
            shard => format!("dt.{}.j.{shard}", self.cluster),
        }
    }

    fn heartbeats(&self) -> String {
        format!("dt.{}.hb", self.cluster)
    }

    /// Returns the configuration that the stream of a shard must have.
    fn stream_config(&self, shard: u16, plan: &Plan, replicas: usize) -> Config {
        Config {
            name: self.stream_name(shard),
            subjects: vec![self.subject(shard)],
            num_replicas: replicas,
            storage: StorageType::File,
            discard: DiscardPolicy::New,
            max_messages: -1,
            max_bytes: -1,
            max_messages_per_subject: -1,
            deny_delete: true,
            deny_purge: true,
            metadata: HashMap::from([
                (CLUSTER_ID.to_owned(), plan.id.clone()),
                (SHARDS.to_owned(), plan.shards.to_string()),
                (QUOTE_SEED.to_owned(), plan.quote_seed.to_string()),
            ]),
            ..Config::default()
        }
    }

    /// Creates the stream of a shard; one that is there already stays as it is.
    ///
    /// # Errors
    /// If the servers refuse it.
    pub(crate) async fn create(
        &self,
        shard: u16,
        plan: &Plan,
        replicas: usize,
    ) -> anyhow::Result<()> {
        let config = self.stream_config(shard, plan, replicas);
        let name = config.name.clone();
        self.streams
            .create_stream(config)
            .await
            .map(drop)
            .with_context(|| format!("the stream {name} cannot be created"))
    }

    /// Returns what a stream says of itself; None if there is no such stream. Asks again for a
    /// while: the stream may be electing its leader.
    ///
    /// # Errors
    /// If nobody answers.
    pub(crate) async fn info(&self, shard: u16) -> anyhow::Result<Option<Info>> {
        let give_up_at = Instant::now() + LOG_PATIENCE;
        loop {
            match self.ask_info(shard).await {
                Err(_) if Instant::now() < give_up_at => tokio::time::sleep(LOG_PAUSE).await,
                answered => return answered,
            }
        }
    }

    /// As [`Nats::info`], asked once.
    async fn ask_info(&self, shard: u16) -> anyhow::Result<Option<Info>> {
        let name = self.stream_name(shard);
        match self.streams.get_stream(&name).await {
            Ok(stream) => Ok(Some(stream.cached_info().clone())),
            Err(error) => match error.kind() {
                jetstream::context::GetStreamErrorKind::JetStream(reply)
                    if reply.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    Ok(None)
                }
                _ => Err(error).with_context(|| format!("nobody answers for the stream {name}")),
            },
        }
    }

    /// Returns true if the servers say that there is no such stream.
    pub(crate) async fn is_gone(&self, shard: u16) -> bool {
        matches!(timeout(LOG_TRY / 2, self.ask_info(shard)).await, Ok(Ok(None)))
    }

    /// Returns the number of the last frame in a stream.
    ///
    /// # Errors
    /// If nobody answers, or there is no stream.
    pub(crate) async fn last(&self, shard: u16) -> anyhow::Result<u64> {
        let info = self.ask_info(shard).await?;
        info.map(|info| info.state.last_sequence)
            .with_context(|| format!("there is no stream {}", self.stream_name(shard)))
    }

    /// Returns what the servers of the cluster have in common; None if it has not been made.
    ///
    /// # Errors
    /// If nobody answers, or the streams are not those of a cluster.
    pub(crate) async fn plan(&self) -> anyhow::Result<Option<Plan>> {
        // Each stream says it, so that the loss of one does not make another cluster.
        let first = self.info(0).await?;
        let Some(info) = (match first {
            None => self.info(LOGINS).await?,
            first => first,
        }) else {
            return Ok(None);
        };
        let of = |name: &str| info.config.metadata.get(name).cloned();
        let plan = || {
            let (id, shards) = (of(CLUSTER_ID)?, of(SHARDS)?.parse().ok()?);
            Some(Plan { id, shards, quote_seed: of(QUOTE_SEED)?.parse().ok()? })
        };
        plan().map(Some).with_context(|| {
            format!("the stream {} was not made by daytraded cluster init", info.config.name)
        })
    }

    /// Checks that a stream is kept as it has to be.
    ///
    /// # Errors
    /// A message for the user.
    pub(crate) fn check_stream(&self, shard: u16, plan: &Plan, info: &Info) -> anyhow::Result<()> {
        let (have, want) =
            (&info.config, self.stream_config(shard, plan, info.config.num_replicas));
        let name = &have.name;
        anyhow::ensure!(
            !have.sealed,
            "the cluster was closed by daytraded cluster leave; another one needs another \
             --cluster-name"
        );
        anyhow::ensure!(have.num_replicas >= 3, "the stream {name} has fewer than three replicas");
        anyhow::ensure!(
            have.metadata.get(CLUSTER_ID) == Some(&plan.id),
            "the stream {name} belongs to another cluster than the stream of shard 0"
        );
        let limits = |of: &Config| {
            let positive = |limit: i64| if limit > 0 { limit } else { -1 };
            let bounds = (positive(of.max_messages), positive(of.max_bytes), of.max_age);
            (bounds, of.storage, of.discard, of.deny_delete, of.deny_purge, of.sealed)
        };
        anyhow::ensure!(
            limits(have) == limits(&want),
            "the stream {name} has a limit, or lets messages be removed: it cannot keep a journal"
        );
        Ok(())
    }

    /// Seals the stream of a shard: nobody can append to it any more. `by` is the server whose
    /// folder goes on alone.
    ///
    /// # Errors
    /// If nobody answers.
    pub(crate) async fn seal(&self, shard: u16, info: &Info, by: &str) -> anyhow::Result<()> {
        let mut sealed = Config { sealed: true, ..info.config.clone() };
        sealed.metadata.insert(LEFT_BY.to_owned(), by.to_owned());
        self.streams
            .update_stream(sealed)
            .await
            .map(drop)
            .with_context(|| format!("the stream {} cannot be sealed", self.stream_name(shard)))
    }

    /// Tries once to append a message after message `number - 1`.
    pub(crate) async fn append(&self, shard: u16, number: u64, bytes: Bytes) -> Answer {
        let message =
            PublishMessage::build().payload(bytes).expected_last_sequence(number.saturating_sub(1));
        let acknowledged =
            async { self.streams.send_publish(self.subject(shard), message).await?.await };
        match timeout(LOG_TRY, acknowledged).await {
            Ok(Ok(ack)) => Answer::Stored(ack.sequence),
            Ok(Err(error)) if error.kind() == PublishErrorKind::WrongLastSequence => {
                Answer::WrongLast
            }
            Ok(Err(error)) => {
                tracing::debug!(shard, number, %error, "an append was not acknowledged");
                Answer::Unknown
            }
            Err(_) => Answer::Unknown,
        }
    }

    /// Reads a message from the leader of the stream, because other replicas may lag.
    pub(crate) async fn read(&self, shard: u16, number: u64) -> Option<Bytes> {
        let stream = self.streams.get_stream_no_info(self.stream_name(shard)).await.ok()?;
        let read = timeout(LOG_TRY, stream.get_raw_message(number)).await.ok()?.ok()?;
        (read.sequence == number).then_some(read.payload)
    }

    /// Makes another replica the leader of a stream, so that it is asked instead.
    pub(crate) async fn ask_another(&self, shard: u16) {
        let subject = format!("$JS.API.STREAM.LEADER.STEPDOWN.{}", self.stream_name(shard));
        let asked = self.client.request(subject, Bytes::new()).await;
        tracing::warn!(shard, done = asked.is_ok(), "asked the stream for another leader");
    }

    /// Reads the messages from `number` on, as they come, each with its number.
    ///
    /// # Errors
    /// If nobody answers.
    pub(crate) async fn messages(
        &self,
        shard: u16,
        number: u64,
    ) -> anyhow::Result<impl futures_util::Stream<Item = anyhow::Result<(u64, Bytes)>> + use<>>
    {
        let stream = self.streams.get_stream_no_info(self.stream_name(shard)).await?;
        let config = pull::OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: number },
            max_batch: PULL_MESSAGES,
            ..pull::OrderedConfig::default()
        };
        let messages = stream.create_consumer(config).await?.messages().await?;
        Ok(messages.map(|message| {
            let message = message?;
            let number = message.info().map_err(|error| anyhow::anyhow!(error))?.stream_sequence;
            Ok((number, message.message.payload))
        }))
    }

    /// Sends a heartbeat.
    pub(crate) async fn beat(&self, beat: &Heartbeat) {
        let sent = self.client.publish(self.heartbeats(), Bytes::from(beat.to_bytes())).await;
        // It is of no use later.
        let _ = (sent, timeout(LOG_TRY, self.client.flush()).await);
    }

    /// Receives the heartbeats of all servers.
    ///
    /// # Errors
    /// If nobody answers.
    pub(crate) async fn hear(
        &self,
    ) -> anyhow::Result<impl futures_util::Stream<Item = Heartbeat> + use<>> {
        let messages = self.client.subscribe(self.heartbeats()).await?;
        Ok(messages
            .filter_map(|message| std::future::ready(Heartbeat::from_bytes(&message.payload))))
    }

    /// Returns true if the NATS server answers. If it does not, looks for another one.
    pub(crate) async fn ping(&self) -> bool {
        // Nobody listens there: the server says so at once.
        let asked = self.client.request(format!("dt.{}.nobody", self.cluster), Bytes::new());
        let is_answered = timeout(LOG_TRY, asked).await.is_ok();
        if !is_answered {
            let _ = self.client.force_reconnect().await;
        }
        is_answered
    }
}
