//! `daytraded cluster status`: refuses nothing, explains everything.

use crate::cluster::{Heartbeat, LOGINS, Monitors, Nats, Plan};
use crate::config::LogArgs;
use futures_util::StreamExt as _;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long to listen: two heartbeats and a little.
const LISTEN: Duration = Duration::from_millis(1_200);

/// Listens for heartbeats. Returns the newest of each server.
///
/// # Errors
/// If nobody answers.
pub(super) async fn listen(
    nats: &Nats,
    time: Duration,
) -> anyhow::Result<BTreeMap<String, Heartbeat>> {
    let mut heard = BTreeMap::new();
    let beats = nats.hear().await?;
    let mut beats = std::pin::pin!(beats);
    let until = Instant::now() + time;
    while let Ok(Some(beat)) = timeout_at(until, beats.next()).await {
        heard.insert(beat.node.clone(), beat);
    }
    Ok(heard)
}

/// Prints the state of a cluster.
///
/// # Errors
/// Only if NATS cannot be reached, or the output cannot be written.
pub(super) async fn print(servers: &str, log: &LogArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let (config, monitors) = log.resolve(servers);
    let nats = Nats::connect(&config).await?;
    if let Err(error) = nats.check_server() {
        writeln!(out, "NATS: {error:#}")?;
    }
    let ports = Monitors::new(&monitors);
    let silent = ports.silent().await;
    for address in &silent {
        writeln!(out, "NATS: {address}, a monitoring port, does not answer")?;
    }
    if silent.is_empty()
        && let Err(error) = ports.check().await
    {
        writeln!(out, "NATS: {error:#}")?;
    }
    let plan = match nats.plan().await {
        Ok(Some(plan)) => plan,
        Ok(None) => {
            writeln!(out, "no cluster {}: make it with daytraded cluster init", log.cluster_name)?;
            return Ok(());
        }
        Err(error) => {
            writeln!(out, "no cluster {} can be seen: {error:#}", log.cluster_name)?;
            return Ok(());
        }
    };
    let Plan { id, shards, .. } = &plan;
    writeln!(out, "cluster {} ({id}), {shards} shards", log.cluster_name)?;
    let beats = listen(&nats, LISTEN).await?;
    let (mut streams, mut whole) = (Vec::new(), true);
    for shard in 0..plan.shards {
        whole &= print_stream(&nats, shard, &plan, &beats, &mut streams).await?;
    }
    if nats.is_gone(LOGINS).await {
        whole = false;
        writeln!(streams, "logins: their stream is gone; daytraded cluster init makes it again")?;
    }
    print_servers(&beats, whole, out)?;
    out.write_all(&streams)?;
    Ok(())
}

/// Prints what the servers do. `whole` says that the streams have all frames that are known.
fn print_servers(
    beats: &BTreeMap<String, Heartbeat>,
    whole: bool,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if beats.is_empty() {
        writeln!(out, "no server is running: nobody owns the accounts")?;
    }
    for (node, beat) in beats {
        let state = match beat {
            Heartbeat { owns: true, .. } => "owns the accounts",
            Heartbeat { able: true, .. } if whole => "follows, could take over",
            Heartbeat { able: true, .. } => "follows, cannot take over: see the streams below",
            Heartbeat { released: true, .. } => "follows, cannot take over yet",
            _ => "takes over or hands over",
        };
        let Heartbeat { address, version, epoch, .. } = beat;
        writeln!(out, "server {node} at {address}, version {version}, epoch {epoch}: {state}")?;
    }
    if !beats.is_empty() && !beats.values().any(|beat| beat.owns) {
        writeln!(out, "nobody owns the accounts")?;
    }
    Ok(())
}

/// Prints what a stream says of itself. Returns false if it is gone or has lost frames.
async fn print_stream(
    nats: &Nats,
    shard: u16,
    plan: &Plan,
    beats: &BTreeMap<String, Heartbeat>,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let info = match nats.info(shard).await {
        Ok(Some(info)) => info,
        Ok(None) => {
            writeln!(out, "shard {shard}: its stream is gone; see daytraded cluster restore")?;
            return Ok(false);
        }
        Err(error) => {
            writeln!(out, "shard {shard}: {error:#}")?;
            return Ok(false);
        }
    };
    let mut whole = true;
    let last = info.state.last_sequence;
    write!(out, "shard {shard}: {last} frames")?;
    if let Some(cluster) = &info.cluster {
        let leader = cluster.leader.as_deref().unwrap_or("none");
        let behind = cluster.replicas.iter().filter(|peer| !peer.current || peer.offline);
        let behind: Vec<_> = behind.map(|peer| peer.name.as_str()).collect();
        write!(out, ", leader {leader}")?;
        if !behind.is_empty() {
            write!(out, ", replicas behind: {}", behind.join(" "))?;
        }
    }
    for (node, beat) in beats {
        match beat.frames.get(usize::from(shard)) {
            Some(frame) if *frame > last => {
                whole = false;
                write!(out, ", {node} has {} more: the stream has lost frames", frame - last)?;
            }
            Some(frame) if *frame < last => write!(out, ", {node} lags {}", last - frame)?,
            _ => {}
        }
    }
    if info.config.sealed {
        write!(out, ", closed")?;
    } else if let Err(error) = nats.check_stream(shard, plan, &info) {
        write!(out, ", {error:#}")?;
    }
    writeln!(out)?;
    Ok(whole)
}
