//! The queue `mail`

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::Error;
use tokio::time::Instant;

use crate::{
    handlers::worker::{Batch, Worker, latest_start},
    mail::{DeadLetters, MailError, Mailer, Message, QueueError, Sent},
    telemetry::Chain,
};

/// Longer than sending one email takes.
const MARGIN: Duration = Duration::from_secs(12);

/// Sends the emails in the queue.
pub struct SendMail {
    pub mailer: Mailer,
    /// Takes the emails that can never be sent.
    pub dead: DeadLetters,
}

impl Worker for SendMail {
    type Event = SqsEvent;
    type Response = SqsBatchResponse;

    async fn handle(&self, event: SqsEvent, deadline: Instant) -> Result<SqsBatchResponse, Error> {
        let mut batch = Batch::default();
        let latest_start = latest_start(deadline, MARGIN);
        for message in event.records {
            let id = message.message_id.as_deref().unwrap_or_default();
            if Instant::now() >= latest_start {
                batch.retry(id, "no time left");
            } else if let Err(error) = self.deliver(&message).await {
                batch.retry(id, Chain(&error));
            }
        }
        Ok(batch.into_response())
    }
}

/// An email is neither sent nor among the dead letters.
#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error("not sent")]
    Mail(#[from] MailError),
    #[error("not moved to the dead letters")]
    DeadLetter(#[from] QueueError),
}

impl SendMail {
    async fn deliver(&self, message: &SqsMessage) -> Result<(), DeliveryError> {
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
