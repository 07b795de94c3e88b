//! Jobs: long work that queues carry. An unzip job stores the photos of an archive that was uploaded to `incoming/`. An
//! export job makes archives of photos in `exports/`.
//!
//! A job is planned once and divided into chunks. The chunks are divided among lanes: lane `k` of `n` has the chunks
//! `k`, `k + n`, `k + 2n` and so on, and each lane has one message in the queue `jobs`. Whoever receives it does the
//! lane's next chunk, counts it, and sends the message for the one after it. So at most [`LANES`] chunks of a job are
//! in progress, and the jobs of other users take turns with it.
//!
//! A chunk's report is stored before the chunk is counted, and only the first report counts. The names of the photos
//! that a chunk stores follow from the job and the entry. The numbers of the parts that it uploads follow from the
//! plan. So a chunk can be repeated at any point.

mod export;
mod job;
mod queue;
mod remote;
mod report;
mod service;
mod start;
mod store;
mod unzip;
mod worker;

pub use export::{ExportError, ExportRequest, Exports};
pub use job::{Archive, Bytes, Entries, FileView, Job, JobState, JobType, JobView, LANES, MAX_RUNNING, Stop, Subject};
pub use queue::{JobQueue, Task};
pub use remote::read_archive;
pub use report::{EntryView, Outcome};
pub use service::{EntryPage, JobError, Jobs};
pub use start::start;
pub use store::JobStore;
pub use worker::{Worker, WorkerError};
