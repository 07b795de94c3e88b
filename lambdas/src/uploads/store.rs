use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata as _, SdkError},
    operation::{
        transact_write_items::TransactWriteItemsError,
        update_item::{UpdateItemError, UpdateItemOutput, builders::UpdateItemFluentBuilder},
    },
    types::{
        AttributeValue, CancellationReason, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
        Update,
    },
};
use aws_types::SdkConfig;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    Declaration, MAX_OPEN, Refusal, Session, State,
    session::{LEASE, LIFETIME, SHOWN_AFTER_END},
};
use crate::{
    aws,
    config::{ConfigError, required},
    hex::hex,
    photos::PhotoName,
    storage::{
        CloudError, ErrorKind,
        table::{
            Item, MalformedItem, epoch_seconds, number, optional, required as attribute, required_number, text, time,
        },
    },
    time::now,
    users::UserKey,
};

/// How long an idempotency key is kept.
const KEY_LIFETIME: Duration = Duration::from_hours(24);

/// The maximum number of attempts for a write that conflicts with another one on the same item.
const MAX_ATTEMPTS: u32 = 8;

/// Why a transaction is worth repeating ("`TransactWriteItems`", `DynamoDB` API Reference).
const RETRYABLE: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// The item that lists a user's open uploads.
const OPEN_UPLOADS: &str = "uploads";

/// The uploads in the table `library`, in the user's partition:
/// - `upload#{id}`: a [`Session`], with `leaseUntil` and `lease` while it is checked, and `ttl` (epoch seconds), after
///   which it is not shown and DynamoDB may delete it;
/// - `uploads`: the set `open` of the ids of uploads that have not ended, for counting and listing them;
/// - `idempotency#{hash}`: the upload that a request with an idempotency key created, and a hash of that request.
#[derive(Clone, Debug)]
pub struct UploadStore {
    dynamodb: Client,
    table: String,
}

/// The exclusive right to check an upload.
#[derive(Debug)]
pub(super) struct Lease {
    token: String,
}

/// How an upload ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// The photo is stored.
    Done,
    Refused(Refusal),
    /// Its bytes are gone.
    Lost,
}

/// The result of asking for a lease.
pub(super) enum Leased {
    Ours(Lease, Box<Session>),
    /// Another call is checking it.
    Held,
    /// The upload has ended.
    Ended(Box<Session>),
}

/// The result of storing a new upload.
pub(super) enum Stored {
    New,
    /// The user has [`MAX_OPEN`] open uploads.
    TooMany,
    /// The key was used before: for this upload if the requests are equal, or `None` if they differ.
    KeyUsed(Option<Uuid>),
}

/// An idempotency key, and a hash of the request that it belongs to.
pub(super) struct RequestKey {
    item: String,
    request: String,
}

impl RequestKey {
    pub(super) fn new(key: &str, declaration: &Declaration) -> Self {
        let request = serde_json::to_vec(declaration).unwrap_or_default();
        Self { item: format!("idempotency#{}", hex(&Sha256::digest(key))), request: hex(&Sha256::digest(request)) }
    }

    /// The upload in the key's item; `None` if it was created by another request.
    fn upload(&self, item: &Item) -> Result<Option<Uuid>, MalformedItem> {
        let request = attribute(item, "request", |text| Some(text.to_owned()))?;
        let upload = attribute(item, "upload", |id| Uuid::try_parse(id).ok())?;
        Ok((request == self.request).then_some(upload))
    }
}

