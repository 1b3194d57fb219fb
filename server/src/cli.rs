//! Runs the command that `daytraded` was started with.

use crate::clock::Clock;
#[cfg(feature = "remote")]
use crate::config::{BackupArgs, BackupCommand};
use crate::config::{Cli, CliCommand, JournalCommand, QuoteServerArgs, ServeArgs};
use crate::data_dir::{DataDir, read_manifest};
use crate::quotes::quote_server::QuoteServer;
use crate::quotes::{QuoteSpec, SimulatedSource};
use crate::server::{Server, open_stores};
use crate::signals::{Answered, Signals};
#[cfg(feature = "remote")]
use crate::{admin, backup};
use crate::{journal, telemetry};
use anyhow::Context as _;
use clap::Parser as _;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Runs the program.
pub fn main() -> ExitCode {
    // Everything that this process creates is its user's alone.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let cli = Cli::parse();
    let done = match cli.command {
        None => with_runtime(serve(&cli.serve)),
        Some(CliCommand::QuoteServer(args)) => with_runtime(quote_server(&args)),
        #[cfg(feature = "remote")]
        Some(CliCommand::Init(args)) => admin::init(&args, &mut io::stdout().lock()),
        #[cfg(feature = "remote")]
        Some(CliCommand::User(args)) => {
            admin::user(args.data_dir.as_deref(), &args.command, &mut io::stdout().lock())
        }
        #[cfg(feature = "remote")]
        Some(CliCommand::Backup(args)) => back_up(&args),
        #[cfg(feature = "remote")]
        Some(CliCommand::Restore(args)) => {
            backup::restore(&args.from, &args.to, args.until, &mut io::stdout().lock())
        }
        #[cfg(feature = "cluster")]
        Some(CliCommand::Cluster(command)) => with_runtime(async move {
            crate::cluster_setup::run(&command, &mut io::stdout().lock()).await
        }),
        Some(CliCommand::Journal(command)) => journal_tool(&command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "daytraded: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn with_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    crate::runtime::runtime()?.block_on(work)
}

async fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let log = telemetry::init(args.log_file.as_deref(), args.log_level)?;
    let mut signals = Signals::take_over()?;
    let mut server = Server::start(args.resolve()?).await?;
    let failure = loop {
        tokio::select! {
            answered = signals.next() => match answered {
                Answered::Stop => break None,
                Answered::Reload => {
                    log.reopen();
                    server.reload();
                }
            },
            fatal = server.failed() => break Some(fatal),
        }
    };
    match failure {
        None => {
            tracing::info!("stopping");
            server.stop().await
        }
        Some(fatal) => {
            tracing::error!(
                shard = fatal.shard,
                error = %fatal.error,
                "the journal cannot be written; refusing commands and stopping"
            );
            // Waiting commands are still refused with READ_ONLY. Only the first failure is
            // reported.
            let _ = server.stop().await;
            Err(fatal.error)
                .with_context(|| format!("the journal of shard {} cannot be written", fatal.shard))
        }
    }
}

async fn quote_server(args: &QuoteServerArgs) -> anyhow::Result<()> {
    let _log = telemetry::init(None, tracing::Level::INFO)?;
    let QuoteSpec::Simulated { seed, frozen } = &args.quotes else {
        anyhow::bail!("the quote server supports only a simulated market");
    };
    anyhow::ensure!(args.listen.ip().is_loopback(), "{} is not a loopback address", args.listen);
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, delay = ?args.delay, "listening for quote requests");
    let seed = seed.unwrap_or(1);
    let source = SimulatedSource::new(seed, *frozen, Arc::new(Clock::default()));
    let server = QuoteServer::new(source, args.delay, args.seed.unwrap_or(seed));
    Arc::new(server.with_faults(args.faults.clone(), args.clock_skew)).serve(listener).await?;
    Ok(())
}

#[cfg(feature = "remote")]
fn back_up(args: &BackupArgs) -> anyhow::Result<()> {
    let out = &mut io::stdout().lock();
    match (&args.command, &args.to) {
        (Some(BackupCommand::Verify { folder }), _) => backup::verify(folder, out),
        (None, Some(to)) => {
            let data_dir = match &args.data_dir {
                Some(data_dir) => data_dir.clone(),
                None => crate::config::default_data_dir()?,
            };
            backup::backup(&data_dir, to, out)
        }
        (None, None) => Ok(()),
    }
}

fn journal_tool(command: &JournalCommand) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let (JournalCommand::Verify { data_dir } | JournalCommand::Print { data_dir }) = command;
    let folder = open_exclusively(data_dir)?;
    let stores = open_stores(&folder);
    let shown = match command {
        JournalCommand::Verify { .. } => journal::verify(&stores, &mut out),
        JournalCommand::Print { .. } => journal::print(&stores, &mut out),
    };
    let flushed = out.flush();
    match shown.and_then(|()| Ok(flushed?)) {
        // The reader closed the pipe, which is not an error.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        done => done,
    }
}

/// Opens an existing data folder that no server uses. A journal that is being written would look
/// damaged.
fn open_exclusively(data_dir: &Path) -> anyhow::Result<DataDir> {
    read_manifest(data_dir)?;
    Ok(DataDir::open(data_dir, None)?)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
