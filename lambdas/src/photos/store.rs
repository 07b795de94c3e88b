use bytes::Bytes;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

use super::{Exceeded, PhotoName, PhotoRecord, PhotoType, ReserveError};
use crate::{
    storage::{
        CloudError, Objects, keys,
        objects::ArrivedPart,
        presign::{PresignError, Presigner},
    },
    users::UserKey,
};

/// How many names in a row may be taken before an upload gives up. Each attempt is one millisecond later, so this also
/// bounds how far a timestamp may be from the upload.
const MAX_ATTEMPTS: usize = 500;

/// How many photos one response lists, and how many are asked for at once.
const LISTED: u16 = 1_000;
const AT_ONCE: usize = 16;

/// The characters of RFC 8187's `attr-char`, which need no encoding in `filename*`.
const EXT_VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The photos in the bucket, under `photos/{user}/`.
#[derive(Clone, Debug)]
pub struct PhotoStore {
    objects: Objects,
}

/// A photo could not be stored, found or deleted.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no such photo")]
    NotFound,
    /// Every name within half a second is taken.
    #[error("no free name within {MAX_ATTEMPTS} ms")]
    Crowded,
    #[error("the photos' bucket failed")]
    Storage(#[from] CloudError),
    #[error("no presigned URL")]
    Presign(#[from] PresignError),
    #[error("the quota is exceeded")]
    Exceeded(Exceeded),
}

/// A photo that arrives in parts. Nobody sees it before it is complete.
#[derive(Debug)]
pub struct LargePhoto {
    objects: Objects,
    key: String,
    name: PhotoName,
    /// S3's id of the multipart upload; empty if the photo is stored already.
    id: String,
    parts: Vec<ArrivedPart>,
    owner: Uuid,
}

impl LargePhoto {
    /// Sends the next part: at least 5 MiB, unless it is the last one.
    ///
    /// # Errors
    /// [`StoreError::Storage`].
    pub async fn send(&mut self, part: Bytes) -> Result<(), StoreError> {
        if !self.id.is_empty() {
            let number = u32::try_from(self.parts.len() + 1).unwrap_or(u32::MAX);
            self.parts.push(self.objects.upload_part(&self.key, &self.id, number, part).await?);
        }
        Ok(())
    }

    /// Makes the parts a photo of `size` bytes.
    ///
    /// # Errors
    /// [`StoreError::Storage`], and [`StoreError::Crowded`] if another photo took the name meanwhile.
    pub async fn complete(self, size: u64) -> Result<PhotoRecord, StoreError> {
        let record = PhotoRecord::new(self.name, size);
        if self.id.is_empty() || self.objects.complete_multipart(&self.key, &self.id, &self.parts, true).await? {
            return Ok(record);
        }
        self.objects.abort_multipart(&self.key, &self.id).await?;
        let object = self.objects.version(&self.key).await?;
        let is_ours = object.and_then(|object| object.upload) == Some(self.owner.to_string());
        if is_ours { Ok(record) } else { Err(StoreError::Crowded) }
    }

    /// Throws the parts away. If that fails, the bucket's lifecycle rules do it.
    ///
    /// # Errors
    /// [`StoreError::Storage`].
    pub async fn abort(self) -> Result<(), StoreError> {
        if !self.id.is_empty() {
            self.objects.abort_multipart(&self.key, &self.id).await?;
        }
        Ok(())
    }
}

impl From<ReserveError> for StoreError {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Exceeded(exceeded) => Self::Exceeded(exceeded),
            ReserveError::Storage(error) => Self::Storage(error),
        }
    }
}

impl PhotoStore {
    #[must_use]
    pub const fn new(objects: Objects) -> Self {
        Self { objects }
    }

    /// Stores a photo under a new name. The conditional put is the only guard against overwriting: if the name is
    /// taken, the next attempt is one millisecond later. The object names the reservation that it draws on.
    ///
    /// # Errors
    /// [`StoreError::Crowded`] and [`StoreError::Storage`]; nothing is stored then.
    pub async fn put(
        &self,
        user: &UserKey,
        original: &str,
        kind: PhotoType,
        photo: Bytes,
        reservation: Uuid,
    ) -> Result<PhotoRecord, StoreError> {
        let (size, id) = (photo.len() as u64, reservation.to_string());
        let mut name = PhotoName::new(original, kind, crate::time::now());
        for _ in 0..MAX_ATTEMPTS {
            if self.objects.put_new(&keys::photo(user, &name), kind.media_type(), photo.clone(), Some(&id)).await? {
                return Ok(PhotoRecord::new(name, size));
            }
            name = name.later(1);
        }
        Err(StoreError::Crowded)
    }