impl UploadStore {
    /// Uses the table named in `LIBRARY_TABLE`.
    ///
    /// # Errors
    /// If the variable is not set.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self { dynamodb: aws::dynamodb(aws), table: required("LIBRARY_TABLE")? })
    }

    /// Stores a new upload, counts it as open and stores its idempotency key, all in one transaction.
    pub(super) async fn create(
        &self,
        user: &UserKey,
        session: &Session,
        key: Option<&RequestKey>,
    ) -> Result<Stored, CloudError> {
        let id = session.id.to_string();
        let mut item = to_item(session);
        item.extend(item_key(user, &upload_item(session.id)));
        let put = |item: Item| {
            Put::builder()
                .table_name(&self.table)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(#user)")
                .expression_attribute_names("#user", "user")
        };
        let open = Update::builder()
            .table_name(&self.table)
            .set_key(Some(item_key(user, OPEN_UPLOADS)))
            .update_expression("ADD #open :ids")
            .condition_expression("attribute_not_exists(#open) OR size(#open) < :max")
            .expression_attribute_names("#open", "open")
            .expression_attribute_values(":ids", AttributeValue::Ss(vec![id.clone()]))
            .expression_attribute_values(":max", number(MAX_OPEN as u64));
        let mut writes = vec![
            TransactWriteItem::builder().put(put(item).build().map_err(unbuilt)?).build(),
            TransactWriteItem::builder().update(open.build().map_err(unbuilt)?).build(),
        ];
        if let Some(key) = key {
            let mut item = item_key(user, &key.item);
            item.insert("upload".to_owned(), text(&id));
            item.insert("request".to_owned(), text(&key.request));
            item.insert("ttl".to_owned(), epoch_seconds(session.created_at + KEY_LIFETIME));
            // DynamoDB may delete an expired key days later.
            let put = put(item)
                .condition_expression("attribute_not_exists(#user) OR #ttl <= :now")
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":now", epoch_seconds(session.created_at));
            writes.push(TransactWriteItem::builder().put(put.build().map_err(unbuilt)?).build());
        }
        match self.transact(writes).await? {
            None => Ok(Stored::New),
            Some(failed) if failed.get(2) == Some(&true) => {
                let key = key.map(|key| self.used_for(user, key));
                Ok(Stored::KeyUsed(match key {
                    Some(upload) => upload.await?,
                    None => None,
                }))
            }
            Some(failed) if failed.first() == Some(&true) => {
                // The id is new, so the SDK retried a call whose response was lost.
                Ok(Stored::New)
            }
            Some(_) => Ok(Stored::TooMany),
        }
    }

    /// The upload that an idempotency key was used for; `None` if it was used for another request.
    async fn used_for(&self, user: &UserKey, key: &RequestKey) -> Result<Option<Uuid>, CloudError> {
        Ok(match self.get_item(user, &key.item).await? {
            Some(item) => key.upload(&item)?,
            None => None,
        })
    }

    /// The upload that an unexpired idempotency key was used for; `Some(None)` if it was used for another request.
    pub(super) async fn find_key(
        &self,
        user: &UserKey,
        key: &RequestKey,
        now: Timestamp,
    ) -> Result<Option<Option<Uuid>>, CloudError> {
        match self.get_item(user, &key.item).await? {
            Some(item) if !is_past(&item, now) => Ok(Some(key.upload(&item)?)),
            _ => Ok(None),
        }
    }

    /// An upload; `None` if there is none, or if it ended more than a day ago.
    pub(super) async fn get(&self, user: &UserKey, id: Uuid, now: Timestamp) -> Result<Option<Session>, CloudError> {
        let item = self.get_item(user, &upload_item(id)).await?;
        Ok(item.filter(|item| !is_past(item, now)).map(|item| from_item(id, &item)).transpose()?)
    }

    /// The ids of the uploads that have not ended, oldest first. Removes expired ones from the list.
    pub(super) async fn open(&self, user: &UserKey, now: Timestamp) -> Result<Vec<Uuid>, CloudError> {
        let Some(item) = self.get_item(user, OPEN_UPLOADS).await? else { return Ok(Vec::new()) };
        let ids = item.get("open").and_then(|ids| ids.as_ss().ok()).map(Vec::as_slice).unwrap_or_default();
        let (over, mut open): (Vec<_>, Vec<_>) =
            ids.iter().filter_map(|id| Uuid::try_parse(id).ok()).partition(|id| created_at(*id) + LIFETIME <= now);
        if !over.is_empty() {
            let ids = over.iter().map(Uuid::to_string).collect();
            let update = self
                .dynamodb
                .update_item()
                .table_name(&self.table)
                .set_key(Some(item_key(user, OPEN_UPLOADS)))
                .update_expression("DELETE #open :ids")
                .expression_attribute_names("#open", "open")
                .expression_attribute_values(":ids", AttributeValue::Ss(ids));
            send(update).await?;
        }
        open.sort_unstable();
        Ok(open)
    }

    /// Asks for the exclusive right to check an upload.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such upload.
    pub(super) async fn lease(&self, user: &UserKey, id: Uuid, now: Timestamp) -> Result<Leased, CloudError> {
        let lease = Lease { token: Uuid::now_v7().to_string() };
        let update = self
            .update(user, id)
            .update_expression("SET #state = :checking, lease = :lease, leaseUntil = :until")
            .expression_attribute_names("#state", "state")
            .condition_expression(
                "(expiresAt > :now OR attribute_exists(photo)) AND \
                 (#state = :open OR (#state = :checking AND leaseUntil <= :now))",
            )
            .expression_attribute_values(":checking", text(State::Checking.as_str()))
            .expression_attribute_values(":open", text(State::Open.as_str()))
            .expression_attribute_values(":lease", text(&lease.token))
            .expression_attribute_values(":until", time(now + LEASE))
            .expression_attribute_values(":now", time(now));
        match send(update).await {
            Ok(updated) => {
                let item =
                    updated.attributes.ok_or_else(|| CloudError::unusable("the update returned no attributes"))?;
                Ok(Leased::Ours(lease, Box::new(from_item(id, &item)?)))
            }
            Err(error) => {
                let item = old_item(error)?.filter(|item| !is_past(item, now));
                let item = item.ok_or_else(|| CloudError::of_kind(ErrorKind::NotFound, "no such upload"))?;
                let session = from_item(id, &item)?;
                if attribute(&item, "lease", |token| Some(token == lease.token)) == Ok(true) {
                    // The SDK retried a call whose response was lost.
                    return Ok(Leased::Ours(lease, Box::new(session)));
                }
                Ok(match session.state_at(now) {
                    State::Open | State::Checking => Leased::Held,
                    _ => Leased::Ended(Box::new(session)),
                })
            }
        }
    }

    /// Reopens an upload because parts are missing, and releases the lease.
    pub(super) async fn reopen(&self, user: &UserKey, id: Uuid, lease: &Lease) -> Result<(), CloudError> {
        let update = self.update(user, id).update_expression("SET #state = :open REMOVE lease, leaseUntil");
        let update = update
            .condition_expression("lease = :lease")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":open", text(State::Open.as_str()))
            .expression_attribute_values(":lease", text(&lease.token));
        send(update).await?;
        Ok(())
    }

    /// Ends a lease early, so that the next call need not wait until it expires. Not once the photo is being stored: a
    /// request whose outcome is unknown may still store it.
    pub(super) async fn release(&self, user: &UserKey, id: Uuid, lease: &Lease) -> Result<(), CloudError> {
        let update = self.update(user, id).update_expression("SET leaseUntil = :now");
        let update = update
            .condition_expression("lease = :lease")
            .expression_attribute_values(":lease", text(&lease.token))
            .expression_attribute_values(":now", time(now()));
        send(update).await?;
        Ok(())
    }

    /// Stores the name that the photo is going to have, so that a call that continues an interrupted one uses the same
    /// name.
    pub(super) async fn name(
        &self,
        user: &UserKey,
        id: Uuid,
        lease: &Lease,
        name: &PhotoName,
    ) -> Result<(), CloudError> {
        let update =
            self.update(user, id).update_expression("SET photo = :photo").condition_expression("lease = :lease");
        let update = update
            .expression_attribute_values(":photo", text(name.as_str()))
            .expression_attribute_values(":lease", text(&lease.token));
        send(update).await?;
        Ok(())
    }

    /// Marks an upload as done, refused or cancelled. It no longer counts as open.
    ///
    /// # Errors
    /// Any [`CloudError`]; [`ErrorKind::Throttled`] if another call has the lease now, and will end it.
    pub(super) async fn finish(
        &self,
        user: &UserKey,
        session: &Session,
        lease: &Lease,
        end: End,
        now: Timestamp,
    ) -> Result<(), CloudError> {
        let (state, refusal) = match end {
            End::Done => (State::Done, None),
            End::Refused(refusal) => (State::Refused, Some(refusal)),
            End::Lost => (State::Cancelled, None),
        };
        let ended = self
            .ended(user, session.id, state, now)
            .update_expression(match refusal {
                Some(_) => "SET #state = :state, #ttl = :ttl, refusal = :refusal REMOVE lease, leaseUntil",
                None => "SET #state = :state, #ttl = :ttl REMOVE lease, leaseUntil",
            })
            .condition_expression("lease = :lease")
            .expression_attribute_values(":lease", text(&lease.token));
        let ended = match refusal {
            Some(refusal) => ended.expression_attribute_values(":refusal", text(refusal.as_str())),
            None => ended,
        };
        if self.end(user, session.id, ended).await? {
            Ok(())
        } else {
            Err(CloudError::of_kind(ErrorKind::Throttled, "the lease was lost"))
        }
    }

    /// Cancels an upload that no call is checking. Returns whether it was open or already cancelled.
    pub(super) async fn cancel(&self, user: &UserKey, id: Uuid, now: Timestamp) -> Result<bool, CloudError> {
        let ended = self
            .ended(user, id, State::Cancelled, now)
            .update_expression("SET #state = :state, #ttl = :ttl REMOVE lease, leaseUntil")
            .condition_expression("#state = :open OR #state = :state OR (#state = :checking AND leaseUntil <= :now)")
            .expression_attribute_values(":open", text(State::Open.as_str()))
            .expression_attribute_values(":checking", text(State::Checking.as_str()))
            .expression_attribute_values(":now", time(now));
        self.end(user, id, ended).await
    }

    fn ended(
        &self,
        user: &UserKey,
        id: Uuid,
        state: State,
        now: Timestamp,
    ) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(item_key(user, &upload_item(id))))
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":state", text(state.as_str()))
            .expression_attribute_values(":ttl", epoch_seconds(now + SHOWN_AFTER_END))
    }

    async fn end(
        &self,
        user: &UserKey,
        id: Uuid,
        ended: aws_sdk_dynamodb::types::builders::UpdateBuilder,
    ) -> Result<bool, CloudError> {
        let closed = Update::builder()
            .table_name(&self.table)
            .set_key(Some(item_key(user, OPEN_UPLOADS)))
            .update_expression("DELETE #open :ids")
            .expression_attribute_names("#open", "open")
            .expression_attribute_values(":ids", AttributeValue::Ss(vec![id.to_string()]));
        let writes = vec![
            TransactWriteItem::builder().update(ended.build().map_err(unbuilt)?).build(),
            TransactWriteItem::builder().update(closed.build().map_err(unbuilt)?).build(),
        ];
        Ok(self.transact(writes).await?.is_none())
    }

    /// Writes all items or none. `None` if they are written; else, for each write, whether its condition failed.
    async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<Option<Vec<bool>>, CloudError> {
        // Distinguishes a retry by the SDK from another transaction.
        let token = Uuid::now_v7().to_string();
        for attempt in 0..MAX_ATTEMPTS {
            let transaction = self.dynamodb.transact_write_items().set_transact_items(Some(writes.clone()));
            let Err(error) = transaction.client_request_token(&token).send().await else { return Ok(None) };
            let Some(reasons) = cancellation(&error) else { return Err(error.into()) };
            let is = |reason: &CancellationReason, code: &str| reason.code() == Some(code);
            if reasons.iter().any(|reason| is(reason, "ConditionalCheckFailed")) {
                return Ok(Some(reasons.iter().map(|reason| is(reason, "ConditionalCheckFailed")).collect()));
            }
            if !RETRYABLE.iter().any(|code| reasons.iter().any(|reason| is(reason, code))) {
                return Err(error.into());
            }
            pause(attempt).await;
        }
        Err(CloudError::of_kind(ErrorKind::Throttled, "other requests kept writing the same items"))
    }

    async fn get_item(&self, user: &UserKey, item: &str) -> Result<Option<Item>, CloudError> {
        let get = self.dynamodb.get_item().table_name(&self.table).set_key(Some(item_key(user, item)));
        Ok(get.consistent_read(true).send().await?.item)
    }

    fn update(&self, user: &UserKey, id: Uuid) -> UpdateItemFluentBuilder {
        self.dynamodb
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item_key(user, &upload_item(id))))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

