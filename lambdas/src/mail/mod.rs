//! Mails about auctions that have ended: queued by one function, claimed and sent by another.
//!
//! SQS delivers at least once, and `process_auctions` may queue a mail twice, so each mail is claimed in the table
//! `mails` before it is sent, and marked there afterwards: see [`Claims`].

mod claims;
mod message;
mod queue;
mod render;
mod sender;

pub use claims::{Claim, Claims, LEASE, Outcome};
pub use message::{Message, Role, Sale};
pub use queue::{DeadLetters, MailQueue, QueueError};
pub use render::Rendered;
pub use sender::{MailError, Mailer, Sent};
