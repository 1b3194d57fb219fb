//! The commands about the connection itself.

use super::dispatch::{Dispatcher, Next};
use super::help::write_help;
use super::moves::refusal_of;
use crate::limits::SUBSCRIPTIONS_MAX;
use crate::message::{MarketControl, QuoteRequest, ReplyTarget, ReplyTo, Work};
use crate::quotes::market::parse_speed;
use daytrade_protocol::{Refusal, ReplyBody, SessionCommand, Symbol, Tag, UserName, Word};
use std::sync::Arc;

impl Dispatcher {
    /// Carries out a command about the connection.
    pub(super) fn take_session_command(
        &mut self,
        to: ReplyTo,
        tag: Option<Tag>,
        command: SessionCommand,
    ) -> Next {
        if let Some(refusal) = refusal_of(self.context.route.as_ref(), &command) {
            self.refuse(to, &refusal);
            return Next::Continue;
        }
        match command {
            SessionCommand::Ping {} => self.reply(to, &ReplyBody::Ping {}),
            SessionCommand::Help {} => {
                self.reply_with(to, write_help);
                self.has_replied_at_length = true;
            }
            SessionCommand::Stats {} => {
                let stats = Arc::clone(&self.context.stats);
                self.reply_with(to, |tag, out| stats.write(tag, out));
                self.has_replied_at_length = true;
            }
            SessionCommand::Quit {} => {
                self.reply(to, &ReplyBody::Quit {});
                return Next::Quit;
            }
            SessionCommand::Auth { user, secret } => {
                let target = self.target.clone();
                self.ask_logins(to, |login| login.log_in((user, secret), (to, target)));
            }
            SessionCommand::Passwd { old, new } => {
                let target = self.target.clone();
                self.ask_logins(to, |login| login.change_password((old, new), (to, target)));
            }
            SessionCommand::Whoami {} => self.say_who(to),
            SessionCommand::ReadLog { user, from_ms } => {
                if let Err(refusal) = self.begin_reading(to, user, from_ms.unwrap_or(0)) {
                    self.refuse(to, &refusal);
                }
            }
            SessionCommand::Report { user, from_ms, to_ms } => {
                let times = from_ms.unwrap_or(0)..=to_ms.unwrap_or(u64::MAX);
                if let Err(refusal) = self.begin_report(to, user, times) {
                    self.refuse(to, &refusal);
                }
            }
            SessionCommand::Market { action, value } => {
                match market_control(action.as_ref(), value.as_ref()) {
                    Some(control) => {
                        self.ask_manager(|target| QuoteRequest::Market { control, target, to });
                    }
                    None => self.refuse(to, &Refusal::BadMarketCommand),
                }
            }
            SessionCommand::Subscribe { user } => self.subscribe(to, tag, user),
            SessionCommand::Unsubscribe { user } => {
                self.note_subscriptions();
                self.subscriptions.unsubscribe(&user);
                let shard = self.context.router.shard_of(Some(&user));
                self.enqueue(shard, to, tag, Work::Unsubscribe(user));
            }
            SessionCommand::Watch { symbol } => self.watch(to, symbol),
            SessionCommand::Unwatch { symbol } => self.unwatch(to, symbol),
            SessionCommand::Open { symbol } => {
                self.ask_manager(|target| QuoteRequest::Open { symbol, target, to });
            }
        }
        Next::Continue
    }

    fn subscribe(&mut self, to: ReplyTo, tag: Option<Tag>, user: UserName) {
        if self.may_listen_to_more(to) {
            self.subscriptions.subscribe(&user);
            let shard = self.context.router.shard_of(Some(&user));
            self.enqueue(shard, to, tag, Work::Subscribe(user));
        }
    }

    fn watch(&mut self, to: ReplyTo, symbol: Symbol) {
        if !self.may_listen_to_more(to) {
            return;
        }
        if self.subscriptions.watch(symbol) {
            self.ask_manager(|target| QuoteRequest::Watch { symbol, target, to });
        } else {
            self.reply(to, &ReplyBody::Watch { symbol });
        }
    }

    fn unwatch(&mut self, to: ReplyTo, symbol: Symbol) {
        if self.subscriptions.unwatch(symbol) {
            self.ask_manager(|target| QuoteRequest::Unwatch { symbol, target, to });
        } else {
            self.reply(to, &ReplyBody::Unwatch { symbol });
        }
    }

    /// Applies the shards' answers to SUBSCRIBE and UNSUBSCRIBE.
    pub(super) fn note_subscriptions(&mut self) {
        self.subscriptions.note(self.outbox.take_subscriptions());
    }

    fn may_listen_to_more(&mut self, to: ReplyTo) -> bool {
        self.note_subscriptions();
        let may = self.subscriptions.len() < SUBSCRIPTIONS_MAX;
        if !may {
            self.refuse(to, &Refusal::TooManySubscriptions(SUBSCRIPTIONS_MAX as u32));
        }
        may
    }

    /// Sends a request to the quote manager, which answers it: until then it is in flight.
    pub(super) fn ask_manager(&self, request: impl FnOnce(ReplyTarget) -> QuoteRequest) {
        self.outbox.begin(1, 0);
        let _ = self.context.quotes.send(request(self.target.clone()));
    }
}

/// Returns the command that the arguments of MARKET name.
fn market_control(action: Option<&Word>, value: Option<&Word>) -> Option<MarketControl> {
    let action = action.map(|word| word.as_str().to_ascii_uppercase());
    let value = value.map(Word::as_str);
    Some(match (action.as_deref(), value) {
        (None, None) => MarketControl::Show,
        (Some("PAUSE"), None) => MarketControl::Pause,
        (Some("RESUME"), None) => MarketControl::Resume,
        (Some("STEP"), None) => MarketControl::Step,
        (Some("SPEED"), Some(speed)) => MarketControl::Speed(parse_speed(speed).ok()?),
        (Some("SEEK"), Some(time_ms)) => MarketControl::Seek(time_ms.parse().ok()?),
        _ => return None,
    })
}
