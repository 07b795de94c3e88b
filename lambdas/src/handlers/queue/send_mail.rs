//! The queue `mail`

use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use lambda_runtime::Error;
use tokio::time::Instant;

use crate::{
    handlers::worker::Consumer,
    mail::{DeadLetters, MailError, Mailer, Message, Sent},
};

/// Sends the emails in the queue.
pub struct SendMail {
    pub mailer: Mailer,
    /// Takes the emails that can never be sent.
    pub dead: DeadLetters,
}

impl Consumer for SendMail {
    type Task = SqsMessage;

    /// Longer than sending one email takes.
    const MARGIN: Duration = Duration::from_secs(12);

    /// Takes every message: one that is not an email becomes a dead letter at once.
    fn read(&self, message: &SqsMessage) -> Option<SqsMessage> {
        Some(message.clone())
    }

    async fn consume(&self, message: SqsMessage, _until: Instant) -> Result<(), Error> {
        let body = message.body.as_deref().unwrap_or_default();
        let Ok(mail) = serde_json::from_str::<Message>(body) else {
            tracing::error!(message_id = message.message_id, "not an email of this service");
            return Ok(self.dead.put(body, "not an email of this service").await?);
        };
        let mail_id = mail.id();
        match self.mailer.send(&mail).await {
            Ok(sent) => {
                tracing::info!(mail = mail_id, before = sent == Sent::Before, "sent");
                Ok(())
            }
            Err(MailError::Rejected { code, reason }) => {
                tracing::error!(mail = mail_id, code, "rejected for good");
                Ok(self.dead.put(body, &reason).await?)
            }
            Err(error) => Err(error.into()),
        }
    }
}
