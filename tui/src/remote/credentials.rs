//! `credentials.toml`: the secrets of the logins that the user wants to be remembered.

use super::folder;
use anyhow::Context as _;
use daytrade_protocol::{Secret, UserName};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const FILE: &str = "credentials.toml";
/// The variable that holds a token, for scripts.
const TOKEN_VARIABLE: &str = "DAYTRADE_TOKEN";

/// A login and its secret.
#[derive(Clone, Debug)]
pub(crate) struct LoginSecret {
    /// Name of the login.
    pub name: UserName,
    /// Its password or token.
    pub secret: Secret,
}

/// The logins that are remembered.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    path: PathBuf,
    logins: Vec<Entry>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    login: Vec<Entry>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    server: String,
    name: String,
    secret: String,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{} ***", self.name, self.server)
    }
}

impl Credentials {
    /// Reads the file.
    ///
    /// # Errors
    /// If it cannot be read, others can read it, or it is not valid.
    pub(super) fn read() -> anyhow::Result<Self> {
        let path = folder::path_of(FILE)?;
        let text = folder::read(&path, true)?.unwrap_or_default();
        // The error of the parser quotes the line, which holds a secret.
        let file: Result<File, _> = toml::from_str(&text);
        let file = file.map_err(|_| anyhow::anyhow!("{}: not valid", path.display()))?;
        Ok(Self { path, logins: file.login })
    }

    /// Returns the login at a server: the one of this name, or the only one.
    pub(super) fn find(&self, server: &str, name: Option<&UserName>) -> Option<LoginSecret> {
        let of_server = |entry: &&Entry| {
            entry.server == server && name.is_none_or(|name| name.as_str() == entry.name)
        };
        let mut found = self.logins.iter().filter(of_server);
        let entry = found.next().filter(|_| found.next().is_none())?;
        let name = UserName::parse(entry.name.as_bytes())?;
        Some(LoginSecret { name, secret: Secret::parse(entry.secret.as_bytes())? })
    }

    /// Remembers a login in the place of the one of this name.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn set(&mut self, server: &str, login: &LoginSecret) -> anyhow::Result<()> {
        self.remove(server, Some(&login.name));
        let (server, name) = (server.to_owned(), login.name.to_string());
        self.logins.push(Entry { server, name, secret: login.secret.expose().to_owned() });
        self.write()
    }

    /// Forgets the logins at a server, or the one of this name. Returns how many there were.
    pub(super) fn remove(&mut self, server: &str, name: Option<&UserName>) -> usize {
        let before = self.logins.len();
        self.logins.retain(|entry| {
            entry.server != server || name.is_some_and(|name| name.as_str() != entry.name)
        });
        before - self.logins.len()
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn write(&self) -> anyhow::Result<()> {
        let text = toml::to_string(&File { login: self.logins.clone() })?;
        folder::replace(&self.path, &text)
    }
}

/// Returns the secret of a script: from the file, or from the environment.
///
/// # Errors
/// If it cannot be read or has not the form of a secret.
pub(super) fn of_script(file: Option<&Path>) -> anyhow::Result<Option<Secret>> {
    let (text, place) = match file {
        Some(path) => {
            let text = folder::read(path, true)?;
            let text = text.with_context(|| format!("{}: not found", path.display()))?;
            (text, path.display().to_string())
        }
        None => match std::env::var(TOKEN_VARIABLE) {
            Ok(text) if !text.is_empty() => (text, TOKEN_VARIABLE.to_owned()),
            _ => return Ok(None),
        },
    };
    let secret = Secret::parse(text.trim().as_bytes());
    secret.map(Some).with_context(|| format!("{place}: not a secret"))
}
