//! A stream in memory that answers as a replicated one does at its worst: for tests and the
//! simulation.

use super::answer::{Answer, Stream};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// Draws what goes wrong with one append or read.
pub type StreamFaults = Box<dyn FnMut() -> StreamFault + Send>;

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamFault {
    /// Nothing.
    #[default]
    None,
    /// The message is stored, and the answer is lost.
    AnswerLost,
    /// The message is lost.
    MessageLost,
    /// The answer is lost, and the message is stored only when somebody asks again.
    StoredLater,
    /// The stream says that another message is the last one, whatever it is.
    StaleLast,
    /// Nothing is known of a message although it is there.
    Hole,
}

/// A stream in memory. Clones are the same stream.
#[derive(Clone, Default)]
pub struct FakeStream(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    messages: Vec<Vec<u8>>,
    /// A message on its way, and the number it is to get.
    late: Option<(u64, Vec<u8>)>,
    faults: Option<StreamFaults>,
    now: Duration,
}

impl State {
    fn store(&mut self, number: u64, bytes: &[u8]) -> Answer {
        if self.messages.len() as u64 + 1 != number {
            return Answer::WrongLast;
        }
        self.messages.push(bytes.to_vec());
        Answer::Stored(number)
    }

    fn draw(&mut self) -> StreamFault {
        self.faults.as_mut().map_or(StreamFault::None, |draw| draw())
    }

    /// Lets a late message arrive: it is stored if its place is still free.
    fn settle(&mut self) {
        if let Some((number, bytes)) = self.late.take() {
            self.store(number, &bytes);
        }
    }
}

impl FakeStream {
    /// Draws faults from now on.
    pub fn set_faults(&self, faults: StreamFaults) {
        self.0.lock().faults = Some(faults);
    }

    /// Returns all messages.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        self.0.lock().messages.clone()
    }

    /// Lets a late message arrive.
    pub fn settle(&self) {
        self.0.lock().settle();
    }

    /// Appends a message as another server would.
    pub fn store(&self, number: u64, bytes: &[u8]) -> Answer {
        self.0.lock().store(number, bytes)
    }

    /// Removes the messages after `number`: the replicas have lost them.
    pub fn shorten(&self, number: u64) {
        self.0.lock().messages.truncate(usize::try_from(number).unwrap_or(usize::MAX));
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        self.0.lock().now += time;
    }
}

impl Stream for FakeStream {
    fn append(&self, number: u64, bytes: &[u8]) -> Answer {
        let mut state = self.0.lock();
        state.now += Duration::from_millis(1);
        let fault = state.draw();
        if fault == StreamFault::None {
            // A message that was on its way arrives after this one, and is refused.
            let answer = state.store(number, bytes);
            state.settle();
            return answer;
        }
        state.settle();
        match fault {
            StreamFault::None | StreamFault::Hole => state.store(number, bytes),
            StreamFault::AnswerLost => {
                state.store(number, bytes);
                Answer::Unknown
            }
            StreamFault::MessageLost => Answer::Unknown,
            StreamFault::StoredLater => {
                state.late = Some((number, bytes.to_vec()));
                Answer::Unknown
            }
            StreamFault::StaleLast => Answer::WrongLast,
        }
    }

    fn read(&self, number: u64) -> Option<Vec<u8>> {
        let mut state = self.0.lock();
        if state.draw() == StreamFault::Hole {
            return None;
        }
        let at = usize::try_from(number.checked_sub(1)?).ok()?;
        state.messages.get(at).cloned()
    }

    fn now(&self) -> Duration {
        self.0.lock().now
    }

    fn pause(&self, time: Duration) {
        self.0.lock().now += time;
    }
}
