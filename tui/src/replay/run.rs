//! A replay from beginning to end: server, connections, file, summary, exit code.

use super::ReplayArgs;
use super::connection::{Shared, Unread, drive};
use super::expect::Expectation;
use super::source::{Block, read_in_background};
use super::state::{Options, State};
use super::steer::Watched;
use super::summary::Summary;
use super::watching::Watcher;
use crate::exit::{Exit, Failure};
use crate::local::LocalServer;
use crate::net;
use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinSet, LocalSet};

/// How many blocks of the file may wait in the replay.
const BLOCKS_READY: usize = 2;
/// Why a run could end before the file did.
pub(super) enum Ended {
    Whole,
    Unread,
    Interrupted,
}

/// Replays a workload; prints replies, the summary, and what went wrong.
///
/// # Errors
/// A [`Failure`] with its exit code, when the replay could not be carried to its end.
pub fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    let (state, ended) = carry_out(args, None)?;
    let summary = state.summary;
    if !matches!(ended, Ended::Unread) {
        let told = if args.json {
            writeln!(io::stdout(), "{}", summary.to_json())
        } else {
            write!(io::stderr(), "{}", summary.to_text())
        };
        // Nobody to tell is no failure of the replay.
        drop(told);
    }
    Ok(match ended {
        Ended::Interrupted => Exit::Interrupted,
        _ if state.failed || summary.differences > 0 => Exit::Differs,
        _ => Exit::Done,
    })
}

