//! Why a data folder cannot be used.

use std::path::PathBuf;

/// Reason why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    /// A file operation failed.
    #[error("data folder {}: {error}", path.display())]
    Io {
        /// Path of the folder.
        path: PathBuf,
        /// Error of the file system.
        error: std::io::Error,
    },
    /// Another server uses it.
    #[error("data folder {} is in use by another server", .0.display())]
    InUse(PathBuf),
    /// Others than the server's user may enter it, although it holds secrets.
    #[cfg(feature = "remote")]
    #[error("others may read the data folder: chmod 700 {}", .0.display())]
    NotPrivate(PathBuf),
    /// It has journals and no manifest.
    #[error(
        "data folder {} has journals but no manifest.toml; copy that file from a backup of this \
         folder, or write it as docs/JOURNAL.md describes",
        .0.display()
    )]
    NoManifest(PathBuf),
    /// The manifest is invalid.
    #[error("{}: {words}", path.display())]
    Manifest {
        /// Path of the manifest.
        path: PathBuf,
        /// Description of the fault.
        words: String,
    },
    /// It is a copy of the journals of a cluster, and not a server of its own.
    #[error(
        "data folder {} belongs to the cluster {cluster}: start with --cluster, or end that with \
         daytraded cluster leave",
        path.display()
    )]
    Member {
        /// Path of the folder.
        path: PathBuf,
        /// Identity of the cluster.
        cluster: String,
    },
    /// It is not a copy of the journals of this cluster.
    #[cfg(feature = "cluster")]
    #[error(
        "data folder {} has journals of its own, or of another cluster; a new folder is needed, or \
         daytraded cluster init --import",
        .0.display()
    )]
    NoMember(PathBuf),
    /// It was created with another number of shards.
    #[error(
        "data folder {} was made with {made} shards and cannot be opened with {asked}; \
         omit --shards",
        path.display()
    )]
    Shards {
        /// Path of the folder.
        path: PathBuf,
        /// Number of shards in the manifest.
        made: u16,
        /// Number of shards requested.
        asked: u16,
    },
}
