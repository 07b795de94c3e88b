use std::time::Duration;

use aws_sdk_sqs::{Client, types::SendMessageBatchRequestEntry};
use aws_types::SdkConfig;

use super::CloudError;
use crate::{
    aws,
    config::{ConfigError, required},
};

/// The most messages per call (`SendMessageBatch` in the SQS API reference).
const BATCH: usize = 10;

/// An SQS queue of JSON messages.
#[derive(Clone, Debug)]
pub struct Queue {
    sqs: Client,
    url: String,
}

impl Queue {
    /// The queue whose URL an environment variable has.
    ///
    /// # Errors
    /// If the variable is not set.
    pub fn from_env(aws: &SdkConfig, variable: &'static str) -> Result<Self, ConfigError> {
        Ok(Self { sqs: aws::sqs(aws), url: required(variable)? })
    }

    /// Sends each message. After an error some may be sent nevertheless, and all may be sent again.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn send<T: serde::Serialize>(&self, messages: &[T]) -> Result<(), CloudError> {
        self.send_after(messages, Duration::ZERO).await
    }

    /// As [`Queue::send`], but SQS delivers the messages after a delay, in whole seconds. Its maximum is 15 minutes.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn send_after<T: serde::Serialize>(&self, messages: &[T], delay: Duration) -> Result<(), CloudError> {
        let seconds = i32::try_from(delay.as_secs()).unwrap_or(i32::MAX);
        for messages in messages.chunks(BATCH) {
            let mut batch = self.sqs.send_message_batch().queue_url(&self.url);
            for (at, message) in messages.iter().enumerate() {
                let body = serde_json::to_string(message);
                let body = body.map_err(|error| CloudError::caused("a message is not JSON", error))?;
                let entry = SendMessageBatchRequestEntry::builder().id(at.to_string()).message_body(ascii(&body));
                let entry = entry.delay_seconds(seconds).build();
                batch = batch.entries(entry.map_err(|error| CloudError::caused("a message cannot be built", error))?);
            }
            let response = batch.send().await?;
            if let Some(failed) = response.failed().first() {
                return Err(CloudError::unusable(format!("SQS refused a message: {}", failed.code())));
            }
        }
        Ok(())
    }
}

/// The same JSON in ASCII. SQS rejects some characters (U+FFFE and U+FFFF: `SendMessage` in its API reference), and one
/// such title or file name would make it reject the whole batch on every retry. In JSON only strings can contain them.
pub(crate) fn ascii(json: &str) -> String {
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
    fn a_message_is_always_ascii() {
        let title = "Lámpara \u{7f}\u{ffff}\u{fffe} \"🏳️‍🌈\" \\u0041 \0";
        let message = ascii(&serde_json::to_string(title).unwrap());
        assert!(message.bytes().all(|byte| (0x20..0x80).contains(&byte)), "{message}");
        assert_eq!(serde_json::from_str::<String>(&message).unwrap(), title);
    }
}
