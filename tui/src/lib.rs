//! The client of the exchange.
//!
//! [`cli`] is the command line; [`replay`] runs workload files through a server; [`generate`](mod@generate) writes such
//! files; [`net`] asks a server short questions; [`local`] runs a server inside this process.

pub mod cli;
pub mod exit;
pub mod generate;
pub mod local;
pub mod net;
pub mod replay;
