use aws_sdk_s3::{
    Client,
    error::{DisplayErrorContext, ProvideErrorMetadata as _, SdkError},
    operation::{delete_object::DeleteObjectError, put_object::PutObjectError},
    primitives::ByteStream,
    types::EncodingType,
};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Photo, PhotoName, PhotoType};
use crate::{aws::status, presign::Presigner, users::Folder};

/// How many names of one millisecond may be taken before an upload gives up. Each try is one millisecond later, so
/// this bounds how far a time stamp may be from the upload, too.
const MAX_TRIES: usize = 500;

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
    s3: Client,
    bucket: String,
}

/// A photo could not be stored, found or removed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The user's folder has no photo of that name.
    #[error("no such photo")]
    NotFound,
    /// Every name of half a second is taken.
    #[error("no free name within {MAX_TRIES} ms")]
    Crowded,
    /// S3 did not do it; the text is for the log alone.
    #[error("S3: {0}")]
    Storage(String),
}

/// One page of a folder.
#[derive(Debug)]
pub struct Page {
    /// Oldest first.
    pub photos: Vec<Photo>,
    /// Where the next page goes on; none when this was the last.
    pub next: Option<PhotoName>,
}

impl PhotoStore {
    /// The photos of `bucket`.
    #[must_use]
    pub const fn new(s3: Client, bucket: String) -> Self {
        Self { s3, bucket }
    }

    /// Stores a photo under a name of its own. The conditional write is the only guard against overwriting: a name
    /// that is taken is tried again one millisecond later.
    ///
    /// # Errors
    /// [`StoreError::Crowded`] and [`StoreError::Storage`]; nothing is stored then.
    pub async fn put(
        &self,
        folder: &Folder,
        original: &str,
        kind: PhotoType,
        photo: Bytes,
    ) -> Result<Photo, StoreError> {
        let size = u64::try_from(photo.len()).map_err(storage)?;
        let mut name = PhotoName::new(original, kind, crate::time::now());
        for _ in 0..MAX_TRIES {
            match put_if_free(&self.s3, &self.bucket, key(folder, &name), kind, photo.clone()).await {
                Ok(true) => return Ok(Photo::new(name, size)),
                Ok(false) => name = name.next(),
                Err(error) => return Err(sdk(*error)),
            }
        }
        Err(StoreError::Crowded)
    }

    /// At most `limit` photos, oldest first, from the one after `after` on.
    ///
    /// # Errors
    /// [`StoreError::Storage`].
    pub async fn list(&self, folder: &Folder, limit: u16, after: Option<&PhotoName>) -> Result<Page, StoreError> {
        let prefix = prefix(folder);
        let mut more_after = None;
        loop {
            let listing = self
                .s3
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(&prefix)
                .encoding_type(EncodingType::Url)
                .max_keys(i32::from(limit))
                .set_start_after(after.map(|name| key(folder, name)))
                .set_continuation_token(more_after)
                .send()
                .await
                .map_err(sdk)?;
            // Whatever else may lie in the folder was not put there by an upload, and is nobody's photo.
            let photos: Vec<Photo> = listing
                .contents()
                .iter()
                .filter_map(|object| {
                    let size = u64::try_from(object.size()?).ok()?;
                    Some(Photo::new(listed_name(object.key()?, &prefix)?, size))
                })
                .collect();
            more_after = listing.next_continuation_token;
            let next = more_after.as_ref().and_then(|_| photos.last().map(|photo| photo.filename.clone()));
            // A page of other things only has no photo to go on from, but is not the end.
            if next.is_some() || more_after.is_none() {
                return Ok(Page { photos, next });
            }
        }
    }

    /// An address that serves the photo with its type, as an attachment under its original name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Storage`].
    pub async fn presign(
        &self,
        presigner: &Presigner,
        folder: &Folder,
        name: &PhotoName,
    ) -> Result<String, StoreError> {
        let key = key(folder, name);
        self.find(&key).await?;
        presigner.presign(&key, name.kind().media_type(), Some(&attachment(name.original()))).map_err(storage)
    }

    /// Removes a photo.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Storage`]. Two calls at once may both succeed.
    pub async fn delete(&self, folder: &Folder, name: &PhotoName) -> Result<(), StoreError> {
        let key = key(folder, name);
        let deleted = self.s3.delete_object().bucket(&self.bucket).key(&key).if_match("*").send().await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error) if is_gone(&error) => Err(StoreError::NotFound),
            Err(error) => {
                if status(&error) == Some(403) {
                    // It may say so of a missing key, as it does to `HeadObject`.
                    self.find(&key).await?;
                }
                Err(sdk(error))
            }
        }
    }

    /// Asks by a listing, not by `HeadObject`: S3 answers the latter for a missing key with "forbidden" unless the
    /// function may list the whole bucket.
    async fn find(&self, key: &str) -> Result<(), StoreError> {
        let listing = self
            .s3
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(key)
            .encoding_type(EncodingType::Url)
            .max_keys(1)
            .send()
            .await
            .map_err(sdk)?;
        let found = listing.contents().iter().filter_map(|object| object.key()).any(|listed| decode(listed) == key);
        if found { Ok(()) } else { Err(StoreError::NotFound) }
    }
}

