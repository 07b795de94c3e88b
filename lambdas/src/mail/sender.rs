use aws_sdk_ses::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::send_email::SendEmailError,
    types::{Body, Content, Destination, Message as Email},
};

use super::{Claim, Claims, Message, Outcome, Rendered};
use crate::{aws::explain, time::now};

/// Sends each mail once.
#[derive(Clone, Debug)]
pub struct Mailer {
    claims: Claims,
    ses: Client,
    sender: String,
}

/// A mail that needs no further try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Now.
    Now,
    /// Before; this time nothing was sent.
    Before,
}

/// A mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Another holds it: to be tried again, for that one may have been ended.
    #[error("another is sending it")]
    Held,
    /// SES will never send it.
    #[error("SES refuses it: {code}")]
    Refused {
        /// The error's name.
        code: String,
        /// In SES's own words, which may hold mail addresses: never for a log.
        reason: String,
    },
    /// SES cannot at the moment (it throttles, fails or does not answer): to be tried again.
    #[error("SES: {0}")]
    Unavailable(String),
    /// The claim cannot be had; the text is for the log alone.
    #[error("DynamoDB: {0}")]
    Claims(String),
}

/// The errors of SES that no further try can mend ("Common Errors" and `SendEmail` in the SES API reference).
const PERMANENT: [&str; 6] = [
    "MessageRejected",
    "MailFromDomainNotVerified",
    "MailFromDomainNotVerifiedException",
    "InvalidParameterValue",
    "InvalidParameterCombination",
    "ValidationError",
];

impl Mailer {
    /// Sends from the address `sender`.
    #[must_use]
    pub const fn new(claims: Claims, ses: Client, sender: String) -> Self {
        Self { claims, ses, sender }
    }

    /// Sends a mail unless it was sent.
    ///
    /// It is claimed first, sent second and marked third. A process that is ended between the first two has sent
    /// nothing, and the mail is sent when the lease is over. One that is ended between the last two has sent it, nobody
    /// knows, and it is sent again: SES cannot be asked to send a mail once.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn send(&self, mail: &Message) -> Result<Sent, MailError> {
        let claim = match self.claims.claim(&mail.id(), now()).await.map_err(MailError::Claims)? {
            Outcome::Ours(claim) => claim,
            Outcome::Sent => return Ok(Sent::Before),
            Outcome::Held => return Err(MailError::Held),
        };
        match self.hand_over(&mail.to, mail.render()).await {
            Ok(()) => {
                self.mark_sent(&claim).await;
                Ok(Sent::Now)
            }
            Err(error) => {
                if let Err(error) = self.claims.release(&claim, now()).await {
                    tracing::warn!(error, "a claim was not released: its lease must end");
                }
                Err(error)
            }
        }
    }

    /// The mail is on its way: that it cannot be marked is no reason to send it again.
    async fn mark_sent(&self, claim: &Claim) {
        if let Err(error) = self.claims.mark_sent(claim, now()).await {
            tracing::error!(error, "a sent mail was not marked: a repeated message would send it again");
        }
    }

    async fn hand_over(&self, to: &str, mail: Rendered) -> Result<(), MailError> {
        let content = |text: String| {
            let content = Content::builder().charset("UTF-8").data(text).build();
            content.map_err(|error| MailError::Unavailable(error.to_string()))
        };
        let body = Body::builder().text(content(mail.text)?).html(content(mail.html)?).build();
        let email = Email::builder().subject(content(mail.subject)?).body(body).build();
        self.ses
            .send_email()
            .source(&self.sender)
            .destination(Destination::builder().to_addresses(to).build())
            .message(email)
            .send()
            .await
            .map_err(of_ses)?;
        Ok(())
    }
}

/// What SES says may hold the receiver's address, so only its code goes on.
fn of_ses(error: SdkError<SendEmailError>) -> MailError {
    let Some(refusal) = error.as_service_error() else {
        return MailError::Unavailable(explain(error));
    };
    let code = refusal.code().unwrap_or("unknown").to_owned();
    if PERMANENT.contains(&code.as_str()) {
        let reason = format!("{code}: {}", refusal.message().unwrap_or_default());
        MailError::Refused { code, reason }
    } else {
        MailError::Unavailable(code)
    }
}
