//! Runs the fault suite and prints a summary of each part.

#![allow(unreachable_pub, reason = "no crate links against an example")]

// The path attribute makes the submodules of `suite` files of this folder.
#[path = "suite.rs"]
mod suite;

use clap::Parser;
use std::process::ExitCode;
use suite::{Tally, chaos, corruption, shared, simulation, storage};

/// Test the promises of docs/PROMISES.md against injected faults
#[derive(Debug, Parser)]
#[command(name = "simulator")]
struct Args {
    /// Number of simulation seeds; the long form uses 10000
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// Run only this seed of the simulation
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Run only the part of this name, for example "shared log"
    #[arg(long)]
    only: Option<String>,
    /// Number of times a real server is killed under load; the long form uses 50 or more
    #[arg(long, default_value_t = 10)]
    rounds: u64,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a person reads the output")]
fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(seed) = args.seed {
        return match simulation::run_seed(seed) {
            Ok((tally, digest)) => {
                println!("seed {seed}: {tally}\nhash over all replies: {digest:016x}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("BROKEN: {error:#}");
                ExitCode::FAILURE
            }
        };
    }
    let parts: [(&str, &dyn Fn() -> anyhow::Result<Tally>); 5] = [
        ("storage faults", &|| storage::run(0..(args.seeds / 50).max(1))),
        ("corruption", &|| corruption::run(30)),
        ("simulation", &|| simulation::run(0..args.seeds)),
        ("shared log", &|| shared::run(0..args.seeds)),
        ("process chaos", &|| chaos::run(&chaos::daytraded()?, args.rounds, 1)),
    ];
    let is_wanted = |name: &str| args.only.as_ref().is_none_or(|only| only == name);
    for (name, part) in parts.into_iter().filter(|(name, _)| is_wanted(name)) {
        match part() {
            Ok(tally) => println!("{name}: {tally}"),
            Err(error) => {
                eprintln!("{name}: BROKEN: {error:#}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
