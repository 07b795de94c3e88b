//! Consumers of SQS queues.

pub mod index_images;
pub mod record_photos;
pub mod send_mail;
