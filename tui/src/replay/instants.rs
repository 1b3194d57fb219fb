//! The accounts of a monitored replay at any of its exchanges, from the server's own records.
//!
//! It asks over a connection of its own, with REPORT, which leaves no trace in the audit log. It
//! must never change the replay.

use super::connection::Shared;
use crate::account_at::{AccountAt, Timeline};
use crate::net::exchange_async;
use crate::replay_message::{Exchange, Exchanges, Instant};
use daytrade_protocol::{
    Body, Detail, Parsed, Reply, ReplyBody, Request, ServerLine, SessionCommand, Tag, UserName,
    parse_line,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The maximum number of records that are kept, of all users together.
const RECORDS_MAX: usize = 500_000;

/// The records of users, each as of a number of exchanges.
#[derive(Debug, Default)]
pub(super) struct Instants {
    timelines: BTreeMap<UserName, (u64, Timeline)>,
}

impl Instants {
    /// Returns the account of an exchange's user after it, by the number of the exchange.
    pub(super) async fn show(&mut self, shared: &Shared, exchange: u64) -> Instant {
        Instant { exchange, account: self.account(shared, exchange).await }
    }

    async fn account(
        &mut self,
        shared: &Shared,
        exchange: u64,
    ) -> Result<(String, Arc<AccountAt>), String> {
        let (lines, exchanges) = {
            let state = shared.state.borrow();
            let progress = state.replay_progress().ok_or("no replay")?;
            (progress.exchanges.numbers().end, progress.exchanges.clone())
        };
        let (user, _) = exchanges
            .get(exchange)
            .and_then(|at| user_of(at))
            .ok_or_else(|| "This line is of no account, or has no number.".to_owned())?;
        let known = self.timelines.get(&user).is_some_and(|(as_of, _)| *as_of == lines);
        if !known {
            let timeline = records(shared, &user).await?;
            let kept: usize = self.timelines.values().map(|(_, timeline)| timeline.len()).sum();
            if kept + timeline.len() > RECORDS_MAX {
                self.timelines.clear();
            }
            self.timelines.insert(user.clone(), (lines, timeline));
        }
        let timeline = &self.timelines.get(&user).ok_or("no records")?.1;
        let account = at(timeline, &exchanges, exchange, &user).or_else(|| {
            // Nothing has happened to an account of which all lines are kept.
            (exchanges.numbers().start == 0).then(AccountAt::default)
        });
        let account = account.ok_or("What this account was then is not kept any more.")?;
        Ok((user.to_string(), Arc::new(account)))
    }
}

/// Returns the user and the transaction number of an exchange.
fn user_of(exchange: &Exchange) -> Option<(UserName, u64)> {
    let Parsed::Request(request) = parse_line(exchange.request.as_bytes()) else { return None };
    let tag = request.tag.map(Tag::get)?;
    match request.body {
        Body::Command(command) => Some((command.user()?.clone(), tag)),
        Body::Session(_) => None,
    }
}

/// Returns the account after the last command of its user up to an exchange. A command without a
/// record has changed nothing.
fn at(
    timeline: &Timeline,
    exchanges: &Exchanges,
    exchange: u64,
    user: &UserName,
) -> Option<AccountAt> {
    let numbers = exchanges.numbers().start..=exchange;
    let mut own = numbers.rev().filter_map(|number| {
        let (of, tag) = user_of(exchanges.get(number)?)?;
        (of == *user).then_some(tag)
    });
    own.find_map(|tag| timeline.after(tag))
}

/// Asks for all records of an account.
async fn records(shared: &Shared, user: &UserName) -> Result<Timeline, String> {
    let command = SessionCommand::Report { user: user.clone(), from_ms: None, to_ms: None };
    let mut line = Vec::new();
    Request::new(command).write_to(&mut line);
    let (mut timeline, mut refused) = (Timeline::default(), None);
    let take = |line: &str| {
        match ServerLine::parse(line.as_bytes()) {
            Ok(ServerLine::Detail(_, Detail::Event(_))) if timeline.len() == RECORDS_MAX => {
                refused = Some(format!("more than {RECORDS_MAX} records"));
            }
            Ok(ServerLine::Detail(_, Detail::Event(entry))) => timeline.push(entry),
            Ok(ServerLine::Reply(Reply { body: ReplyBody::Refused { code, message }, .. })) => {
                refused = Some(format!("{code}: {message}"));
            }
            _ => {}
        }
        Ok(())
    };
    let server = shared.server.borrow().clone();
    let asked = exchange_async(&server, &line, take).await;
    asked.map_err(|failure| format!("{:#}", failure.error))?;
    refused.map_or(Ok(timeline), Err)
}
