//! Objects in the bucket.

use std::{collections::HashMap, time::Duration};

use aws_sdk_s3::{
    Client,
    config::{StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
    operation::{get_object::GetObjectOutput, head_object::HeadObjectOutput, list_objects_v2::ListObjectsV2Output},
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart, EncodingType},
};
use bytes::Bytes;
use futures_util::future::try_join_all;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    error::{CloudError, ErrorKind},
    table::pause_before,
};

/// How much one `UploadPartCopy` copies. A larger object is copied in parts, several at a time.
pub const COPY_BYTES: u64 = 64 << 20;

/// How many parts are copied at a time.
const COPIES_AT_ONCE: usize = 16;

/// How long S3 may take to copy or assemble bytes. Other calls are short, and have shorter timeouts.
const COPY_TIMEOUT: Duration = Duration::from_secs(20);

/// The source of a copy is percent-encoded, slashes excepted.
const COPY_SOURCE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The bucket.
#[derive(Clone, Debug)]
pub struct Objects {
    s3: Client,
    bucket: String,
}

/// One response of a listing.
pub struct Listing {
    /// Key and size in bytes, in the order of the keys.
    pub objects: Vec<(String, u64)>,
    /// Continues the listing; `None` at its end.
    pub next: Option<String>,
}

impl Objects {
    #[must_use]
    pub const fn new(s3: Client, bucket: String) -> Self {
        Self { s3, bucket }
    }

    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Stores an object unless its key is taken. Returns whether the key was free.
    ///
    /// The SDK repeats a call whose response was lost. The repeated call finds the key taken by the object itself. The
    /// object's metadata tells.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn put_new(
        &self,
        key: &str,
        media_type: &str,
        bytes: Bytes,
        upload: Option<&str>,
    ) -> Result<bool, CloudError> {
        let write = Uuid::now_v7().to_string();
        let metadata = [(WRITE, Some(write.as_str())), (UPLOAD, upload)];
        let metadata = metadata.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        if self.put_if_new(key, media_type, bytes, metadata.collect()).await? {
            return Ok(true);
        }
        let metadata = self.head(key).await?.and_then(|head| head.metadata);
        Ok(metadata.is_some_and(|metadata| metadata.get(WRITE) == Some(&write)))
    }

    /// Stores an object unless its key is taken, maybe by an earlier attempt of the same call. Returns whether the key
    /// was free.
    ///
    /// The payload is not signed: TLS and the CRC-32 that S3 checks protect it, and a SHA-256 doubled the work.
    async fn put_if_new(
        &self,
        key: &str,
        media_type: &str,
        bytes: Bytes,
        metadata: HashMap<String, String>,
    ) -> Result<bool, CloudError> {
        for attempt in 0..MAX_PUTS {
            pause_before(attempt).await;
            let put = self.s3.put_object().bucket(&self.bucket).key(key).if_none_match("*").content_type(media_type);
            let put = put.set_metadata(Some(metadata.clone())).body(ByteStream::from(bytes.clone()));
            let put = put.customize().disable_payload_signing().send().await;
            match put.map(|_| ()).map_err(CloudError::from) {
                // Another write of the key is in progress. It may fail ("PutObject", If-None-Match, Amazon S3 API
                // Reference).
                Err(error) if error.status() == Some(409) => {}
                put => return unless_precondition(put),
            }
        }
        Err(in_progress())
    }

    /// Stores an object, whatever is there.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn overwrite(&self, key: &str, media_type: &str, bytes: Bytes) -> Result<(), CloudError> {
        let put = self.s3.put_object().bucket(&self.bucket).key(key).content_type(media_type);
        put.body(ByteStream::from(bytes)).customize().disable_payload_signing().send().await?;
        Ok(())
    }

    /// Writes a JSON document with one item of metadata, whatever is there, in one attempt.
    ///
    /// # Errors
    /// Any [`CloudError`]; the document may be written nevertheless, even later.
    pub async fn overwrite_document(
        &self,
        key: &str,
        json: Bytes,
        (name, value): (&str, String),
    ) -> Result<(), CloudError> {
        let put = self.s3.put_object().bucket(&self.bucket).key(key).content_type("application/json");
        let put = put.body(ByteStream::from(json)).metadata(name, value);
        let no_retries = patient().retry_config(RetryConfig::disabled());
        put.customize().config_override(no_retries).send().await?;
        Ok(())
    }

    /// An object, with its body still to be read; `None` if there is none.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn get(&self, key: &str) -> Result<Option<GetObjectOutput>, CloudError> {
        self.if_present(key, || self.s3.get_object().bucket(&self.bucket).key(key).send()).await
    }

    /// The headers of an object; `None` if there is none.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn head(&self, key: &str) -> Result<Option<HeadObjectOutput>, CloudError> {
        self.if_present(key, || self.s3.head_object().bucket(&self.bucket).key(key).send()).await
    }

    /// S3 answers 403 instead of 404 for a missing key unless the function may list the whole bucket; its permission to
    /// list one prefix does not count ("`GetObject`", Permissions, Amazon S3 API Reference). So after a 403 a listing
    /// decides. An object that exists costs one request.
    async fn if_present<T, E, F>(&self, key: &str, request: impl Fn() -> F) -> Result<Option<T>, CloudError>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let mut listed = false;
        loop {
            match request().await.map_err(CloudError::from) {
                Ok(response) => return Ok(Some(response)),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) if error.status() == Some(403) && !listed => {
                    if !self.exists(key).await? {
                        return Ok(None);
                    }
                    // Either the object was created this moment, or access is denied: one retry tells.
                    listed = true;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether there is an object at `key`, by a listing: see [`Objects::get`] for why not by `HeadObject`.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn exists(&self, key: &str) -> Result<bool, CloudError> {
        let listing = self.s3.list_objects_v2().bucket(&self.bucket).prefix(key).encoding_type(EncodingType::Url);
        let listing = read_listing(listing.max_keys(1).send().await?);
        Ok(listing.objects.iter().any(|(listed, _)| listed == key))
    }

    /// At most `limit` objects under `prefix`, from the first one after the key `after`, or where `next` of the last
    /// [`Listing`] says.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn list(
        &self,
        prefix: &str,
        limit: u16,
        after: Option<String>,
        next: Option<String>,
    ) -> Result<Listing, CloudError> {
        let listing = self
            .s3
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .encoding_type(EncodingType::Url)
            .max_keys(i32::from(limit))
            .set_start_after(after)
            .set_continuation_token(next);
        Ok(read_listing(listing.send().await?))
    }

    /// At most `limit` folders directly under `prefix`, each with its final slash, from the first one after the folder
    /// `after`. The flag tells whether there are more.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn folders(
        &self,
        prefix: &str,
        limit: u16,
        after: Option<&str>,
    ) -> Result<(Vec<String>, bool), CloudError> {
        // `0` follows the slash, so this is greater than every key in the folder.
        let after = after.map(|folder| format!("{prefix}{}0", folder.trim_end_matches('/')));
        let listing = self
            .s3
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .delimiter("/")
            .encoding_type(EncodingType::Url)
            .max_keys(i32::from(limit))
            .set_start_after(after)
            .send()
            .await?;
        let folders = listing.common_prefixes().iter().filter_map(|folder| decode_key(folder.prefix()?));
        let folders = folders.filter_map(|folder| folder.strip_prefix(prefix).map(str::to_owned));
        Ok((folders.collect(), listing.next_continuation_token.is_some()))
    }

    /// Deletes an object, whether or not it exists.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn delete(&self, key: &str) -> Result<(), CloudError> {
        self.s3.delete_object().bucket(&self.bucket).key(key).send().await?;
        Ok(())
    }

    /// Deletes an object on the condition that it exists. Returns whether it did. Two concurrent calls may both return
    /// true.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn delete_existing(&self, key: &str) -> Result<bool, CloudError> {
        let deleted = self.s3.delete_object().bucket(&self.bucket).key(key).if_match("*").send().await;
        match deleted.map_err(CloudError::from) {
            Ok(_) => Ok(true),
            // 404, or 412 as in "How to perform conditional deletes" (Amazon S3 User Guide). 409: another call is
            // deleting it.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Precondition) => Ok(false),
            // For a missing key S3 may answer 403, as it does to `HeadObject`.
            Err(error) if error.status() == Some(403) && !self.exists(key).await? => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A part of a multipart upload that has arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivedPart {
    pub number: u32,
    pub size: u64,
    pub etag: String,
}

/// An object as `HeadObject` or a completed upload describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectVersion {
    pub etag: String,
    pub size: u64,
    /// `None` in a bucket without versions.
    pub version: Option<String>,
    /// The upload or the reservation that made it, as its metadata says.
    pub upload: Option<String>,
}

