use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::Mutex, time::Instant};
use uuid::Uuid;

use super::{
    Amount, Exceeded, PhotoName, PhotoRecord, PhotoStore, PhotoType, Quota, ReserveError, StoreError,
    library::{BATCH, recorded_together},
};
use crate::{
    storage::{CloudError, ErrorKind},
    telemetry::Chain,
    uploads::UploadStore,
    users::UserKey,
};

/// How much an intake reserves ahead at most.
const MAX_AHEAD: Amount = Amount { bytes: 64 << 20, photos: 500 };

/// How long stored photos wait to be recorded together.
const MAX_WAIT: Duration = Duration::from_millis(300);

/// Stores the photos of one request within the user's quota.
///
/// It reserves quota before it stores a byte. A request that [expects](Self::expect) many photos reserves for several
/// of them at a time, and records them together, because requests that write the same user's usage must wait for each
/// other.
#[derive(Debug)]
pub struct Intake<'a> {
    photos: &'a PhotoStore,
    uploads: &'a UploadStore,
    quota: Quota,
    user: &'a UserKey,
    /// Names the reservation.
    id: Uuid,
    account: Mutex<Account>,
    /// Stored, but not recorded yet.
    stored: Mutex<Vec<PhotoRecord>>,
    /// When photos were last recorded. Who holds it records.
    recorded: Mutex<Instant>,
    /// Whether recording photos failed or was cancelled. Events record them then, from the reservation.
    is_unsettled: AtomicBool,
    /// Whether an earlier call may have used the reservation.
    is_resumed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// What this intake has reserved and not used. The reservation may hold something else. `None` before it is made.
    held: Option<Amount>,
    /// The part of it that is not taken by a photo.
    free: Amount,
    /// What is expected beyond that.
    expected: Amount,
    /// Photos of this many bytes are refused, and larger ones too. Asking for each photo of an archive would take long.
    refused: Option<(u64, Exceeded)>,
}

impl<'a> Intake<'a> {
    #[must_use]
    pub fn new(photos: &'a PhotoStore, uploads: &'a UploadStore, quota: Quota, user: &'a UserKey) -> Self {
        Self::with_id(photos, uploads, quota, user, Uuid::now_v7(), false)
    }

    /// An intake that continues that of a call which may have died. Its reservation has the id `owner`, and its photos
    /// name it.
    #[must_use]
    pub fn resume(
        photos: &'a PhotoStore,
        uploads: &'a UploadStore,
        quota: Quota,
        user: &'a UserKey,
        owner: Uuid,
    ) -> Self {
        Self::with_id(photos, uploads, quota, user, owner, true)
    }

    fn with_id(
        photos: &'a PhotoStore,
        uploads: &'a UploadStore,
        quota: Quota,
        user: &'a UserKey,
        id: Uuid,
        is_resumed: bool,
    ) -> Self {
        let (account, stored, recorded) = (Mutex::default(), Mutex::default(), Mutex::new(Instant::now()));
        Self {
            photos,
            uploads,
            quota,
            user,
            id,
            account,
            stored,
            recorded,
            is_unsettled: AtomicBool::new(false),
            is_resumed,
        }
    }

    /// Notes what the photos to come take at most.
    pub async fn expect(&self, amount: Amount) {
        self.account.lock().await.expected = amount;
    }

    /// Stores a photo under a new name. A later call or [`Intake::finish`] records it.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is stored then.
    pub async fn store(&self, original: &str, kind: PhotoType, photo: Bytes) -> Result<PhotoRecord, StoreError> {
        let size = photo.len() as u64;
        self.store_with(size, Box::pin(self.photos.put(self.user, original, kind, photo, self.id))).await
    }

    /// As [`Intake::store`], once: see [`PhotoStore::put_once`].
    ///
    /// # Errors
    /// [`StoreError`]; nothing is stored then.
    pub async fn store_once(&self, first: PhotoName, step: i64, photo: Bytes) -> Result<PhotoRecord, StoreError> {
        let size = photo.len() as u64;
        self.store_with(size, Box::pin(self.photos.put_once(self.user, first, step, photo, self.id))).await
    }

    /// Notes a photo that an earlier call with the same reservation has stored. It is recorded if it has no record.
    pub async fn adopt(&self, record: PhotoRecord) {
        self.stored.lock().await.push(record);
    }

    /// Reserves quota for a photo, then waits until `put` has stored it.
    ///
    /// # Errors
    /// [`StoreError`], and those of `put`.
    pub async fn store_with<E: From<StoreError>>(
        &self,
        size: u64,
        put: impl Future<Output = Result<PhotoRecord, E>>,
    ) -> Result<PhotoRecord, E> {
        self.record().await;
        let amount = Amount::photo(size);
        self.take(amount).await?;
        match put.await {
            Ok(record) => {
                self.stored.lock().await.push(record.clone());
                Ok(record)
            }
            Err(error) => {
                let mut account = self.account.lock().await;
                account.free = account.free.plus(amount);
                Err(error)
            }
        }
    }

