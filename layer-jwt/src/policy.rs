//! The limits of this crate: how long keys are used, how often they are fetched, and how much input is read.
//!
//! - Keys younger than [`REFRESH_AFTER`] are used as they are. A token with an unknown key id triggers a fetch, but at
//!   most one per [`REFETCH_INTERVAL`], so that a flood of made-up key ids cannot flood the issuer.
//! - Older keys are refreshed by the next request that needs one. That request waits for at most [`REFRESH_PATIENCE`]
//!   and continues with the old keys if the fetch fails. The next attempt follows after [`REFRESH_RETRY`]. A key that
//!   the issuer withdraws therefore stops working within an hour, as long as the issuer can be reached.
//! - Keys older than [`MAX_AGE`] are never used.
//! - While a key is missing because a fetch failed, the next fetch follows after [`RETRY`].

use std::time::Duration;

/// Longer tokens are refused without being parsed. Bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// The clock difference between an issuer and this host that `exp` and `nbf` tolerate.
pub const LEEWAY: Duration = Duration::from_mins(1);

/// The age at which keys are fetched again.
pub const REFRESH_AFTER: Duration = Duration::from_hours(1);
/// The age from which keys are no longer used.
pub const MAX_AGE: Duration = Duration::from_hours(24);
/// The shortest time between a successful fetch and the next one for a key that it did not contain. The AWS library
/// `aws-jwt-verify` uses the same interval.
pub const REFETCH_INTERVAL: Duration = Duration::from_secs(10);
/// The shortest time between a failed fetch and the next one for a missing key.
pub const RETRY: Duration = Duration::from_secs(1);
/// The shortest time between two attempts to refresh keys that can still be used.
pub const REFRESH_RETRY: Duration = Duration::from_mins(1);
/// How long a request waits for a refresh of keys that can still be used.
pub const REFRESH_PATIENCE: Duration = Duration::from_secs(1);
/// How long a request waits for a key that it cannot do without.
pub const FETCH_PATIENCE: Duration = Duration::from_secs(5);

/// How long an HTTP fetch may take to connect. A key set is a few kilobytes from a nearby host.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an HTTP fetch may take in total.
pub(crate) const TOTAL_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest JWK set that is read from an issuer. Bytes.
pub(crate) const MAX_JWKS_BYTES: usize = 256 * 1024;

/// The longest keys file that is read: enough for many issuers with JWK sets of the longest kind. Bytes.
pub(crate) const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// How far in the future the keys file may be dated, in case the clock was set back.
pub(crate) const CLOCK_STEP: Duration = Duration::from_mins(1);
/// How long a function waits, once, for the extension's first file. The extension started its fetch when the function
/// started, so a fetch by the function would hardly be faster.
pub(crate) const FIRST_FILE_PATIENCE: Duration = Duration::from_millis(250);
