use aws_sdk_s3::{
    Client,
    config::retry::RetryConfig,
    error::{DisplayErrorContext, SdkError},
    operation::{
        get_object::GetObjectOutput, head_object::HeadObjectOutput, put_object::builders::PutObjectFluentBuilder,
    },
    primitives::ByteStream,
    types::EncodingType,
};
use bytes::Bytes;

use crate::aws::status;

/// JSON documents in the bucket, by key.
#[derive(Clone, Debug)]
pub(super) struct Documents {
    pub(super) s3: Client,
    pub(super) bucket: String,
}

/// S3 did not do it; the text is for the log alone.
#[derive(Debug, thiserror::Error)]
#[error("S3: {0}")]
pub struct StorageError(pub(super) String);

impl StorageError {
    pub(super) fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }

    pub(super) fn sdk<E: std::error::Error + Send + Sync + 'static>(error: SdkError<E>) -> Self {
        Self(DisplayErrorContext(error).to_string())
    }
}

impl Documents {
    pub(super) async fn get(&self, key: &str) -> Result<Option<GetObjectOutput>, StorageError> {
        self.if_there(key, || self.s3.get_object().bucket(&self.bucket).key(key).send()).await
    }

    pub(super) async fn head(&self, key: &str) -> Result<Option<HeadObjectOutput>, StorageError> {
        self.if_there(key, || self.s3.head_object().bucket(&self.bucket).key(key).send()).await
    }

    pub(super) fn put(&self, key: &str, json: Bytes) -> PutObjectFluentBuilder {
        self.s3.put_object().bucket(&self.bucket).key(key).content_type("application/json").body(ByteStream::from(json))
    }

    /// To a function that may not list, S3 does not say that a document is missing: it answers "forbidden". And the
    /// right to list that these functions have is for listings of their own prefix, so it does not count for a
    /// `GetObject` ("`GetObject`", Permissions, in the Amazon S3 API Reference). So when S3 forbids, a listing tells
    /// which of the two it is. A document that is there costs one request.
    async fn if_there<T, E, F>(&self, key: &str, ask: impl Fn() -> F) -> Result<Option<T>, StorageError>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let mut listed = false;
        loop {
            match ask().await {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) if status(&error) == Some(404) => return Ok(None),
                Err(error) if status(&error) == Some(403) && !listed => {
                    if !self.is_listed(key).await? {
                        return Ok(None);
                    }
                    // Made in this moment, or forbidden indeed: asking once more tells.
                    listed = true;
                }
                Err(error) => return Err(StorageError::sdk(error)),
            }
        }
    }

    async fn is_listed(&self, key: &str) -> Result<bool, StorageError> {
        let listing = self
            .s3
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(key)
            .encoding_type(EncodingType::Url)
            .max_keys(1)
            .send()
            .await
            .map_err(StorageError::sdk)?;
        // The keys of documents end in `.json`: the first key with that prefix is the key itself, unless somebody put
        // another one there by hand.
        Ok(listing
            .contents()
            .iter()
            .filter_map(|object| object.key())
            .any(|listed| crate::photos::decode(listed) == key))
    }
}

/// No second try by the SDK.
pub(super) fn once() -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::config::Builder::new().retry_config(RetryConfig::disabled())
}
