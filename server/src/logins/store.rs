//! `users.toml`: the logins of a data folder.
//!
//! The file is written aside, synced and renamed, so that it is there whole or as it was before.
//! Keys that this version does not know are refused: they may be restrictions.

use crate::access::{Accounts, Credential, Grant, LoginNames, Role};
use crate::data_dir::give_to_owner_of;
use crate::limits::USERS_MAX;
use anyhow::{Context as _, bail, ensure};
use daytrade_protocol::UserName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const FILE: &str = "users.toml";
const LOCK: &str = "users.lock";

/// One login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserEntry {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The accounts of a replayer: prefixes, or `*` for all that are no login's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// True if a trader may ADD money.
    #[serde(default)]
    pub may_add: bool,
    /// True if it may not log in.
    #[serde(default)]
    pub disabled: bool,
    /// Time after which it may not log in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Hash of the password, in the PHC format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// A secret that can be exchanged for a password once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Invitation>,
    /// Secrets of scripts.
    #[serde(default, rename = "token", skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<Token>,
}

/// A secret that can be exchanged for a password once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Invitation {
    /// SHA-256 of the secret, in hexadecimal digits.
    pub sha256: String,
    /// Time after which it is void.
    pub expires: Timestamp,
}

/// A secret of a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    /// Its public part.
    pub id: String,
    /// SHA-256 of the whole token, in hexadecimal digits.
    pub sha256: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// Time after which it is void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsersFile {
    #[serde(default)]
    user: Vec<UserEntry>,
}

/// All logins, by name.
pub(crate) type Users = BTreeMap<UserName, UserEntry>;

/// The file of a data folder.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    folder: PathBuf,
}

/// The right to change the file, held while this exists.
#[derive(Debug)]
pub(crate) struct StoreLock {
    _file: File,
}

impl Store {
    /// The store of a data folder.
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self { folder: data_dir.to_owned() }
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Waits for the right to change the file.
    ///
    /// # Errors
    /// If the lock cannot be taken.
    pub(crate) fn lock(&self) -> anyhow::Result<StoreLock> {
        let path = self.folder.join(LOCK);
        let name = || path.display().to_string();
        let file = private().open(&path).with_context(name)?;
        give_to_owner_of(&self.folder, &file).with_context(name)?;
        file.lock().with_context(name)?;
        Ok(StoreLock { _file: file })
    }

