//! The bucket, the tables and the queues: keys, objects, presigned URLs, items, messages, and how their errors are told
//! apart.

pub mod error;
pub mod keys;
pub mod objects;
pub mod presign;
pub mod queue;
pub mod table;

pub use error::{CloudError, ErrorKind};
pub use objects::Objects;
pub use queue::Queue;
