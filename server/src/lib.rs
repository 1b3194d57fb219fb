//! The exchange: users, orders and triggers behind a line protocol, every answer durable before it
//! is given.
//!
//! A request's way: [`listener`] → [`session`] (lines to jobs) → [`router`] (which shard) →
//! [`shard`] (a round decides with [`engine`], writes one frame with [`journal`], then answers) →
//! [`session`]. Prices come from [`quotes`]; [`audit`] makes XML out of journals when a DUMPLOG
//! asks for it. [`server`] wires the parts, [`limits`] bounds them all.
//!
//! ARCHITECTURE.md has the picture and the invariants.

pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod data_dir;
pub mod encoding;
pub mod engine;
pub mod journal;
pub mod limits;
pub mod listener;
pub mod open_files;
pub mod quotes;
pub mod router;
pub mod runtime;
pub mod server;
pub mod session;
pub mod shard;
pub mod stats;
pub mod telemetry;

pub use config::{Config, QuoteSpec};
pub use journal::SyncMode;
pub use server::Server;
