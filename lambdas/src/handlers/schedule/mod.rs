//! Functions that run on a schedule.

pub mod process_auctions;
pub mod purge_start;
pub mod repair_start;
pub mod users_unconfirmed;
