//! The fault suite: tries the promises of docs/PROMISES.md against every fault that can occur.
//!
//! [`storage`] makes every disk operation fail in every way. [`corruption`] damages every stored
//! byte. [`simulation`] runs a complete server from a seed and crashes it. [`chaos`] kills real
//! processes. Each part counts its work in a [`Tally`] and stops at the first broken promise.
//!
//! The simulator (an example) and its short form (a black-box test) both include this module.

#[path = "../chaos/mod.rs"]
pub mod chaos;
#[path = "../corruption/mod.rs"]
pub mod corruption;
mod harness;
mod reference;
pub mod shared;
pub mod simulation;
pub mod storage;
mod tally;

pub use tally::Tally;
