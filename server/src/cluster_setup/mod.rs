//! `daytraded cluster …`: makes a cluster, shows it, repairs it and ends it.

mod conf;
mod publish;
mod status;

use crate::cluster::{LOGINS, Monitors, Nats, Plan, left_by};
use crate::config::{CLUSTER_SHARDS, ClusterCommand, LogArgs, default_data_dir};
use crate::data_dir::{DataDir, read_manifest};
use crate::server::open_stores;
use anyhow::Context as _;
use publish::{Published, publish};
use rand::TryRng as _;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Replicas of each stream.
const REPLICAS: usize = 3;
/// How long to listen for servers that may be running.
const LISTEN: Duration = Duration::from_millis(1_500);

/// Runs a command about clusters. Must be called within a tokio runtime.
///
/// # Errors
/// A message for the user.
pub(crate) async fn run(command: &ClusterCommand, out: &mut dyn Write) -> anyhow::Result<()> {
    match command {
        ClusterCommand::Conf(args) => conf::print(args, out),
        ClusterCommand::Init { servers, shards, import, log } => {
            init(servers, log, *shards, import.as_deref(), out).await
        }
        ClusterCommand::Status { servers, log } => status::print(servers, log, out).await,
        ClusterCommand::Restore { shard, cluster, from, log } => {
            restore(cluster, log, *shard, from, out).await
        }
        ClusterCommand::Leave { servers, data_dir, log } => {
            let data_dir = match data_dir {
                Some(data_dir) => data_dir.clone(),
                None => default_data_dir()?,
            };
            leave(servers, log, &data_dir, out).await
        }
    }
}

async fn connect(servers: &str, log: &LogArgs) -> anyhow::Result<Nats> {
    let (config, _) = log.resolve(servers);
    let nats = Nats::connect(&config).await?;
    nats.check_server()?;
    Ok(nats)
}

/// Opens a data folder that no server uses.
fn open_idle(path: &Path) -> anyhow::Result<DataDir> {
    read_manifest(path)?;
    Ok(DataDir::open(path, None)?)
}

async fn init(
    servers: &str,
    log: &LogArgs,
    shards: Option<u16>,
    import: Option<&Path>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let nats = connect(servers, log).await?;
    let (_, monitors) = log.resolve(servers);
    Monitors::new(&monitors).check().await?;
    let mut source = import.map(open_idle).transpose()?;
    let found = nats.plan().await?;
    let plan = plan_of(log, shards, (found.as_ref(), source.as_ref()))?;
    if found.is_some()
        && let Some(info) = nats.info(0).await?
    {
        nats.check_stream(0, &plan, &info)?;
    }
    if let Some(source) = &source {
        publish::check_whole(&open_stores(source), nats.max_payload())?;
    }
    // The first stream says what the cluster is, so that an interrupted start goes on.
    if let Some(source) = &mut source {
        if found.is_some() {
            ensure_nobody_runs(&nats).await?;
        }
        // From now on it does not start alone, whatever becomes of the rest.
        source.mark(Some(&plan.id))?;
    }
    for shard in 0..plan.shards {
        nats.create(shard, &plan, REPLICAS).await?;
    }
    let (id, count) = (&plan.id, plan.shards);
    writeln!(out, "cluster {} ({id}): {count} streams of {REPLICAS} replicas", log.cluster_name)?;
    let Some(source) = &source else { return nats.create(LOGINS, &plan, REPLICAS).await };
    for (shard, store) in open_stores(source).iter().enumerate() {
        let Published { frames, appended } = publish(&nats, shard as u16, &**store).await?;
        publish::check_state(&nats, shard as u16, &**store).await?;
        writeln!(out, "shard {shard}: {frames} frames, {appended} of them copied now, good")?;
    }
    // The last stream: servers do not start without it.
    nats.create(LOGINS, &plan, REPLICAS).await?;
    writeln!(out, "{} is a copy of the cluster now", source.path().display())?;
    Ok(())
}

