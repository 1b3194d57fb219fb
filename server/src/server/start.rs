//! Starts a server as a configuration says: opens the data folder, joins the cluster, listens.

use super::Server;
use super::deps::{ClusterDeps, Deps, Listen};
#[cfg(feature = "cluster")]
use super::joining::Joining;
use super::parts::{open_source, open_stores};
#[cfg(feature = "remote")]
use super::remote::Remote;
use crate::config::{Config, remember};
use crate::data_dir::DataDir;
use crate::execution::Execution;
use crate::journal::LogStore;
#[cfg(not(feature = "remote"))]
use crate::listener::Manner;
use crate::listener::Places;
use crate::open_files::OpenFiles;
use crate::quotes::QuoteSpec;
#[cfg(feature = "remote")]
use crate::session::Context;
use std::sync::Arc;
#[cfg(feature = "remote")]
use tokio::sync::mpsc::unbounded_channel;

/// The cluster of a server on its way into it, where there can be one.
#[cfg(not(feature = "cluster"))]
struct Joining;

impl Server {
    /// Recovers the data folder and begins to listen. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the folder, the journal or the address cannot be used, with a message for the user.
    #[cfg_attr(
        not(feature = "cluster"),
        expect(clippy::unused_async, reason = "a member of a cluster connects first")
    )]
    pub async fn start(mut config: Config) -> anyhow::Result<Self> {
        crate::signals::survive_file_limit()?;
        #[cfg(feature = "cluster")]
        let joining = Joining::connect(&config).await?;
        #[cfg(not(feature = "cluster"))]
        let joining = None;
        let data_dir = open_folder(&config, joining.as_ref())?;
        note_market(&config, &data_dir);
        let files = share_files(&mut config, &data_dir)?;
        #[cfg(feature = "remote")]
        let connections = files.connections;
        let places = Places::new(files);
        #[cfg(feature = "remote")]
        let remote = Remote::start(&config, &data_dir, &places, connections)?;
        #[cfg(feature = "remote")]
        let addresses = remote.addresses(&config);
        #[cfg(not(feature = "remote"))]
        let addresses = config.listen.iter().map(|address| (*address, Manner::default())).collect();
        let (quotes, folder_seed) = (config.quotes.clone(), data_dir.manifest().quote_seed);
        let (stores, cluster) = open_logs(&config, &data_dir, joining.as_ref());
        let deps = Deps {
            cluster,
            source: Box::new(move |clock| open_source(&quotes, folder_seed, clock)),
            clock: Arc::default(),
            stores,
            server_name: data_dir.manifest().server_name.clone(),
            execution: Execution::Threads,
            listen: Some(Listen { addresses, places }),
        };
        #[cfg(feature = "cluster")]
        let clock = Arc::clone(&deps.clock);
        let mut server = Self::build(&config, deps)?;
        let (address, shards) = (server.address, server.handles.len());
        let quotes = &server.connector.context.stats.quote_source;
        let data = data_dir.path().display();
        tracing::info!(%address, shards, %data, %quotes, "listening");
        if config.listen.is_some() {
            data_dir.publish(address)?;
        }
        #[cfg(feature = "remote")]
        {
            for address in &server.tls_addresses {
                tracing::info!(%address, "listening with TLS");
            }
            let Context { stop, stats, .. } = &*server.connector.context;
            let (reloads, requests) = unbounded_channel();
            remote.open_control(data_dir.path(), stop.token(), stats.positions.clone(), reloads)?;
            server.reloads = Some(requests);
            server.remote = Some(remote);
        }
        #[cfg(feature = "cluster")]
        {
            let shards = server.handles.iter().map(|handle| handle.events.clone()).collect();
            #[cfg(feature = "remote")]
            let logins = server.remote.as_ref().and_then(|remote| remote.shared(data_dir.path()));
            let joined = server.member.join(
                joining,
                &data_dir,
                shards,
                clock,
                #[cfg(feature = "remote")]
                logins,
            );
            joined.await?;
        }
        server.data_dir = Some(data_dir);
        Ok(server)
    }
}

/// Opens the data folder, which a cluster's must be if the server joins one, and only then.
fn open_folder(config: &Config, joining: Option<&Joining>) -> anyhow::Result<DataDir> {
    #[cfg(feature = "cluster")]
    if let Some(joining) = joining {
        return joining.open(&config.data_dir);
    }
    let data_dir = DataDir::open(&config.data_dir, config.shards)?;
    data_dir.ensure_own(joining.is_some())?;
    Ok(data_dir)
}

/// Writes down which market the folder is played with.
fn note_market(config: &Config, data_dir: &DataDir) {
    if let Err(error) = remember(data_dir.path(), &config.quotes) {
        tracing::warn!(error = format!("{error:#}"), "the market is not written down");
    }
}

/// Shares the files that the process may open.
fn share_files(config: &mut Config, data_dir: &DataDir) -> anyhow::Result<OpenFiles> {
    let wanted = OpenFiles {
        connections: config.max_connections,
        turned_away: 0,
        quote_connections: match config.quotes.spec() {
            QuoteSpec::Legacy { .. } => config.quotes.quote_connections as usize,
            _ => 0,
        },
    };
    let files = OpenFiles::share(wanted, usize::from(data_dir.manifest().shards))?;
    config.quotes.quote_connections = files.quote_connections as u64;
    Ok(files)
}

/// Opens the log of each shard: a folder, or a stream with its copy there.
fn open_logs(
    config: &Config,
    data_dir: &DataDir,
    joining: Option<&Joining>,
) -> (Vec<Arc<dyn LogStore>>, Option<ClusterDeps>) {
    let stores = open_stores(data_dir);
    #[cfg(feature = "cluster")]
    if let Some(joining) = joining {
        return (joining.share(stores), Some(joining.deps(config)));
    }
    let _ = (config, joining);
    (stores, None)
}
