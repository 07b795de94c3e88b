use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{aws::explain, time::rfc3339};

/// How long a mail is its claimant's alone. Longer than `send_mail` may run: when a lease ends, its holder is gone for
/// sure.
pub const LEASE: Duration = Duration::from_mins(1);

/// How long a claim is remembered. Longer than a message can wait in the queue and among the dead letters (14 days at
/// most).
const REMEMBERED: Duration = Duration::from_hours(30 * 24);

/// Which mails are being sent, and which were: the table `mails`.
///
/// An item has the mail's `id`, its `state` (`pending` or `sent`), for a pending one `leaseUntil` and the `claim` that
/// holds it, and `expiresAt` (epoch seconds), after which DynamoDB may remove it.
#[derive(Clone, Debug)]
pub struct Claims {
    dynamodb: Client,
    table: String,
}

/// The right to send a mail, for the time of [`LEASE`].
#[derive(Debug)]
pub struct Claim {
    mail: String,
    token: String,
}

/// What came of claiming a mail.
#[derive(Debug)]
pub enum Outcome {
    /// It is ours to send.
    Ours(Claim),
    /// It was sent.
    Sent,
    /// Another has it, or had it and was ended: it may be claimed when that lease is over.
    Held,
}

impl Claims {
    /// The claims in `table`.
    #[must_use]
    pub const fn new(dynamodb: Client, table: String) -> Self {
        Self { dynamodb, table }
    }

    /// Claims a mail: one conditional update, nothing is read first.
    ///
    /// # Errors
    /// When DynamoDB did not do it; the text is for the log alone.
    pub async fn claim(&self, mail: &str, now: Timestamp) -> Result<Outcome, String> {
        let claim = Claim { mail: mail.to_owned(), token: Uuid::now_v7().to_string() };
        let update = self
            .update(&claim.mail)
            .update_expression("SET #state = :pending, leaseUntil = :until, claim = :claim, expiresAt = :expires")
            .condition_expression("attribute_not_exists(id) OR (#state = :pending AND leaseUntil <= :now)")
            .expression_attribute_values(":pending", text("pending"))
            .expression_attribute_values(":claim", text(&claim.token))
            .expression_attribute_values(":until", text(rfc3339(now + LEASE)))
            .expression_attribute_values(":now", text(rfc3339(now)))
            .expression_attribute_values(":expires", epoch_seconds(now + REMEMBERED))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match update.send().await {
            Ok(_) => Ok(Outcome::Ours(claim)),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    let is = |name: &str, value: &str| {
                        failed.item().and_then(|item| item.get(name)?.as_s().ok()).is_some_and(|found| found == value)
                    };
                    // The SDK repeats a call whose answer was lost: the first one claimed it for us then.
                    if is("claim", &claim.token) {
                        return Ok(Outcome::Ours(claim));
                    }
                    Ok(if is("state", "sent") { Outcome::Sent } else { Outcome::Held })
                }
                _ => Err(explain(error)),
            },
        }
    }

    /// Marks a mail as sent.
    ///
    /// # Errors
    /// When DynamoDB did not do it, or the claim was lost meanwhile; the text is for the log alone.
    pub async fn mark_sent(&self, claim: &Claim, now: Timestamp) -> Result<(), String> {
        let update = self
            .update(&claim.mail)
            .update_expression("SET #state = :sent, expiresAt = :expires REMOVE leaseUntil")
            .condition_expression("claim = :claim")
            .expression_attribute_values(":sent", text("sent"))
            .expression_attribute_values(":claim", text(&claim.token))
            .expression_attribute_values(":expires", epoch_seconds(now + REMEMBERED));
        update.send().await.map_err(explain)?;
        Ok(())
    }

    /// Gives a mail free that was not sent, so that the next try need not wait for the end of the lease.
    ///
    /// # Errors
    /// When DynamoDB did not do it, or the claim was lost meanwhile; the text is for the log alone.
    pub async fn release(&self, claim: &Claim, now: Timestamp) -> Result<(), String> {
        let update = self
            .update(&claim.mail)
            .update_expression("SET leaseUntil = :now")
            .condition_expression("claim = :claim AND #state = :pending")
            .expression_attribute_values(":pending", text("pending"))
            .expression_attribute_values(":claim", text(&claim.token))
            .expression_attribute_values(":now", text(rfc3339(now)));
        update.send().await.map_err(explain)?;
        Ok(())
    }

    fn update(&self, mail: &str) -> UpdateItemFluentBuilder {
        let update = self.dynamodb.update_item().table_name(&self.table).key("id", text(mail));
        update.expression_attribute_names("#state", "state")
    }
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn epoch_seconds(time: Timestamp) -> AttributeValue {
    AttributeValue::N(time.as_second().to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_lease_outlasts_its_holder() {
        let table: Value = serde_json::from_str(include_str!("../../functions.json")).unwrap();
        let timeout = table["functions"]["send_mail"]["timeout"].as_u64().unwrap();
        assert!(timeout < LEASE.as_secs());
    }
}
