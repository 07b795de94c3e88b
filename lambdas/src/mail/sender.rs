use aws_sdk_ses::{
    Client,
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::send_email::SendEmailError,
    types::{Body, Content, Destination, Message as Email},
};

use super::{Lease, Message, Outcome, Rendered, SendLedger};
use crate::{storage::CloudError, telemetry::Chain, time::now};

/// Sends each email once.
#[derive(Clone, Debug)]
pub struct Mailer {
    ledger: SendLedger,
    ses: Client,
    sender: String,
}

/// An email that needs no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Now,
    /// By an earlier call; this one sent nothing.
    Before,
}

/// An email was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Another worker holds the lease. Retry: that worker may be dead.
    #[error("leased by another worker")]
    Held,
    /// SES will never send it.
    #[error("SES rejected it: {code}")]
    Rejected {
        code: String,
        /// In SES's words, which may contain email addresses: never log it.
        reason: String,
    },
    /// SES throttled the call, failed or did not respond. Retry.
    #[error("SES did not send it")]
    Unavailable(#[source] CloudError),
    /// The message cannot be an email.
    #[error("the email cannot be built")]
    Malformed(#[from] BuildError),
    #[error("the send ledger failed")]
    Ledger(#[source] CloudError),
}

/// SES errors that a retry cannot fix ("Common Errors" and `SendEmail` in the SES API reference).
const PERMANENT: [&str; 6] = [
    "MessageRejected",
    "MailFromDomainNotVerified",
    "MailFromDomainNotVerifiedException",
    "InvalidParameterValue",
    "InvalidParameterCombination",
    "ValidationError",
];

impl Mailer {
    #[must_use]
    pub const fn new(ledger: SendLedger, ses: Client, sender: String) -> Self {
        Self { ledger, ses, sender }
    }

    /// Sends an email unless it was sent before.
    ///
    /// The steps are lease, send, mark. A process that dies after the lease has sent nothing: the email is sent once
    /// the lease expires. A process that dies after sending leaves no trace of it: the email is sent again, since SES
    /// has no idempotency key.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn send(&self, mail: &Message) -> Result<Sent, MailError> {
        let lease = match self.ledger.lease(&mail.id(), now()).await.map_err(MailError::Ledger)? {
            Outcome::Leased(lease) => lease,
            Outcome::AlreadySent => return Ok(Sent::Before),
            Outcome::Held => return Err(MailError::Held),
        };
        match self.hand_over(&mail.to, mail.render()).await {
            Ok(()) => {
                self.mark_sent(&lease).await;
                Ok(Sent::Now)
            }
            Err(error) => {
                if let Err(error) = self.ledger.release(&lease, now()).await {
                    tracing::warn!(error = %Chain(&error), "a lease was not released: it must expire");
                }
                Err(error)
            }
        }
    }

    /// The email is sent: a failure to mark it is no reason to send it again.
    async fn mark_sent(&self, lease: &Lease) {
        if let Err(error) = self.ledger.mark_sent(lease, now()).await {
            tracing::error!(error = %Chain(&error), "a sent email was not marked: a repeated message sends it again");
        }
    }

    async fn hand_over(&self, to: &str, mail: Rendered) -> Result<(), MailError> {
        let content = |text: String| Content::builder().charset("UTF-8").data(text).build();
        let body = Body::builder().text(content(mail.text)?).html(content(mail.html)?).build();
        let email = Email::builder().subject(content(mail.subject)?).body(body).build();
        self.ses
            .send_email()
            .source(&self.sender)
            .destination(Destination::builder().to_addresses(to).build())
            .message(email)
            .send()
            .await
            .map_err(refusal)?;
        Ok(())
    }
}

fn refusal(error: SdkError<SendEmailError>) -> MailError {
    match error.code() {
        Some(code) if PERMANENT.contains(&code) => MailError::Rejected {
            code: code.to_owned(),
            reason: format!("{code}: {}", error.message().unwrap_or_default()),
        },
        _ => MailError::Unavailable(CloudError::without_message(error)),
    }
}
