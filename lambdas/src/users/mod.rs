//! Users: who they are to the service, their records, and how they sign up and log in.

mod caller;
mod handles;
mod identity;
mod mfa;
mod pool;
mod record;
#[cfg(test)]
mod tests;
mod unconfirmed;

pub use caller::Caller;
pub use handles::Handles;
pub use identity::{HANDLE_PREFIX, TooLong, User, UserKey, Username};
pub use mfa::Enrolment;
pub use pool::{Delivery, PoolError, Signup, Tokens, UserPool};
pub use record::{Record, Records};
pub use unconfirmed::{Removed, UnconfirmedUsers};
