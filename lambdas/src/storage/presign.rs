//! Presigned URLs of objects in the bucket
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>).
//!
//! The S3 client creates the same URLs, but prepares each like a request to be sent. That is thirty times the work, and
//! a page of auctions has a hundred URLs.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningError, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use aws_smithy_runtime_api::client::identity::Identity;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// How long a URL is valid.
pub const EXPIRES_IN: Duration = Duration::from_mins(15);

/// How long a URL takes a part of an upload: enough for a part on a slow line, and for a part that waits for others.
pub const PART_EXPIRES_IN: Duration = Duration::from_hours(1);

/// How long [`Presigner::presign_steady`] returns the same URL.
const STEADY: Duration = Duration::from_mins(5);

/// The signature requires all characters to be encoded except the unreserved ones of RFC 3986.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &VALUE.remove(b'/');

/// Creates presigned URLs. Anyone who has one can download its object for [`EXPIRES_IN`].
#[derive(Clone, Debug)]
pub struct Presigner {
    credentials: Identity,
    region: String,
    /// The URL of the bucket.
    bucket: String,
}

/// A URL could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the URL cannot be signed: {0}")]
pub struct PresignError(String);

impl Presigner {
    /// `endpoint` is that of the local cloud, if it is used. There, buckets have no host names, so the bucket is in the
    /// path.
    #[must_use]
    pub fn new(credentials: Credentials, region: String, bucket: &str, endpoint: Option<&str>) -> Self {
        let bucket = match endpoint {
            Some(endpoint) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
            // AWS in China has another domain ("Amazon S3 endpoints", AWS General Reference).
            None if region.starts_with("cn-") => format!("https://{bucket}.s3.{region}.amazonaws.com.cn"),
            None => format!("https://{bucket}.s3.{region}.amazonaws.com"),
        };
        Self { credentials: credentials.into(), region, bucket }
    }

    /// A URL that serves the object with this `Content-Type` and, if given, this `Content-Disposition`. Both are part
    /// of the signature, so how a browser treats the object never depends on its bytes.
    ///
    /// # Errors
    /// [`PresignError`], which means a bug in this program.
    pub fn presign(&self, key: &str, content_type: &str, disposition: Option<&str>) -> Result<String, PresignError> {
        self.presign_at(SystemTime::now(), key, content_type, disposition)
    }

    /// As [`Presigner::presign`], without a disposition. All URLs that are created within five minutes are the same, so
    /// that a browser finds what it has loaded before, and a response with the URL has the same `ETag`. So a URL is
    /// valid for ten more minutes at least.
    ///
    /// # Errors
    /// [`PresignError`].
    pub fn presign_steady(&self, key: &str, content_type: &str) -> Result<String, PresignError> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let signed_at = SystemTime::UNIX_EPOCH + Duration::from_secs(now - now % STEADY.as_secs());
        self.presign_at(signed_at, key, content_type, None)
    }

    fn presign_at(
        &self,
        now: SystemTime,
        key: &str,
        content_type: &str,
        disposition: Option<&str>,
    ) -> Result<String, PresignError> {
        let mut url = format!("{}/{}?x-id=GetObject", self.bucket, utf8_percent_encode(key, PATH));
        if let Some(disposition) = disposition {
            push(&mut url, "response-content-disposition", disposition);
        }
        push(&mut url, "response-content-type", content_type);
        self.sign(now, "GET", url, None, EXPIRES_IN)
    }

    /// A URL that takes one part of a multipart upload, of exactly `size` bytes: the length is part of the signature.
    ///
    /// # Errors
    /// If it cannot be signed, which is a bug.
    pub fn presign_part(&self, key: &str, multipart: &str, number: u32, size: u64) -> Result<String, PresignError> {
        self.presign_part_at(SystemTime::now(), key, multipart, number, size)
    }

    fn presign_part_at(
        &self,
        now: SystemTime,
        key: &str,
        multipart: &str,
        number: u32,
        size: u64,
    ) -> Result<String, PresignError> {
        let mut url = format!("{}/{}?x-id=UploadPart", self.bucket, utf8_percent_encode(key, PATH));
        push(&mut url, "partNumber", &number.to_string());
        push(&mut url, "uploadId", multipart);
        self.sign(now, "PUT", url, Some(size), PART_EXPIRES_IN)
    }

    fn sign(
        &self,
        now: SystemTime,
        method: &str,
        mut url: String,
        content_length: Option<u64>,
        expires_in: Duration,
    ) -> Result<String, PresignError> {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(expires_in);
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = v4::SigningParams::builder()
            .identity(&self.credentials)
            .region(&self.region)
            .name("s3")
            .time(now)
            .settings(settings)
            .build()
            .map_err(|error| PresignError(error.to_string()))?
            .into();
        let length = content_length.map(|length| length.to_string());
        let headers = length.iter().map(|length| ("content-length", length.as_str()));
        let request = SignableRequest::new(method, Cow::from(&url), headers, SignableBody::UnsignedPayload)?;
        let (signature, _) = sign(request, &params)?.into_parts();
        for (name, value) in signature.params() {
            push(&mut url, name, value);
        }
        Ok(url)
    }
}

