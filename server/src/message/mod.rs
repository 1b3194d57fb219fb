//! Messages between sessions, shards, the quote manager and the dump service.
//!
//! It holds messages and the traits to answer them, without behaviour of their own. It must never
//! import a session, a shard or the quote manager.

mod batch;
mod dump;
mod market_control;
mod ownership;
mod quote;
mod reload;
mod replies;
mod reply_sink;
mod shard_event;
mod spare;

pub use batch::{Batch, Job, Jobs, Work};
pub use dump::{DumpDone, DumpRequest, DumpResult, PendingDump};
pub use market_control::MarketControl;
pub use ownership::{ClusterOrder, Followed, Route, ShardNews, ShardReport};
pub use quote::{Quote, QuoteEvent, QuoteRequest, is_fresh};
pub use reload::ReloadRequest;
pub use replies::{Place, Replies, ReplyBytes, ReplyTo};
pub use reply_sink::{ReplySink, ReplyTarget, Subscription};
pub use shard_event::ShardEvent;
pub(crate) use spare::{chunk as spare_chunk, give_back};
