//! The client of the exchange.
//!
//! [`cli`] is the command line; [`replay`] runs workload files through a server;
//! [`generate`](mod@generate) writes such files; [`convert`](mod@convert) makes price files;
//! [`check`] judges audit logs; `report` shows what became of an account; [`app`], [`ui`], `link`
//! and `term` are the trading screen; [`replay_message`] holds the messages between the two;
//! `account_at` is an account at an instant; `remote` connects to servers and logs in there;
//! [`net`] asks a server short questions; [`local`] runs a server inside this process.

mod account_at;
pub mod app;
pub mod check;
pub mod cli;
pub mod convert;
pub mod exit;
pub mod generate;
mod link;
pub mod local;
pub mod net;
mod remote;
pub mod replay;
pub mod replay_message;
mod report;
mod term;
pub mod ui;