/// Server, connections and file, from beginning to end, perhaps under somebody's eyes.
pub(super) fn carry_out(
    args: &ReplayArgs,
    watcher: Option<Watcher>,
) -> Result<(State, Ended), Failure> {
    // A pipe with nobody at its other end would hold up the screen for ever.
    if watcher.is_some() && std::fs::metadata(&args.file).is_ok_and(|there| !there.is_file()) {
        return Err(Failure::usage(anyhow::anyhow!("{} is no file", args.file.display())));
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
    let (local, address) = if let Some(address) = &args.connect {
        (None, address.clone())
    } else {
        let local = LocalServer::start(&args.local).map_err(Failure::usage)?;
        let address = local.address().to_string();
        (Some(local), address)
    };
    let before = net::stats(&address)?;
    let options = Options {
        print: !args.quiet && !args.json && !args.noreply && watcher.is_none(),
        mask: args.mask,
        noreply: args.noreply,
        fail_fast: args.fail_fast,
        rate: args.rate,
        file: args.file.display().to_string(),
    };
    let mut state = State::new(options, usize::from(args.connections), expectation);
    state.watched =
        watcher.as_ref().map(|watcher| Watched::new(watcher.progress(&args.file, bytes)));
    let replayed = replay(state, input, bytes, &address, watcher);
    // A full disk behind standard output is not the link's fault.
    let (mut state, ended) = replayed.map_err(|error| {
        if error.is::<Unread>() { Failure::usage(error) } else { Failure::link(error) }
    })?;
    state.finish();
    if let Ok(after) = net::stats(&address) {
        state.summary.server = difference(&before, after);
    }
    if args.noreply {
        take_outcomes_from_server(&mut state.summary);
    }
    if let Some(local) = local {
        local.stop().map_err(Failure::link)?;
    }
    Ok((state, ended))
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
fn replay(
    state: State,
    input: Box<dyn Read + Send>,
    bytes: u64,
    address: &str,
    watcher: Option<Watcher>,
) -> anyhow::Result<(State, Ended)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let connections = state.lanes.len();
    let blocks = read_in_background(input)?;
    let wake = (0..connections).map(|_| Notify::new()).collect();
    let (wants_block, answered) = (Notify::new(), Notify::new());
    let shared = Rc::new(Shared { state: RefCell::new(state), wake, wants_block, answered });
    let ended = LocalSet::new().block_on(&runtime, async {
        let mut tasks = JoinSet::new();
        for lane in 0..connections {
            let stream = TcpStream::connect(address)
                .await
                .with_context(|| format!("cannot connect to {address}"))?;
            tasks.spawn_local(drive(lane, stream, Rc::clone(&shared)));
        }
        let bar = if watcher.is_some() { ProgressBar::hidden() } else { progress_bar(bytes) };
        let feeder = tokio::task::spawn_local(hand_on(blocks, Rc::clone(&shared), bar));
        let ended = tokio::select! {
            done = wait_for(&mut tasks, &shared) => done,
            () = until_left(watcher, &shared) => Ok(Ended::Interrupted),
        };
        tasks.shutdown().await;
        let fed = if feeder.is_finished() {
            feeder.await.unwrap_or(Ok(()))
        } else {
            feeder.abort();
            // Its end releases what the tasks share.
            let _ = feeder.await;
            Ok(())
        };
        fed?;
        ended
    })?;
    drop(runtime);
    let shared =
        Rc::try_unwrap(shared).map_err(|_| anyhow::anyhow!("a connection has not ended"))?;
    Ok((shared.state.into_inner(), ended))
}

/// Until Ctrl-C, or until nobody watches a replay that was to be watched.
async fn until_left(watcher: Option<Watcher>, shared: &Shared) {
    match watcher {
        Some(watcher) => watcher.look_on(shared).await,
        None => drop(tokio::signal::ctrl_c().await),
    }
}

async fn wait_for(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    shared: &Shared,
) -> anyhow::Result<Ended> {
    while let Some(done) = tasks.join_next().await {
        match done? {
            Err(error)
                if error
                    .downcast_ref::<Unread>()
                    .is_some_and(|unread| unread.0.kind() == io::ErrorKind::BrokenPipe) =>
            {
                return Ok(Ended::Unread);
            }
            done => done?,
        }
        if shared.state.borrow().failed {
            break;
        }
    }
    Ok(Ended::Whole)
}

/// Hands the blocks of the file to the replay as it uses them up.
async fn hand_on(
    mut blocks: mpsc::Receiver<Block>,
    shared: Rc<Shared>,
    progress: ProgressBar,
) -> anyhow::Result<()> {
    loop {
        while shared.state.borrow().blocks() >= BLOCKS_READY {
            shared.wants_block.notified().await;
        }
        let block = match blocks.recv().await.transpose() {
            Ok(block) => block,
            Err(error) => {
                shared.state.borrow_mut().add_block(None);
                shared.wake.iter().for_each(Notify::notify_one);
                return Err(error).context("cannot read the workload");
            }
        };
        progress.inc(block.as_ref().map_or(0, |block| block.len() as u64));
        let ended = block.is_none();
        shared.state.borrow_mut().add_block(block);
        shared.wake.iter().for_each(Notify::notify_one);
        if ended {
            progress.finish_and_clear();
            return Ok(());
        }
    }
}

/// A bar on stderr, if that is a terminal and the file has a size.
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

/// What the server counted meanwhile: numbers as their growth, everything else as it is.
fn difference(
    before: &BTreeMap<String, String>,
    after: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    const GROWING: [&str; 5] =
        ["quote_hits", "quote_failures", "quote_cache_hits", "commands_ok", "commands_refused"];
    let grown = |name: &str, now: &str| -> Option<String> {
        if name == "quote_cost" {
            let cents = |text: &str| daytrade_protocol::Money::parse_signed(text.as_bytes());
            return Some((cents(now)? - cents(before.get(name)?)?).to_string());
        }
        if !GROWING.contains(&name) && !name.starts_with("refused_") {
            return None;
        }
        let was: u64 = before.get(name).map_or(Ok(0), |was| was.parse()).ok()?;
        Some(now.parse::<u64>().ok()?.saturating_sub(was).to_string())
    };
    after
        .into_iter()
        .map(|(name, now)| {
            let grown = grown(&name, &now);
            (name, grown.unwrap_or(now))
        })
        .collect()
}

/// Without replies, the server's own counts say what became of the lines.
fn take_outcomes_from_server(summary: &mut Summary) {
    let count = |name: &str| {
        summary.server.get(name).and_then(|count| count.parse::<u64>().ok()).unwrap_or(0)
    };
    let ok = count("commands_ok");
    let refused = std::array::from_fn(|code| {
        count(&format!("refused_{}", daytrade_protocol::Code::ALL[code]))
    });
    (summary.ok, summary.refused) = (ok, refused);
}
