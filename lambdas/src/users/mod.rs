//! Users: who they are to the service, their records, and how they sign up and log in.

mod handles;
mod identity;
mod mfa;
mod pool;
mod record;
#[cfg(test)]
mod tests;

pub use handles::Handles;
pub use identity::{HANDLE_PREFIX, TooLong, User, UserKey, Username};
pub use mfa::Enrolment;
pub use pool::{Delivery, PoolError, Signup, Tokens, UserPool};
pub use record::{Record, Records};
