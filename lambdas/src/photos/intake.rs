use bytes::Bytes;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{Amount, Library, PhotoRecord, PhotoStore, PhotoType, Quota, ReserveError, StoreError};
use crate::{telemetry::Chain, users::UserKey};

/// How much an intake reserves ahead at most.
const MAX_AHEAD: Amount = Amount { bytes: 64 << 20, photos: 100 };

/// Stores the photos of one request within the user's quota.
///
/// It reserves quota before it stores a byte. A request with many photos reserves for several of them at a time, and
/// records them together, because requests that write the same user's usage must wait for each other.
#[derive(Debug)]
pub struct Intake<'a> {
    photos: &'a PhotoStore,
    library: &'a Library,
    quota: Quota,
    user: &'a UserKey,
    /// Names the reservation.
    id: Uuid,
    account: Mutex<Account>,
    stored: Mutex<Vec<PhotoRecord>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    reserved: Amount,
    /// The part of `reserved` that is not taken by a photo.
    free: Amount,
}

impl<'a> Intake<'a> {
    #[must_use]
    pub fn new(photos: &'a PhotoStore, library: &'a Library, quota: Quota, user: &'a UserKey) -> Self {
        let (account, stored) = (Mutex::default(), Mutex::default());
        Self { photos, library, quota, user, id: Uuid::now_v7(), account, stored }
    }

    /// Stores a photo under a new name. [`Intake::finish`] records it.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is stored then.
    pub async fn store(&self, original: &str, kind: PhotoType, photo: Bytes) -> Result<PhotoRecord, StoreError> {
        let amount = Amount::photo(photo.len() as u64);
        self.take(amount).await?;
        match self.photos.put(self.user, original, kind, photo).await {
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

    /// Takes quota for a photo from what is reserved, and reserves more if that is not enough.
    async fn take(&self, amount: Amount) -> Result<(), StoreError> {
        let mut account = self.account.lock().await;
        if account.free.bytes < amount.bytes || account.free.photos < amount.photos {
            // Each time as much again as so far, so that many photos need few reservations.
            let ahead = Amount {
                bytes: account.reserved.bytes.min(MAX_AHEAD.bytes).max(amount.bytes),
                photos: account.reserved.photos.min(MAX_AHEAD.photos).max(amount.photos),
            };
            let reserved = match self.library.reserve(self.user, self.quota, self.id, ahead).await {
                Ok(()) => ahead,
                Err(ReserveError::Exceeded(_)) if ahead != amount => {
                    self.library.reserve(self.user, self.quota, self.id, amount).await?;
                    amount
                }
                Err(error) => return Err(error.into()),
            };
            account.reserved = account.reserved.plus(reserved);
            account.free = account.free.plus(reserved);
        }
        account.free = account.free.minus(amount);
        Ok(())
    }

    /// Records the stored photos and releases the quota that is left. If that fails, the photos are stored all the
    /// same: the bucket's events record them, and the reservation expires.
    pub async fn finish(self) {
        let (account, stored) = (self.account.into_inner(), self.stored.into_inner());
        if account.reserved == Amount::default() {
            return;
        }
        if let Err(error) = self.library.settle(self.user, self.id, account.reserved, &stored).await {
            tracing::warn!(error = %Chain(&error), photos = stored.len(), "events have to record the photos");
        }
    }
}
