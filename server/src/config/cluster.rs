//! Options of a server in a cluster, and of the commands about clusters.

use crate::cluster::{NatsConfig, urls};
use crate::limits::{CLUSTER_SHARDS, SHARDS_MAX};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Default port of the monitoring of a NATS server.
const MONITOR_PORT: u16 = 8222;

/// Options of a server in a cluster.
#[derive(Clone, Debug, Args)]
pub struct ClusterArgs {
    /// Join the cluster whose log is kept by these NATS servers
    #[arg(long, value_name = "nats://HOST[:PORT],...")]
    pub cluster: Option<String>,
    /// Address to which the other servers send clients [default: the address it listens on]
    #[arg(long, value_name = "HOST:PORT", requires = "cluster")]
    pub advertise: Option<String>,
    /// How to reach the NATS servers.
    #[command(flatten)]
    pub log: LogArgs,
}

/// How to reach the NATS servers.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_field_names, reason = "they are the names of the options")]
pub struct LogArgs {
    /// Name of the cluster, for several on the same NATS servers
    #[arg(long, default_value = "daytrade", value_name = "NAME", value_parser = parse_name)]
    pub cluster_name: String,
    /// A file with two lines, user and password, or with NATS credentials
    #[arg(long, value_name = "FILE")]
    pub cluster_creds: Option<PathBuf>,
    /// Certificates that sign those of the NATS servers
    #[arg(long, value_name = "FILE")]
    pub cluster_ca: Option<PathBuf>,
    /// Monitoring ports of the NATS servers [default: port 8222 of each]
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',')]
    pub cluster_monitor: Vec<String>,
}

/// A cluster that a server is a member of.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// How to reach the NATS servers.
    pub(crate) nats: NatsConfig,
    /// Their monitoring ports.
    pub(crate) monitors: Vec<String>,
    /// Address to which the other servers send clients.
    pub(crate) advertise: Option<String>,
}

/// Commands about clusters.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Print the configuration of one NATS server
    Conf(ConfArgs),
    /// Make the streams of a new cluster
    Init {
        /// The NATS servers
        #[arg(value_name = "nats://HOST[:PORT],...")]
        servers: String,
        /// Number of shards [default: 12, or those of the imported folder]
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=SHARDS_MAX as i64))]
        shards: Option<u16>,
        /// Copy the journals of this data folder, whose server must not be running
        #[arg(long, value_name = "DATA", conflicts_with = "shards")]
        import: Option<PathBuf>,
        /// How to reach the NATS servers.
        #[command(flatten)]
        log: LogArgs,
    },
    /// Say what the servers and the streams are doing
    Status {
        /// The NATS servers
        #[arg(value_name = "nats://HOST[:PORT],...")]
        servers: String,
        /// How to reach the NATS servers.
        #[command(flatten)]
        log: LogArgs,
    },
    /// Fill the stream of a shard again after a loss, from a copy; no server may be running
    Restore {
        /// The shard
        shard: u16,
        /// The NATS servers
        #[arg(long, value_name = "nats://HOST[:PORT],...")]
        cluster: String,
        /// The data folder with the longest sound copy
        #[arg(long, value_name = "DATA")]
        from: PathBuf,
        /// How to reach the NATS servers.
        #[command(flatten)]
        log: LogArgs,
    },
    /// Go back to one machine: close the streams, and make a copy a data folder of its own
    Leave {
        /// The NATS servers
        #[arg(value_name = "nats://HOST[:PORT],...")]
        servers: String,
        /// The data folder that goes on alone; its server must not be running [default: daytrade
        /// in the user's state folder]
        #[arg(long)]
        data_dir: Option<PathBuf>,
        /// How to reach the NATS servers.
        #[command(flatten)]
        log: LogArgs,
    },
}

/// Options of the configuration of a NATS server.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConfArgs {
    /// Name of the server that the configuration is for
    #[arg(long)]
    pub node: String,
    /// All servers with their addresses
    #[arg(long, value_name = "NAME=HOST,...", value_delimiter = ',', required = true)]
    pub peers: Vec<String>,
    /// Folder with ca.pem, cert.pem and key.pem, for TLS between all
    #[arg(long, value_name = "DIR")]
    pub tls: Option<PathBuf>,
    /// Folder in which NATS keeps the streams
    #[arg(long, value_name = "DIR", default_value = "/var/lib/nats")]
    pub store: PathBuf,
}

fn parse_name(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !text.is_empty() && text.len() <= 32 && text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not 1 to 32 letters, digits and hyphens"))
}

impl LogArgs {
    /// Resolves to a connection to these servers, and their monitoring ports.
    pub(crate) fn resolve(&self, servers: &str) -> (NatsConfig, Vec<String>) {
        let nats = NatsConfig {
            servers: urls(servers),
            cluster: self.cluster_name.clone(),
            credentials: self.cluster_creds.clone(),
            ca: self.cluster_ca.clone(),
        };
        let monitors = if self.cluster_monitor.is_empty() {
            nats.servers.iter().map(|url| monitor_of(url)).collect()
        } else {
            self.cluster_monitor.clone()
        };
        (nats, monitors)
    }
}

/// Returns the monitoring port of the server of a URL.
fn monitor_of(url: &str) -> String {
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if is_port(port) && !bare.ends_with(':') => bare,
        _ => host,
    };
    format!("{bare}:{MONITOR_PORT}")
}

impl ClusterArgs {
    /// Resolves to the cluster, if there is one.
    pub(crate) fn resolve(&self) -> Option<ClusterConfig> {
        let (nats, monitors) = self.log.resolve(self.cluster.as_ref()?);
        Some(ClusterConfig { nats, monitors, advertise: self.advertise.clone() })
    }
}

/// Shards of a new cluster.
pub(crate) const SHARDS: u16 = CLUSTER_SHARDS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_servers_is_one_url_each_and_monitored_at_its_usual_port() {
        let (nats, monitors) = LogArgs {
            cluster_name: "daytrade".into(),
            cluster_creds: None,
            cluster_ca: None,
            cluster_monitor: Vec::new(),
        }
        .resolve("tls://10.0.0.1,b:4333,[::1]:4222");
        assert_eq!(nats.servers, ["tls://10.0.0.1", "tls://b:4333", "tls://[::1]:4222"]);
        assert_eq!(monitors, ["10.0.0.1:8222", "b:8222", "[::1]:8222"]);
    }
}
