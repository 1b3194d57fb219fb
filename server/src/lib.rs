//! The exchange: users, orders and triggers behind a line protocol. Every reply is durable before
//! it leaves.
//!
//! A request takes one way: listener → session (lines to jobs) → router (which shard) → shard (a
//! round decides with the engine, writes one frame to the journal, then answers) → reply sink.
//! Prices come from the quote manager; the audit log is XML made of journals when a DUMPLOG asks
//! for it. [`Server::build`] connects the parts.
//!
//! The public API is what the two programs need. The feature `test-support` opens the rest to tests
//! and benchmarks. ARCHITECTURE.md has the picture and the invariants.

// No input may panic: what can is named where it stands, with the reason why it cannot happen.
#![warn(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable
)]
#![cfg_attr(
    not(feature = "test-support"),
    allow(
        unreachable_pub,
        unused_imports,
        reason = "the feature test-support makes these items reachable"
    )
)]

#[cfg_attr(not(feature = "remote"), allow(dead_code, reason = "only logins use all of it"))]
mod access;
#[cfg(feature = "remote")]
mod admin;
mod audit;
#[cfg(feature = "remote")]
mod backup;
mod cli;
#[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "only a cluster uses all of it"))]
mod clock;
#[cfg(feature = "cluster")]
mod cluster;
#[cfg(feature = "cluster")]
mod cluster_setup;
mod config;
mod data_dir;
mod direct_io;
mod engine;
mod execution;
mod histogram;
#[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "only a cluster uses all of it"))]
mod journal;
#[cfg_attr(
    not(all(feature = "metrics", feature = "cluster")),
    allow(dead_code, reason = "only metrics and a cluster use all of it")
)]
mod limits;
#[cfg_attr(not(feature = "remote"), allow(dead_code, reason = "only logins use all of it"))]
mod listener;
mod local_socket;
#[cfg(feature = "remote")]
mod logins;
#[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "only a cluster uses all of it"))]
mod message;
#[cfg(feature = "metrics")]
mod metrics;
mod open_files;
mod prefetch;
mod quotes;
mod router;
mod runtime;
mod server;
#[cfg(feature = "remote")]
mod service;
mod session;
#[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "only a cluster uses all of it"))]
mod shard;
mod signals;
mod stats;
mod telemetry;
#[cfg(feature = "remote")]
mod tls;

pub use cli::main;
#[cfg(feature = "metrics")]
pub use config::MetricsArgs;
pub use config::remembered_market;
#[cfg(feature = "cluster")]
pub use config::{ClusterArgs, ClusterConfig};
pub use config::{Config, DEFAULT_ADDRESS, QuoteArgs, Retention, ServeArgs, default_data_dir};
#[cfg(feature = "remote")]
pub use config::{RemoteArgs, RemoteConfig};
pub use data_dir::running_at;
pub use journal::SyncMode;
pub use local_socket::tcp_socket;
pub use quotes::market::parse_speed;
pub use quotes::{PriceRow, QuoteSpec, read_prices};
pub use runtime::runtime;
pub use server::Server;

/// The inside of the server, for tests, simulations and benchmarks.
#[cfg(feature = "test-support")]
pub mod test_support {
    pub use crate::audit::{AuditWriter, LogFilter, LogPart, LogReader};
    pub use crate::clock::{Clock, Times};
    pub use crate::execution::Execution;
    pub use crate::server::{Connector, Deps, OpenSource};

    /// Roles and what they may do.
    pub mod access {
        pub use crate::access::*;
    }
    /// The trading rules.
    pub mod engine {
        pub use crate::engine::*;
    }
    /// The journal.
    pub mod journal {
        pub use crate::journal::*;
    }
    /// Messages between the parts.
    pub mod message {
        pub use crate::message::*;
    }
    /// Sources of prices.
    pub mod quotes {
        pub use crate::quotes::*;
    }
    /// Connections.
    pub mod session {
        pub use crate::session::*;
    }
    /// Shards.
    pub mod shard {
        pub use crate::shard::*;
    }
}
