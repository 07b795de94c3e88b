use bytes::Bytes;
use futures_util::future::{try_join, try_join_all};

use super::{MEDIA_TYPE, PREVIEW, RECIPE, THUMBNAIL};
use crate::{
    photos::PhotoName,
    storage::{CloudError, Objects, keys},
    users::UserKey,
};

/// How many renditions of a photo are listed at a time.
const PAGE: u16 = 100;

/// The renditions in the bucket.
#[derive(Clone, Debug)]
pub struct RenditionStore {
    objects: Objects,
}

impl RenditionStore {
    #[must_use]
    pub const fn new(objects: Objects) -> Self {
        Self { objects }
    }

    /// Stores the renditions of a photo. It may be repeated: the same photo has the same renditions.
    ///
    /// # Errors
    /// Any [`CloudError`]; some may be stored then.
    pub async fn put(
        &self,
        user: &UserKey,
        name: &PhotoName,
        thumbnail: Vec<u8>,
        preview: Vec<u8>,
    ) -> Result<(), CloudError> {
        let put = |longer, file: Vec<u8>| {
            let key = keys::rendition(user, name, RECIPE, longer);
            async move { self.objects.overwrite(&key, MEDIA_TYPE, Bytes::from(file)).await }
        };
        try_join(put(THUMBNAIL, thumbnail), put(PREVIEW, preview)).await?;
        Ok(())
    }

    /// Deletes the renditions of a photo, whatever recipe they follow, except those of the recipe `keep`.
    ///
    /// # Errors
    /// Any [`CloudError`]; it can be repeated.
    pub async fn delete(&self, user: &UserKey, name: &PhotoName, keep: Option<u32>) -> Result<(), CloudError> {
        let prefix = keys::renditions(user, name);
        let kept = keep.map(|recipe| [THUMBNAIL, PREVIEW].map(|longer| keys::rendition(user, name, recipe, longer)));
        let mut next = None;
        loop {
            let listing = self.objects.list(&prefix, PAGE, None, next).await?;
            let unused =
                listing.objects.iter().filter(|(key, _)| !kept.as_ref().is_some_and(|kept| kept.contains(key)));
            try_join_all(unused.map(|(key, _)| self.objects.delete(key))).await?;
            next = listing.next;
            if next.is_none() {
                return Ok(());
            }
        }
    }
}
