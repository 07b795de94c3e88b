//! `DynamoDB` tables and their items.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    error::{BuildError, ProvideErrorMetadata as _, SdkError},
    operation::{
        query::builders::QueryFluentBuilder,
        transact_write_items::TransactWriteItemsError,
        update_item::{UpdateItemError, UpdateItemOutput, builders::UpdateItemFluentBuilder},
    },
    types::{
        AttributeValue, CancellationReason, ConditionCheck, Delete, KeysAndAttributes, Put, TransactWriteItem, Update,
        builders::{ConditionCheckBuilder, DeleteBuilder, PutBuilder, UpdateBuilder},
    },
};
use aws_types::SdkConfig;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use uuid::Uuid;

use super::error::{CloudError, ErrorKind};
use crate::{
    aws,
    config::{ConfigError, required as variable},
    time::rfc3339,
    users::UserKey,
};

/// The maximum number of attempts for a write that conflicts with another one on the same item.
const MAX_ATTEMPTS: u32 = 8;

/// The most items that one request reads ("`BatchGetItem`", `DynamoDB` API Reference).
const MAX_READ: usize = 100;

/// Why a transaction is worth repeating ("`TransactWriteItems`", `DynamoDB` API Reference).
const RETRYABLE: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// An item by the names of its attributes.
pub type Item = HashMap<String, AttributeValue>;

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    pub client: Client,
    pub name: String,
}

/// A write of a transaction that has not been built yet.
#[derive(Clone, Debug)]
pub enum Write {
    Check(ConditionCheckBuilder),
    Delete(DeleteBuilder),
    Put(PutBuilder),
    Update(UpdateBuilder),
}

impl Table {
    /// The table named by the environment variable `name`.
    ///
    /// # Errors
    /// If the variable is not set.
    pub fn from_env(aws: &SdkConfig, name: &'static str) -> Result<Self, ConfigError> {
        Ok(Self { client: aws::dynamodb(aws), name: variable(name)? })
    }

    /// The table `library`, which `LIBRARY_TABLE` names: everything that belongs to one user.
    ///
    /// # Errors
    /// If the variable is not set.
    pub fn library(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Self::from_env(aws, "LIBRARY_TABLE")
    }

