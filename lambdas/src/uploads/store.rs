use std::time::Duration;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure, builders::UpdateBuilder},
};
use aws_types::SdkConfig;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    Declaration, MAX_OPEN, Refusal, Session, State, UploadKind,
    session::{LEASE, SHOWN_AFTER_END},
};
use crate::{
    config::ConfigError,
    hex::hex,
    jobs::{Job, JobStore, MAX_RUNNING},
    photos::{Delta, Exceeded, Library, PhotoName, PhotoRecord, Quota, UsageChange},
    storage::{
        CloudError, ErrorKind,
        table::{
            Item, MalformedItem, Table, Write, epoch_seconds, is_past, item_key, number, optional, pause_before,
            required as attribute, required_number, send, text, time,
        },
    },
    time::now,
    users::UserKey,
};

/// The maximum number of attempts to record a photo while other photos with the same bytes come and go.
const MAX_ATTEMPTS: u32 = 10;

/// How long an idempotency key is kept.
const KEY_LIFETIME: Duration = Duration::from_hours(24);

/// The uploads in the table `library`, in the user's partition:
/// - `upload#{id}`: a [`Session`], with `leaseUntil` and `lease` while it is checked, and `ttl` (epoch seconds) once it
///   has ended: it is not shown after that, and DynamoDB may delete it;
/// - `idempotency#{hash}`: the upload that a request with an idempotency key created, and a hash of that request.
///
/// The ids of the uploads that have not ended are in the user's [`Usage`](crate::photos::Usage). An id leaves them in
/// the same write that uses or releases what the upload has reserved, so that happens once.
#[derive(Clone, Debug)]
pub struct UploadStore {
    library: Library,
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

/// The result of starting a job.
pub(super) enum Started {
    New,
    /// The user has [`MAX_RUNNING`] running jobs.
    TooMany,
    /// Another call has the lease now or has ended the upload.
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

/// What became of the condition on the upload when a transaction failed.
enum OwnWrite {
    Held,
    Failed,
}

/// The result of storing a new upload.
pub(super) enum Stored {
    New,
    /// The user has [`MAX_OPEN`] open uploads.
    TooMany,
    Exceeded(Exceeded),
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
        Ok(Self { library: Library::from_env(aws)? })
    }

    /// The photos beside the uploads.
    #[must_use]
    pub const fn library(&self) -> &Library {
        &self.library
    }

    const fn table(&self) -> &Table {
        self.library.table()
    }

    /// Stores a new upload, reserves its quota, counts it as open and stores its idempotency key, all in one
    /// transaction. After a refusal, what expired uploads and dead requests hold is released, and the limits are
    /// checked once more.
    pub(super) async fn create(
        &self,
        user: &UserKey,
        session: &Session,
        quota: Quota,
        key: Option<&RequestKey>,
    ) -> Result<Stored, CloudError> {
        let amount = session.reserved();
        let mut item = to_item(session);
        item.extend(item_key(user, &upload_item(session.id)));
        let usage = UsageChange {
            total: Delta::Add(amount),
            reserved: Delta::Add(amount),
            within: Some(quota),
            opened: Some((session.id, MAX_OPEN)),
            ..UsageChange::default()
        };
        let mut writes = vec![Write::Put(self.table().put_new(item)), usage.write(self.table(), user)];
        if let Some(key) = key {
            let mut item = item_key(user, &key.item);
            item.insert("upload".to_owned(), text(session.id.to_string()));
            item.insert("request".to_owned(), text(&key.request));
            item.insert("ttl".to_owned(), epoch_seconds(session.created_at + KEY_LIFETIME));
            // DynamoDB may delete an expired key days later.
            let put = self
                .table()
                .put_new(item)
                .condition_expression("attribute_not_exists(#user) OR #ttl <= :now")
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":now", epoch_seconds(session.created_at));
            writes.push(Write::Put(put));
        }
        for _ in 0..2 {
            let fits = amount.bytes <= quota.bytes && amount.photos <= quota.photos;
            let failed = if fits { self.table().transact(writes.clone()).await? } else { Some(Vec::new()) };
            match failed {
                None => return Ok(Stored::New),
                Some(failed) if failed.get(2) == Some(&true) => {
                    let upload = match key {
                        Some(key) => self.used_for(user, key).await?,
                        None => None,
                    };
                    return Ok(Stored::KeyUsed(upload));
                }
                // The id is new, so the SDK retried a call whose response was lost.
                Some(failed) if failed.first() == Some(&true) => return Ok(Stored::New),
                Some(_) => {
                    self.library.release_expired(user).await?;
                    self.release_expired(user).await?;
                }
            }
        }
        let usage = self.library.usage(user).await?;
        if usage.uploads.len() >= MAX_OPEN {
            return Ok(Stored::TooMany);
        }
        Ok(Stored::Exceeded(Exceeded { quota, used: usage.stored(), reserved: usage.reserved }))
    }

