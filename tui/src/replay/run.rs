//! The sequence of a replay: server, connections, file, summary and exit code.

use super::ReplayArgs;
use super::connection::{PrintError, Shared, run_connection};
use super::expect::Expectation;
use super::monitor::MonitorChannel;
use super::progress::ProgressTracker;
use super::source::{Source, read_in_background};
use super::state::{Options, Outcome, ReplayState};
use super::summary::Summary;
use crate::check::{self, CheckOptions, Format};
use crate::exit::{Exit, Failure};
use crate::local::LocalServer;
use crate::net;
use crate::remote::{Server, ServerAddress};
use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::rc::{Rc, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::{JoinSet, LocalSet};

/// Capacity of the input queue, in blocks.
const QUEUE_BLOCKS: usize = 2;
/// Interval of moving the progress bar.
const BAR_INTERVAL: Duration = Duration::from_millis(100);

/// How a replay ended.
pub(super) enum End {
    /// The whole file, or a refusal or difference that ends it.
    Complete,
    /// The reader of standard output closed it.
    OutputClosed,
    /// Ctrl-C, or the monitor stopped.
    Interrupted,
}

/// Replays a workload; prints the replies, the differences and the summary.
///
/// # Errors
/// A [`Failure`] with its exit code, if the replay could not complete.
pub(crate) fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    let (outcome, end) = execute(args, None)?;
    let summary = outcome.summary;
    if !matches!(end, End::OutputClosed) {
        let printed = if args.json {
            writeln!(io::stdout(), "{}", summary.to_json())
        } else {
            write!(io::stderr(), "{}", summary.to_text(args.verbose))
        };
        // A closed output is no failure of the replay.
        drop(printed);
    }
    let judged = match (&end, args.check) {
        (End::Complete, true) => check_dump(args, outcome.dump.as_deref())?,
        _ => Exit::Done,
    };
    Ok(match end {
        End::Interrupted => Exit::Interrupted,
        // As after a connection that was lost.
        _ if !summary.unknown.is_empty() => Exit::Link,
        _ if judged != Exit::Done => judged,
        _ if outcome.failed || summary.differences > 0 => Exit::Differs,
        _ => Exit::Done,
    })
}

/// Judges the log that the workload dumped, and prints the report after the summary.
fn check_dump(args: &ReplayArgs, path: Option<&str>) -> Result<Exit, Failure> {
    let path = path.map(Path::new).ok_or_else(|| {
        Failure::usage(anyhow::anyhow!("--check: the workload has no DUMPLOG that succeeded"))
    })?;
    let missing = "--check judges the log's file, which is on the server's machine; daytrade log \
                   brings it here, for daytrade check";
    let log = File::open(path)
        .with_context(|| format!("cannot read {}: {missing}", path.display()))
        .map_err(Failure::usage)?;
    // A server that ran before has more in its log than this workload.
    let is_new = args.connect.is_none() && args.local.data_dir.is_none();
    let workload = (is_new && args.file != Path::new("-")).then_some(args.file.as_path());
    let format = if args.json { Format::Json } else { Format::Text };
    let mut report = Vec::new();
    let exit = check::check_log(log, path, workload, &CheckOptions::with(format), &mut report)?;
    let printed =
        if args.json { io::stdout().write_all(&report) } else { io::stderr().write_all(&report) };
    // A closed output is no failure of the replay.
    drop(printed);
    Ok(exit)
}

