//! The fault programme: what docs/PROMISES.md says, tried against everything that can go wrong.
//!
//! [`storage`] makes every operation of a disk fail in every way, [`sweep`] damages every byte of
//! what is on it, [`simulation`] runs a whole server out of a seed and lets it crash, [`chaos`]
//! kills real processes. Each counts into a [`Tally`] and ends at the first promise broken.

pub mod bench;
pub mod chaos;

pub mod check;
pub mod simulation;
pub mod storage;
pub mod sweep;
mod tally;

pub use tally::Tally;
