//! One file for each thing that starts a function: an HTTP route, a queue, or a schedule.

pub mod http;
pub mod queue;
pub mod schedule;
pub mod worker;
