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

/// The dictionary of a folder without photos.
pub const EMPTY: &str = "[]";

/// The `ETag` of [`EMPTY`]: what S3 gives a written one (its MD5), so that a new user's dictionary and an emptied one
/// are the same to a client.
pub const EMPTY_ETAG: &str = "\"d751713988987e9331980363e24189ce\"";

/// The names of an object's metadata: how many photos a dictionary holds, and their bytes together.
const COUNT: &str = "count";
const BYTES: &str = "bytes";

/// The dictionaries in the bucket: `index/{user}/images.json`.
#[derive(Clone, Debug)]
pub struct PhotoIndexStore {
    objects: Objects,
}

/// How many photos a dictionary holds, and how large they are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Totals {
    /// Photos.
    pub count: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// What a folder's listing makes: the JSON array of `{name, type, size}`, in the order of the names.
#[derive(Clone, Debug)]
pub struct PhotoIndex {
    json: Bytes,
    totals: Totals,
}

/// Makes a dictionary of a listing, page by page: of a page nothing is kept but its text.
#[derive(Debug, Default)]
pub struct PhotoIndexBuilder {
    json: Vec<u8>,
    totals: Totals,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DictionaryEntry")]
pub struct Entry<'a> {
    name: &'a PhotoName,
    #[serde(rename = "type")]
    kind: PhotoType,
    size: u64,
}

impl PhotoIndexBuilder {
    /// Adds photos, which come after those added before.
    ///
    /// # Errors
    /// When an entry cannot be JSON, which is a fault of ours.
    pub fn add(&mut self, photos: &[Photo]) -> Result<(), serde_json::Error> {
        for Photo { filename, kind, size, .. } in photos {
            self.json.push(if self.json.is_empty() { b'[' } else { b',' });
            serde_json::to_writer(&mut self.json, &Entry { name: filename, kind: *kind, size: *size })?;
            self.totals.count += 1;
            self.totals.bytes = self.totals.bytes.saturating_add(*size);
        }
        Ok(())
    }

    /// The whole dictionary.
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

    /// What it holds.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// Stands for the text when two are compared, so that one of them need not be kept.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&self.json).into()
    }
}

/// A dictionary as it is in the bucket; its text is still to be read.
#[derive(Debug)]
pub struct Stored {
    /// With its quotes; S3's own, so that it is the same when the text is had from S3 directly.
    pub etag: String,
    /// The length of the text in bytes.
    pub size: u64,
    text: ByteStream,
}

impl Stored {
    /// Reads the text.
    ///
    /// # Errors
    /// When S3 breaks off.
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

    /// Writes an index, whatever is there.
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
