//! Consumers of SQS queues.

pub mod index_images;
pub mod send_mail;
