//! `daytraded init` and `daytraded user`: who makes the folder of a server with logins, and who
//! changes its logins. What they print once is kept nowhere else.

use crate::access::Role;
use crate::config::{InitArgs, NewUser, Rights, TokenCommand, UserCommand, default_data_dir};
use crate::data_dir::{DataDir, read_manifest};
use crate::limits::INVITATION_HOURS;
use crate::logins::{
    Invitation, Notified, SecurityLog, Store, Token, UserEntry, Users, check_name, check_prefix,
    hash_password, is_password_form, new_invitation, new_password, new_token, notify,
};
use crate::tls::{Tls, TlsFiles};
use anyhow::{Context as _, bail, ensure};
use daytrade_protocol::{Secret, UserName};
use jiff::{SignedDuration, Timestamp};
use std::io::{self, BufRead as _, Write};
use std::path::Path;

/// Makes the folder, the key, the certificate and the first admin, and prints how to go on.
///
/// # Errors
/// If any of them exists, or cannot be made.
pub(crate) fn init(args: &InitArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let data_dir = match &args.data_dir {
        Some(data_dir) => data_dir.clone(),
        None => default_data_dir()?,
    };
    let admin = check_name(&args.admin)?;
    let folder = DataDir::open(&data_dir, None)?;
    folder.ensure_private()?;
    let (store, files) = (Store::new(folder.path()), TlsFiles::of_data_dir(folder.path()));
    let lock = store.lock()?;
    ensure!(store.read()?.is_empty(), "{} has logins already", store.path().display());
    let hosts = hosts(&args.host);
    let shown_host = hosts.first().map_or("localhost", String::as_str);
    // An IPv6 address has colons of its own.
    let is_ipv6 = shown_host.contains(':');
    let shown_host = if is_ipv6 { format!("[{shown_host}]") } else { shown_host.to_owned() };
    if !files.cert.exists() {
        let mut names = hosts;
        names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
        files.create(names)?;
    }
    let fingerprint = Tls::load(files)?.fingerprint();
    let password = new_password()?;
    let mut entry = UserEntry::new(&admin, Role::Admin);
    entry.password = Some(hash_password(&parse_secret(&password)?)?);
    store.write(&Users::from([(admin.clone(), entry)]), &lock)?;
    let port = args.listen_tls.port();
    let server = if port == 4463 { shown_host } else { format!("{shown_host}:{port}") };
    let (listen, data) = (args.listen_tls, data_dir.display());
    writeln!(
        out,
        "The folder {data} is ready. This is shown once:\n\n\
         login        {admin}\n\
         password     {password}\n\
         fingerprint  {fingerprint}\n\n\
         Start the server:   daytraded --listen-tls {listen} --data-dir {data}\n\
         Add a trader:       daytraded user invite NAME --data-dir {data}\n\
         Connect from elsewhere:\n\
         \x20                   daytrade login tls://{server} --user {admin} --tls-pin {fingerprint}"
    )?;
    Ok(())
}

/// Returns the names that clients connect to: those given, or this machine's name.
fn hosts(given: &[String]) -> Vec<String> {
    if !given.is_empty() {
        return given.to_vec();
    }
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    vec![name]
}

/// Changes the logins, and tells a running server.
///
/// # Errors
/// If the change makes no sense or cannot be stored, or the server does not take it over.
pub(crate) fn user(
    data_dir: Option<&Path>,
    command: &UserCommand,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let data_dir = match data_dir {
        Some(data_dir) => data_dir.to_owned(),
        None => default_data_dir()?,
    };
    read_manifest(&data_dir)?;
    let store = Store::new(&data_dir);
    // Before the lock: whoever types a password may take long.
    let given = given_password(command)?;
    let fingerprint = Tls::load(TlsFiles::of_data_dir(&data_dir)).ok().map(|tls| tls.fingerprint());
    let lock = store.lock()?;
    let mut users = store.read()?;
    ensure!(
        !users.is_empty(),
        "there are no logins in {}: run daytraded init",
        store.path().display()
    );
    if let UserCommand::List = command {
        return list(&users, out);
    }
    let mut said = Vec::new();
    let (name, change) = apply(&mut users, command, (given, fingerprint), &mut said)?;
    ensure!(
        users.values().any(|entry| entry.role == Role::Admin && !entry.disabled),
        "{name} is the only admin"
    );
    store.write(&users, &lock)?;
    drop(lock);
    // What is shown once is shown whatever follows: it is stored.
    out.write_all(&said)?;
    let notified = notify(&data_dir);
    let log = SecurityLog::open(&data_dir).context("security.log")?;
    log.write("user_changed", Some(name.as_str()), None, &[("change", change)]);
    match notified? {
        Notified::InForce => writeln!(out, "{name}: {change}; in force")?,
        Notified::NoServer => writeln!(out, "{name}: {change}; no server is running")?,
    }
    Ok(())
}

