//! The requests about logins and the log: AUTH, PASSWD, WHOAMI, READLOG, and the part of the log
//! that a DUMPLOG is about.

use super::dispatch::Dispatcher;
use super::log_reading::LogReading;
use super::login::Login;
use crate::access::{Accounts, LogPermit, LogScope};
use crate::audit::{LogFilter, LogPart, LogQuery};
use crate::message::{Replies, ReplySink as _, ReplyTo};
use daytrade_protocol::{Refusal, ReplyBody, Tag, UserName};
use std::ops::RangeInclusive;

impl Dispatcher {
    /// Asks the logins something. Until it is answered, the request is in flight.
    pub(super) fn ask_logins(
        &mut self,
        to: ReplyTo,
        ask: impl FnOnce(&mut Login) -> Result<(), Refusal>,
    ) {
        self.outbox.begin(1, 0);
        if let Err(refusal) = ask(&mut self.login) {
            let mut replies = Replies::default();
            replies.push(to, &ReplyBody::refused(&refusal));
            self.note_refused(refusal.code());
            self.outbox.answer(&mut replies);
        }
    }

    /// Answers WHOAMI.
    pub(super) fn say_who(&self, to: ReplyTo) {
        if let Some(grant) = self.login.grant() {
            let (name, role) = (grant.name.as_str().into(), grant.role.as_str().into());
            let accounts = grant.accounts.to_string().into();
            self.reply(to, &ReplyBody::Whoami { name, role, accounts });
        }
    }

    /// Returns the part of the log that the session may read, and the right to read it now.
    fn log_rights(&self, dump: bool) -> Result<(Option<LogScope>, LogPermit), Refusal> {
        // What a DUMPLOG has left that was refused before it began.
        drop(self.outbox.take_log_scope());
        let permit = match self.login.limits() {
            None => return Ok((None, None)),
            Some(limits) => {
                limits.clone().log(dump).inspect_err(|_| self.login.note_rate_limited())?
            }
        };
        Ok((self.login.grant().map(|grant| grant.log_scope()), permit))
    }

    /// Prepares a DUMPLOG.
    ///
    /// # Errors
    /// The refusal, if the login has read the log too often.
    pub(super) fn prepare_dump(&self) -> Result<(), Refusal> {
        if let (Some(scope), permit) = self.log_rights(true)? {
            self.outbox.set_log_scope(scope, permit);
        }
        Ok(())
    }

    /// Begins to answer a READLOG.
    ///
    /// # Errors
    /// The refusal, if it cannot be answered.
    pub(super) fn begin_reading(
        &mut self,
        to: ReplyTo,
        user: Option<UserName>,
        from_ms: u64,
    ) -> Result<(), Refusal> {
        let (scope, permit) = self.log_rights(false)?;
        let accounts = scope.map_or(Accounts::All, |scope| scope.accounts);
        let filter = match (user, accounts) {
            (Some(user), _) | (None, Accounts::Own(user)) => LogFilter::User(user),
            (None, Accounts::All) => LogFilter::Everything,
            (None, accounts) => LogFilter::Accounts(accounts),
        };
        let shard = match &filter {
            LogFilter::User(user) => Some(self.shard_of(user)),
            _ => None,
        };
        let query = LogQuery { filter, shard, own: None, from_ms, until_ms: u64::MAX };
        let tag = if let ReplyTo::Tagged(tag) = to { Some(tag) } else { None::<Tag> };
        let parts = self.log_reader().read(query, tag)?;
        self.outbox.begin(1, 0);
        self.outbox.begin_parts();
        self.log = Some(Box::new(LogReading::new(to, parts, permit)));
        Ok(())
    }

    /// Begins to answer a REPORT.
    ///
    /// # Errors
    /// The refusal, if it cannot be answered.
    pub(super) fn begin_report(
        &mut self,
        to: ReplyTo,
        user: UserName,
        times_ms: RangeInclusive<u64>,
    ) -> Result<(), Refusal> {
        let (_, permit) = self.log_rights(false)?;
        let shard = self.shard_of(&user);
        let tag = if let ReplyTo::Tagged(tag) = to { Some(tag) } else { None::<Tag> };
        let parts = self.log_reader().report(shard, user, times_ms, tag)?;
        self.outbox.begin(1, 0);
        self.outbox.begin_parts();
        self.log = Some(Box::new(LogReading::new(to, parts, permit).of_report()));
        Ok(())
    }

    /// Takes a part of the log, or its end.
    pub(super) fn take_log_part(&mut self, part: LogPart) {
        let Some(reading) = self.log.take() else { return };
        let ended = |body: &ReplyBody| {
            let mut replies = Replies::default();
            replies.push(reading.to, body);
            self.outbox.end_parts(&mut replies);
        };
        match part {
            LogPart::Lines(lines) => {
                if reading.to != ReplyTo::Nobody {
                    self.outbox.append(lines);
                }
                self.log = Some(reading);
            }
            LogPart::End(Ok(lines)) if reading.is_report => ended(&ReplyBody::Report { lines }),
            LogPart::End(Ok(events)) => ended(&ReplyBody::ReadLog { events }),
            LogPart::End(Err(refusal)) => ended(&ReplyBody::refused(&refusal)),
        }
    }
}
