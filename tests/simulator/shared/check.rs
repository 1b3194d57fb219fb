//! What must hold of a shared log and of everything that was answered.

use super::super::Tally;
use super::World;
use super::node::Node;
use anyhow::Context as _;
use daytrade_protocol::{Command, UserName};
use daytrade_server::test_support::engine::{Book, Known, Outcome as Decided, Record, Stamp};
use daytrade_server::test_support::journal::{CheckedFrame, Tip};
use std::collections::BTreeMap;

/// What became of a command.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The server it was sent to.
    node: usize,
    /// The last line of its reply, without the tag.
    pub reply: Option<String>,
}

impl Outcome {
    /// Creates the outcome of a command that is not answered yet.
    pub const fn new(node: usize) -> Self {
        Self { node, reply: None }
    }

    /// Returns true if the reply says that the command is in the log.
    pub fn is_carried_out(&self) -> bool {
        self.reply.is_some() && !self.is_turned_away() && !self.is_unknown()
    }

    /// Returns true if the reply says that the command is not in the log.
    fn is_turned_away(&self) -> bool {
        let is = |code| self.reply.as_ref().is_some_and(|reply| reply.starts_with(code));
        is("ERR,MOVED,") || is("ERR,READ_ONLY,")
    }

    fn is_unknown(&self) -> bool {
        self.reply.as_ref().is_some_and(|reply| reply.starts_with("ERR,UNKNOWN,"))
    }

    /// Returns true if nothing more may be carried out for the connection.
    pub fn ends_connection(&self) -> bool {
        self.is_unknown()
            || self.reply.as_ref().is_some_and(|reply| reply.starts_with("ERR,MOVED,"))
    }
}

/// A command in the log.
struct Logged {
    /// The server that wrote it.
    node: usize,
    /// The reply to an ADD that was carried out.
    reply: Option<String>,
}

/// Checks everything at the end of a run.
///
/// # Errors
/// Returns the first broken promise.
pub fn check(world: &World, nodes: &mut [Node], tally: &mut Tally) -> anyhow::Result<()> {
    // The last owner may still have orders to expire.
    for node in &mut *nodes {
        node.release(world.now_ms)?;
    }
    let (logged, hash) = replay(world)?;
    for (number, outcome) in &world.outcomes {
        let found = logged.get(number);
        let said = outcome.reply.as_deref().unwrap_or("nothing");
        if outcome.is_carried_out() {
            let logged = found.with_context(|| format!("{number} is lost: {said}"))?;
            anyhow::ensure!(logged.node == outcome.node, "{number} was answered by another server");
            if let Some(want) = &logged.reply {
                anyhow::ensure!(want == said, "{number}: {said}, and by the log {want}");
            }
            tally.acknowledged += 1;
        }
        anyhow::ensure!(
            !outcome.is_turned_away() || found.is_none(),
            "{number} took effect and was answered {said}"
        );
    }
    let known = logged.keys().filter(|number| !world.outcomes.contains_key(number));
    anyhow::ensure!(known.count() == 0, "the log has commands that nobody sent");
    tally.recovered += logged.len() as u64;
    for node in nodes {
        node.follow(&world.stream, usize::MAX)?;
        anyhow::ensure!(node.state_hash() == hash, "a server has other accounts than the log");
    }
    Ok(())
}

/// Reads the whole log: one chain, each epoch begun by its owner, each command once.
fn replay(world: &World) -> anyhow::Result<(BTreeMap<u64, Logged>, u64)> {
    let (mut tip, mut book, mut owner) = (Tip::default(), Book::default(), None);
    let mut logged: BTreeMap<u64, Logged> = BTreeMap::new();
    for message in world.stream.messages() {
        let frame = CheckedFrame::after(&tip, 0, message.into()).context("the chain is broken")?;
        let (header, mut wrong) = (*frame.header(), None);
        let begins = header.epoch != tip.epoch;
        frame.frame().each_record(|number, record| {
            if let Record::Owner(found) = &record {
                owner = found.node.parse::<usize>().ok();
            } else if begins && number == header.first_record {
                wrong = Some(format!("epoch {} does not begin with its owner", header.epoch));
            }
            if !book.fits(&record) {
                wrong = Some(format!("record {number} does not fit"));
                return;
            }
            let stamp = Stamp { record: number, at_ms: header.time_ms };
            book.commit(&record, stamp, Known::Nothing, |_, _, _| {});
            book.take_interest();
            if let Record::Transaction { number, command, outcome, .. } = &record {
                let (node, reply) = (owner.unwrap_or(usize::MAX), reply(&book, command, outcome));
                if logged.insert(*number, Logged { node, reply }).is_some() {
                    wrong = Some(format!("command {number} took effect twice"));
                }
            }
        })?;
        if let Some(wrong) = wrong {
            anyhow::bail!("frame {}: {wrong}", header.number);
        }
        anyhow::ensure!(header.time_ms >= tip.time_ms, "time goes back");
        tip = frame.tip();
    }
    Ok((logged, book.state_hash().0))
}

/// Returns the reply to an ADD by the accounts after it.
fn reply(book: &Book, command: &Command, outcome: &Decided) -> Option<String> {
    let (Command::Add { user, .. }, Decided::Done(_)) = (command, outcome) else { return None };
    let cash = |user: &UserName| Some(book.account(book.id(user)?).cash());
    Some(format!("OK,ADD,{}", cash(user)?))
}