    /// Reads all logins. There are none if the file does not exist.
    ///
    /// # Errors
    /// A message that names the file and what is wrong with it.
    pub(crate) fn read(&self) -> anyhow::Result<Users> {
        let path = self.path();
        let name = || path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Users::new()),
            read => read.with_context(name)?,
        };
        let mode = std::fs::metadata(&path).with_context(name)?.mode() & 0o077;
        ensure!(mode == 0, "{}: others can read it: chmod 600", path.display());
        let file: UsersFile = toml::from_str(&text).with_context(name)?;
        let mut users = Users::new();
        for entry in file.user {
            let user = checked(&entry).with_context(name)?;
            let twice = users.insert(user, entry);
            if let Some(twice) = twice {
                bail!("{}: {} is there twice", path.display(), twice.name);
            }
        }
        ensure!(users.len() <= USERS_MAX, "{}: more than {USERS_MAX} users", path.display());
        Ok(users)
    }

    /// Returns the content of the file, if it can be read.
    #[cfg(feature = "cluster")]
    pub(crate) fn text(&self) -> Option<String> {
        std::fs::read_to_string(self.path()).ok()
    }

    /// Replaces all logins by those of another server's file.
    ///
    /// # Errors
    /// If that is no file of logins, or it cannot be written; the file is then as it was.
    #[cfg(feature = "cluster")]
    pub(crate) fn replace(&self, text: &str) -> anyhow::Result<()> {
        let mut users = Users::new();
        for entry in toml::from_str::<UsersFile>(text)?.user {
            users.insert(checked(&entry)?, entry);
        }
        ensure!(!users.is_empty(), "a server needs at least one login");
        self.write(&users, &self.lock()?)
    }

    /// Writes all logins.
    ///
    /// # Errors
    /// If the file cannot be written; it is then as it was.
    pub(crate) fn write(&self, users: &Users, _lock: &StoreLock) -> anyhow::Result<()> {
        ensure!(users.len() <= USERS_MAX, "at most {USERS_MAX} users");
        let (path, aside) = (self.path(), self.folder.join(format!("{FILE}.tmp")));
        let file = UsersFile { user: users.values().cloned().collect() };
        let text = toml::to_string(&file)?;
        let write = || -> std::io::Result<()> {
            // One that was left behind may be a link.
            match std::fs::remove_file(&aside) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = private().create_new(true).open(&aside)?;
            give_to_owner_of(&self.folder, &file)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&aside, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().with_context(|| path.display().to_string())
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(no_follow);
    options
}

/// Parses the name of a login: the name of a user that begins with a letter or a digit.
///
/// # Errors
/// A message.
pub(crate) fn check_name(name: &str) -> anyhow::Result<UserName> {
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    UserName::parse(name.as_bytes()).filter(|_| begins && name != "local").with_context(|| {
        format!(
            "{name:?} cannot be a login: 1 to 64 of A-Z a-z 0-9 _ . -, the first a letter or digit"
        )
    })
}

/// Checks a prefix of a replayer's accounts.
///
/// # Errors
/// A message.
pub(crate) fn check_prefix(prefix: &str) -> anyhow::Result<()> {
    let is_name = UserName::parse(prefix.as_bytes()).is_some();
    ensure!(
        prefix == "*" || is_name && prefix.ends_with(['-', '_']),
        "{prefix:?} is neither * nor a prefix of account names that ends in - or _"
    );
    Ok(())
}

fn checked(entry: &UserEntry) -> anyhow::Result<UserName> {
    let name = check_name(&entry.name)?;
    entry.accounts.iter().try_for_each(|prefix| check_prefix(prefix))?;
    if entry.role == Role::Replayer {
        ensure!(!entry.accounts.is_empty(), "{name}: a replayer needs accounts");
    }
    Ok(name)
}

impl UserEntry {
    /// Creates a login that cannot log in yet.
    pub(crate) fn new(name: &UserName, role: Role) -> Self {
        Self {
            name: name.to_string(),
            role,
            accounts: Vec::new(),
            may_add: false,
            disabled: false,
            expires: None,
            password: None,
            invitation: None,
            tokens: Vec::new(),
        }
    }

    /// Returns what the login may do, if it may log in at this time.
    pub(crate) fn grant(
        &self,
        name: &UserName,
        credential: Credential,
        now: Timestamp,
        names: &LoginNames,
    ) -> Option<Grant> {
        if self.disabled || self.expires.is_some_and(|at| at <= now) {
            return None;
        }
        let accounts = match self.role {
            Role::Admin => Accounts::All,
            Role::Trader => Accounts::Own(name.clone()),
            Role::Monitor | Role::Auditor => Accounts::None,
            Role::Replayer if self.accounts.iter().any(|prefix| prefix == "*") => {
                Accounts::AllButLogins(names.clone())
            }
            Role::Replayer => Accounts::Prefixes(self.accounts.clone()),
        };
        let (name, role, may_add) = (name.clone(), self.role, self.may_add);
        Some(Grant { name, role, accounts, may_add, credential })
    }

    /// Returns what is stored of a secret that is valid at this time.
    pub(crate) fn proof(&self, credential: &Credential, now: Timestamp) -> Option<&str> {
        match credential {
            Credential::Password => self.password.as_deref(),
            Credential::Invitation => {
                let invitation = self.invitation.as_ref().filter(|one| one.expires > now)?;
                Some(&invitation.sha256)
            }
            Credential::Token(id) => {
                let mut tokens = self.tokens.iter();
                let token = tokens.find(|token| token.id == *id)?;
                token.expires.is_none_or(|at| at > now).then_some(&token.sha256)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_read_as_they_were_written_and_unknown_keys_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        assert!(store.read().unwrap().is_empty());
        let name = check_name("alice").unwrap();
        let mut entry = UserEntry::new(&name, Role::Replayer);
        entry.accounts = vec!["g1-".to_owned()];
        let expires = Some("2027-01-01T00:00:00Z".parse().unwrap());
        let token = Token { id: "00".into(), sha256: "ab".into(), label: "ci".into(), expires };
        entry.tokens.push(token);
        let users = Users::from([(name, entry)]);
        store.write(&users, &store.lock().unwrap()).unwrap();
        assert_eq!(store.read().unwrap(), users);
        let mode = std::fs::metadata(store.path()).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let text = std::fs::read_to_string(store.path()).unwrap();
        std::fs::write(store.path(), text.replace("may_add", "may_subtract")).unwrap();
        let error = format!("{:#}", store.read().unwrap_err());
        assert!(error.contains("users.toml") && error.contains("may_subtract"), "{error}");
    }

    #[test]
    fn names_of_logins_begin_with_a_letter_or_digit() {
        assert!(check_name("7of9").is_ok());
        for bad in ["", "..", "-a", "_a", "daytraded", "local", "a b", &"x".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_prefix("*").is_ok() && check_prefix("g1-").is_ok());
        assert!(check_prefix("g1").is_err() && check_prefix("").is_err());
    }
}