impl From<SigningError> for PresignError {
    fn from(error: SigningError) -> Self {
        Self(error.to_string())
    }
}

fn push(url: &mut String, name: &str, value: &str) {
    url.extend(["&", name, "="]);
    url.extend(utf8_percent_encode(value, VALUE));
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::{
        Client, Config,
        config::{BehaviorVersion, Region},
        presigning::PresigningConfig,
    };
    use proptest::prelude::*;

    use super::*;

    const NOW: Duration = Duration::from_secs(1_795_226_645);

    fn client(presigner: &Presigner, endpoint: Option<&str>) -> Client {
        let credentials = presigner.credentials.data::<Credentials>().unwrap().clone();
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(presigner.region.clone()))
            .credentials_provider(credentials)
            .force_path_style(endpoint.is_some());
        config.set_endpoint_url(endpoint.map(str::to_owned));
        Client::from_conf(config.build())
    }

    /// The URL that the S3 client creates for the same object.
    async fn by_the_sdk(
        presigner: &Presigner,
        endpoint: Option<&str>,
        key: &str,
        content_type: &str,
        disposition: Option<&str>,
    ) -> String {
        let presigning =
            PresigningConfig::builder().start_time(SystemTime::UNIX_EPOCH + NOW).expires_in(EXPIRES_IN).build();
        let request = client(presigner, endpoint)
            .get_object()
            .bucket("photos-of-all")
            .key(key)
            .response_content_type(content_type)
            .set_response_content_disposition(disposition.map(str::to_owned))
            .presigned(presigning.unwrap());
        request.await.unwrap().uri().to_owned()
    }

    /// The URL of a part that the S3 client makes.
    async fn part_by_the_sdk(
        presigner: &Presigner,
        endpoint: Option<&str>,
        key: &str,
        multipart: &str,
        number: i32,
        size: i64,
    ) -> String {
        let presigning =
            PresigningConfig::builder().start_time(SystemTime::UNIX_EPOCH + NOW).expires_in(PART_EXPIRES_IN).build();
        let request = client(presigner, endpoint)
            .upload_part()
            .bucket("photos-of-all")
            .key(key)
            .upload_id(multipart)
            .part_number(number)
            .content_length(size)
            .presigned(presigning.unwrap());
        request.await.unwrap().uri().to_owned()
    }

    fn sorted(url: &str) -> (String, Vec<String>) {
        let (path, query) = url.split_once('?').unwrap();
        let mut query: Vec<_> = query.split('&').map(str::to_owned).collect();
        query.sort();
        (path.to_owned(), query)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_url_is_the_one_that_the_sdk_creates(
            key in "photos/[ -~é🐈]{1,40}",
            content_type in "image/[a-z+.-]{1,20}",
            disposition in proptest::option::of("attachment; filename=\"[ -~]{0,20}\"; filename\\*=UTF-8''[!-~]{0,20}"),
            token in proptest::option::of("[A-Za-z0-9+/=]{1,60}"),
            region in prop_oneof![Just("us-east-1"), Just("eu-central-1"), Just("cn-north-1")],
            endpoint in proptest::option::of(Just("http://127.0.0.1:4566")),
        ) {
            let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCY", token, None, "test");
            let presigner = Presigner::new(credentials, region.to_owned(), "photos-of-all", endpoint);
            let disposition = disposition.as_deref();
            let now = SystemTime::UNIX_EPOCH + NOW;
            let ours = presigner.presign_at(now, &key, &content_type, disposition).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let theirs = runtime.block_on(by_the_sdk(&presigner, endpoint, &key, &content_type, disposition));
            prop_assert_eq!(sorted(&ours), sorted(&theirs));
        }

        #[test]
        fn a_url_of_a_part_is_the_one_that_the_sdk_creates(
            key in "incoming/[ -~é]{1,40}",
            multipart in "[A-Za-z0-9._~-]{1,60}",
            number in 1..10_000_i32,
            size in 1..5_i64 << 30,
            endpoint in proptest::option::of(Just("http://127.0.0.1:4566")),
        ) {
            let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCY", None, None, "test");
            let presigner = Presigner::new(credentials, "eu-central-1".to_owned(), "photos-of-all", endpoint);
            let now = SystemTime::UNIX_EPOCH + NOW;
            let ours = presigner.presign_part_at(now, &key, &multipart, number.unsigned_abs(), size.unsigned_abs());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let theirs = runtime.block_on(part_by_the_sdk(&presigner, endpoint, &key, &multipart, number, size));
            prop_assert_eq!(sorted(&ours.unwrap()), sorted(&theirs));
        }
    }
}