    /// Records stored photos, if there are enough of them or they have waited long enough. If that fails, events record
    /// them.
    async fn record(&self) {
        let Ok(mut recorded) = self.recorded.try_lock() else { return };
        let batch: Vec<PhotoRecord> = {
            let mut stored = self.stored.lock().await;
            let is_due = recorded.elapsed() >= MAX_WAIT;
            if stored.len() < BATCH && !is_due {
                return;
            }
            let first = recorded_together(&stored);
            if first == stored.len() && !is_due {
                return;
            }
            stored.drain(..first).collect()
        };
        if !batch.is_empty() {
            let was_unsettled = self.is_unsettled.swap(true, Ordering::Relaxed);
            match self.uploads.library().settle(self.user, self.id, &batch).await {
                Ok(_) => {
                    self.is_unsettled.store(was_unsettled, Ordering::Relaxed);
                    let mut account = self.account.lock().await;
                    account.held = account.held.map(|held| held.minus(total(&batch)));
                }
                Err(error) => warn(&error, batch.len()),
            }
        }
        *recorded = Instant::now();
    }

    /// Takes quota for a photo from what is reserved, and reserves more if that is not enough.
    async fn take(&self, amount: Amount) -> Result<(), StoreError> {
        let mut account = self.account.lock().await;
        if account.free.bytes < amount.bytes || account.free.photos < amount.photos {
            let ahead = Amount {
                bytes: account.expected.bytes.min(MAX_AHEAD.bytes).max(amount.bytes),
                photos: account.expected.photos.min(MAX_AHEAD.photos).max(amount.photos),
            };
            if let Some((bytes, exceeded)) = account.refused
                && amount.bytes >= bytes
            {
                return Err(StoreError::Exceeded(exceeded));
            }
            let library = self.uploads.library();
            let reserved = match library.reserve(self.user, self.quota, self.id, ahead).await {
                Ok(()) => ahead,
                Err(ReserveError::Exceeded(_)) => {
                    // From now on, each photo reserves what it takes itself.
                    account.expected = Amount::default();
                    library.release_expired(self.user).await?;
                    self.uploads.release_expired(self.user).await?;
                    match library.reserve(self.user, self.quota, self.id, amount).await {
                        Ok(()) => amount,
                        Err(ReserveError::Exceeded(exceeded)) => {
                            let is_full = exceeded.used.plus(exceeded.reserved).photos >= self.quota.photos;
                            account.refused = Some((if is_full { 0 } else { amount.bytes }, exceeded));
                            return Err(StoreError::Exceeded(exceeded));
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error.into()),
            };
            account.expected = account.expected.minus(reserved);
            account.held = Some(account.held.unwrap_or_default().plus(reserved));
            account.free = account.free.plus(reserved);
        }
        account.free = account.free.minus(amount);
        Ok(())
    }

    /// Records the stored photos and releases the quota that is left. If that fails, the photos are stored all the
    /// same: the bucket's events record them, and the reservation expires.
    pub async fn finish(self) {
        let mut held = self.account.into_inner().held;
        if held.is_none() && !self.is_resumed {
            return;
        }
        let (library, stored) = (self.uploads.library(), self.stored.into_inner());
        let mut is_settled = !self.is_unsettled.into_inner();
        let mut last = stored.as_slice();
        loop {
            let (batch, rest) = last.split_at(recorded_together(last));
            if rest.is_empty() {
                break;
            }
            match library.settle(self.user, self.id, batch).await {
                Ok(_) => held = held.map(|held| held.minus(total(batch))),
                Err(error) => {
                    warn(&error, batch.len());
                    is_settled = false;
                }
            }
            last = rest;
        }
        let settled = if is_settled {
            library.settle_last(self.user, self.id, held, last).await
        } else {
            // The reservation stays for the events, and expires.
            library.settle(self.user, self.id, last).await.map(|_| ())
        };
        let settled = match settled {
            // An earlier call has ended the reservation, or made none. Usually it has recorded the photos, too.
            Err(error) if self.is_resumed && error.kind() == ErrorKind::Precondition => {
                library.accept(self.user, &stored).await.map(|_| ())
            }
            settled => settled,
        };
        if let Err(error) = settled {
            warn(&error, last.len());
        }
    }
}

fn total(photos: &[PhotoRecord]) -> Amount {
    photos.iter().fold(Amount::default(), |sum, photo| sum.plus(Amount::photo(photo.size)))
}

fn warn(error: &CloudError, photos: usize) {
    tracing::warn!(error = %Chain(error), photos, "events have to record the photos");
}