/// Runs a replay from the start of its server to the stop of it.
pub(super) fn execute(
    args: &ReplayArgs,
    monitor: Option<MonitorChannel>,
) -> Result<(Outcome, End), Failure> {
    // A pipe without a writer would block the screen forever.
    if monitor.is_some() && std::fs::metadata(&args.file).is_ok_and(|found| !found.is_file()) {
        return Err(Failure::usage(anyhow::anyhow!(
            "{} is not a regular file",
            args.file.display()
        )));
    }
    let (input, bytes) = open(&args.file).map_err(Failure::usage)?;
    let expectation = match &args.expect {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()));
            Some(Expectation::new(&text.map_err(Failure::usage)?))
        }
    };
    let (local, server) = if let Some(server) = &args.server {
        (None, server.clone())
    } else if let Some(connect) = &args.connect {
        (None, args.remote.server(connect)?)
    } else {
        let local = LocalServer::start(&args.local).map_err(Failure::usage)?;
        let address = ServerAddress::parse(&local.address().to_string())?;
        (Some(local), Server::plain(address))
    };
    let before = net::stats(&server)?;
    let options = Options {
        print: !args.quiet && !args.json && !args.noreply && monitor.is_none(),
        mask: args.mask,
        noreply: args.noreply,
        fail_fast: args.fail_fast,
        keep_dump: args.check,
        keep_lines: local.is_none(),
        rate: args.rate,
        file: args.file.display().to_string(),
    };
    let progress =
        monitor.as_ref().map(|monitor| ProgressTracker::new(monitor.begin(&args.file, bytes)));
    let connections = usize::from(args.connections);
    let state = ReplayState::new(options, connections, expectation, progress);
    let replayed = run_connections(state, input, bytes, &server, monitor);
    // An error of standard output, such as a full disk, is no failure of the link.
    let (state, end, last) = replayed.map_err(|error| {
        if error.is::<PrintError>() { Failure::usage(error) } else { Failure::link(error) }
    })?;
    let mut outcome = state.finish();
    if last != server.address {
        outcome.summary.moved_to = Some(last.to_string());
    } else if !matches!(end, End::Interrupted)
        && let Ok(after) = net::stats(&server)
    {
        outcome.summary.server = stats_delta(&before, after);
    }
    if args.noreply {
        copy_server_counts(&mut outcome.summary);
    }
    if let Some(local) = local {
        local.stop().map_err(Failure::link)?;
    }
    Ok((outcome, end))
}

fn open(path: &Path) -> anyhow::Result<(Box<dyn Read + Send>, u64)> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), 0));
    }
    let name = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(name)?;
    let metadata = file.metadata().with_context(name)?;
    anyhow::ensure!(!metadata.is_dir(), "{} is a folder", path.display());
    Ok((Box::new(file), metadata.len()))
}

/// Runs all connections on this thread.
fn run_connections(
    state: ReplayState,
    input: Box<dyn Read + Send>,
    bytes: u64,
    server: &Server,
    monitor: Option<MonitorChannel>,
) -> anyhow::Result<(ReplayState, End, ServerAddress)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let connections = state.sender.connections();
    let source = read_in_background(input)?;
    let wake = (0..connections).map(|_| Notify::new()).collect();
    let (block_used, answered) = (Notify::new(), Notify::new());
    let (state, home) = (RefCell::new(state), server.clone());
    let server = RefCell::new(home.clone());
    let shared = Rc::new(Shared { state, home, server, wake, block_used, answered });
    let end = LocalSet::new().block_on(&runtime, async {
        let mut tasks = JoinSet::new();
        for connection in 0..connections {
            let (stream, _) = shared.home.connect().await.context("cannot connect")?;
            tasks.spawn_local(run_connection(connection, stream, Rc::clone(&shared)));
        }
        let bar = if monitor.is_some() { ProgressBar::hidden() } else { progress_bar(bytes) };
        let forwarder = tokio::task::spawn_local(forward_blocks(source, Rc::clone(&shared)));
        let watcher = (!bar.is_hidden())
            .then(|| tokio::task::spawn_local(show_answered(bar.clone(), Rc::downgrade(&shared))));
        let is_monitored = monitor.is_some();
        let stop = wait_for_stop(monitor, &shared);
        tokio::pin!(stop);
        let end = tokio::select! {
            end = join_connections(&mut tasks, &shared) => end,
            () = &mut stop => Ok(End::Interrupted),
        };
        if is_monitored && matches!(end, Ok(End::Complete)) {
            // The server goes on, so that the monitor can look back.
            shared.state.borrow_mut().end();
            shared.answered.notify_one();
            stop.await;
        }
        tasks.shutdown().await;
        bar.finish_and_clear();
        if end.is_err() {
            list_unknown(&shared, connections, is_monitored);
        }
        if let Some(watcher) = watcher {
            watcher.abort();
        }
        let forwarded = if forwarder.is_finished() {
            forwarder.await.unwrap_or(Ok(()))
        } else {
            forwarder.abort();
            // Its end releases the shared state.
            let _ = forwarder.await;
            Ok(())
        };
        forwarded?;
        end
    })?;
    drop(runtime);
    let shared =
        Rc::try_unwrap(shared).map_err(|_| anyhow::anyhow!("a connection has not ended"))?;
    let last = shared.server.into_inner().address;
    Ok((shared.state.into_inner(), end, last))
}

