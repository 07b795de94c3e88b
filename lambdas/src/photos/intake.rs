use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::{sync::Mutex, time::Instant};
use uuid::Uuid;

use super::{
    Amount, Exceeded, PhotoName, PhotoRecord, PhotoStore, PhotoType, Quota, ReserveError, StoreError,
    library::BATCH,
    reservation::{Batch, fit, recorded_together},
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
/// It reserves quota before it stores a byte. Requests that write the same user's usage must wait for each other. So a
/// request that [expects](Self::expect) many photos reserves for several of them at a time, and records them in
/// batches. A request counts its batches together at its end. A job counts each, because events wait where photos are
/// not counted, and a job is long.
#[derive(Debug)]
pub struct Intake<'a> {
    photos: &'a PhotoStore,
    uploads: &'a UploadStore,
    quota: Quota,
    user: &'a UserKey,
    /// Names the reservation.
    id: Uuid,
    account: Mutex<Account>,
    stored: Mutex<Stored>,
    /// When photos were last recorded. Who holds it records.
    recorded: Mutex<Instant>,
    /// How many batches are being recorded, or could not be, or were cancelled. Events record those, from the
    /// reservation.
    unrecorded: AtomicUsize,
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

#[derive(Debug, Default)]
struct Stored {
    /// Not recorded yet.
    photos: Vec<PhotoRecord>,
    /// Recorded, but not counted.
    batches: Vec<Batch>,
}

impl Stored {
    /// Takes what one transaction can record, if that is not all, or if it `is_due`.
    fn take(&mut self, is_due: bool) -> Option<Vec<PhotoRecord>> {
        let first = recorded_together(&self.photos);
        let is_taken = first > 0 && (is_due || first < self.photos.len());
        is_taken.then(|| self.photos.drain(..first).collect())
    }
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
        let unrecorded = AtomicUsize::default();
        Self { photos, uploads, quota, user, id, account, stored, recorded, unrecorded, is_resumed }
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
        self.stored.lock().await.photos.push(record);
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
                self.adopt(record.clone()).await;
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
        let is_due = recorded.elapsed() >= MAX_WAIT;
        let batch = {
            let mut stored = self.stored.lock().await;
            if stored.photos.len() < BATCH && !is_due {
                return;
            }
            stored.take(is_due)
        };
        match batch {
            Some(batch) => self.record_batch(batch).await,
            None if !is_due => return,
            None => {}
        }
        *recorded = Instant::now();
    }

    async fn record_batch(&self, batch: Vec<PhotoRecord>) {
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
        let recorded = if self.is_resumed { self.settle(&batch).await } else { self.note(&batch).await };
        match recorded {
            Ok(()) => {
                self.unrecorded.fetch_sub(1, Ordering::Relaxed);
            }
            Err(error) => warn(&error, batch.len()),
        }
    }

    /// Records a batch and counts it.
    async fn settle(&self, batch: &[PhotoRecord]) -> Result<(), CloudError> {
        self.uploads.library().settle(self.user, self.id, batch).await?;
        let mut account = self.account.lock().await;
        account.held = account.held.map(|held| held.minus(total(batch)));
        Ok(())
    }

    /// Records a batch that is counted at the end.
    async fn note(&self, batch: &[PhotoRecord]) -> Result<(), CloudError> {
        let noted = self.uploads.library().record_batch(self.user, self.id, batch).await?;
        self.stored.lock().await.batches.extend(noted);
        Ok(())
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

    /// Records the stored photos, counts all, and releases the quota that is left. If that fails, the photos are stored
    /// all the same: the bucket's events record and count them, and the reservation expires.
    pub async fn finish(self) {
        let is_empty = self.account.lock().await.held.is_none();
        if is_empty && !self.is_resumed {
            return;
        }
        // An earlier call may have used the reservation of a job.
        let adopted = if self.is_resumed { self.stored.lock().await.photos.clone() } else { Vec::new() };
        self.record_most().await;
        let (library, is_settled) = (self.uploads.library(), self.unrecorded.into_inner() == 0);
        let (held, Stored { photos, batches }) = (self.account.into_inner().held, self.stored.into_inner());
        let settled = async {
            if is_settled {
                let held = held.filter(|_| fit(&photos, &batches));
                return library.settle_last(self.user, self.id, held, &photos, &batches).await;
            }
            // The reservation stays for the events, and expires.
            library.count(self.user, &batches).await?;
            library.settle(self.user, self.id, &photos).await.map(|_| ())
        };
        let settled = match settled.await {
            // An earlier call has ended the reservation, or made none. Usually it has recorded the photos, too.
            Err(error) if self.is_resumed && error.kind() == ErrorKind::Precondition => {
                library.accept(self.user, &adopted).await.map(|_| ())
            }
            settled => settled,
        };
        if let Err(error) = settled {
            warn(&error, photos.len());
        }
    }

    /// Records all photos but those that the last transaction can record. Batches that are not counted do not wait for
    /// each other.
    async fn record_most(&self) {
        let mut full = Vec::new();
        {
            let mut stored = self.stored.lock().await;
            while let Some(batch) = stored.take(false) {
                full.push(batch);
            }
        }
        let at_once = if self.is_resumed { 1 } else { full.len().max(1) };
        stream::iter(full).for_each_concurrent(at_once, |batch| self.record_batch(batch)).await;
        let rest = {
            let mut stored = self.stored.lock().await;
            if fit(&stored.photos, &stored.batches) { None } else { stored.take(true) }
        };
        if let Some(rest) = rest {
            self.record_batch(rest).await;
        }
    }
}

fn total(photos: &[PhotoRecord]) -> Amount {
    photos.iter().fold(Amount::default(), |sum, photo| sum.plus(Amount::photo(photo.size)))
}

fn warn(error: &CloudError, photos: usize) {
    tracing::warn!(error = %Chain(error), photos, "events have to record the photos");
}
