//! Emails about auctions that have ended: queued by one function, sent by another.
//!
//! SQS delivers at least once, and `process_auctions` may queue an email twice. So a worker leases each email in the
//! table `mails` before sending it, and marks it as sent afterwards: see [`SendLedger`].

mod ledger;
mod message;
mod queue;
mod render;
mod sender;

pub use ledger::{LEASE, Lease, Outcome, SendLedger};
pub use message::{Message, Role, Sale};
pub use queue::{DeadLetters, MailQueue, QueueError};
pub use render::Rendered;
pub use sender::{MailError, Mailer, Sent};
