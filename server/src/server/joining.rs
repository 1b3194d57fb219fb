//! How a server becomes a member of a cluster: connects, checks, opens its copy, follows.

use super::deps::ClusterDeps;
use super::parts::SharedParts;
#[cfg(feature = "remote")]
use super::remote::SharedLogins;
use crate::clock::Clock;
#[cfg(feature = "remote")]
use crate::cluster::follow_logins;
use crate::cluster::{
    ClusterHandle, Monitors, Nats, NatsStream, Node, NodeParts, Plan, check_streams,
};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::engine::Owner;
use crate::journal::{LogStore, Positions, StreamStore, Tip};
use crate::message::{Route, ShardEvent, ShardReport};
use crate::shard::RecoveredShard;
use anyhow::Context as _;
use parking_lot::Mutex;
use rand::TryRng as _;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;

/// A server on its way into a cluster.
pub(super) struct Joining {
    nats: Nats,
    plan: Plan,
    reports: UnboundedSender<ShardReport>,
    reported: Mutex<Option<UnboundedReceiver<ShardReport>>>,
    route: watch::Sender<Route>,
}

impl Joining {
    /// Connects to the cluster of a configuration, if it has one.
    ///
    /// # Errors
    /// A message for the user, if the cluster does not exist or cannot keep a journal.
    pub(super) async fn connect(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some(cluster) = &config.cluster else { return Ok(None) };
        let nats = Nats::connect(&cluster.nats).await?;
        nats.check_server()?;
        let plan = nats.plan().await?.with_context(|| {
            let name = &cluster.nats.cluster;
            format!("there is no cluster {name}: make it with daytraded cluster init")
        })?;
        check_streams(&nats, &plan).await?;
        Monitors::new(&cluster.monitors).check().await?;
        let (reports, reported) = mpsc::unbounded_channel();
        let (route, _) = watch::channel(Route::Sought);
        Ok(Some(Self { nats, plan, reports, reported: Mutex::new(Some(reported)), route }))
    }

    /// Opens the data folder for the copy.
    ///
    /// # Errors
    /// If it belongs to something else.
    pub(super) fn open(&self, path: &Path) -> anyhow::Result<DataDir> {
        let Plan { id, shards, quote_seed } = &self.plan;
        Ok(DataDir::open_member(path, id, *shards, *quote_seed)?)
    }

    /// Puts the streams in front of the copies.
    pub(super) fn share(&self, copies: Vec<Arc<dyn LogStore>>) -> Vec<Arc<dyn LogStore>> {
        let share = |(number, copy): (usize, Arc<dyn LogStore>)| -> Arc<dyn LogStore> {
            Arc::new(StreamStore::new(
                copy,
                Arc::new(NatsStream::new(self.nats.clone(), number as u16)),
            ))
        };
        copies.into_iter().enumerate().map(share).collect()
    }

    /// Returns what the server needs of it.
    pub(super) fn deps(&self, config: &Config) -> ClusterDeps {
        let advertise = config.cluster.as_ref().and_then(|cluster| cluster.advertise.clone());
        ClusterDeps { reports: self.reports.clone(), route: self.route.subscribe(), advertise }
    }

    /// Begins to follow.
    ///
    /// # Errors
    /// If nobody answers.
    async fn start(
        self,
        data_dir: &DataDir,
        address: &str,
        (shards, tips, positions): (Vec<UnboundedSender<ShardEvent>>, Vec<Tip>, Vec<Positions>),
        clock: Arc<Clock>,
        #[cfg(feature = "remote")] logins: Option<SharedLogins>,
    ) -> anyhow::Result<ClusterHandle> {
        let mut random = rand::rngs::SysRng;
        let incarnation =
            u128::from(random.try_next_u64()?) << 64 | u128::from(random.try_next_u64()?);
        let node = data_dir.manifest().server_name.as_str();
        let owner = Owner {
            cluster: self.plan.id.as_str().into(),
            node: node.into(),
            address: address.into(),
            incarnation,
        };
        tracing::info!(node, address, cluster = self.plan.id, "joins the cluster");
        let Some(reports) = self.reported.lock().take() else {
            anyhow::bail!("the cluster was joined already");
        };
        let (nats, route) = (self.nats, self.route);
        #[cfg(feature = "remote")]
        if let Some(logins) = logins {
            tokio::spawn(follow_logins(nats.clone(), logins));
        }
        let parts = NodeParts { nats, owner, shards, tips, positions, reports, route, clock };
        Node::start(parts).await
    }
}

/// The place of a server in a cluster.
pub(super) struct Member {
    /// The end of each shard's journal at the start.
    tips: Vec<Tip>,
    /// How far each shard's copy is.
    positions: Vec<Positions>,
    /// Address at which the other servers say it is.
    address: Arc<str>,
    handle: Option<ClusterHandle>,
}

impl Member {
    /// Notes what the others have to know.
    pub(super) fn new(
        recovered: &[RecoveredShard],
        positions: &[Positions],
        shared: Option<&SharedParts>,
    ) -> Self {
        Self {
            positions: positions.to_vec(),
            tips: recovered.iter().map(|shard| Tip::from(&shard.end)).collect(),
            address: shared.map_or_else(|| "".into(), |shared| Arc::clone(&shared.address)),
            handle: None,
        }
    }

    /// Begins to follow, if there is a cluster to join.
    ///
    /// # Errors
    /// If nobody answers.
    pub(super) async fn join(
        &mut self,
        joining: Option<Joining>,
        data_dir: &DataDir,
        shards: Vec<UnboundedSender<ShardEvent>>,
        clock: Arc<Clock>,
        #[cfg(feature = "remote")] logins: Option<SharedLogins>,
    ) -> anyhow::Result<()> {
        if let Some(joining) = joining {
            let parts = (shards, std::mem::take(&mut self.tips), self.positions.clone());
            let joined = joining.start(
                data_dir,
                &self.address,
                parts,
                clock,
                #[cfg(feature = "remote")]
                logins,
            );
            self.handle = Some(joined.await?);
        }
        Ok(())
    }

    /// Lets another server take over, if there is a cluster.
    pub(super) async fn hand_over(&self) {
        if let Some(handle) = &self.handle {
            handle.hand_over().await;
        }
    }
}