/// The metadata that names the upload, or the reservation, which made an object.
const UPLOAD: &str = "upload";

/// The metadata that names the call of [`Objects::put_new`] which made an object.
const WRITE: &str = "write";

/// How many times an object is sent while another write of its key is in progress.
const MAX_PUTS: u32 = 6;

/// Multipart uploads ("Uploading and copying objects using multipart upload", Amazon S3 User Guide).
impl Objects {
    /// Starts a multipart upload and returns its id.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn start_multipart(&self, key: &str, media_type: &str, upload: &str) -> Result<String, CloudError> {
        let started = self.s3.create_multipart_upload().bucket(&self.bucket).key(key);
        let started = started.content_type(media_type).metadata(UPLOAD, upload).send().await?;
        started.upload_id.ok_or_else(|| CloudError::unusable("a multipart upload without id"))
    }

    /// The parts that have arrived; `None` if the upload was completed or aborted.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn arrived(&self, key: &str, multipart: &str) -> Result<Option<Vec<ArrivedPart>>, CloudError> {
        let parts = self.s3.list_parts().bucket(&self.bucket).key(key).upload_id(multipart).max_parts(1_000);
        match parts.send().await.map_err(CloudError::from) {
            Ok(listed) => {
                let part = |part: &aws_sdk_s3::types::Part| {
                    Some(ArrivedPart {
                        number: u32::try_from(part.part_number()?).ok()?,
                        size: u64::try_from(part.size()?).ok()?,
                        etag: part.e_tag()?.to_owned(),
                    })
                };
                Ok(Some(listed.parts().iter().filter_map(part).collect()))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes an object of parts. Returns false and makes nothing if a part was replaced after it was listed, or, with
    /// `only_if_new`, if the key is taken.
    ///
    /// # Errors
    /// Any [`CloudError`]; [`ErrorKind::NotFound`] if the upload was completed or aborted before, and
    /// [`ErrorKind::Throttled`] while another write of the same key is in progress.
    pub async fn complete_multipart(
        &self,
        key: &str,
        multipart: &str,
        parts: &[ArrivedPart],
        only_if_new: bool,
    ) -> Result<bool, CloudError> {
        let part = |part: &ArrivedPart| {
            let number = i32::try_from(part.number).unwrap_or(i32::MAX);
            CompletedPart::builder().part_number(number).e_tag(&part.etag).build()
        };
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.iter().map(part).collect())).build();
        let complete = self.s3.complete_multipart_upload().bucket(&self.bucket).key(key).upload_id(multipart);
        let complete = complete.multipart_upload(parts).set_if_none_match(only_if_new.then(|| "*".to_owned()));
        let completed = complete.customize().config_override(patient()).send().await;
        match completed.map(|_| ()).map_err(CloudError::from) {
            // That write may be this one: the SDK retries a call whose response was lost. Its outcome is not known yet.
            Err(error) if error.status() == Some(409) => Err(in_progress()),
            completed => unless_precondition(completed),
        }
    }

    /// Aborts a multipart upload and deletes its parts. An upload that is gone already is no error.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn abort_multipart(&self, key: &str, multipart: &str) -> Result<(), CloudError> {
        let abort = self.s3.abort_multipart_upload().bucket(&self.bucket).key(key).upload_id(multipart);
        match abort.send().await.map_err(CloudError::from) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Copies a whole object inside S3 to a new key, by a multipart upload: `CopyObject` has no condition on the
    /// target. Returns false and copies nothing if the key is taken.
    ///
    /// # Errors
    /// Any [`CloudError`]; [`ErrorKind::Precondition`] if the source is not `version` any more.
    pub async fn copy_to_new(
        &self,
        source: &str,
        version: &ObjectVersion,
        key: &str,
        media_type: &str,
        upload: &str,
    ) -> Result<bool, CloudError> {
        let multipart = self.start_multipart(key, media_type, upload).await?;
        let copied = self.copy_parts(source, version, key, &multipart).await;
        if !matches!(copied, Ok(true)) {
            self.abort_multipart(key, &multipart).await?;
        }
        copied
    }

    async fn copy_parts(
        &self,
        source: &str,
        version: &ObjectVersion,
        key: &str,
        multipart: &str,
    ) -> Result<bool, CloudError> {
        let count = u32::try_from(version.size.div_ceil(COPY_BYTES)).unwrap_or(u32::MAX);
        let numbers: Vec<u32> = (1..=count).collect();
        let mut parts = Vec::new();
        for numbers in numbers.chunks(COPIES_AT_ONCE) {
            let copies = numbers.iter().map(|number| {
                let from = u64::from(number.saturating_sub(1)) * COPY_BYTES;
                let range = (from, version.size.min(from + COPY_BYTES));
                self.copy_part(source, version, range, key, multipart, *number)
            });
            parts.extend(try_join_all(copies).await?);
        }
        self.complete_multipart(key, multipart, &parts, true).await
    }

    /// Copies the bytes of an object from byte `from` to byte `to` (exclusive) into a part of a multipart upload,
    /// inside S3. An object that is copied in part must have over 5 MB ("`UploadPartCopy`", Amazon S3 API Reference).
    ///
    /// # Errors
    /// Any [`CloudError`]; [`ErrorKind::Precondition`] if the source is not `version` any more.
    pub async fn copy_part(
        &self,
        source: &str,
        version: &ObjectVersion,
        (from, to): (u64, u64),
        key: &str,
        multipart: &str,
        number: u32,
    ) -> Result<ArrivedPart, CloudError> {
        let range = (to - from < version.size).then(|| format!("bytes={from}-{}", to.saturating_sub(1)));
        let copied = self
            .s3
            .upload_part_copy()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(multipart)
            .part_number(i32::try_from(number).unwrap_or(i32::MAX))
            .copy_source(format!("{}/{}", self.bucket, utf8_percent_encode(source, COPY_SOURCE)))
            .set_copy_source_range(range)
            .copy_source_if_match(&version.etag)
            .customize()
            .config_override(patient())
            .send()
            .await?;
        let etag = copied.copy_part_result.and_then(|part| part.e_tag);
        let etag = etag.ok_or_else(|| CloudError::unusable("a copied part without ETag"))?;
        Ok(ArrivedPart { number, size: to - from, etag })
    }

    /// The object at `key`; `None` if there is none.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn version(&self, key: &str) -> Result<Option<ObjectVersion>, CloudError> {
        let Some(head) = self.head(key).await? else { return Ok(None) };
        let size = head.content_length.and_then(|length| u64::try_from(length).ok());
        let upload = head.metadata.and_then(|mut metadata| metadata.remove(UPLOAD));
        match (head.e_tag, size) {
            (Some(etag), Some(size)) => Ok(Some(ObjectVersion { etag, size, version: head.version_id, upload })),
            _ => Err(CloudError::unusable("an object without ETag or length")),
        }
    }

    /// The body of an object, from byte `from` to byte `to` (exclusive), if it still is `version`.
    ///
    /// # Errors
    /// Any [`CloudError`]; [`ErrorKind::NotFound`] if the object is gone.
    pub async fn read_range(
        &self,
        key: &str,
        version: &ObjectVersion,
        from: u64,
        to: u64,
    ) -> Result<ByteStream, CloudError> {
        let last = to.min(version.size).saturating_sub(1);
        let get = self.s3.get_object().bucket(&self.bucket).key(key).if_match(&version.etag);
        let get = get.range(format!("bytes={from}-{last}"));
        let found = self.if_present(key, || get.clone().send()).await?;
        Ok(found.ok_or_else(|| CloudError::of_kind(ErrorKind::NotFound, "an object is gone"))?.body)
    }

    /// As [`Objects::read_range`], read to its end.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn read_bytes(
        &self,
        key: &str,
        version: &ObjectVersion,
        from: u64,
        to: u64,
    ) -> Result<Bytes, CloudError> {
        if from >= to.min(version.size) {
            return Ok(Bytes::new());
        }
        let body = self.read_range(key, version, from, to).await?.collect().await;
        Ok(body.map_err(|error| CloudError::caused("reading an object failed", error))?.into_bytes())
    }

    /// A JSON document; `None` if there is none.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn read_document<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, CloudError> {
        let Some(object) = self.get(key).await? else { return Ok(None) };
        let json = object.body.collect().await;
        let json = json.map_err(|error| CloudError::caused("reading a document failed", error))?;
        let document = serde_json::from_slice(&json.into_bytes());
        document.map(Some).map_err(|error| CloudError::caused("a document cannot be read", error))
    }

    /// A JSON document that must be there.
    ///
    /// # Errors
    /// Any [`CloudError`]; [`ErrorKind::Other`] if there is none.
    pub async fn read_needed_document<T: DeserializeOwned>(&self, key: &str) -> Result<T, CloudError> {
        self.read_document(key).await?.ok_or_else(|| CloudError::unusable("a document is missing"))
    }

    /// Stores a JSON document unless its key is taken, maybe by an earlier attempt of this call. Returns whether the
    /// key was free.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn put_document<T: Serialize>(&self, key: &str, document: &T) -> Result<bool, CloudError> {
        let json = serde_json::to_vec(document);
        let json = json.map_err(|error| CloudError::caused("a document cannot be JSON", error))?;
        self.put_if_new(key, "application/json", json.into(), HashMap::new()).await
    }

    /// Sends a part of a multipart upload.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn upload_part(
        &self,
        key: &str,
        multipart: &str,
        number: u32,
        part: Bytes,
    ) -> Result<ArrivedPart, CloudError> {
        let size = part.len() as u64;
        let sent = self.s3.upload_part().bucket(&self.bucket).key(key).upload_id(multipart);
        let sent = sent.part_number(i32::try_from(number).unwrap_or(i32::MAX)).body(ByteStream::from(part));
        let sent = sent.customize().config_override(patient()).disable_payload_signing().send().await?;
        let etag = sent.e_tag.ok_or_else(|| CloudError::unusable("a part without ETag"))?;
        Ok(ArrivedPart { number, size, etag })
    }

    /// Deletes one version of an object for good, so that the bucket keeps no old version of it.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn delete_version(&self, key: &str, version: &ObjectVersion) -> Result<(), CloudError> {
        let delete = self.s3.delete_object().bucket(&self.bucket).key(key);
        delete.set_version_id(version.version.clone()).send().await?;
        Ok(())
    }
}

