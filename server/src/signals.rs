//! The signals of the process. Only SIGTERM and SIGINT end it.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals whose default is to end the process and that have no meaning here.
///
/// SIGXFSZ is among them: a write beyond the maximum size of a file then returns an error, which
/// the journal handles in order.
const IGNORED: [i32; 11] = {
    use rustix::process::Signal as S;
    [
        S::QUIT.as_raw(),
        S::USR1.as_raw(),
        S::USR2.as_raw(),
        S::PIPE.as_raw(),
        S::ALARM.as_raw(),
        S::XCPU.as_raw(),
        S::XFSZ.as_raw(),
        S::VTALARM.as_raw(),
        S::PROF.as_raw(),
        S::IO.as_raw(),
        S::HUP.as_raw(),
    ]
};

/// Signals that are answered.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// A signal that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// The server stops.
    Stop,
    /// The server opens its log file again.
    Reload,
}

impl Signals {
    /// Takes over the signals of the process. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Returns an error if the system refuses a handler.
    pub(crate) fn take_over() -> std::io::Result<Self> {
        ignore_others()?;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> Answered {
        tokio::select! {
            _ = self.terminate.recv() => Answered::Stop,
            _ = self.interrupt.recv() => Answered::Stop,
            _ = self.hangup.recv() => Answered::Reload,
        }
    }
}

/// Makes a write beyond the maximum size of a file return an error instead of ending the process.
/// For servers inside another program. Must be called within a tokio runtime.
///
/// # Errors
/// Returns an error if the system refuses a handler.
pub(crate) fn survive_file_limit() -> std::io::Result<()> {
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// Installs handlers that do nothing. They stay for the life of the process.
fn ignore_others() -> std::io::Result<()> {
    for number in IGNORED {
        drop(signal(SignalKind::from_raw(number))?);
    }
    Ok(())
}
