//! The bucket and the tables: keys, objects, presigned URLs, items, and how their errors are told apart.

pub mod error;
pub mod keys;
pub mod objects;
pub mod presign;
pub mod table;

pub use error::{CloudError, ErrorKind};
pub use objects::Objects;
