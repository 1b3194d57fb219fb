//! A simulation of servers that share a log: every server may try to own it at any time, the log
//! loses answers and delays messages, and servers crash with disks that lose what was not synced.
//!
//! Takeovers are drawn at random here, far more wildly than any cluster would decide: that no two
//! servers answer at once must not depend on who takes over, nor on any clock.

mod check;
mod node;

use super::Tally;
use anyhow::Context as _;
use check::{Outcome, check};
use daytrade_server::test_support::journal::{FakeStream, StreamFault};
use daytrade_server::test_support::message::Route;
use node::Node;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Number of servers.
const NODES: usize = 3;
/// Steps of one run.
const STEPS: u64 = 160;

/// Runs the simulation for some seeds.
///
/// # Errors
/// Returns the first broken promise, with its seed.
pub fn run(seeds: Range<u64>) -> anyhow::Result<Tally> {
    let (mut tally, began) = (Tally::default(), Instant::now());
    for seed in seeds {
        run_seed(seed, &mut tally).with_context(|| format!("shared log, seed {seed}"))?;
    }
    tally.took = began.elapsed();
    Ok(tally)
}

/// What has been asked of all servers.
pub(super) struct World {
    pub stream: FakeStream,
    /// What became of each command, by its number.
    pub outcomes: BTreeMap<u64, Outcome>,
    next_number: u64,
    now_ms: u64,
}

fn run_seed(seed: u64, tally: &mut Tally) -> anyhow::Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut below = move |bound: u64| random.next_u64() % bound;
    let stream = FakeStream::default();
    // Nobody hears the log while this is not 0: so appends are given up.
    let silence = Arc::new(AtomicU64::new(0));
    stream.set_faults(faults(seed, Arc::clone(&silence)));
    let mut world = World {
        stream: stream.clone(),
        outcomes: BTreeMap::new(),
        next_number: 1,
        now_ms: 1_000_000,
    };
    let mut nodes = Vec::new();
    for number in 0..NODES {
        nodes.push(Node::open(number, seed, &stream)?);
    }
    for _ in 0..STEPS {
        let node = &mut nodes[below(NODES as u64) as usize];
        world.now_ms += below(40_000);
        match below(100) {
            0..45 => send(&mut world, node, &mut below)?,
            45..62 => node.follow(&stream, below(5) as usize)?,
            62..80 => {
                // Usually at the end of the log; the log must refuse whoever is not.
                if below(5) > 0 {
                    node.follow(&stream, usize::MAX)?;
                }
                node.take_over(world.now_ms)?;
            }
            80..85 => node.release(world.now_ms)?,
            85..90 => {
                let route = match below(3) {
                    0 => Route::At("127.0.0.1:1".into()),
                    1 => Route::Nowhere,
                    _ => Route::Sought,
                };
                node.set_route(route, world.now_ms)?;
            }
            90..94 => silence.store(below(2) * 400, Ordering::Relaxed),
            94..97 => stream.settle(),
            _ => {
                tally.faults += 1;
                node.crash(&stream, below(2) == 0)?;
            }
        }
        node.collect(&mut world.outcomes)?;
    }
    silence.store(0, Ordering::Relaxed);
    stream.settle();
    tally.runs += 1;
    tally.submitted += world.next_number - 1;
    check(&world, &mut nodes, tally)
}

/// Sends some commands to a server over one connection.
fn send(
    world: &mut World,
    node: &mut Node,
    below: &mut impl FnMut(u64) -> u64,
) -> anyhow::Result<()> {
    if below(3) == 0 || !node.is_connected() {
        node.connect();
    }
    let lines = (0..=below(5)).map(|_| {
        let (number, user) = (world.next_number, below(3));
        world.next_number += 1;
        let command = match below(8) {
            0..4 => format!("ADD,u{user},{}", below(90) + 10),
            4 => format!("BUY,u{user},A,{}", below(40) + 10),
            5 => format!("COMMIT_BUY,u{user}"),
            6 => format!("CANCEL_BUY,u{user}"),
            _ => format!("DISPLAY_SUMMARY,u{user}"),
        };
        (number, command)
    });
    node.send(&lines.collect::<Vec<_>>(), world.now_ms)
}

/// Draws what goes wrong with an append or a read.
fn faults(seed: u64, silence: Arc<AtomicU64>) -> Box<dyn FnMut() -> StreamFault + Send> {
    let mut random = ChaCha8Rng::seed_from_u64(!seed);
    Box::new(move || {
        let left = silence.load(Ordering::Relaxed);
        if left > 0 {
            silence.store(left - 1, Ordering::Relaxed);
            return if random.next_u64() % 9 == 0 {
                StreamFault::StoredLater
            } else {
                StreamFault::MessageLost
            };
        }
        match random.next_u64() % 30 {
            0 => StreamFault::AnswerLost,
            1 => StreamFault::MessageLost,
            2 => StreamFault::StoredLater,
            3 => StreamFault::StaleLast,
            4 => StreamFault::Hole,
            _ => StreamFault::None,
        }
    })
}
