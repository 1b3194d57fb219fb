//! The short form of the fault suite. The long form is
//! `cargo run --release -p daytrade-tests --example simulator`.

#[path = "../simulator/suite.rs"]
mod suite;

use crate::harness::is_long_form;
use daytrade_server::SyncMode;
use suite::{chaos, corruption, shared, simulation, storage};

fn broken(error: &anyhow::Error) -> ! {
    panic!("{error:#}")
}

#[test]
fn every_operation_of_a_disk_may_fail_in_every_way() {
    let tally = storage::run(0..1).unwrap_or_else(|error| broken(&error));
    assert!(
        tally.faults > 500
            && tally.acknowledged > 10_000
            && tally.recovered >= tally.acknowledged * 9 / 10,
        "{tally}"
    );
}

#[test]
fn every_byte_may_be_cut_off_and_every_bit_flipped() {
    let tally = corruption::run(18).unwrap_or_else(|error| broken(&error));
    assert!(tally.faults > 5_000 && tally.refused_starts > 100, "{tally}");
}

#[test]
fn servers_that_share_a_log_lose_and_double_nothing() {
    let seeds = if is_long_form() { 3_000 } else { 300 };
    let tally = shared::run(0..seeds).unwrap_or_else(|error| broken(&error));
    assert!(tally.acknowledged > 20 * seeds && tally.faults > seeds, "{tally}");
}

#[test]
fn a_server_simulated_from_a_seed_keeps_its_promises() {
    let seeds = if is_long_form() { 300 } else { 100 };
    let tally = simulation::run(0..seeds).unwrap_or_else(|error| broken(&error));
    assert!(tally.acknowledged > 150 * seeds, "{tally}");
}

#[test]
fn a_seed_reproduces_its_run_exactly() {
    for seed in 0..10 {
        let once = simulation::run_seed(seed).unwrap_or_else(|error| broken(&error)).1;
        let again = simulation::run_seed(seed).unwrap_or_else(|error| broken(&error)).1;
        assert_eq!(once, again, "seed {seed}");
    }
}

/// Proves that the tests above can fail.
#[test]
fn a_server_that_does_not_sync_is_detected() {
    let lost = (0..40).find_map(|seed| simulation::run_seed_with(seed, SyncMode::Never).err());
    let lost = lost.expect("nothing was lost in forty runs without a sync");
    assert!(format!("{lost:#}").contains("lost: ["), "{lost:#}");
}

#[test]
fn a_server_killed_under_load_loses_nothing_and_invents_nothing() {
    let tally = chaos::daytraded()
        .and_then(|program| chaos::run(&program, 8, 7))
        .unwrap_or_else(|error| broken(&error));
    assert!(tally.recovered > 100, "{tally}");
}
