//! How to reach the NATS servers, and who connects.

use anyhow::Context as _;
use async_nats::ConnectOptions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// How to reach the NATS servers.
#[derive(Clone, Debug, Default)]
pub(crate) struct NatsConfig {
    /// URL of each server.
    pub servers: Vec<String>,
    /// Name of the cluster, part of the names of its streams.
    pub cluster: String,
    /// File with a user and a password, or with NATS credentials.
    pub credentials: Option<PathBuf>,
    /// Certificates that sign those of the servers.
    pub ca: Option<PathBuf>,
}

/// Writes `nats://a,b:4223` as one URL for each server.
pub(crate) fn urls(list: &str) -> Vec<String> {
    let (scheme, hosts) = list.split_once("://").unwrap_or(("nats", list));
    hosts
        .split(',')
        .filter(|host| !host.is_empty())
        .map(|host| format!("{scheme}://{host}"))
        .collect()
}

/// Reads who connects: two lines with a user and a password, or NATS credentials.
pub(super) async fn with_credentials(
    options: ConnectOptions,
    file: &Path,
) -> anyhow::Result<ConnectOptions> {
    let cannot = || format!("the credentials {} cannot be used", file.display());
    let text = std::fs::read_to_string(file).with_context(cannot)?;
    let of_others = std::fs::metadata(file).with_context(cannot)?.permissions().mode() & 0o077;
    anyhow::ensure!(
        of_others == 0,
        "others may read the credentials: chmod 600 {}",
        file.display()
    );
    if text.contains("BEGIN NATS USER JWT") {
        return options.credentials_file(file).await.with_context(cannot);
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match (lines.next(), lines.next(), lines.next()) {
        (Some(user), Some(password), None) => {
            Ok(options.user_and_password(user.to_owned(), password.to_owned()))
        }
        _ => anyhow::bail!("{}: two lines are expected, user and password", cannot()),
    }
}
