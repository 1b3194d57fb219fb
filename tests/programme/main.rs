//! Runs the fault programme and says what it did.

use clap::Parser;
use daytrade_tests::{Tally, chaos, simulation, storage, sweep};
use std::process::ExitCode;

/// Try what docs/PROMISES.md says against everything that can go wrong
#[derive(Debug, Parser)]
#[command(name = "programme")]
struct Args {
    /// Seeds of the simulation and of the storage faults; the long form takes 10000
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// Repeat this one seed of the simulation, and nothing else
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Times a real server is killed under load; the long form takes 50 or more
    #[arg(long, default_value_t = 10)]
    rounds: u64,
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a program for a person to read"
)]
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
    let parts: [(&str, &dyn Fn() -> anyhow::Result<Tally>); 4] = [
        ("storage faults", &|| storage::run(0..(args.seeds / 50).max(1))),
        ("sweep", &|| sweep::run(30)),
        ("simulation", &|| simulation::run(0..args.seeds)),
        ("process chaos", &|| chaos::run(&chaos::daytraded()?, args.rounds, 1)),
    ];
    for (name, part) in parts {
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
