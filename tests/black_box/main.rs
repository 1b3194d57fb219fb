//! The programs as their users meet them: real processes, real sockets, real files.

#![allow(missing_docs, reason = "test names say what they hold")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends where something is not as it should be"
)]
#![allow(clippy::format_collect, reason = "the texts are small")]
#![allow(unreachable_pub, reason = "nobody links against a test")]

mod audit;
mod cli;
mod durability;
mod harness;
mod hostile;
mod legacy;
mod netcat;
mod pushes;
mod replay;
mod screen;
mod simulator;
mod texts;
