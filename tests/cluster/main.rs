//! Tests of a cluster: three real NATS servers and several of ours, some of which die.
//!
//! They need a nats-server: `NATS_SERVER=$(tests/cluster/nats-server.sh)`. Without it they are
//! skipped.

#![allow(missing_docs, reason = "the name of a test says what it checks")]
#![allow(clippy::unwrap_used, reason = "a test fails at the first unexpected result")]
#![allow(clippy::print_stdout, reason = "the long form has figures to show")]
#![allow(unreachable_pub, reason = "no crate links against a test")]

#[path = "../black_box/harness.rs"]
#[allow(dead_code, reason = "only part of it is used here")]
mod harness;
#[path = "../black_box/http.rs"]
mod http;

mod cut;
mod damage;
mod faults;
mod lan;
mod logins;
mod servers;
mod setup;
mod traders;
