//! Consumers of SQS queues.

pub mod index_images;
pub mod purge;
pub mod record_photos;
pub mod render_photos;
pub mod repair;
pub mod run_jobs;
pub mod send_mail;
