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

/// The authorities that vouch for all hosts of AWS (<https://www.amazontrust.com/repository/>). The system's own list has
/// thirty times as many, and reading it took most of a function's start.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// What all clients share, connections among them.
///
/// Lambda hands a function its region and its role's credentials in the environment, for as long as its process lives:
/// the chains of profiles, single sign-on and instance metadata that `aws-config` brings are of no use here.
///
/// # Errors
/// When region or credentials are not in the environment.
pub fn sdk_config() -> Result<SdkConfig, ConfigError> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .read_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(9))
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(required("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials()?))
        .http_client(http_client())
        .timeout_config(timeouts);
    config.set_endpoint_url(endpoint());
    Ok(config.build())
}

fn credentials() -> Result<Credentials, ConfigError> {
    let token = required("AWS_SESSION_TOKEN").ok();
    let (id, secret) = (required("AWS_ACCESS_KEY_ID")?, required("AWS_SECRET_ACCESS_KEY")?);
    Ok(Credentials::new(id, secret, token, None, "environment"))
}

/// Speaks to AWS and trusts its authorities alone. There is no proxy between Lambda and AWS.
///
/// The SDK has an HTTP client set up TLS for each client that is made, to see whether it can, throws it away, and does it
/// again for the first request. That was a sixth of a start; this one says nothing beforehand.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    let roots = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    let tls = TlsContext::builder().with_trust_store(roots).build().unwrap_or_default();
    let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls).build_https();
    http_client_fn(move |settings, components| client.http_connector(settings, components))
}

/// Where the local cloud is; none in AWS.
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

/// S3. The local cloud has no host name for each bucket, so there the bucket is part of the path.
#[must_use]
pub fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(endpoint().is_some()).build();
    aws_sdk_s3::Client::from_conf(config)
}

/// Signs URLs of the objects in the bucket that `BUCKET` names.
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

    /// The SHA-256 of each certificate, as the page that publishes them gives it.
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
