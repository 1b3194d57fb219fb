//! Compares the journals after a server run with the clients' observations.

use super::super::harness::store;
use super::client::Observed;
use super::run::SEGMENT_BYTES_MAX;
use anyhow::{Context as _, bail, ensure};
use daytrade_protocol::{Command, LineBuffer, Money, Symbol};
use daytrade_server::test_support::AuditWriter;
use daytrade_server::test_support::engine::{
    Book, Event, Known, Outcome, Record, Stamp, reply_to, write_summary,
};
use daytrade_server::test_support::journal::{FaultDisk, Start, recover};
use daytrade_server::test_support::shard::recover_shard;
use std::collections::{BTreeMap, BTreeSet};

/// Returns the number of commands in the journals.
pub(super) fn recorded(disks: &[FaultDisk]) -> anyhow::Result<u64> {
    let mut count = 0;
    for (shard, disk) in disks.iter().enumerate() {
        recover(disk, shard as u16, Start::First, false, |_, _, record| {
            count += u64::from(matches!(record, Record::Transaction { .. }));
        })?;
    }
    Ok(count)
}

/// Checks that no acknowledged command is lost and none is invented, that every reply matches the
/// journal, that a user's commands are in the order they were sent, that cash and shares are
/// conserved, that the audit log is complete, and that a snapshot plus the journal after it equals
/// the complete journal.
pub(super) fn check(disks: &[FaultDisk], observed: &Observed) -> anyhow::Result<()> {
    let mut found = BTreeSet::new();
    for (shard, disk) in disks.iter().enumerate() {
        let shard = shard as u16;
        let mut replay = JournalReplay::new(observed, &mut found);
        let mut broken = None;
        recover(disk, shard, Start::First, true, |number, time_ms, record| {
            if broken.is_none() {
                broken = replay
                    .record(number, time_ms, &record)
                    .with_context(|| format!("record {number}"))
                    .err();
            }
        })?;
        if let Some(error) = broken {
            return Err(error);
        }
        replay.check_conservation()?;
        let recovered = recover_shard(&store(disk, shard, SEGMENT_BYTES_MAX), shard, true)?;
        ensure!(
            recovered.book.state_hash() == replay.book.state_hash(),
            "snapshot and tail give a different book"
        );
    }
    for (tag, sent) in observed.sent.iter().filter(|(_, sent)| sent.is_acknowledged()) {
        ensure!(
            found.contains(tag),
            "lost: [{tag}] {} was answered {:?}",
            sent.command,
            sent.reply
        );
    }
    Ok(())
}

/// Replay of a journal from its first record.
struct JournalReplay<'a> {
    observed: &'a Observed,
    found: &'a mut BTreeSet<u64>,
    book: Book,
    audit: AuditWriter,
    /// Tag of the newest command by user and connection.
    newest: BTreeMap<(String, u64), u64>,
    added: i64,
    shares: BTreeMap<Symbol, i64>,
    time_ms: u64,
}

impl<'a> JournalReplay<'a> {
    fn new(observed: &'a Observed, found: &'a mut BTreeSet<u64>) -> Self {
        Self {
            observed,
            found,
            book: Book::default(),
            audit: AuditWriter::new("simulation".to_owned()),
            newest: BTreeMap::new(),
            added: 0,
            shares: BTreeMap::new(),
            time_ms: 0,
        }
    }

    fn record(&mut self, number: u64, time_ms: u64, record: &Record) -> anyhow::Result<()> {
        ensure!(time_ms >= self.time_ms, "time runs backwards");
        self.time_ms = time_ms;
        let stamp = Stamp { record: number, at_ms: time_ms };
        self.book.commit(record, stamp, Known::Nothing, |_, _, _| {});
        match record {
            Record::Transaction { number: tag, command, outcome, .. } => {
                self.transaction(*tag, command, outcome)?;
            }
            Record::Expired { event, .. } | Record::Filled { event, .. } => self.count(event),
            Record::Hit(_)
            | Record::WatchedHit(_)
            | Record::Market(_)
            | Record::Owner(_)
            | Record::Rejected { .. }
            | Record::DumpFailed { .. } => {}
        }
        self.audit.record(time_ms, record, None);
        let (xml, _) = self.audit.take(LineBuffer::default());
        if let Record::Transaction { number: tag, .. } = record {
            let xml = String::from_utf8(xml)?;
            let mention = format!("<transactionNum>{tag}</transactionNum>");
            let in_log = xml
                .split("</userCommand>")
                .next()
                .is_some_and(|element| element.contains(&mention));
            ensure!(in_log, "not in the log: {tag}");
        }
        Ok(())
    }

