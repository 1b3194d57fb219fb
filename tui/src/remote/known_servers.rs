//! `known_servers`: the keys of servers that the user has trusted, one line each, as ssh does.

use super::folder;
use std::path::PathBuf;

const FILE: &str = "known_servers";

/// The keys that the user has trusted.
#[derive(Debug)]
pub(super) struct KnownServers {
    path: PathBuf,
    text: String,
}

/// A key that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownKey {
    /// Its fingerprint.
    pub fingerprint: String,
    /// File and line that it is in.
    pub place: String,
}

impl KnownServers {
    /// Reads the file.
    ///
    /// # Errors
    /// If it cannot be read, or the user has no home folder.
    pub(super) fn read() -> anyhow::Result<Self> {
        let path = folder::path_of(FILE)?;
        let text = folder::read(&path, false)?.unwrap_or_default();
        Ok(Self { path, text })
    }

    /// Returns the key of a server.
    pub(super) fn find(&self, server: &str) -> Option<KnownKey> {
        let mut lines = self.text.lines().zip(1_u32..);
        lines.find_map(|(line, number)| {
            let (name, fingerprint) = line.split_once(' ')?;
            let place = format!("{} line {number}", self.path.display());
            (name == server).then(|| KnownKey { fingerprint: fingerprint.trim().to_owned(), place })
        })
    }

    /// Adds the key of a server.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn add(&mut self, server: &str, fingerprint: &str) -> anyhow::Result<()> {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.extend([server, " ", fingerprint, "\n"]);
        folder::replace(&self.path, &self.text)
    }
}
