//! The system clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since 1970. A clock before 1970 yields the largest time, with which every token has expired.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::MAX)
}
