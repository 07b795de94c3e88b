use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

use super::{Exceeded, PhotoName, PhotoRecord, PhotoType, ReserveError};
use crate::{
    storage::{
        CloudError, Objects, keys,
        presign::{PresignError, Presigner},
    },
    users::UserKey,
};

/// How many names in a row may be taken before an upload gives up. Each attempt is one millisecond later, so this also
/// bounds how far a timestamp may be from the upload.
const MAX_ATTEMPTS: usize = 500;

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
            name = name.next();
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
