use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use uuid::Uuid;

use super::{Change, Library, PhotoName, PhotoRecord};
use crate::{
    storage::{CloudError, ErrorKind, Objects, keys},
    uploads::UploadStore,
    users::UserKey,
};

/// The most photos that one read of the table is about.
const BATCH: usize = 50;

/// How many objects are asked for at once.
const AT_ONCE: usize = 8;

/// Makes records equal the bucket.
///
/// Only the bucket counts, not what an event says: events arrive late, more than once and in any order. A name is never
/// used again, so a photo is created once and deleted once. A photo that is in the bucket gets a record unless there is
/// a tombstone, and one that is not in the bucket gets a tombstone. The tombstone stops a call that saw the photo
/// before it was deleted.
#[derive(Clone, Debug)]
pub struct Reconciler {
    pub objects: Objects,
    pub library: Library,
    pub uploads: UploadStore,
}

/// What was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Photos that had no record.
    pub added: u64,
    /// Records that had no photo.
    pub removed: u64,
}

impl Reconciler {
    /// The changes whose photos' records do not show them yet, so that the bucket must be asked.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn open(&self, user: &UserKey, changes: &[Change]) -> Result<Vec<Change>, CloudError> {
        let mut open = Vec::new();
        for changes in changes.chunks(BATCH) {
            let names: BTreeSet<_> = changes.iter().map(|change| change.name.clone()).collect();
            let known = self.library.known(user, &names).await?;
            // A tombstone settles everything. A record says that the photo was created, but not that it still exists.
            let is_settled = |Change { name, is_creation }: &Change| {
                known.gone.contains(name) || *is_creation && known.recorded.contains(name)
            };
            open.extend(changes.iter().filter(|change| !is_settled(change)).cloned());
        }
        Ok(open)
    }

    /// Corrects the records of these photos.
    ///
    /// # Errors
    /// Any [`CloudError`]. It can be repeated.
    pub async fn reconcile(&self, user: &UserKey, names: &[PhotoName]) -> Result<Reconciled, CloudError> {
        let mut done = Reconciled::default();
        let mut unrecorded = Vec::new();
        let mut objects = Vec::new();
        for names in names.chunks(AT_ONCE) {
            let keys: Vec<_> = names.iter().map(|name| keys::photo(user, name)).collect();
            objects.extend(try_join_all(keys.iter().map(|key| self.objects.version(key))).await?);
        }
        for (name, object) in names.iter().zip(objects) {
            let Some(object) = object else {
                done.removed += u64::from(self.library.remove(user, name).await?);
                continue;
            };
            let record = PhotoRecord::new(name.clone(), object.size);
            let upload = object.upload.and_then(|upload| upload.parse().ok());
            let is_recorded = match upload {
                Some(upload) => self.record(user, upload, &record).await?,
                None => false,
            };
            if is_recorded {
                done.added += 1;
            } else {
                unrecorded.push(record);
            }
        }
        done.added += self.library.accept(user, &unrecorded).await?;
        Ok(done)
    }

    /// Records a photo with the quota that its upload, or the request that stored it, has reserved. Returns false if
    /// neither exists any more, or if the photo has a record or a tombstone.
    async fn record(&self, user: &UserKey, id: Uuid, record: &PhotoRecord) -> Result<bool, CloudError> {
        if self.uploads.record(user, id, &record.name).await? {
            return Ok(true);
        }
        match self.library.settle(user, id, std::slice::from_ref(record)).await {
            Ok(recorded) => Ok(recorded > 0),
            Err(error) if error.kind() == ErrorKind::Precondition => Ok(false),
            Err(error) => Err(error),
        }
    }
}