    /// Stores a photo under a name that follows from its origin, so that a repeated call stores nothing: the object
    /// names its `owner`. If the name belongs to another photo, the next one is `step` milliseconds later.
    ///
    /// # Errors
    /// [`StoreError::Crowded`] and [`StoreError::Storage`]; nothing is stored then.
    pub async fn put_once(
        &self,
        user: &UserKey,
        first: PhotoName,
        step: i64,
        photo: Bytes,
        owner: Uuid,
    ) -> Result<PhotoRecord, StoreError> {
        let (size, id) = (photo.len() as u64, owner.to_string());
        let mut name = first;
        for _ in 0..MAX_ATTEMPTS {
            let key = keys::photo(user, &name);
            let is_new = self.objects.put_new(&key, name.kind().media_type(), photo.clone(), Some(&id)).await?;
            if is_new || self.is_of(user, &name, owner).await? {
                return Ok(PhotoRecord::new(name, size));
            }
            name = name.later(step);
        }
        Err(StoreError::Crowded)
    }

    /// Whether a photo exists that `owner` has stored.
    async fn is_of(&self, user: &UserKey, name: &PhotoName, owner: Uuid) -> Result<bool, CloudError> {
        let object = self.objects.version(&keys::photo(user, name)).await?;
        Ok(object.and_then(|object| object.upload) == Some(owner.to_string()))
    }