fn upload_item(id: Uuid) -> String {
    format!("upload#{id}")
}

/// The time of creation, which the id contains.
fn created_at(id: Uuid) -> Timestamp {
    let seconds = id.get_timestamp().map_or(0, |time| time.to_unix().0);
    Timestamp::from_second(i64::try_from(seconds).unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX)
}

/// Whether an item has outlived its `ttl`. DynamoDB may keep it for two more days.
fn is_past(item: &Item, now: Timestamp) -> bool {
    required_number(item, "ttl").is_ok_and(|ttl| i64::try_from(ttl).is_ok_and(|ttl| ttl <= now.as_second()))
}

fn to_item(session: &Session) -> Item {
    let Declaration { filename, size, sha256 } = &session.declaration;
    let mut item = Item::from([
        ("filename".to_owned(), text(filename)),
        ("size".to_owned(), number(*size)),
        ("state".to_owned(), text(session.state.as_str())),
        ("multipart".to_owned(), text(&session.multipart)),
        ("createdAt".to_owned(), time(session.created_at)),
        ("expiresAt".to_owned(), time(session.expires_at)),
        ("ttl".to_owned(), epoch_seconds(session.expires_at + SHOWN_AFTER_END)),
    ]);
    if let Some(sha256) = sha256 {
        item.insert("sha256".to_owned(), text(sha256));
    }
    item
}

