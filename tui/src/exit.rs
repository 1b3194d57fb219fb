//! Exit codes, which are the same for every command.

use std::process::ExitCode;

/// Result of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Success. Refused lines are part of a workload.
    Done,
    /// Replies differ from the expected ones, or a refusal ended the command.
    Differs,
    /// Wrong usage, or an unreadable file.
    Usage,
    /// No connection, or a lost one.
    Link,
    /// Ctrl-C.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Differs => 1,
            Exit::Usage => 2,
            Exit::Link => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// An error and its exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Exit code.
    pub(crate) exit: Exit,
    /// Message for the user.
    pub(crate) error: anyhow::Error,
}

impl Failure {
    /// Creates a failure of the connection.
    pub(crate) fn link(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Link, error: error.into() }
    }

    /// Creates a failure of the output. A reader that has closed it is no failure.
    pub(crate) fn output(error: std::io::Error) -> Self {
        let closed = error.kind() == std::io::ErrorKind::BrokenPipe;
        Self { exit: if closed { Exit::Done } else { Exit::Usage }, error: error.into() }
    }

    /// Creates a failure of usage.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Usage, error: error.into() }
    }
}