/// Applies a change. Returns the login and what was changed; `said` is what to print once it is in
/// force.
fn apply(
    users: &mut Users,
    command: &UserCommand,
    (given, fingerprint): (Option<String>, Option<String>),
    said: &mut Vec<u8>,
) -> anyhow::Result<(UserName, &'static str)> {
    match command {
        UserCommand::Add(new) => {
            let name = add(users, new)?;
            set_password(find(users, &new.name)?, given, said)?;
            Ok((name, "added"))
        }
        UserCommand::Invite(new) => invite(users, new, fingerprint, said),
        UserCommand::Passwd { name, .. } => {
            set_password(find(users, name)?, given, said)?;
            Ok((check_name(name)?, "new password"))
        }
        UserCommand::Role { name, role, rights } => {
            let entry = find(users, name)?;
            entry.role = *role;
            grant(entry, rights)?;
            Ok((check_name(name)?, "new role"))
        }
        UserCommand::Disable { name } => {
            find(users, name)?.disabled = true;
            Ok((check_name(name)?, "disabled"))
        }
        UserCommand::Enable { name } => {
            find(users, name)?.disabled = false;
            Ok((check_name(name)?, "enabled"))
        }
        UserCommand::Remove { name } => {
            find(users, name)?;
            let name = check_name(name)?;
            users.remove(&name);
            Ok((name, "removed"))
        }
        UserCommand::Token(TokenCommand::New { name, label, expires }) => {
            let (entry, token) = (find(users, name)?, new_token()?);
            let (id, sha256, label) = (token.id, token.sha256, label.clone());
            ensure!(!entry.tokens.iter().any(|one| one.id == id), "the id is taken; try again");
            entry.tokens.push(Token { id, sha256, label, expires: *expires });
            writeln!(said, "token  {}", token.secret)?;
            Ok((check_name(name)?, "new token"))
        }
        UserCommand::Token(TokenCommand::Revoke { name, id }) => {
            let entry = find(users, name)?;
            let before = entry.tokens.len();
            entry.tokens.retain(|token| token.id != *id);
            ensure!(entry.tokens.len() < before, "{name} has no token {id}");
            Ok((check_name(name)?, "token revoked"))
        }
        UserCommand::List => bail!("nothing to change"),
    }
}

/// Creates an invitation for a login. A login that does not exist is added first.
fn invite(
    users: &mut Users,
    new: &NewUser,
    fingerprint: Option<String>,
    said: &mut Vec<u8>,
) -> anyhow::Result<(UserName, &'static str)> {
    let name = check_name(&new.name)?;
    if !users.contains_key(&name) {
        add(users, new)?;
    }
    let invitation = new_invitation()?;
    let expires = Timestamp::now() + SignedDuration::from_hours(INVITATION_HOURS);
    let (entry, sha256) = (find(users, &new.name)?, invitation.sha256);
    entry.invitation = Some(Invitation { sha256, expires });
    writeln!(said, "invitation  {}", invitation.secret)?;
    writeln!(said, "valid once, until {expires:.0}")?;
    if let Some(fingerprint) = fingerprint {
        writeln!(said, "fingerprint {fingerprint}")?;
    }
    writeln!(said, "to be used with: daytrade login tls://HOST --user {name}")?;
    Ok((name, "invited"))
}