    /// Reads an item, consistently.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn get(&self, key: Item) -> Result<Option<Item>, CloudError> {
        let get = self.client.get_item().table_name(&self.name).set_key(Some(key));
        Ok(get.consistent_read(true).send().await?.item)
    }

    /// Reads those of the items that exist, consistently, in any order.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn get_all(&self, keys: Vec<Item>) -> Result<Vec<Item>, CloudError> {
        let found = try_join_all(keys.chunks(MAX_READ).map(|keys| self.get_some(keys.to_vec()))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn get_some(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, CloudError> {
        let mut items = Vec::new();
        for attempt in 0..MAX_ATTEMPTS {
            pause_before(attempt).await;
            let request = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let request = request.map_err(|error| CloudError::caused("a read cannot be built", error))?;
            let response = self.client.batch_get_item().request_items(&self.name, request).send().await?;
            items.extend(response.responses.and_then(|mut tables| tables.remove(&self.name)).unwrap_or_default());
            let unprocessed = response.unprocessed_keys.and_then(|mut tables| tables.remove(&self.name));
            keys = unprocessed.map(|unprocessed| unprocessed.keys).unwrap_or_default();
            if keys.is_empty() {
                return Ok(items);
            }
        }
        Err(CloudError::of_kind(ErrorKind::Throttled, "the table returned only some of the items"))
    }

    /// Writes all items or none. `None` if they are written; else, for each write, whether its condition failed.
    ///
    /// # Errors
    /// Any [`CloudError`]; [`ErrorKind::Throttled`] if other requests keep writing the same items.
    pub async fn transact(&self, writes: Vec<Write>) -> Result<Option<Vec<bool>>, CloudError> {
        let writes = writes.into_iter().map(Write::build).collect::<Result<Vec<_>, _>>();
        let writes = writes.map_err(|error| CloudError::caused("a write cannot be built", error))?;
        // Distinguishes a retry by the SDK from another transaction.
        let token = Uuid::now_v7().to_string();
        for attempt in 0..MAX_ATTEMPTS {
            pause_before(attempt).await;
            let transaction = self.client.transact_write_items().set_transact_items(Some(writes.clone()));
            let Err(error) = transaction.client_request_token(&token).send().await else { return Ok(None) };
            let Some(reasons) = cancellation(&error) else { return Err(error.into()) };
            let is = |reason: &CancellationReason, code: &str| reason.code() == Some(code);
            if reasons.iter().any(|reason| is(reason, "ConditionalCheckFailed")) {
                return Ok(Some(reasons.iter().map(|reason| is(reason, "ConditionalCheckFailed")).collect()));
            }
            if !RETRYABLE.iter().any(|code| reasons.iter().any(|reason| is(reason, code))) {
                return Err(error.into());
            }
        }
        Err(CloudError::of_kind(ErrorKind::Throttled, "other requests kept writing the same items"))
    }

    /// A consistent query for the items of a user whose range keys are from `from` up to and including `to`.
    #[must_use]
    pub fn query_range(&self, user: &UserKey, from: &str, to: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .key_condition_expression("#user = :user AND #item BETWEEN :from AND :to")
            .expression_attribute_names("#user", "user")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":user", text(user.as_str()))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(to))
    }

    /// A consistent query for the items of a user whose range keys begin with `prefix`.
    #[must_use]
    pub fn query_prefix(&self, user: &UserKey, prefix: &str) -> QueryFluentBuilder {
        self.query_range(user, prefix, &format!("{prefix}\u{10FFFF}"))
    }

    /// A check in a transaction that an item does not exist.
    #[must_use]
    pub fn absent(&self, key: Item) -> Write {
        let check = self.check(key).condition_expression("attribute_not_exists(#user)");
        Write::Check(check.expression_attribute_names("#user", "user"))
    }

    /// A put in a transaction of an item that must not exist yet.
    #[must_use]
    pub fn put_new(&self, item: Item) -> PutBuilder {
        let put = self.put(item).condition_expression("attribute_not_exists(#user)");
        put.expression_attribute_names("#user", "user")
    }

    /// A check of an item in a transaction.
    #[must_use]
    pub fn check(&self, key: Item) -> ConditionCheckBuilder {
        ConditionCheck::builder().table_name(&self.name).set_key(Some(key))
    }

    /// A deletion in a transaction.
    #[must_use]
    pub fn delete(&self, key: Item) -> DeleteBuilder {
        Delete::builder().table_name(&self.name).set_key(Some(key))
    }

    /// A put in a transaction.
    #[must_use]
    pub fn put(&self, item: Item) -> PutBuilder {
        Put::builder().table_name(&self.name).set_item(Some(item))
    }

    /// An update in a transaction.
    #[must_use]
    pub fn update(&self, key: Item) -> UpdateBuilder {
        Update::builder().table_name(&self.name).set_key(Some(key))
    }
}

impl Write {
    fn build(self) -> Result<TransactWriteItem, BuildError> {
        let write = TransactWriteItem::builder();
        Ok(match self {
            Self::Check(check) => write.condition_check(check.build()?),
            Self::Delete(delete) => write.delete(delete.build()?),
            Self::Put(put) => write.put(put.build()?),
            Self::Update(update) => write.update(update.build()?),
        }
        .build())
    }
}

/// Reads all pages of a query.
///
/// # Errors
/// Any [`CloudError`].
pub async fn read_all(query: QueryFluentBuilder) -> Result<Vec<Item>, CloudError> {
    let (mut items, mut start) = (Vec::new(), None);
    loop {
        let page = query.clone().set_exclusive_start_key(start).send().await?;
        items.extend(page.items.unwrap_or_default());
        start = page.last_evaluated_key;
        if start.is_none() {
            return Ok(items);
        }
    }
}

