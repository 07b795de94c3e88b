use std::{fmt, io, path::PathBuf};

/// Why a measurement failed.
#[derive(thiserror::Error)]
pub(crate) enum Failure {
    /// Started without an argument.
    #[error("pass the path of a plan file, as `scripts/bench` does")]
    NoPlan,
    /// I/O on a file, a socket or a process failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The plan is not valid JSON, or the results could not be written.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A file that the plan names cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The plan contains something else than it should.
    #[error("the plan is wrong: {0}")]
    Plan(String),
    /// An experiment names a contender that the plan does not define.
    #[error("the plan defines no contender {0}")]
    NoContender(String),
    /// A function failed, exited or was silent for five minutes.
    #[error("{name} {what}; its log is {}", log.display())]
    Function {
        /// The contender.
        name: String,
        /// What happened.
        what: String,
        /// The file with its output.
        log: PathBuf,
    },
}

/// `main` prints errors with `Debug`, so this shows the message.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