fn from_item(id: Uuid, item: &Item) -> Result<Session, MalformedItem> {
    let owned = |text: &str| Some(text.to_owned());
    Ok(Session {
        id,
        declaration: Declaration {
            filename: attribute(item, "filename", owned)?,
            size: required_number(item, "size")?,
            sha256: optional(item, "sha256", owned)?,
        },
        state: attribute(item, "state", State::parse)?,
        multipart: attribute(item, "multipart", owned)?,
        created_at: attribute(item, "createdAt", |time| time.parse().ok())?,
        expires_at: attribute(item, "expiresAt", |time| time.parse().ok())?,
        photo: optional(item, "photo", |name| PhotoName::parse(name).ok())?,
        refusal: optional(item, "refusal", Refusal::parse)?,
    })
}

/// The item that failed the condition of an update; `None` if there is no item.
fn old_item(error: SdkError<UpdateItemError>) -> Result<Option<Item>, CloudError> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
            Ok(failed.item().filter(|item| !item.is_empty()).cloned())
        }
        _ => Err(error.into()),
    }
}

/// Sends an update, again if it meets a transaction that writes the same item.
async fn send(update: UpdateItemFluentBuilder) -> Result<UpdateItemOutput, SdkError<UpdateItemError>> {
    for attempt in 0..MAX_ATTEMPTS {
        match update.clone().send().await {
            Err(error) if error.code() == Some("TransactionConflictException") => pause(attempt).await,
            result => return result,
        }
    }
    update.send().await
}

/// Waits longer after each attempt, and for a random time, so that two writers do not meet again.
async fn pause(attempt: u32) {
    let longest = 20_u128 << attempt;
    let random = Uuid::now_v7().as_u128() % longest;
    tokio::time::sleep(Duration::from_millis(u64::try_from(random).unwrap_or(u64::MAX))).await;
}

fn cancellation(error: &SdkError<TransactWriteItemsError>) -> Option<&[CancellationReason]> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => Some(cancelled.cancellation_reasons()),
        _ => None,
    }
}

fn unbuilt(error: aws_sdk_dynamodb::error::BuildError) -> CloudError {
    CloudError::caused("a write cannot be built", error)
}

fn item_key(user: &UserKey, item: &str) -> Item {
    Item::from([("user".to_owned(), text(user.as_str())), ("item".to_owned(), text(item))])
}