/// Sends an update, again if it meets a transaction that writes the same item.
///
/// # Errors
/// Those of the update.
pub async fn send(update: UpdateItemFluentBuilder) -> Result<UpdateItemOutput, SdkError<UpdateItemError>> {
    for attempt in 0..MAX_ATTEMPTS {
        pause_before(attempt).await;
        match update.clone().send().await {
            Err(error) if error.code() == Some("TransactionConflictException") => {}
            result => return result,
        }
    }
    pause_before(MAX_ATTEMPTS).await;
    update.send().await
}

/// Waits before an attempt, unless it is the first, 0: for a random time, so that two writers do not meet again, and
/// longer each time, up to 0.64 s.
pub async fn pause_before(attempt: u32) {
    let Some(repeat) = attempt.checked_sub(1) else { return };
    let longest = 20_u128 << repeat.min(5);
    let random = Uuid::now_v7().as_u128() % longest;
    tokio::time::sleep(Duration::from_millis(u64::try_from(random).unwrap_or(u64::MAX))).await;
}

fn cancellation(error: &SdkError<TransactWriteItemsError>) -> Option<&[CancellationReason]> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => Some(cancelled.cancellation_reasons()),
        _ => None,
    }
}

/// The key of an item of the table `library`.
#[must_use]
pub fn item_key(user: &UserKey, item: &str) -> Item {
    Item::from([("user".to_owned(), text(user.as_str())), ("item".to_owned(), text(item))])
}

/// An attribute is missing or does not have the form that this service writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the attribute {0} is missing or malformed")]
pub struct MalformedItem(pub &'static str);

impl From<MalformedItem> for CloudError {
    fn from(error: MalformedItem) -> Self {
        Self::caused("an item cannot be read", error)
    }
}

pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

#[must_use]
pub fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Milliseconds since 1970.
#[must_use]
pub fn millis(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// RFC 3339 with milliseconds: all of one length, so the order of the texts is the order of the times.
#[must_use]
pub fn time(value: Timestamp) -> AttributeValue {
    text(rfc3339(value))
}

/// Epoch seconds, as `DynamoDB` wants a time to live.
#[must_use]
pub fn epoch_seconds(value: Timestamp) -> AttributeValue {
    AttributeValue::N(value.as_second().to_string())
}

/// An attribute that must be there, read from its text by `parse`.
///
/// # Errors
/// [`MalformedItem`] if it is missing or `parse` rejects it.
pub fn required<T>(
    item: &Item,
    attribute: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, MalformedItem> {
    optional(item, attribute, parse)?.ok_or(MalformedItem(attribute))
}

/// An attribute that may be absent, read from its text by `parse`.
///
/// # Errors
/// [`MalformedItem`] if `parse` rejects it.
pub fn optional<T>(
    item: &Item,
    attribute: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, MalformedItem> {
    let Some(value) = item.get(attribute) else { return Ok(None) };
    value.as_s().ok().and_then(|text| parse(text)).map(Some).ok_or(MalformedItem(attribute))
}

/// A number that must be there.
///
/// # Errors
/// [`MalformedItem`] if it is missing or not a whole number of this range.
pub fn required_number(item: &Item, attribute: &'static str) -> Result<u64, MalformedItem> {
    let number = item.get(attribute).and_then(|value| value.as_n().ok());
    number.and_then(|number| number.parse().ok()).ok_or(MalformedItem(attribute))
}

/// A number that may be absent; `None` too if it is not a whole number of this range.
#[must_use]
pub fn optional_number(item: &Item, attribute: &'static str) -> Option<u64> {
    required_number(item, attribute).ok()
}

/// Whether an item has outlived its `ttl`. `DynamoDB` may keep it for two more days.
#[must_use]
pub fn is_past(item: &Item, now: Timestamp) -> bool {
    optional_number(item, "ttl").is_some_and(|ttl| i64::try_from(ttl).is_ok_and(|ttl| ttl <= now.as_second()))
}