/// Returns what the cluster is: as its streams say, or a new one, of a data folder if there is one.
fn plan_of(
    log: &LogArgs,
    shards: Option<u16>,
    (found, source): (Option<&Plan>, Option<&DataDir>),
) -> anyhow::Result<Plan> {
    Ok(match (found, source) {
        (Some(plan), Some(source)) => {
            // An import that was interrupted goes on where it ended.
            let manifest = source.manifest();
            anyhow::ensure!(
                manifest.cluster.as_ref().is_none_or(|cluster| *cluster == plan.id)
                    && (manifest.shards, manifest.quote_seed) == (plan.shards, plan.quote_seed),
                "the cluster {} exists and was not made of this folder",
                log.cluster_name
            );
            plan.clone()
        }
        (Some(plan), None) if shards.is_none_or(|shards| shards == plan.shards) => plan.clone(),
        (Some(plan), None) => {
            anyhow::bail!("the cluster {} exists with {} shards", log.cluster_name, plan.shards)
        }
        (None, source) => {
            let mut random = rand::rngs::SysRng;
            let id = format!("{:016x}", random.try_next_u64()?);
            let manifest = source.map(DataDir::manifest);
            let shards = manifest.map(|manifest| manifest.shards).or(shards);
            let quote_seed = match manifest {
                Some(manifest) => manifest.quote_seed,
                None => random.try_next_u32()?,
            };
            Plan { id, shards: shards.unwrap_or(CLUSTER_SHARDS), quote_seed }
        }
    })
}

/// Refuses to go on while servers of the cluster are running.
async fn ensure_nobody_runs(nats: &Nats) -> anyhow::Result<()> {
    let beats = status::listen(nats, LISTEN).await?;
    let names: Vec<_> = beats.keys().map(String::as_str).collect();
    anyhow::ensure!(names.is_empty(), "stop these servers first: {}", names.join(", "));
    Ok(())
}

async fn restore(
    servers: &str,
    log: &LogArgs,
    shard: u16,
    from: &Path,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let nats = connect(servers, log).await?;
    let folder = open_idle(from)?;
    let manifest = folder.manifest();
    let id = manifest.cluster.clone().context("this folder is no copy of a cluster's journals")?;
    anyhow::ensure!(shard < manifest.shards, "the cluster has {} shards", manifest.shards);
    ensure_nobody_runs(&nats).await?;
    let plan = Plan { id, shards: manifest.shards, quote_seed: manifest.quote_seed };
    if let Some(found) = nats.plan().await? {
        anyhow::ensure!(found == plan, "this folder is a copy of another cluster");
    }
    match nats.info(shard).await? {
        Some(info) => nats.check_stream(shard, &plan, &info)?,
        None => nats.create(shard, &plan, REPLICAS).await?,
    }
    let store = open_stores(&folder).swap_remove(usize::from(shard));
    publish::check_whole(std::slice::from_ref(&store), nats.max_payload())?;
    let Published { frames, appended } = publish(&nats, shard, &*store).await?;
    publish::check_state(&nats, shard, &*store).await?;
    writeln!(out, "shard {shard}: {frames} frames, {appended} of them copied now, good")?;
    Ok(())
}

async fn leave(
    servers: &str,
    log: &LogArgs,
    data_dir: &Path,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let nats = connect(servers, log).await?;
    let mut folder = open_idle(data_dir)?;
    let plan = nats.plan().await?.context("there is no such cluster")?;
    anyhow::ensure!(
        folder.manifest().cluster.as_ref() == Some(&plan.id),
        "{} is no copy of this cluster",
        data_dir.display()
    );
    ensure_nobody_runs(&nats).await?;
    for (shard, store) in open_stores(&folder).iter().enumerate() {
        publish::ensure_same_end(&nats, shard as u16, &**store).await?;
    }
    let name = folder.manifest().server_name.clone();
    let mut open = Vec::new();
    for shard in 0..plan.shards {
        match nats.info(shard).await? {
            // A leave that was interrupted goes on, with the same folder.
            Some(info) if info.config.sealed => {
                let by = left_by(&info).unwrap_or("another server");
                anyhow::ensure!(
                    by == name,
                    "the cluster was closed by daytraded cluster leave for the folder of {by}: \
                     this folder must not go on as well"
                );
            }
            Some(info) => open.push((shard, info)),
            None => {}
        }
    }
    for (shard, info) in open {
        nats.seal(shard, &info, &name).await?;
    }
    // A server may have started before the streams were closed.
    for (shard, store) in open_stores(&folder).iter().enumerate() {
        publish::ensure_same_end(&nats, shard as u16, &**store).await?;
    }
    folder.mark(None)?;
    writeln!(
        out,
        "the streams of {} are closed; {} is a data folder of its own again",
        log.cluster_name,
        data_dir.display()
    )?;
    Ok(())
}
