use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use super::{Library, PhotoName, PhotoStore, StoreError, library::BATCH, trash::Marker};
use crate::{telemetry::Chain, users::UserKey};

/// How many markers one query reads.
const PAGE: usize = 1_000;

/// How many photos are deleted at once.
const AT_ONCE: usize = 16;

/// Deletes photos permanently: first their bytes, then their records. If a call dies between the two, the bucket's
/// events remove the records.
#[derive(Clone, Debug)]
pub struct Deletion {
    pub photos: PhotoStore,
    pub library: Library,
}

impl Deletion {
    /// Deletes a photo, whether or not it is in the trash. Returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Storage`]; the photo may be gone nevertheless.
    pub async fn delete(&self, user: &UserKey, name: &PhotoName) -> Result<bool, StoreError> {
        let is_deleted = self.photos.delete(user, name).await?;
        if !is_deleted && self.library.get(user, name).await?.is_none() {
            return Ok(false);
        }
        if let Err(error) = self.library.remove(user, name).await {
            tracing::warn!(error = %Chain(&error), "an event has to remove the record of a deleted photo");
        }
        Ok(true)
    }

    /// Deletes the photos of a trash that is being emptied, oldest first. Returns whether all of them are deleted: no
    /// batch begins after `until`. It can be repeated.
    ///
    /// # Errors
    /// [`StoreError::Storage`] if a photo could not be deleted, after all the others.
    pub async fn empty_trash(&self, user: &UserKey, until: Instant) -> Result<bool, StoreError> {
        // No photo that was moved to the trash before this time is restored any more.
        let Some(emptied) = self.library.usage(user).await?.emptied else { return Ok(true) };
        let (mut last, mut failure) = (None, None);
        while Instant::now() < until {
            let markers = self.library.trashed(user, Some(emptied), last.as_ref(), PAGE).await?;
            last = markers.last().cloned();
            if last.is_none() {
                return match failure {
                    Some(error) => Err(error),
                    None => Ok(self.library.finish_emptying(user).await.map(|()| true)?),
                };
            }
            for batch in markers.chunks(BATCH) {
                if Instant::now() >= until {
                    return Ok(false);
                }
                failure = self.delete_trashed(user, batch.to_vec()).await?.or(failure);
            }
        }
        Ok(false)
    }

    /// Deletes photos in the trash. Returns an error of the bucket, if it did not delete all of them.
    async fn delete_trashed(&self, user: &UserKey, markers: Vec<Marker>) -> Result<Option<StoreError>, StoreError> {
        let deletions = markers.into_iter().map(async |marker| {
            let outcome = self.photos.delete(user, &marker.name).await;
            (marker, outcome)
        });
        let outcomes: Vec<_> = stream::iter(deletions).buffer_unordered(AT_ONCE).collect().await;
        let (mut deleted, mut failure) = (Vec::new(), None);
        for (marker, outcome) in outcomes {
            match outcome {
                Ok(_) => deleted.push(marker),
                Err(error) => failure = Some(error),
            }
        }
        self.library.remove_trashed(user, &deleted).await?;
        Ok(failure)
    }
}