fn prefix(folder: &Folder) -> String {
    format!("photos/{folder}/")
}

fn key(folder: &Folder, name: &PhotoName) -> String {
    format!("photos/{folder}/{name}")
}

fn listed_name(key: &str, prefix: &str) -> Option<PhotoName> {
    PhotoName::parse(decode(key).strip_prefix(prefix)?).ok()
}

/// Keys in a listing are form-encoded (`EncodingType::Url`): `+` is a space, as in an S3 event.
pub(crate) fn decode(key: &str) -> String {
    percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// `Content-Disposition` after RFC 6266: a plain name for old clients, the whole one for the others.
fn attachment(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, EXT_VALUE))
}

/// Stores a photo or a picture unless its key is taken; whether it was free.
///
/// TLS and the CRC-32 that S3 checks see to it that the bytes arrive; a SHA-256 for the signature doubled the work.
///
/// # Errors
/// What S3 answered; nothing is stored then.
pub(crate) async fn put_if_free(
    s3: &Client,
    bucket: &str,
    key: impl Into<String>,
    kind: PhotoType,
    bytes: Bytes,
) -> Result<bool, Box<SdkError<PutObjectError>>> {
    let put = s3
        .put_object()
        .bucket(bucket)
        .key(key)
        .if_none_match("*")
        .content_type(kind.media_type())
        .body(ByteStream::from(bytes))
        .customize()
        .disable_payload_signing()
        .send()
        .await;
    match put {
        Ok(_) => Ok(true),
        Err(error) if is_taken(&error) => Ok(false),
        Err(error) => Err(Box::new(error)),
    }
}

/// 404: there is no such key, unless it is the bucket that is missing. 409: another call is deleting it. 412 is what S3's
/// guide says instead of 404 ("How to perform conditional deletes", Amazon S3 User Guide).
fn is_gone(error: &SdkError<DeleteObjectError>) -> bool {
    error.code() != Some("NoSuchBucket") && matches!(status(error), Some(404 | 409 | 412))
}

/// 412: the key is taken. 409: another write of the same key is under way.
fn is_taken(error: &SdkError<PutObjectError>) -> bool {
    matches!(status(error), Some(409 | 412))
}

fn sdk<E: std::error::Error + Send + Sync + 'static>(error: SdkError<E>) -> StoreError {
    StoreError::Storage(DisplayErrorContext(error).to_string())
}

fn storage(error: impl std::fmt::Display) -> StoreError {
    StoreError::Storage(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_sdk_s3::{
        Config,
        config::{BehaviorVersion, Credentials, Region, http::HttpRequest, retry::RetryConfig},
        primitives::SdkBody,
    };
    use aws_smithy_runtime_api::client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::HttpResponse,
    };

    use super::*;

    const NAME: &str = "20261121T020304056Z_a.jpg";

    /// S3, which answers a deletion with a status and a code, and a listing with the photo or without.
    #[derive(Clone, Debug)]
    struct S3 {
        deletion: (u16, &'static str),
        listed: bool,
        asked: Arc<Mutex<Vec<String>>>,
    }

    impl HttpConnector for S3 {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let if_match = request.headers().get("if-match").unwrap_or_default();
            self.asked.lock().unwrap().push(format!("{} {if_match}", request.method()).trim().to_owned());
            let photo = format!("<Contents><Key>photos/ann/{NAME}</Key></Contents>");
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

    /// What comes of a deletion, and what was asked of S3 for it.
    async fn delete(deletion: (u16, &'static str), listed: bool) -> (Result<(), StoreError>, Vec<String>) {
        let s3 = S3 { deletion, listed, asked: Arc::default() };
        let asked = Arc::clone(&s3.asked);
        let connector = SharedHttpConnector::new(s3);
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        let photos = PhotoStore::new(Client::from_conf(config), "b".to_owned());
        let deleted = photos.delete(&Folder::from_key_segment("ann").unwrap(), &PhotoName::parse(NAME).unwrap()).await;
        let asked = asked.lock().unwrap().clone();
        (deleted, asked)
    }

    #[tokio::test]
    async fn a_photo_is_deleted_if_it_is_there_in_one_call() {
        let (deleted, asked) = delete((204, ""), false).await;
        assert!(deleted.is_ok());
        assert_eq!(asked, ["DELETE *"]);
        for gone in [(404, "NoSuchKey"), (409, "ConditionalRequestConflict"), (412, "PreconditionFailed")] {
            let (deleted, asked) = delete(gone, true).await;
            assert!(matches!(deleted, Err(StoreError::NotFound)), "{gone:?}");
            assert_eq!(asked, ["DELETE *"], "{gone:?}");
        }
    }

    #[tokio::test]
    async fn a_listing_tells_whether_what_is_forbidden_is_there() {
        let (deleted, asked) = delete((403, "AccessDenied"), false).await;
        assert!(matches!(deleted, Err(StoreError::NotFound)));
        assert_eq!(asked, ["DELETE *", "GET"]);
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

    #[test]
    fn listed_keys_are_decoded() {
        let name = listed_name("photos/a%2540b/20261121T020304056Z_a+%2B%25%C3%A9.jpg", "photos/a%40b/");
        assert_eq!(name.unwrap().original(), "a +%é.jpg");
    }
}
