//! Prints the configuration of a NATS server.

use crate::config::ConfArgs;
use std::io::Write;

/// The variable with the password between the servers, which becomes part of the configuration.
const ROUTE_PASSWORD: &str = "NATS_ROUTE_PASSWORD";

/// Prints it.
///
/// # Errors
/// If the server is not among its peers.
pub(super) fn print(args: &ConfArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut peers = Vec::new();
    for peer in &args.peers {
        let Some((name, host)) = peer.split_once('=') else {
            anyhow::bail!("{peer:?} is not NAME=HOST");
        };
        peers.push((name, host));
    }
    let Some((_, host)) = peers.iter().find(|(name, _)| *name == args.node) else {
        anyhow::bail!("{} is not among the peers", args.node);
    };
    let password = std::env::var(ROUTE_PASSWORD).ok().filter(|password| !password.is_empty());
    if let Some(password) = &password {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric();
        anyhow::ensure!(
            password.bytes().all(is_plain),
            "{ROUTE_PASSWORD} may have letters and digits only: it becomes part of a URL"
        );
    }
    let who = password.as_ref().map_or_else(String::new, |password| format!("route:{password}@"));
    let mut routes = String::new();
    for (_, host) in peers.iter().filter(|(name, _)| *name != args.node) {
        routes += "\n    \"nats-route://";
        routes += &who;
        routes += host;
        routes += ":6222\"";
    }
    let authorization = match &password {
        Some(password) => {
            format!("authorization {{ user: route, password: \"{password}\", timeout: 2 }}")
        }
        None => format!("# Without {ROUTE_PASSWORD}: keep others from port 6222, or use --tls."),
    };
    let (node, store) = (&args.node, args.store.display());
    writeln!(
        out,
        "# nats-server -c FILE, on {host}. Its environment has to have NATS_PASSWORD, the same on
# all servers; daytraded reads it from the file of --cluster-creds: two lines, daytrade and
# the password.
server_name: {node}
listen: \"{host}:4222\"
http: \"{host}:8222\"
max_payload: 8MB
max_pending: 64MB
write_deadline: \"10s\"

jetstream {{
  store_dir: \"{store}\"
  # Without this, what was acknowledged in the last two minutes is lost in a power cut.
  sync_interval: always
}}

cluster {{
  name: daytrade
  listen: \"{host}:6222\"
  {authorization}
  routes: [{routes}
  ]"
    )?;
    if let Some(tls) = &args.tls {
        write_tls(&tls.display().to_string(), "  ", "\n    verify: true", out)?;
    }
    writeln!(out, "}}")?;
    if let Some(tls) = &args.tls {
        write_tls(&tls.display().to_string(), "", "", out)?;
    }
    writeln!(
        out,
        "
accounts {{
  DAYTRADE {{
    jetstream: enabled
    users: [ {{ user: daytrade, password: $NATS_PASSWORD }} ]
  }}
  SYS {{ users: [ {{ user: admin, password: $NATS_PASSWORD }} ] }}
}}
system_account: SYS"
    )?;
    Ok(())
}

fn write_tls(folder: &str, indent: &str, more: &str, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{indent}tls {{
{indent}  cert_file: \"{folder}/cert.pem\"
{indent}  key_file: \"{folder}/key.pem\"
{indent}  ca_file: \"{folder}/ca.pem\"{more}
{indent}}}"
    )
}
