use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::ReturnValuesOnConditionCheckFailure,
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::storage::{
    CloudError,
    table::{epoch_seconds, text, time},
};

/// How long a worker may send an email. Longer than `send_mail` may run, so the holder of an expired lease is gone.
pub const LEASE: Duration = Duration::from_mins(1);

/// How long an entry is kept. Longer than a message can stay in the queue and the dead-letter queue (14 days at most).
const RETENTION: Duration = Duration::from_hours(30 * 24);

/// Records which emails are being sent and which were sent: the table `mails`.
///
/// An item has the email's `id`, its `state` (`pending` or `sent`), while pending `leaseUntil` and the `claim` that
/// holds the lease, and `expiresAt` (epoch seconds), after which DynamoDB may delete it.
#[derive(Clone, Debug)]
pub struct SendLedger {
    dynamodb: Client,
    table: String,
}

/// The exclusive right to send an email for [`LEASE`].
#[derive(Debug)]
pub struct Lease {
    mail: String,
    token: String,
}

/// The result of asking for a lease.
#[derive(Debug)]
pub enum Outcome {
    Leased(Lease),
    AlreadySent,
    /// Leased by another worker, possibly dead. The lease can be taken once it has expired.
    Held,
}

impl SendLedger {
    #[must_use]
    pub const fn new(dynamodb: Client, table: String) -> Self {
        Self { dynamodb, table }
    }

    /// Leases an email by one conditional update, without reading first.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn lease(&self, mail: &str, now: Timestamp) -> Result<Outcome, CloudError> {
        let lease = Lease { mail: mail.to_owned(), token: Uuid::now_v7().to_string() };
        let update = self
            .update(&lease.mail)
            .update_expression("SET #state = :pending, leaseUntil = :until, claim = :claim, expiresAt = :expires")
            .condition_expression("attribute_not_exists(id) OR (#state = :pending AND leaseUntil <= :now)")
            .expression_attribute_values(":pending", text("pending"))
            .expression_attribute_values(":claim", text(&lease.token))
            .expression_attribute_values(":until", time(now + LEASE))
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":expires", epoch_seconds(now + RETENTION))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match update.send().await {
            Ok(_) => Ok(Outcome::Leased(lease)),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    let is = |name: &str, value: &str| {
                        failed.item().and_then(|item| item.get(name)?.as_s().ok()).is_some_and(|found| found == value)
                    };
                    // The SDK retries a call whose response was lost; the first attempt took the lease for us then.
                    if is("claim", &lease.token) {
                        return Ok(Outcome::Leased(lease));
                    }
                    Ok(if is("state", "sent") { Outcome::AlreadySent } else { Outcome::Held })
                }
                _ => Err(error.into()),
            },
        }
    }

    /// Marks an email as sent.
    ///
    /// # Errors
    /// Any [`CloudError`]; [`ErrorKind::Precondition`](crate::storage::ErrorKind) if the lease was lost.
    pub async fn mark_sent(&self, lease: &Lease, now: Timestamp) -> Result<(), CloudError> {
        self.update(&lease.mail)
            .update_expression("SET #state = :sent, expiresAt = :expires REMOVE leaseUntil")
            .condition_expression("claim = :claim")
            .expression_attribute_values(":sent", text("sent"))
            .expression_attribute_values(":claim", text(&lease.token))
            .expression_attribute_values(":expires", epoch_seconds(now + RETENTION))
            .send()
            .await?;
        Ok(())
    }

    /// Releases the lease on an unsent email, so that the next attempt need not wait until it expires.
    ///
    /// # Errors
    /// Any [`CloudError`]; [`ErrorKind::Precondition`](crate::storage::ErrorKind) if the lease was lost.
    pub async fn release(&self, lease: &Lease, now: Timestamp) -> Result<(), CloudError> {
        self.update(&lease.mail)
            .update_expression("SET leaseUntil = :now")
            .condition_expression("claim = :claim AND #state = :pending")
            .expression_attribute_values(":pending", text("pending"))
            .expression_attribute_values(":claim", text(&lease.token))
            .expression_attribute_values(":now", time(now))
            .send()
            .await?;
        Ok(())
    }

    fn update(&self, mail: &str) -> UpdateItemFluentBuilder {
        let update = self.dynamodb.update_item().table_name(&self.table).key("id", text(mail));
        update.expression_attribute_names("#state", "state")
    }
}
#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_lease_outlasts_its_holder() {
        let table: Value = serde_json::from_str(include_str!("../../service.json")).unwrap();
        let timeout = table["functions"]["send_mail"]["timeout"].as_u64().unwrap();
        assert!(timeout < LEASE.as_secs());
    }
}
