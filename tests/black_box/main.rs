//! The programs as their users meet them: real processes, real sockets, real files.

#![allow(missing_docs, reason = "test names say what they hold")]

mod audit;
mod cli;
mod durability;
mod harness;
mod hostile;
mod legacy;
mod netcat;
mod pushes;
mod replay;
