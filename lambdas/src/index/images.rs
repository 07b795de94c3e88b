use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use md5::{Digest as _, Md5};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    hex::hex,
    photos::{Library, PhotoName, PhotoRecord, PhotoType, Usage},
    storage::{
        CloudError, Objects, keys,
        presign::{PresignError, Presigner},
    },
    users::UserKey,
};

/// How many records are read at a time. DynamoDB ends a response at 1 MB, which is fewer.
const PAGE: u16 = 4_000;

/// The name of the metadata of an index: how many changes of the user's photos it contains.
const CHANGES: &str = "changes";

/// The photo indexes in the bucket: `index/{user}/images.json`.
#[derive(Clone, Debug)]
pub struct PhotoIndexStore {
    objects: Objects,
}

/// The index of a user's photos: a JSON array of `{name, type, size}`, ordered by name.
#[derive(Clone, Debug)]
pub struct PhotoIndex {
    json: Bytes,
}

/// A photo in the photo index.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PhotoIndexEntry")]
pub struct Entry<'a> {
    name: &'a PhotoName,
    #[serde(rename = "type")]
    kind: PhotoType,
    /// In bytes.
    size: u64,
}

/// Builds a photo index from pages of records. Of each page it keeps only the JSON text.
#[derive(Debug, Default)]
struct Builder {
    json: Vec<u8>,
}

impl Builder {
    /// Adds photos, whose names must sort after those added before.
    fn add(&mut self, records: &[PhotoRecord]) -> Result<(), CloudError> {
        for PhotoRecord { name, size, .. } in records {
            self.json.push(if self.json.is_empty() { b'[' } else { b',' });
            serde_json::to_writer(&mut self.json, &Entry { name, kind: name.kind(), size: *size })
                .map_err(|error| CloudError::caused("an entry of the photo index is not JSON", error))?;
        }
        Ok(())
    }

    fn finish(mut self) -> PhotoIndex {
        if self.json.is_empty() {
            self.json.push(b'[');
        }
        self.json.push(b']');
        PhotoIndex { json: self.json.into() }
    }
}

impl PhotoIndex {
    /// Makes a user's index from the records. It contains every change that was made before this call, and may contain
    /// some of those made during it.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn read(library: &Library, user: &UserKey) -> Result<Self, CloudError> {
        let mut builder = Builder::default();
        let mut last: Option<PhotoName> = None;
        loop {
            let (records, next) = library.list(user, PAGE, last.as_ref()).await?;
            builder.add(&records)?;
            last = next;
            if last.is_none() {
                return Ok(builder.finish());
            }
        }
    }

    /// The JSON text.
    #[must_use]
    pub fn into_json(self) -> Bytes {
        self.json
    }

    /// The size of the text in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.json.len() as u64
    }

    /// The `ETag` that S3 gives this text: its MD5.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("\"{}\"", hex(&Md5::digest(&self.json)))
    }
}

/// A photo index in the bucket, whose text has not been read yet.
#[derive(Debug)]
pub struct Stored {
    /// S3's `ETag`, with its quotes. So it is the same if the client fetches the text from S3 directly.
    pub etag: String,
    /// The size of the text in bytes.
    pub size: u64,
    /// How many changes of the user's photos it contains.
    pub changes: u64,
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

/// Which changes of a user's photos an index contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// There is no index.
    Missing,
    /// It does not say, so this version of the service did not write it.
    Unknown,
    /// This many.
    Changes(u64),
}

impl Contents {
    /// Whether the index is one that the writer of indexes left, as far as `usage` tells, which must be read later.
    /// Such an index is right or will be written again.
    #[must_use]
    pub fn fits(self, usage: &Usage) -> bool {
        match self {
            Self::Missing => usage.indexed == 0,
            Self::Unknown => false,
            Self::Changes(changes) => (usage.indexed..=usage.changes).contains(&changes),
        }
    }
}

impl PhotoIndexStore {
    #[must_use]
    pub const fn new(objects: Objects) -> Self {
        Self { objects }
    }

