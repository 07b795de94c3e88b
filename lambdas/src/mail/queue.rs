use aws_sdk_sqs::{
    Client,
    types::{MessageAttributeValue, SendMessageBatchRequestEntry, SendMessageBatchResultEntry},
};

use super::Message;
use crate::aws::explain;

/// The longest reason that is kept with a dead letter, in characters.
const MAX_REASON: usize = 500;

/// The queue that mails wait in.
#[derive(Clone, Debug)]
pub struct MailQueue {
    sqs: Client,
    url: String,
}

/// Where mails go that will never be sent as they are.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    sqs: Client,
    url: String,
}

/// SQS did not take a message; the text is for the log alone.
#[derive(Debug, thiserror::Error)]
#[error("SQS: {0}")]
pub struct QueueError(String);

impl MailQueue {
    /// As many mails as go into the queue at once (`SendMessageBatch` in the SQS API reference).
    pub const BATCH: usize = 10;

    /// The queue at `url`.
    #[must_use]
    pub const fn new(sqs: Client, url: String) -> Self {
        Self { sqs, url }
    }

    /// Queues at most [`MailQueue::BATCH`] mails; tells for each, in the same order, whether the queue has it.
    ///
    /// # Errors
    /// When the call fails; any of the mails may be in the queue then.
    pub async fn send(&self, mails: &[Message]) -> Result<Vec<bool>, QueueError> {
        if mails.is_empty() {
            return Ok(Vec::new());
        }
        let mut batch = self.sqs.send_message_batch().queue_url(&self.url);
        for (at, mail) in mails.iter().enumerate() {
            let json = serde_json::to_string(mail).map_err(|error| QueueError(error.to_string()))?;
            let entry = SendMessageBatchRequestEntry::builder().id(at.to_string()).message_body(ascii(&json)).build();
            batch = batch.entries(entry.map_err(|error| QueueError(error.to_string()))?);
        }
        let answer = batch.send().await.map_err(|error| QueueError(explain(error)))?;
        for failed in answer.failed() {
            tracing::error!(code = failed.code(), "a mail was not queued");
        }
        let queued: Vec<&str> = answer.successful().iter().map(SendMessageBatchResultEntry::id).collect();
        Ok((0..mails.len()).map(|at| queued.contains(&at.to_string().as_str())).collect())
    }
}

impl DeadLetters {
    /// The queue at `url`.
    #[must_use]
    pub const fn new(sqs: Client, url: String) -> Self {
        Self { sqs, url }
    }

    /// Puts a message there as it came, with its reason as the message attribute `reason`.
    ///
    /// # Errors
    /// When SQS does not take it.
    pub async fn put(&self, body: &str, reason: &str) -> Result<(), QueueError> {
        let reason: String = reason.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
        let attribute = MessageAttributeValue::builder().data_type("String").string_value(reason).build();
        self.sqs
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_attributes("reason", attribute.map_err(|error| QueueError(error.to_string()))?)
            .send()
            .await
            .map_err(|error| QueueError(explain(error)))?;
        Ok(())
    }
}

/// The same JSON in ASCII. SQS refuses some characters (U+FFFE and U+FFFF: `SendMessage` in its API reference), and with
/// a title that holds one it would refuse the whole batch, again and again. In JSON only a string can hold any.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_ascii_whatever_it_holds() {
        let title = "Lámpara \u{7f}\u{ffff}\u{fffe} \"🏳️‍🌈\" \\u0041 \0";
        let message = ascii(&serde_json::to_string(title).unwrap());
        assert!(message.bytes().all(|byte| (0x20..0x80).contains(&byte)), "{message}");
        assert_eq!(serde_json::from_str::<String>(&message).unwrap(), title);
    }
}