    /// The photos that `owner` has stored and that are named with a time from `from` to `to`.
    ///
    /// # Errors
    /// [`StoreError::Storage`].
    pub async fn of_owner(
        &self,
        user: &UserKey,
        owner: Uuid,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<PhotoRecord>, StoreError> {
        let folder = keys::photos(user);
        let (mut after, mut next) = (Some(format!("{folder}{}", PhotoName::timestamp(from))), None);
        let mut records = Vec::new();
        loop {
            let listing = self.objects.list(&folder, LISTED, after.take(), next).await?;
            let mut is_past = false;
            let mut found = Vec::new();
            for (key, size) in listing.objects {
                let Some((_, name)) = keys::parse_photo(&key) else { continue };
                is_past |= name.uploaded_at() > to;
                if !is_past {
                    found.push(PhotoRecord::new(name, size));
                }
            }
            for chunk in found.chunks(AT_ONCE) {
                let are_ours = try_join_all(chunk.iter().map(|record| self.is_of(user, &record.name, owner))).await?;
                records.extend(
                    chunk.iter().zip(are_ours).filter(|(_, is_ours)| *is_ours).map(|(record, _)| record.clone()),
                );
            }
            next = listing.next;
            if is_past || next.is_none() {
                return Ok(records);
            }
        }
    }

    /// Stores a photo that is too large for memory under a name that follows from its origin, as
    /// [`PhotoStore::put_once`] does.
    ///
    /// # Errors
    /// [`StoreError::Crowded`] and [`StoreError::Storage`].
    pub async fn start_large(
        &self,
        user: &UserKey,
        first: PhotoName,
        step: i64,
        owner: Uuid,
    ) -> Result<LargePhoto, StoreError> {
        let mut name = first;
        for _ in 0..MAX_ATTEMPTS {
            let key = keys::photo(user, &name);
            let Some(object) = self.objects.version(&key).await? else {
                let id = self.objects.start_multipart(&key, name.kind().media_type(), &owner.to_string()).await?;
                return Ok(LargePhoto { objects: self.objects.clone(), key, name, id, parts: Vec::new(), owner });
            };
            if object.upload == Some(owner.to_string()) {
                // It is there. What is sent again is thrown away.
                let id = String::new();
                return Ok(LargePhoto { objects: self.objects.clone(), key, name, id, parts: Vec::new(), owner });
            }
            name = name.later(step);
        }
        Err(StoreError::Crowded)
    }

    /// A presigned URL that serves the photo with its type, as an attachment under its original name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Storage`] and [`StoreError::Presign`].
    pub async fn presign(&self, presigner: &Presigner, user: &UserKey, name: &PhotoName) -> Result<String, StoreError> {
        let key = keys::photo(user, name);
        if !self.objects.exists(&key).await? {
            return Err(StoreError::NotFound);
        }
        Ok(presigner.presign(&key, name.kind().media_type(), Some(&attachment(name.original())))?)
    }

    /// Deletes a photo's bytes permanently. Returns whether there were any. Two concurrent calls may both return true.
    ///
    /// # Errors
    /// [`StoreError::Storage`].
    pub async fn delete(&self, user: &UserKey, name: &PhotoName) -> Result<bool, StoreError> {
        Ok(self.objects.delete_existing(&keys::photo(user, name)).await?)
    }
}

/// `Content-Disposition` as in RFC 6266: a plain name for old clients, the full name for the others.
fn attachment(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, EXT_VALUE))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_sdk_s3::{
        Client, Config,
        config::{BehaviorVersion, Credentials, Region, http::HttpRequest, retry::RetryConfig},
        primitives::SdkBody,
    };
    use aws_smithy_runtime_api::client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::HttpResponse,
    };

    use super::*;

    const NAME: &str = "20261121T020304056Z_a.jpg";

    /// S3 that gives a fixed response to a deletion, and a listing with or without the photo.
    #[derive(Clone, Debug)]
    struct S3 {
        deletion: (u16, &'static str),
        listed: bool,
        requests: Arc<Mutex<Vec<String>>>,
    }

    impl HttpConnector for S3 {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let if_match = request.headers().get("if-match").unwrap_or_default();
            self.requests.lock().unwrap().push(format!("{} {if_match}", request.method()).trim().to_owned());
            let photo = format!("<Contents><Key>photos/ann/{NAME}</Key><Size>1</Size></Contents>");
            let listed = if self.listed { &photo } else { "" };
            let (status, body) = if request.method() == "DELETE" {
                let (status, code) = self.deletion;
                (status, if code.is_empty() { String::new() } else { format!("<Error><Code>{code}</Code></Error>") })
            } else {
                (200, format!("<ListBucketResult>{listed}</ListBucketResult>"))
            };
            HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))))
        }
    }

    /// The result of a deletion, and the requests that S3 got for it.
    async fn delete(deletion: (u16, &'static str), listed: bool) -> (Result<bool, StoreError>, Vec<String>) {
        let s3 = S3 { deletion, listed, requests: Arc::default() };
        let requests = Arc::clone(&s3.requests);
        let connector = SharedHttpConnector::new(s3);
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        let photos = PhotoStore::new(Objects::new(Client::from_conf(config), "b".to_owned()));
        let deleted = photos.delete(&UserKey::from_segment("ann").unwrap(), &PhotoName::parse(NAME).unwrap()).await;
        let requests = requests.lock().unwrap().clone();
        (deleted, requests)
    }

    #[tokio::test]
    async fn an_existing_photo_is_deleted_by_one_request() {
        let (deleted, requests) = delete((204, ""), false).await;
        assert!(deleted.unwrap());
        assert_eq!(requests, ["DELETE *"]);
        for gone in [(404, "NoSuchKey"), (409, "ConditionalRequestConflict"), (412, "PreconditionFailed")] {
            let (deleted, requests) = delete(gone, true).await;
            assert!(!deleted.unwrap(), "{gone:?}");
            assert_eq!(requests, ["DELETE *"], "{gone:?}");
        }
    }

    #[tokio::test]
    async fn after_a_403_a_listing_decides_whether_the_photo_exists() {
        let (deleted, requests) = delete((403, "AccessDenied"), false).await;
        assert!(!deleted.unwrap());
        assert_eq!(requests, ["DELETE *", "GET"]);
        for fault in [(403, "AccessDenied"), (404, "NoSuchBucket"), (500, "InternalError")] {
            assert!(matches!(delete(fault, true).await.0, Err(StoreError::Storage(_))), "{fault:?}");
        }
    }

    #[test]
    fn a_download_is_saved_under_its_original_name() {
        assert_eq!(attachment("cat.jpg"), "attachment; filename=\"cat.jpg\"; filename*=UTF-8''cat.jpg");
        assert_eq!(
            attachment("Ma\"ñana 100%.jpg"),
            "attachment; filename=\"Ma__ana 100_.jpg\"; filename*=UTF-8''Ma%22%C3%B1ana%20100%25.jpg"
        );
    }
}