    fn transaction(
        &mut self,
        tag: u64,
        command: &Command,
        outcome: &Outcome,
    ) -> anyhow::Result<()> {
        let Some(sent) = self.observed.sent.get(&tag) else { bail!("invented: {tag} {command:?}") };
        let name = sent.command.split(',').next().unwrap_or_default();
        ensure!(
            command.name().as_str() == name,
            "invented: [{tag}] {command:?} for {}",
            sent.command
        );
        ensure!(self.found.insert(tag), "twice: [{tag}]");
        // An unfinished line can name an incomplete user.
        let Some(user) = command.user() else { return Ok(()) };
        let before = self.newest.insert((user.to_string(), sent.connection), tag).unwrap_or(0);
        ensure!(before < tag, "out of order: [{tag}] after [{before}] of {user}");
        let id = self.book.id(user);
        let want = match (outcome, id) {
            (Outcome::Refused(refusal), _) => Some(format!("ERR,{},", refusal.code())),
            (Outcome::Done(events), Some(id)) => {
                events.iter().for_each(|event| self.count(event));
                let account = self.book.account(id);
                let mut out = LineBuffer::default();
                match command {
                    Command::DisplaySummary { .. } => write_summary(account, user, None, &mut out),
                    _ => {
                        if let Some(body) = reply_to(command, events, account) {
                            body.write_to(None, &mut out);
                        }
                    }
                }
                let lines = String::from_utf8(out.into_bytes())?;
                // A summary does not contain its own history entry, so its line count differs.
                let exact = !matches!(command, Command::DisplaySummary { .. });
                lines.lines().last().filter(|_| exact).map(str::to_owned)
            }
            (Outcome::Done(_), None) => None,
        };
        if let (Some(want), Some(reply)) = (want, &sent.reply)
            && sent.is_acknowledged()
        {
            let same = if want.ends_with(',') { reply.starts_with(&want) } else { *reply == want };
            ensure!(
                same,
                "[{tag}] {} was answered {reply}, and the journal says {want}",
                sent.command
            );
        }
        Ok(())
    }

    fn count(&mut self, event: &Event) {
        use daytrade_protocol::Side;
        match *event {
            Event::CashAdded { amount } => self.added += amount.cents(),
            Event::Committed { side, symbol, shares, .. }
            | Event::Filled { side, symbol, shares, .. } => {
                let moved = if side == Side::Buy { shares as i64 } else { -(shares as i64) };
                *self.shares.entry(symbol).or_default() += moved;
            }
            _ => {}
        }
    }

    /// Checks that every added cent and every bought and unsold share is in an account.
    fn check_conservation(&self) -> anyhow::Result<()> {
        let (mut total, mut shares) = (0, BTreeMap::<Symbol, i64>::new());
        for (name, account) in self.book.accounts() {
            let basis: i64 = account.holdings().iter().map(|holding| holding.basis.cents()).sum();
            ensure!(
                account.cash() >= Money::ZERO && account.reserved() >= Money::ZERO,
                "{name} has a negative balance: {account:?}"
            );
            total += account.cash().cents() + account.reserved().cents() + basis
                - account.realised().cents();
            for holding in account.holdings() {
                *shares.entry(holding.symbol).or_default() += holding.shares() as i64;
            }
        }
        ensure!(total == self.added, "{} cents were added and {total} found", self.added);
        shares.retain(|_, count| *count != 0);
        let traded: BTreeMap<_, _> =
            self.shares.iter().filter(|(_, n)| **n != 0).map(|(s, n)| (*s, *n)).collect();
        ensure!(shares == traded, "shares: {shares:?} found, {traded:?} traded");
        Ok(())
    }
}
