//! Logs: one JSON object per line, which CloudWatch reads as fields. Each line of a request has its `request_id`.

use std::{error::Error, fmt};

use layer_jwt::with_sources;
use tracing::Level;

/// Starts logging to standard output. `LOG_LEVEL` (`error`, `warn` or `info`) sets the level; the default is `info`.
pub fn init() {
    let level = crate::config::optional("LOG_LEVEL", Level::INFO).unwrap_or(Level::INFO);
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_max_level(level)
        .with_ansi(false)
        .init();
}

/// An error followed by its sources, for the log.
///
/// It prints `Display` only. `Debug` of an SDK error holds the raw response, which may contain email addresses or
/// tokens.
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_sources(self.0))
    }
}
