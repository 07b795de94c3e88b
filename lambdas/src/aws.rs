//! Clients of AWS, created once when a function starts.

use std::{env, time::Duration};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_s3::config::{BehaviorVersion, HttpClient as _, Region, SharedHttpClient, timeout::TimeoutConfig};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::http_client_fn;
use aws_types::SdkConfig;

use crate::{
    config::{ConfigError, required},
    storage::{Objects, presign::Presigner},
};

/// The root certificates of all AWS hosts (<https://www.amazontrust.com/repository/>). The system's list is thirty
/// times as long, and reading it took most of a function's start.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// The configuration of all clients, which also share its connections.
///
/// Lambda passes the region and the role's credentials in the environment, and they are valid as long as the process
/// lives. The profiles, single sign-on and instance metadata of `aws-config` are not needed.
///
/// # Errors
/// [`ConfigError::Missing`] if the region or the credentials are not in the environment.
pub fn sdk_config() -> Result<SdkConfig, ConfigError> {
    let endpoint = endpoint();
    // On a busy machine, a local cloud takes seconds for what AWS does in milliseconds.
    let patience = if endpoint.is_some() { 4 } else { 1 };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2) * patience)
        .read_timeout(Duration::from_secs(5) * patience)
        .operation_timeout(Duration::from_secs(9) * patience)
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(required("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials()?))
        .http_client(http_client())
        .timeout_config(timeouts);
    config.set_endpoint_url(endpoint);
    Ok(config.build())
}

fn credentials() -> Result<Credentials, ConfigError> {
    let token = required("AWS_SESSION_TOKEN").ok();
    let (id, secret) = (required("AWS_ACCESS_KEY_ID")?, required("AWS_SECRET_ACCESS_KEY")?);
    Ok(Credentials::new(id, secret, token, None, "environment"))
}

/// An HTTP client that trusts only Amazon's root certificates and uses no proxy: there is none between Lambda and AWS.
///
/// The SDK validates an HTTP client for each service client: it sets up TLS, discards it, and sets it up again for the
/// first request. That took a sixth of a function's start, so this HTTP client skips the validation.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    let roots = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    let tls = TlsContext::builder().with_trust_store(roots).build().unwrap_or_default();
    let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls).build_https();
    http_client_fn(move |settings, components| client.http_connector(settings, components))
}

/// The endpoint of the local cloud; `None` in AWS.
fn endpoint() -> Option<String> {
    env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty())
}

/// The bucket that `BUCKET` names.
///
/// # Errors
/// If `BUCKET` is not set.
pub fn objects(config: &SdkConfig) -> Result<Objects, ConfigError> {
    Ok(Objects::new(s3(config), required("BUCKET")?))
}

/// The S3 client. In the local cloud, buckets have no host names, so there the bucket is in the path.
#[must_use]
pub fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(endpoint().is_some()).build();
    aws_sdk_s3::Client::from_conf(config)
}

/// Presigns URLs of objects in the bucket that `BUCKET` names.
///
/// # Errors
/// If the bucket, the region or the credentials are not in the environment.
pub fn presigner() -> Result<Presigner, ConfigError> {
    let (bucket, region) = (required("BUCKET")?, required("AWS_REGION")?);
    Ok(Presigner::new(credentials()?, region, &bucket, endpoint().as_deref()))
}

#[must_use]
pub fn cognito(config: &SdkConfig) -> aws_sdk_cognitoidentityprovider::Client {
    aws_sdk_cognitoidentityprovider::Client::new(config)
}

#[must_use]
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(config)
}

#[must_use]
pub fn sqs(config: &SdkConfig) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(config)
}

#[must_use]
pub fn ses(config: &SdkConfig) -> aws_sdk_ses::Client {
    aws_sdk_ses::Client::new(config)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// The SHA-256 of each certificate, as published on the page above.
    const PUBLISHED: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    #[test]
    fn the_roots_are_those_that_amazon_publishes() {
        let text = str::from_utf8(AMAZON_ROOTS).unwrap();
        let digests = text.split("-----BEGIN CERTIFICATE-----").skip(1).map(|certificate| {
            let base64 = certificate.split_once("-----END CERTIFICATE-----").unwrap().0;
            let der = BASE64_STANDARD.decode(base64.split_whitespace().collect::<String>()).unwrap();
            Sha256::digest(der).iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap();
                hex
            })
        });
        assert!(digests.eq(PUBLISHED));
    }
}