/// Lists the lines that may have been carried out, when a lost connection has ended the replay.
fn list_unknown(shared: &Shared, connections: usize, is_monitored: bool) {
    let mut state = shared.state.borrow_mut();
    if state.wants_login() {
        return;
    }
    for connection in 0..connections {
        state.end_connection(connection, false, 0);
    }
    if !is_monitored {
        // A closed output is no failure of the replay.
        let _ = write!(io::stderr(), "{}", state.unknown_text());
    }
}

/// Serves the monitor until it stops; without a monitor, waits for Ctrl-C.
async fn wait_for_stop(monitor: Option<MonitorChannel>, shared: &Shared) {
    match monitor {
        Some(monitor) => monitor.serve(shared).await,
        None => drop(tokio::signal::ctrl_c().await),
    }
}

/// Waits until all connections have ended, or one has ended the replay.
async fn join_connections(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    shared: &Shared,
) -> anyhow::Result<End> {
    while let Some(done) = tasks.join_next().await {
        match done? {
            Err(error)
                if error
                    .downcast_ref::<PrintError>()
                    .is_some_and(|print| print.0.kind() == io::ErrorKind::BrokenPipe) =>
            {
                return Ok(End::OutputClosed);
            }
            done => done?,
        }
        if shared.state.borrow().has_failed() {
            break;
        }
    }
    Ok(End::Complete)
}

/// Forwards the blocks of the file to the input queue as it has capacity for them.
async fn forward_blocks(mut source: Source, shared: Rc<Shared>) -> anyhow::Result<()> {
    loop {
        while shared.state.borrow().input.blocks() >= QUEUE_BLOCKS {
            shared.block_used.notified().await;
        }
        for block in shared.state.borrow_mut().input.take_used() {
            source.give_back(block);
        }
        let block = match source.next().await {
            Ok(block) => block,
            Err(error) => {
                shared.state.borrow_mut().input.push(None);
                shared.wake_all();
                return Err(error).context("cannot read the workload");
            }
        };
        let ended = block.is_none();
        shared.state.borrow_mut().input.push(block);
        shared.wake_all();
        if ended {
            return Ok(());
        }
    }
}

/// Shows in the progress bar how much of the file is answered, until the replay ends.
async fn show_answered(bar: ProgressBar, shared: Weak<Shared>) {
    while let Some(shared) = shared.upgrade() {
        bar.set_position(shared.state.borrow().answered_bytes());
        drop(shared);
        tokio::time::sleep(BAR_INTERVAL).await;
    }
}

/// Returns a progress bar on standard error; a hidden one if that is no terminal or the size of the
/// file is unknown.
fn progress_bar(bytes: u64) -> ProgressBar {
    if bytes == 0 || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {percent:>3}%  {bytes}/{total_bytes}  {elapsed}")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Returns the server's statistics after a replay, with counters as their increase.
fn stats_delta(
    before: &BTreeMap<String, String>,
    after: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    const COUNTERS: [&str; 6] = [
        "quote_requests",
        "quote_hits",
        "quote_failures",
        "quote_cache_hits",
        "commands_ok",
        "commands_refused",
    ];
    let increase = |name: &str, now: &str| -> Option<String> {
        if name == "quote_cost" {
            let cents = |text: &str| daytrade_protocol::Money::parse_signed(text.as_bytes());
            return Some((cents(now)? - cents(before.get(name)?)?).to_string());
        }
        if !COUNTERS.contains(&name) && !name.starts_with("refused_") {
            return None;
        }
        let was: u64 = before.get(name).map_or(Ok(0), |was| was.parse()).ok()?;
        Some(now.parse::<u64>().ok()?.saturating_sub(was).to_string())
    };
    after
        .into_iter()
        .map(|(name, now)| {
            let increase = increase(&name, &now);
            (name, increase.unwrap_or(now))
        })
        .collect()
}

/// Copies the outcomes from the server's counters, for a replay without replies.
fn copy_server_counts(summary: &mut Summary) {
    let count = |name: &str| {
        summary.server.get(name).and_then(|count| count.parse::<u64>().ok()).unwrap_or(0)
    };
    let ok = count("commands_ok");
    let refused = std::array::from_fn(|code| {
        count(&format!("refused_{}", daytrade_protocol::Code::ALL[code]))
    });
    (summary.ok, summary.refused) = (ok, refused);
}