    /// Writes an index that contains this many changes, and overwrites the old one.
    ///
    /// It is one attempt: a retry could overwrite an index that another call has written since.
    ///
    /// # Errors
    /// When S3 does not confirm it; it may be written nevertheless.
    pub async fn write(&self, user: &UserKey, index: PhotoIndex, changes: u64) -> Result<(), CloudError> {
        self.objects.overwrite_document(&keys::index(user), index.json, (CHANGES, changes.to_string())).await
    }

    /// Stores an index that is too large for a response.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn write_snapshot(&self, user: &UserKey, index: PhotoIndex, changes: u64) -> Result<(), CloudError> {
        let key = keys::snapshot(user, changes);
        self.objects.overwrite_document(&key, index.json, (CHANGES, changes.to_string())).await
    }

    /// A user's index; `None` before the first photo.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn open(&self, user: &UserKey) -> Result<Option<Stored>, CloudError> {
        self.open_at(&keys::index(user)).await
    }

    /// The index that [`PhotoIndexStore::write_snapshot`] stored, if it did.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn open_snapshot(&self, user: &UserKey, changes: u64) -> Result<Option<Stored>, CloudError> {
        self.open_at(&keys::snapshot(user, changes)).await
    }

    async fn open_at(&self, key: &str) -> Result<Option<Stored>, CloudError> {
        let Some(object) = self.objects.get(key).await? else { return Ok(None) };
        let etag = object.e_tag.ok_or_else(|| CloudError::unusable("a photo index without ETag"))?;
        let size = object.content_length.and_then(|length| u64::try_from(length).ok());
        let size = size.ok_or_else(|| CloudError::unusable("a photo index without length"))?;
        let changes = object.metadata.as_ref().and_then(|metadata| metadata.get(CHANGES)?.parse().ok());
        Ok(Some(Stored { etag, size, changes: changes.unwrap_or_default(), text: object.body }))
    }

    /// What the metadata of a user's index says.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn contents(&self, user: &UserKey) -> Result<Contents, CloudError> {
        let Some(object) = self.objects.head(&keys::index(user)).await? else { return Ok(Contents::Missing) };
        let changes = object.metadata.as_ref().and_then(|metadata| metadata.get(CHANGES)?.parse().ok());
        Ok(changes.map_or(Contents::Unknown, Contents::Changes))
    }

    /// A presigned URL of a user's index.
    ///
    /// # Errors
    /// [`PresignError`].
    pub fn presign(presigner: &Presigner, user: &UserKey) -> Result<String, PresignError> {
        presigner.presign(&keys::index(user), "application/json", None)
    }

    /// A presigned URL of the index that [`PhotoIndexStore::write_snapshot`] stored.
    ///
    /// # Errors
    /// [`PresignError`].
    pub fn presign_snapshot(presigner: &Presigner, user: &UserKey, changes: u64) -> Result<String, PresignError> {
        presigner.presign(&keys::snapshot(user, changes), "application/json", None)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn photo(name: &str, size: u64) -> PhotoRecord {
        PhotoRecord::new(PhotoName::parse(&format!("20261121T020304056Z_{name}")).unwrap(), size)
    }

    #[test]
    fn an_index_names_the_photos_in_their_order() {
        let mut builder = Builder::default();
        builder.add(&[photo("a \"+%é🏳️‍🌈.jpg", 3), photo("b.png", 5)]).unwrap();
        builder.add(&[]).unwrap();
        builder.add(&[photo("c.tiff", 7)]).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&builder.finish().into_json()).unwrap(),
            json!([
                {"name": "20261121T020304056Z_a \"+%é🏳️‍🌈.jpg", "type": "jpg", "size": 3},
                {"name": "20261121T020304056Z_b.png", "type": "png", "size": 5},
                {"name": "20261121T020304056Z_c.tiff", "type": "tiff", "size": 7},
            ])
        );
    }

    #[test]
    fn the_index_of_no_photos_is_an_empty_array() {
        let index = Builder::default().finish();
        assert_eq!(index.etag(), "\"d751713988987e9331980363e24189ce\"");
        assert_eq!(&*index.into_json(), b"[]");
    }
}
