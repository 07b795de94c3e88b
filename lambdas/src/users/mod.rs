//! Users: who they are to the service, and how they sign up and log in.

mod name;
mod pool;

pub use name::{Folder, TooLong, User, Username};
pub use pool::{Delivery, PoolError, Signup, Tokens, UserPool};
