//! The queue `mail`

use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::Error;

use crate::{
    events::Handler,
    mail::{DeadLetters, MailError, Mailer, Message, QueueError, Sent},
};

/// How long before its end a run begins no more mails: longer than one takes.
const MARGIN: Duration = Duration::from_secs(12);

/// Sends the mails of the queue.
pub struct SendMail {
    /// What sends them.
    pub mailer: Mailer,
    /// Where those go that will never be sent.
    pub dead: DeadLetters,
}

impl Handler for SendMail {
    type Event = SqsEvent;
    type Answer = SqsBatchResponse;

    /// Mails that are named in the answer stay in the queue, and come again until the queue's redrive policy moves them
    /// to the dead letters.
    async fn handle(&self, event: SqsEvent, deadline: SystemTime) -> Result<SqsBatchResponse, Error> {
        let mut answer = SqsBatchResponse::default();
        for record in event.records {
            let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
            if left < MARGIN || !self.deliver(&record).await {
                answer.add_failure(record.message_id.unwrap_or_default());
            }
        }
        Ok(answer)
    }
}

impl SendMail {
    /// Whether the queue may forget the message.
    async fn deliver(&self, record: &SqsMessage) -> bool {
        let body = record.body.as_deref().unwrap_or_default();
        let Ok(mail) = serde_json::from_str::<Message>(body) else {
            tracing::error!(message_id = record.message_id, "not a mail");
            return told(self.dead.put(body, "not a mail of this service").await);
        };
        let mail_id = mail.id();
        match self.mailer.send(&mail).await {
            Ok(Sent::Now) => {
                tracing::info!(mail = mail_id, "sent");
                true
            }
            Ok(Sent::Before) => {
                tracing::info!(mail = mail_id, "sent before");
                true
            }
            Err(MailError::Refused { code, reason }) => {
                tracing::error!(mail = mail_id, code, "refused for good");
                told(self.dead.put(body, &reason).await)
            }
            Err(error @ (MailError::Held | MailError::Unavailable(_) | MailError::Claims(_))) => {
                tracing::warn!(mail = mail_id, %error, "not sent; it stays in the queue");
                false
            }
        }
    }
}

fn told(put: Result<(), QueueError>) -> bool {
    put.inspect_err(|error| tracing::error!(%error, "not put to the dead letters; it stays in the queue")).is_ok()
}
