//! Jobs from a session to a shard.

use super::replies::ReplyTo;
use super::reply_sink::ReplyTarget;
use daytrade_protocol::{Attempt, Command, Refusal, UserName};
use smallvec::SmallVec;

/// Jobs of one connection, in the order in which they were sent.
#[derive(Debug)]
pub struct Batch {
    /// Receiver of the replies.
    pub target: ReplyTarget,
    /// The jobs.
    pub jobs: Jobs,
}

/// Jobs of one connection. The only job of a client that sends one command at a time needs no
/// memory of its own, which the shard would free beside the session that takes the next.
pub type Jobs = SmallVec<[Job; 1]>;

/// One request for a shard.
#[derive(Clone, Debug)]
pub struct Job {
    /// The request that the reply belongs to.
    pub to: ReplyTo,
    /// Transaction number.
    pub number: u64,
    /// True if the server assigned the number.
    pub assigned: bool,
    /// The work.
    pub work: Work,
}

/// The work of a job.
#[derive(Clone, Debug)]
pub enum Work {
    /// An audited command.
    Command(Command),
    /// A line that names an audited command and could not be parsed: it is recorded and refused.
    Rejected(Box<(Attempt, Refusal)>),
    /// An audited command, or a line that names one, of this user that is refused without being
    /// taken up. It passes through the shard so that the user's replies keep their order and none
    /// of the user's later commands is carried out.
    TurnedAway(Box<(Option<UserName>, Refusal)>),
    /// Sends this user's account events to the connection.
    Subscribe(UserName),
    /// Stops sending them.
    Unsubscribe(UserName),
}

impl Job {
    /// Returns its command, if it is one to be carried out.
    pub const fn command(&self) -> Option<&Command> {
        match &self.work {
            Work::Command(command) => Some(command),
            _ => None,
        }
    }

    /// Returns the user whose commands it must keep its order with.
    pub fn user(&self) -> Option<&UserName> {
        match &self.work {
            Work::Command(command) => command.user(),
            Work::Rejected(rejected) => rejected.0.user.as_ref(),
            Work::TurnedAway(turned_away) => turned_away.0.as_ref(),
            Work::Subscribe(_) | Work::Unsubscribe(_) => None,
        }
    }
}
