//! Logs: one JSON object a line, which CloudWatch reads as fields. Each line of a request has its `request_id`.

use tracing::Level;

/// Starts logging to standard output; `LOG_LEVEL` (`error`, `warn`, `info`) sets the level, `info` unless told.
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
