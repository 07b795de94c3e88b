use aws_sdk_sqs::{
    Client,
    types::{MessageAttributeValue, SendMessageBatchRequestEntry, SendMessageBatchResultEntry},
};

use super::Message;
use crate::storage::{CloudError, queue::ascii};

/// The longest reason stored with a dead letter, in characters.
const MAX_REASON: usize = 500;

/// The queue of emails to send.
#[derive(Clone, Debug)]
pub struct MailQueue {
    sqs: Client,
    url: String,
}

/// The queue of emails that cannot be sent.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    sqs: Client,
    url: String,
}

/// An email could not be queued.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("the email is not valid JSON or not a valid message")]
    Malformed(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("SQS failed")]
    Queue(#[from] CloudError),
}

fn malformed(error: impl std::error::Error + Send + Sync + 'static) -> QueueError {
    QueueError::Malformed(Box::new(error))
}

impl MailQueue {
    /// The most emails per call (`SendMessageBatch` in the SQS API reference).
    pub const BATCH: usize = 10;

    #[must_use]
    pub const fn new(sqs: Client, url: String) -> Self {
        Self { sqs, url }
    }

    /// Queues at most [`MailQueue::BATCH`] emails. Returns for each, in the same order, whether it was queued.
    ///
    /// # Errors
    /// [`QueueError`]; some of the emails may be in the queue nevertheless.
    pub async fn send(&self, mails: &[Message]) -> Result<Vec<bool>, QueueError> {
        if mails.is_empty() {
            return Ok(Vec::new());
        }
        let mut batch = self.sqs.send_message_batch().queue_url(&self.url);
        for (at, mail) in mails.iter().enumerate() {
            let json = serde_json::to_string(mail).map_err(malformed)?;
            let entry = SendMessageBatchRequestEntry::builder().id(at.to_string()).message_body(ascii(&json)).build();
            batch = batch.entries(entry.map_err(malformed)?);
        }
        let response = batch.send().await.map_err(CloudError::from)?;
        for failed in response.failed() {
            tracing::error!(code = failed.code(), "an email was not queued");
        }
        let queued: Vec<&str> = response.successful().iter().map(SendMessageBatchResultEntry::id).collect();
        Ok((0..mails.len()).map(|at| queued.contains(&at.to_string().as_str())).collect())
    }
}

impl DeadLetters {
    #[must_use]
    pub const fn new(sqs: Client, url: String) -> Self {
        Self { sqs, url }
    }

    /// Stores a message unchanged, with the message attribute `reason`.
    ///
    /// # Errors
    /// [`QueueError`].
    pub async fn put(&self, body: &str, reason: &str) -> Result<(), QueueError> {
        let reason: String = reason.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
        let attribute = MessageAttributeValue::builder().data_type("String").string_value(reason).build();
        self.sqs
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_attributes("reason", attribute.map_err(malformed)?)
            .send()
            .await
            .map_err(CloudError::from)?;
        Ok(())
    }
}