/// For calls during which S3 moves bytes. While it does, no byte of the response arrives, which is not a stalled
/// stream.
fn patient() -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder().read_timeout(COPY_TIMEOUT).operation_timeout(COPY_TIMEOUT).build();
    aws_sdk_s3::config::Builder::new()
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}

fn in_progress() -> CloudError {
    CloudError::of_kind(ErrorKind::Throttled, "another write of the same key is in progress")
}

/// False after a failed precondition.
fn unless_precondition(result: Result<(), CloudError>) -> Result<bool, CloudError> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::Precondition => Ok(false),
        Err(error) => Err(error),
    }
}

fn read_listing(listing: ListObjectsV2Output) -> Listing {
    let objects = listing.contents().iter();
    let objects = objects.filter_map(|object| Some((decode_key(object.key()?)?, u64::try_from(object.size()?).ok()?)));
    Listing { objects: objects.collect(), next: listing.next_continuation_token }
}

/// Decodes a key from a listing (`EncodingType::Url`) or an S3 event. Both are form-encoded: `+` is a space. `None` if
/// the key is not UTF-8, which no key of this service is.
#[must_use]
pub fn decode_key(key: &str) -> Option<String> {
    percent_decode_str(&key.replace('+', " ")).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_keys_are_decoded() {
        let key = decode_key("photos/a%2540b/x_a+%2B%25%C3%A9.jpg");
        assert_eq!(key.as_deref(), Some("photos/a%40b/x_a +%é.jpg"));
        assert_eq!(decode_key("photos/ann/%FF"), None);
    }
}
