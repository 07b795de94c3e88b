//! Times as they are stored and shown.

use jiff::Timestamp;

/// The current time in whole milliseconds, so that the stored time equals the one in responses.
#[must_use]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// RFC 3339 in UTC with milliseconds.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    format!("{time:.3}")
}
