//! Exit codes, the same for every command.

use std::process::ExitCode;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done. Refused lines are part of a workload.
    Done,
    /// Replies differ from what was expected, or a refusal was hit that should not have been.
    Differs,
    /// Usage, or a file that cannot be read.
    Usage,
    /// No connection, or it was lost.
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

/// An error with the exit code it leads to.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What to say.
    pub error: anyhow::Error,
}

impl Failure {
    /// Marks an error as the link's.
    pub fn link(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Link, error: error.into() }
    }

    /// Marks an error as the user's.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Usage, error: error.into() }
    }
}
