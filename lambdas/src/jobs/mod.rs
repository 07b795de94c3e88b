//! Jobs: long work that queues carry. An unzip job stores the photos of an archive that was uploaded to `incoming/`.
//!
//! A job is planned once and divided into chunks. The chunks are divided among lanes: lane `k` of `n` has the chunks
//! `k`, `k + n`, `k + 2n` and so on, and each lane has one message in the queue `jobs`. Who receives it does the lane's
//! next chunk, counts it, and sends the message for the one after it. So at most [`LANES`] chunks of a job are in
//! progress, and the jobs of other users take turns with it.
//!
//! A chunk's report is stored before the chunk is counted, and only the first report counts. Its photos have names that
//! follow from the job and the entry. So a chunk can be repeated at any point.

mod job;
mod queue;
mod remote;
mod report;
mod service;
mod store;
mod unzip;
mod worker;

pub use job::{Bytes, Entries, Job, JobState, JobType, JobView, LANES, MAX_RUNNING, Stop};
pub use queue::{JobQueue, Task};
pub use remote::read_archive;
pub use report::{EntryView, Outcome};
pub use service::{EntryPage, JobError, Jobs};
pub use store::JobStore;
pub use worker::{Worker, WorkerError};