fn find<'a>(users: &'a mut Users, name: &str) -> anyhow::Result<&'a mut UserEntry> {
    let user = check_name(name)?;
    users.get_mut(&user).with_context(|| format!("there is no login {name}"))
}

fn add(users: &mut Users, new: &NewUser) -> anyhow::Result<UserName> {
    let name = check_name(&new.name)?;
    ensure!(!users.contains_key(&name), "there is a login {name} already");
    let mut entry = UserEntry::new(&name, new.role);
    grant(&mut entry, &new.rights)?;
    users.insert(name.clone(), entry);
    Ok(name)
}

fn grant(entry: &mut UserEntry, rights: &Rights) -> anyhow::Result<()> {
    rights.accounts.iter().try_for_each(|prefix| check_prefix(prefix))?;
    let is_replayer = entry.role == Role::Replayer;
    ensure!(!is_replayer || !rights.accounts.is_empty(), "a replayer needs --accounts");
    ensure!(is_replayer || rights.accounts.is_empty(), "--accounts is for replayers");
    ensure!(entry.role == Role::Trader || !rights.may_add, "--may-add is for traders");
    entry.accounts.clone_from(&rights.accounts);
    entry.may_add = rights.may_add;
    if rights.expires.is_some() {
        entry.expires = rights.expires;
    }
    Ok(())
}

/// Reads a password from standard input if the command says so, and returns its hash.
fn given_password(command: &UserCommand) -> anyhow::Result<Option<String>> {
    let (UserCommand::Passwd { password_stdin: true, .. }
    | UserCommand::Add(NewUser { password_stdin: true, .. })) = command
    else {
        return Ok(None);
    };
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let secret = parse_secret(line.trim_end_matches(['\n', '\r']))?;
    ensure!(is_password_form(&secret), "a password must not look like a token or an invitation");
    hash_password(&secret).map(Some)
}

/// Sets a password: the one that was given, as a hash, or a new one that is printed.
fn set_password(
    entry: &mut UserEntry,
    given: Option<String>,
    said: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let hash = if let Some(hash) = given {
        hash
    } else {
        let password = new_password()?;
        writeln!(said, "password  {password}")?;
        hash_password(&parse_secret(&password)?)?
    };
    (entry.password, entry.invitation) = (Some(hash), None);
    Ok(())
}

fn parse_secret(text: &str) -> anyhow::Result<Secret> {
    let secret = Secret::parse(text.as_bytes());
    secret.context("a password has 12 to 128 printable characters, no comma and no blank")
}

fn list(users: &Users, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "{:<20} {:<9} {:<16} state", "login", "role", "accounts")?;
    let now = Timestamp::now();
    for entry in users.values() {
        let accounts = match entry.role {
            Role::Trader if entry.may_add => "own, may ADD".to_owned(),
            Role::Trader => "own".to_owned(),
            Role::Admin => "*".to_owned(),
            Role::Replayer => entry.accounts.join("|"),
            Role::Monitor | Role::Auditor => "-".to_owned(),
        };
        let mut state = Vec::new();
        if entry.disabled {
            state.push("disabled".to_owned());
        }
        match entry.expires {
            Some(at) if at <= now => state.push("expired".to_owned()),
            Some(at) => state.push(format!("expires {at:.0}")),
            None => {}
        }
        match (&entry.password, &entry.invitation) {
            (_, Some(invitation)) if invitation.expires > now => state.push("invited".to_owned()),
            (None, _) if entry.tokens.is_empty() => state.push("no password".to_owned()),
            _ => {}
        }
        let tokens = entry.tokens.iter().map(|token| match token.label.as_str() {
            "" => format!("token {}", token.id),
            label => format!("token {} ({label})", token.id),
        });
        state.extend(tokens);
        let state = if state.is_empty() { "active".to_owned() } else { state.join(", ") };
        writeln!(out, "{:<20} {:<9} {accounts:<16} {state}", entry.name, entry.role)?;
    }
    Ok(())
}
