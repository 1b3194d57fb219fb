//! Tests of the programs as a user runs them: real processes, real sockets, real files.

#![allow(missing_docs, reason = "the name of a test says what it checks")]
#![allow(clippy::unwrap_used, reason = "a test fails at the first unexpected result")]
#![allow(clippy::format_collect, reason = "the texts are small")]
#![allow(unreachable_pub, reason = "no crate links against a test")]

mod audit;
mod check;
mod cli;
mod config;
mod durability;
mod floods;
mod formats;
mod harness;
mod host;
mod hostile;
mod http;
mod legacy;
mod market;
mod metrics;
mod moved;
mod netcat;
mod power_cut;
mod pushes;
mod remote;
mod replay;
mod report;
mod screen;
mod silence;
mod simulator;
mod stops;
mod texts;
mod tidy;
mod tutorials;