    /// The upload that an idempotency key was used for; `None` if it was used for another request.
    async fn used_for(&self, user: &UserKey, key: &RequestKey) -> Result<Option<Uuid>, CloudError> {
        Ok(match self.table().get(item_key(user, &key.item)).await? {
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
        match self.table().get(item_key(user, &key.item)).await? {
            Some(item) if !is_past(&item, now) => Ok(Some(key.upload(&item)?)),
            _ => Ok(None),
        }
    }

    /// An upload; `None` if there is none, or if it ended more than a day ago.
    pub(super) async fn get(&self, user: &UserKey, id: Uuid, now: Timestamp) -> Result<Option<Session>, CloudError> {
        Ok(self.read(user, id).await?.filter(|session| session.is_shown_at(now)))
    }

    async fn read(&self, user: &UserKey, id: Uuid) -> Result<Option<Session>, CloudError> {
        let item = self.table().get(item_key(user, &upload_item(id))).await?;
        Ok(item.map(|item| from_item(id, &item)).transpose()?)
    }

    /// The uploads that have not ended, oldest first. Ends those that have expired.
    pub(super) async fn open(&self, user: &UserKey, now: Timestamp) -> Result<Vec<Session>, CloudError> {
        let mut ids = self.library.usage(user).await?.uploads;
        ids.sort_unstable();
        let sessions = try_join_all(ids.into_iter().map(|id| self.read(user, id))).await?;
        let mut open = Vec::new();
        for session in sessions.into_iter().flatten() {
            if session.state_at(now) == State::Expired {
                self.expire(user, &session, now).await?;
            } else {
                open.push(session);
            }
        }
        Ok(open)
    }

    /// Ends the user's expired uploads and releases what they have reserved.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn release_expired(&self, user: &UserKey) -> Result<(), CloudError> {
        self.open(user, now()).await.map(|_| ())
    }

    /// Ends an expired upload and releases what it has reserved, unless another call has done so.
    async fn expire(&self, user: &UserKey, session: &Session, now: Timestamp) -> Result<(), CloudError> {
        let ended = self
            .ended(user, session.id, State::Expired, session.expires_at)
            .update_expression("SET #state = :state, endedAt = :endedAt, #ttl = :ttl REMOVE lease, leaseUntil")
            .condition_expression("#state = :open OR (#state = :checking AND leaseUntil <= :now)")
            .expression_attribute_values(":open", text(State::Open.as_str()))
            .expression_attribute_values(":checking", text(State::Checking.as_str()))
            .expression_attribute_values(":now", time(now));
        self.table().transact(vec![Write::Update(ended), self.released(user, session)]).await?;
        Ok(())
    }

    /// Ends an upload whose photo is stored, because an event says so: the call that was checking it may have died.
    /// Returns whether this recorded the photo.
    ///
    /// # Errors
    /// Any [`CloudError`]. It can be repeated.
    pub(crate) async fn record(&self, user: &UserKey, id: Uuid, name: &PhotoName) -> Result<bool, CloudError> {
        let Some(session) = self.read(user, id).await? else { return Ok(false) };
        let Some(record) = session.record() else { return Ok(false) };
        let ended = self
            .ended(user, id, State::Done, now())
            .update_expression("SET #state = :state, endedAt = :endedAt, #ttl = :ttl REMOVE lease, leaseUntil")
            .condition_expression("photo = :photo AND #state = :checking")
            .expression_attribute_values(":checking", text(State::Checking.as_str()))
            .expression_attribute_values(":photo", text(name.as_str()));
        Ok(self.end_with_photo(user, &session, ended, &record).await?.is_none())
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
                "expiresAt > :now AND (#state = :open OR (#state = :checking AND leaseUntil <= :now))",
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
                let none = || CloudError::of_kind(ErrorKind::NotFound, "no such upload");
                let item = old_item(error)?.ok_or_else(none)?;
                let session = from_item(id, &item)?;
                if !session.is_shown_at(now) {
                    return Err(none());
                }
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
        match send(update).await.map_err(CloudError::from) {
            // The SDK retried a call whose response was lost.
            Err(error) if error.kind() == ErrorKind::Precondition => Ok(()),
            result => result.map(|_| ()),
        }
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

    /// Whether a photo was stored and deleted.
    pub(super) async fn is_deleted(&self, user: &UserKey, name: &PhotoName) -> Result<bool, CloudError> {
        self.library.is_deleted(user, name).await
    }

    /// Ends an upload. With a photo, which is stored, it records the photo; without one, it releases the quota. Returns
    /// `false` if another call has the lease now or has ended the upload.
    pub(super) async fn finish(
        &self,
        user: &UserKey,
        session: &Session,
        lease: &Lease,
        end: End,
        now: Timestamp,
    ) -> Result<bool, CloudError> {
        let (state, refusal) = match end {
            End::Done => (State::Done, None),
            End::Refused(refusal) => (State::Refused, Some(refusal)),
            End::Lost => (State::Cancelled, None),
        };
        let ended = self
            .ended(user, session.id, state, now)
            .update_expression(match refusal {
                Some(_) => {
                    "SET #state = :state, endedAt = :endedAt, #ttl = :ttl, refusal = :refusal REMOVE lease, leaseUntil"
                }
                None => "SET #state = :state, endedAt = :endedAt, #ttl = :ttl REMOVE lease, leaseUntil",
            })
            .condition_expression("lease = :lease")
            .expression_attribute_values(":lease", text(&lease.token));
        let ended = match refusal {
            Some(refusal) => ended.expression_attribute_values(":refusal", text(refusal.as_str())),
            None => ended,
        };
        let Some(record) = session.record().filter(|_| state == State::Done) else {
            return self.end(user, session, ended).await;
        };
        match self.end_with_photo(user, session, ended.clone(), &record).await? {
            None => Ok(true),
            // The photo has a record, or it was deleted since.
            Some(OwnWrite::Held) => self.end(user, session, ended).await,
            Some(OwnWrite::Failed) => Ok(false),
        }
    }

    /// Ends an upload with a job for its archive, which takes over what the upload has reserved. One transaction does
    /// it all.
    pub(super) async fn start(
        &self,
        user: &UserKey,
        session: &Session,
        lease: &Lease,
        jobs: &JobStore,
        job: &Job,
    ) -> Result<Started, CloudError> {
        let ended = self
            .ended(user, session.id, State::Done, job.created_at)
            .update_expression(
                "SET #state = :state, endedAt = :endedAt, #ttl = :ttl, job = :job REMOVE lease, leaseUntil",
            )
            .condition_expression("lease = :lease")
            .expression_attribute_values(":lease", text(&lease.token))
            .expression_attribute_values(":job", text(job.id.to_string()));
        let usage = UsageChange {
            closed: Some(session.id),
            job_started: Some((job.id, MAX_RUNNING)),
            ..UsageChange::default()
        };
        let writes = vec![Write::Update(ended), usage.write(self.table(), user), jobs.create(user, job)];
        Ok(match self.table().transact(writes).await? {
            None => Started::New,
            Some(failed) if failed.first() == Some(&true) => Started::Lost,
            Some(_) => Started::TooMany,
        })
    }

    /// Whether the user has as many running jobs as allowed.
    pub(super) async fn is_busy(&self, user: &UserKey) -> Result<bool, CloudError> {
        Ok(self.library.usage(user).await?.jobs.len() >= MAX_RUNNING)
    }

    /// Cancels an upload that no call is checking. Returns whether it was open or already cancelled.
    pub(super) async fn cancel(&self, user: &UserKey, session: &Session, now: Timestamp) -> Result<bool, CloudError> {
        let ended = self
            .ended(user, session.id, State::Cancelled, now)
            .update_expression("SET #state = :state, endedAt = :endedAt, #ttl = :ttl REMOVE lease, leaseUntil")
            .condition_expression("#state = :open OR (#state = :checking AND leaseUntil <= :now)")
            .expression_attribute_values(":open", text(State::Open.as_str()))
            .expression_attribute_values(":checking", text(State::Checking.as_str()))
            .expression_attribute_values(":now", time(now));
        self.end(user, session, ended).await
    }

    fn ended(&self, user: &UserKey, id: Uuid, state: State, at: Timestamp) -> UpdateBuilder {
        self.table()
            .update(item_key(user, &upload_item(id)))
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":state", text(state.as_str()))
            .expression_attribute_values(":endedAt", time(at))
            .expression_attribute_values(":ttl", epoch_seconds(at + SHOWN_AFTER_END))
    }

    /// Ends an upload without a photo. Returns whether the condition of `ended` held.
    async fn end(&self, user: &UserKey, session: &Session, ended: UpdateBuilder) -> Result<bool, CloudError> {
        Ok(self.table().transact(vec![Write::Update(ended), self.released(user, session)]).await?.is_none())
    }

    /// Ends an upload and records its photo. `None` if both are done, else what became of the condition of `ended`.
    async fn end_with_photo(
        &self,
        user: &UserKey,
        session: &Session,
        ended: UpdateBuilder,
        record: &PhotoRecord,
    ) -> Result<Option<OwnWrite>, CloudError> {
        let amount = session.reserved();
        let usage = UsageChange {
            reserved: Delta::Subtract(amount),
            changes: 1,
            closed: Some(session.id),
            ..UsageChange::default()
        };
        let mut writes = vec![Write::Update(ended), usage.write(self.table(), user)];
        let own = writes.len();
        writes.extend(self.library.record_writes(user, record));
        let recorded = writes.len();
        for attempt in 0..MAX_ATTEMPTS {
            pause_before(attempt).await;
            let mut writes = writes.clone();
            writes.extend(self.library.hash_writes(user, &record.name, None, record.sha256.as_deref()).await?);
            let Some(failed) = self.table().transact(writes).await? else { return Ok(None) };
            match failed.iter().position(|failed| *failed) {
                Some(at) if at < own => return Ok(Some(OwnWrite::Failed)),
                Some(at) if at < recorded => return Ok(Some(OwnWrite::Held)),
                // Another photo with the same bytes came or went meanwhile.
                _ => {}
            }
        }
        Err(CloudError::of_kind(ErrorKind::Throttled, "photos with the same bytes kept changing"))
    }

    /// The write that releases what an upload has reserved. Its condition makes that happen once.
    fn released(&self, user: &UserKey, session: &Session) -> Write {
        let amount = session.reserved();
        let usage = UsageChange {
            total: Delta::Subtract(amount),
            reserved: Delta::Subtract(amount),
            closed: Some(session.id),
            ..UsageChange::default()
        };
        usage.write(self.table(), user)
    }

    fn update(&self, user: &UserKey, id: Uuid) -> UpdateItemFluentBuilder {
        let Table { client, name } = self.table();
        client
            .update_item()
            .table_name(name)
            .set_key(Some(item_key(user, &upload_item(id))))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

fn upload_item(id: Uuid) -> String {
    format!("upload#{id}")
}

fn to_item(session: &Session) -> Item {
    let Declaration { filename, size, kind, sha256 } = &session.declaration;
    let mut item = Item::from([
        ("filename".to_owned(), text(filename)),
        ("size".to_owned(), number(*size)),
        ("state".to_owned(), text(session.state.as_str())),
        ("multipart".to_owned(), text(&session.multipart)),
        ("createdAt".to_owned(), time(session.created_at)),
        ("expiresAt".to_owned(), time(session.expires_at)),
    ]);
    if let Some(sha256) = sha256 {
        item.insert("sha256".to_owned(), text(sha256));
    }
    if *kind == UploadKind::Archive {
        item.insert("kind".to_owned(), text(kind.as_str()));
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
            kind: optional(item, "kind", UploadKind::parse)?.unwrap_or_default(),
            sha256: optional(item, "sha256", owned)?,
        },
        state: attribute(item, "state", State::parse)?,
        multipart: attribute(item, "multipart", owned)?,
        created_at: attribute(item, "createdAt", |time| time.parse().ok())?,
        expires_at: attribute(item, "expiresAt", |time| time.parse().ok())?,
        ended_at: optional(item, "endedAt", |time| time.parse().ok())?,
        photo: optional(item, "photo", |name| PhotoName::parse(name).ok())?,
        job: optional(item, "job", |id| Uuid::try_parse(id).ok())?,
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
