//! The command lines of `daytraded init`, `user`, `backup` and `restore`.

use crate::access::Role;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Options of `daytraded init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Address that the server will listen on with TLS
    #[arg(long, value_name = "ADDR:PORT", default_value = "0.0.0.0:4463")]
    pub listen_tls: SocketAddr,
    /// Name of the first login, an admin
    #[arg(long, value_name = "NAME")]
    pub admin: String,
    /// Name or address that clients connect to; may be given several times [default: this
    /// machine's name]
    #[arg(long, value_name = "HOST")]
    pub host: Vec<String>,
    /// The folder to make [default: daytrade in the user's state folder]
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
}

/// Options of every `daytraded user` command.
#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    /// The data folder [default: daytrade in the user's state folder]
    #[arg(long, global = true)]
    pub data_dir: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: UserCommand,
}

/// Changes of the logins. A running server takes them over at once.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a login and print its password
    Add(NewUser),
    /// Add a login, or take an existing one, and print an invitation: a secret to choose a password
    /// with, valid once and for 24 hours
    Invite(NewUser),
    /// Set a new password and print it
    Passwd {
        /// Name of the login
        name: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change what a login may do
    Role {
        /// Name of the login
        name: String,
        /// Its role
        role: Role,
        /// What it may do
        #[command(flatten)]
        rights: Rights,
    },
    /// Refuse a login and end its sessions
    Disable {
        /// Name of the login
        name: String,
    },
    /// Admit a login again
    Enable {
        /// Name of the login
        name: String,
    },
    /// Remove a login and end its sessions; its account stays
    Remove {
        /// Name of the login
        name: String,
    },
    /// List the logins
    List,
    /// Secrets of scripts
    #[command(subcommand)]
    Token(TokenCommand),
}

/// A login to add.
#[derive(Debug, Args)]
pub(crate) struct NewUser {
    /// Name of the login, and of a trader's account
    pub name: String,
    /// What it may do
    #[arg(long, value_enum, default_value = "trader")]
    pub role: Role,
    /// More about what it may do
    #[command(flatten)]
    pub rights: Rights,
    /// Read the password from standard input
    #[arg(long)]
    pub password_stdin: bool,
}

/// Further rights of a login.
#[derive(Debug, Args)]
pub(crate) struct Rights {
    /// The accounts of a replayer: prefixes that end in - or _, or * for all that are no login's;
    /// may be given several times
    #[arg(long, value_name = "PREFIX")]
    pub accounts: Vec<String>,
    /// Let a trader ADD money
    #[arg(long)]
    pub may_add: bool,
    /// Time after which it may not log in: 2027-01-31, or with a time in UTC 2027-01-31T12:00:00Z
    #[arg(long, value_name = "DATE", value_parser = parse_time)]
    pub expires: Option<Timestamp>,
}

/// Changes of tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it
    New {
        /// Name of the login
        name: String,
        /// What it is for
        #[arg(long, default_value = "")]
        label: String,
        /// Time after which it is void
        #[arg(long, value_name = "DATE", value_parser = parse_time)]
        expires: Option<Timestamp>,
    },
    /// Void a token
    Revoke {
        /// Name of the login
        name: String,
        /// The eight digits after dt1_
        id: String,
    },
}

/// Options of `daytraded backup`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct BackupArgs {
    /// The folder to make; it must not exist or be empty
    #[arg(required = true)]
    pub to: Option<PathBuf>,
    /// The data folder [default: daytrade in the user's state folder]
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Copy everything, instead of linking what the last backup has already
    #[arg(long)]
    pub full: bool,
    /// Something else than to take a backup.
    #[command(subcommand)]
    pub command: Option<BackupCommand>,
}

/// Commands for a backup.
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Check every frame of a backup and the accounts that come of them
    Verify {
        /// The backup
        folder: PathBuf,
    },
}

/// Options of `daytraded restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup
    pub from: PathBuf,
    /// The data folder to make; it must not exist or be empty
    #[arg(long, value_name = "DATA")]
    pub to: PathBuf,
    /// Leave out what was recorded after this time: 2027-01-31T12:00:00Z, or a date for the end of
    /// that day in UTC
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub until: Option<Timestamp>,
}

/// Parses a date, which ends with its day in UTC, or a time.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    let of_date = || {
        // A time without its zone would be taken for the whole day.
        let date: Date = text.parse().ok().filter(|_| text.len() == "2027-01-31".len())?;
        let end = date.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?;
        Some(end.timestamp())
    };
    let time = text.parse().ok().or_else(of_date);
    time.ok_or_else(|| {
        format!("{text:?} is neither a date nor a time with its zone: 2027-01-31T12:00:00Z")
    })
}
