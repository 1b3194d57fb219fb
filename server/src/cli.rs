//! Runs the command that `daytraded` was started with.

use crate::clock::Clock;
#[cfg(feature = "remote")]
use crate::config::{BackupArgs, BackupCommand};
use crate::config::{
    Cli, CliCommand, ConfigCommand, DEFAULT_FILE, JournalCommand, Layered, Misconfigured,
    QuoteServerArgs, Sources,
};
use crate::data_dir::{DataDir, DataDirError, read_manifest};
use crate::journal::RecoveryError;
use crate::message::ReloadRequest;
use crate::quotes::quote_server::QuoteServer;
use crate::quotes::{QuoteSpec, SimulatedSource};
use crate::server::{Server, ServerEvent, open_stores};
use crate::shard::Fatal;
use crate::signals::{Answered, Signals};
#[cfg(feature = "remote")]
use crate::{admin, backup};
use crate::{journal, telemetry};
use anyhow::Context as _;
use clap::CommandFactory as _;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Exit code of a configuration that cannot be used, as of a wrong command line.
const MISCONFIGURED: u8 = 2;
/// Exit code of a data folder that is damaged.
const DAMAGED: u8 = 3;

/// Runs the program.
pub fn main() -> ExitCode {
    // Everything that this process creates is its user's alone.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let sources = Sources::of_process();
    let layered = match sources.parse() {
        Ok(layered) => layered,
        Err(Misconfigured::CommandLine(error)) => error.exit(),
        Err(Misconfigured::Setting(problem)) => {
            let _ = writeln!(io::stderr(), "daytraded: {problem}");
            return ExitCode::from(MISCONFIGURED);
        }
    };
    if layered.cli.print_config {
        let _ = write!(io::stdout(), "{}", layered.print());
        return ExitCode::SUCCESS;
    }
    let serves = layered.cli.command.is_none();
    match run(&sources, layered) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "daytraded: {error:#}");
            exit_code(&error, serves)
        }
    }
}

/// Returns the exit code of a failure. A service manager must not start a server again where that
/// cannot help.
fn exit_code(error: &anyhow::Error, serves: bool) -> ExitCode {
    if error.is::<Unusable>() {
        return ExitCode::from(MISCONFIGURED);
    }
    let is_damage = |cause: &RecoveryError| !matches!(cause, RecoveryError::Io(_));
    let damaged = error.downcast_ref().is_some_and(is_damage)
        || matches!(error.downcast_ref(), Some(DataDirError::Manifest { .. }));
    if damaged && serves { ExitCode::from(DAMAGED) } else { ExitCode::FAILURE }
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
struct Unusable(anyhow::Error);

/// Runs the command.
fn run(sources: &Sources, layered: Layered) -> anyhow::Result<()> {
    match layered.cli.command {
        None => with_runtime(serve(sources, &layered)),
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
        Some(CliCommand::Config(ConfigCommand::Check { file })) => check_config(file),
        #[cfg(feature = "remote")]
        Some(CliCommand::Reload { data_dir }) => reload(data_dir),
        Some(CliCommand::Completions { shell }) => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "daytraded", &mut text);
            print(&text)
        }
        Some(CliCommand::Man { folder: None }) => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            print(&page)
        }
        Some(CliCommand::Man { folder: Some(folder) }) => {
            clap_mangen::generate_to(Cli::command(), &folder)
                .with_context(|| folder.display().to_string())
        }
        Some(CliCommand::Journal(command)) => journal_tool(&command),
    }
}

/// Prints a text. A reader that has gone is no error.
fn print(text: &[u8]) -> anyhow::Result<()> {
    match io::stdout().lock().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Checks a configuration file, alone and as a whole.
fn check_config(file: Option<PathBuf>) -> anyhow::Result<()> {
    let file = file.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let mut named = OsString::from("--config=");
    named.push(&file);
    let args = vec![OsString::from("daytraded"), named];
    let sources = Sources { args, variables: Vec::new(), default_file: file };
    let unusable = |error| anyhow::Error::new(Unusable(error));
    let layered = sources.parse().map_err(|problem| match problem {
        Misconfigured::CommandLine(error) => unusable(anyhow::anyhow!("{error}")),
        Misconfigured::Setting(problem) => unusable(anyhow::anyhow!(problem)),
    })?;
    layered.cli.serve.resolve().map(drop).map_err(unusable)
}

#[cfg(feature = "remote")]
fn reload(data_dir: Option<PathBuf>) -> anyhow::Result<()> {
    let data_dir = data_dir.map_or_else(crate::config::default_data_dir, Ok)?;
    let told = crate::logins::reload_all(&data_dir)?;
    anyhow::ensure!(told, "no server runs on {}", data_dir.display());
    Ok(())
}

fn with_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    crate::runtime::runtime()?.block_on(work)
}

async fn serve(sources: &Sources, layered: &Layered) -> anyhow::Result<()> {
    let args = &layered.cli.serve;
    let config = args.resolve().map_err(|error| anyhow::Error::new(Unusable(error)))?;
    #[cfg(feature = "remote")]
    let format = args.log_format;
    #[cfg(not(feature = "remote"))]
    let format = telemetry::LogFormat::default();
    let log = telemetry::init(args.log_file.as_deref(), args.log_level, format)?;
    let mut signals = Signals::take_over()?;
    #[cfg(feature = "metrics")]
    let health = crate::metrics::start(args.metrics.metrics).await?;
    #[cfg(feature = "metrics")]
    let data_dir = config.data_dir.clone();
    let mut server = Server::start(config).await?;
    #[cfg(feature = "metrics")]
    health.running(server.exposed(&data_dir));
    #[cfg(feature = "remote")]
    crate::service::started(server.pulse());
    let failure = loop {
        let event = tokio::select! {
            answered = signals.next() => match answered {
                Answered::Stop => break None,
                Answered::Reload => None,
            },
            event = server.next_event() => Some(event),
        };
        let answer = match event {
            Some(ServerEvent::Failed(fatal)) => break Some(fatal),
            Some(ServerEvent::Reload(request)) => Some(request),
            None => None,
        };
        log.reopen();
        reread(sources, layered, (&server, &log), answer);
    };
    #[cfg(feature = "metrics")]
    health.stopping();
    #[cfg(feature = "remote")]
    crate::service::stopping();
    stop(server, failure).await
}

/// Reads the settings again and uses what can change while the server runs.
fn reread(
    sources: &Sources,
    began: &Layered,
    (server, log): (&Server, &telemetry::Log),
    answer: Option<ReloadRequest>,
) {
    let read = || -> anyhow::Result<()> {
        let layered = sources.parse().map_err(|problem| anyhow::anyhow!("{problem}"))?;
        let config = layered.cli.serve.resolve()?;
        log.set_level(layered.cli.serve.log_level);
        server.reload(&config)?;
        let waiting = layered.fixed_differences(began);
        if !waiting.is_empty() {
            tracing::warn!(settings = waiting.join(", "), "changed settings need a restart");
        }
        Ok(())
    };
    let done = read().map_err(|error| format!("{error:#}"));
    match &done {
        Ok(()) => tracing::info!("read the settings, the logins and the certificate again"),
        Err(error) => tracing::error!(error, "not everything was reloaded"),
    }
    if let Some(answer) = answer {
        let _ = answer.send(done);
    }
}

/// Stops the server, in order or because a journal has failed.
async fn stop(server: Server, failure: Option<Fatal>) -> anyhow::Result<()> {
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
    let _log = telemetry::init(None, tracing::Level::INFO, telemetry::LogFormat::default())?;
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
            backup::backup(&data_dir, to, args.full, out)
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
