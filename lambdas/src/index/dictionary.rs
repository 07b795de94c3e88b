use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    photos::{Photo, PhotoName, PhotoType},
    storage::{
        CloudError, Objects, keys,
        presign::{PresignError, Presigner},
    },
    users::UserKey,
};

/// The photo index of a folder without photos.
pub const EMPTY: &str = "[]";

/// The `ETag` of [`EMPTY`]. It is the one that S3 computes (the MD5), so a client cannot distinguish the index of a new
/// user from one that became empty.
pub const EMPTY_ETAG: &str = "\"d751713988987e9331980363e24189ce\"";

/// The names of an object's metadata: the number of photos in the index, and their total size in bytes.
const COUNT: &str = "count";
const BYTES: &str = "bytes";

/// The photo indexes in the bucket: `index/{user}/images.json`.
#[derive(Clone, Debug)]
pub struct PhotoIndexStore {
    objects: Objects,
}

/// The number of photos in the photo index, and their total size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Totals {
    /// The number of photos.
    pub count: u64,
    /// Their total size in bytes.
    pub bytes: u64,
}

/// The index of a folder's photos: a JSON array of `{name, type, size}`, ordered by name.
#[derive(Clone, Debug)]
pub struct PhotoIndex {
    json: Bytes,
    totals: Totals,
}

/// Builds a photo index from the pages of a listing. Of each page it keeps only the JSON text.
#[derive(Debug, Default)]
pub struct PhotoIndexBuilder {
    json: Vec<u8>,
    totals: Totals,
}

/// A photo in the photo index.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DictionaryEntry")]
pub struct Entry<'a> {
    name: &'a PhotoName,
    #[serde(rename = "type")]
    kind: PhotoType,
    /// In bytes.
    size: u64,
}

impl PhotoIndexBuilder {
    /// Adds photos, whose names must sort after those added before.
    ///
    /// # Errors
    /// If an entry cannot be JSON, which is a bug.
    pub fn add(&mut self, photos: &[Photo]) -> Result<(), serde_json::Error> {
        for Photo { filename, kind, size, .. } in photos {
            self.json.push(if self.json.is_empty() { b'[' } else { b',' });
            serde_json::to_writer(&mut self.json, &Entry { name: filename, kind: *kind, size: *size })?;
            self.totals.count += 1;
            self.totals.bytes = self.totals.bytes.saturating_add(*size);
        }
        Ok(())
    }

    /// The complete index.
    #[must_use]
    pub fn finish(mut self) -> PhotoIndex {
        if self.json.is_empty() {
            self.json.push(b'[');
        }
        self.json.push(b']');
        PhotoIndex { json: self.json.into(), totals: self.totals }
    }
}

impl PhotoIndex {
    /// The JSON text.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// The totals of its photos.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// A hash of the text. Comparing hashes avoids keeping the text of an earlier index.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&self.json).into()
    }
}

/// A photo index in the bucket, whose text has not been read yet.
#[derive(Debug)]
pub struct Stored {
    /// S3's `ETag`, with its quotes. So it is the same if the client fetches the text from S3 directly.
    pub etag: String,
    /// The size of the text in bytes.
    pub size: u64,
    text: ByteStream,
}

impl Stored {
    /// Reads the text.
    ///
    /// # Errors
    /// If the connection to S3 breaks.
    pub async fn read(self) -> Result<Bytes, CloudError> {
        let text = self.text.collect().await;
        Ok(text.map_err(|error| CloudError::caused("the photo index broke off", error))?.into_bytes())
    }
}

impl PhotoIndexStore {
    #[must_use]
    pub const fn new(objects: Objects) -> Self {
        Self { objects }
    }

    /// Writes an index and overwrites the old one unconditionally.
    ///
    /// No retries: a timed-out write may land after the verifying list. The message stays in the queue then, hidden
    /// until no such write can be in progress.
    ///
    /// # Errors
    /// When S3 does not confirm it; it may be written nevertheless.
    pub async fn write(&self, user: &UserKey, index: PhotoIndex) -> Result<(), CloudError> {
        let totals = [(COUNT, index.totals.count.to_string()), (BYTES, index.totals.bytes.to_string())];
        self.objects.overwrite_document(&keys::index(user), index.json, totals).await
    }

    /// A user's index; `None` before the first photo.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn open(&self, user: &UserKey) -> Result<Option<Stored>, CloudError> {
        let Some(object) = self.objects.get(&keys::index(user)).await? else { return Ok(None) };
        let etag = object.e_tag.ok_or_else(|| CloudError::unusable("a photo index without ETag"))?;
        let size = object.content_length.and_then(|length| u64::try_from(length).ok());
        let size = size.ok_or_else(|| CloudError::unusable("a photo index without length"))?;
        Ok(Some(Stored { etag, size, text: object.body }))
    }

    /// The totals of a user's index. They are written in the same put as the index, so the two never differ.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn totals(&self, user: &UserKey) -> Result<Totals, CloudError> {
        let Some(object) = self.objects.head(&keys::index(user)).await? else { return Ok(Totals::default()) };
        let number = |name: &str| object.metadata.as_ref()?.get(name)?.parse().ok();
        let totals = number(COUNT).zip(number(BYTES)).map(|(count, bytes)| Totals { count, bytes });
        totals.ok_or_else(|| CloudError::unusable("a photo index without its totals"))
    }

    /// A presigned URL of a user's index.
    ///
    /// # Errors
    /// [`PresignError`].
    pub fn presign(presigner: &Presigner, user: &UserKey) -> Result<String, PresignError> {
        presigner.presign(&keys::index(user), "application/json", None)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn photo(name: &str, size: u64) -> Photo {
        Photo::new(PhotoName::parse(&format!("20261121T020304056Z_{name}")).unwrap(), size)
    }

    #[test]
    fn a_dictionary_names_the_photos_in_their_order() {
        let mut builder = PhotoIndexBuilder::default();
        builder.add(&[photo("a \"+%é🏳️‍🌈.jpg", 3), photo("b.png", 5)]).unwrap();
        builder.add(&[]).unwrap();
        builder.add(&[photo("c.tiff", 7)]).unwrap();
        let dictionary = builder.finish();
        assert_eq!(dictionary.totals(), Totals { count: 3, bytes: 15 });
        assert_eq!(
            serde_json::from_slice::<Value>(dictionary.json()).unwrap(),
            json!([
                {"name": "20261121T020304056Z_a \"+%é🏳️‍🌈.jpg", "type": "jpg", "size": 3},
                {"name": "20261121T020304056Z_b.png", "type": "png", "size": 5},
                {"name": "20261121T020304056Z_c.tiff", "type": "tiff", "size": 7},
            ])
        );
    }

    #[test]
    fn the_dictionary_of_an_empty_folder_is_an_empty_array() {
        let dictionary = PhotoIndexBuilder::default().finish();
        assert_eq!(dictionary.json(), EMPTY.as_bytes());
        assert_eq!(dictionary.totals(), Totals::default());
    }

    #[test]
    fn the_fingerprint_tells_a_name_and_a_size() {
        let fingerprint = |photos: &[Photo]| {
            let mut builder = PhotoIndexBuilder::default();
            builder.add(photos).unwrap();
            builder.finish().fingerprint()
        };
        let original = fingerprint(&[photo("a.jpg", 1)]);
        assert_eq!(fingerprint(&[photo("a.jpg", 1)]), original);
        assert_ne!(fingerprint(&[photo("a.jpg", 2)]), original);
        assert_ne!(fingerprint(&[photo("b.jpg", 1)]), original);
        assert_ne!(fingerprint(&[]), original);
    }
}
