//! The client of the exchange.
//!
//! [`cli`] is the command line; [`replay`] runs workload files through a server, and
//! [`replay_message`] is the data that it and the screen exchange;
//! [`generate`](mod@generate) writes such files; [`convert`](mod@convert) makes price files;
//! [`model`], [`ui`], [`link`] and [`term`] are the trading screen; [`net`] asks a server short
//! questions; [`local`] runs a server inside this process.

pub mod cli;
pub mod convert;
pub mod exit;
pub mod generate;
pub mod link;
pub mod local;
pub mod model;
pub mod net;
pub mod replay;
pub mod replay_message;
pub mod term;
pub mod ui;
