use std::{fmt, io, path::PathBuf};

/// Why there is nothing measured.
#[derive(thiserror::Error)]
pub(crate) enum Failure {
    /// Started by hand.
    #[error("name the file of a plan, as `scripts/bench` does")]
    NoPlan,
    /// A file, a socket or a process.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The plan, or an answer of a function.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A file that is named in the plan.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why it cannot be read.
        error: io::Error,
    },
    /// An experiment with a contender that the plan does not have.
    #[error("the plan has no contender {0}")]
    NoContender(String),
    /// A function that ended, or did nothing for a minute.
    #[error("{name} {what}: see {}", log.display())]
    Function {
        /// The contender.
        name: String,
        /// What it did.
        what: String,
        /// What it has logged.
        log: PathBuf,
    },
}

/// What `main` shows when it fails.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
