//! The clients of AWS, made once at a function's start.

use std::{env, time::Duration};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_s3::{
    config::{BehaviorVersion, Region, timeout::TimeoutConfig},
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
};
use aws_types::SdkConfig;

use crate::config::{ConfigError, required};

/// What all clients share.
///
/// Lambda hands a function its region and its role's credentials in the environment, for as long as its process lives:
/// the chains of profiles, single sign-on and instance metadata that `aws-config` brings are of no use here.
///
/// # Errors
/// When region or credentials are not in the environment.
pub fn sdk_config() -> Result<SdkConfig, ConfigError> {
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        required("AWS_SESSION_TOKEN").ok(),
        None,
        "environment",
    );
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .read_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(9))
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(required("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .timeout_config(timeouts);
    config.set_endpoint_url(endpoint());
    Ok(config.build())
}

/// Where the local cloud is; none in AWS.
fn endpoint() -> Option<String> {
    env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty())
}

/// S3. The local cloud has no host name for each bucket, so there the bucket is in the path.
#[must_use]
pub fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(endpoint().is_some()).build();
    aws_sdk_s3::Client::from_conf(config)
}

/// Cognito.
#[must_use]
pub fn cognito(config: &SdkConfig) -> aws_sdk_cognitoidentityprovider::Client {
    aws_sdk_cognitoidentityprovider::Client::new(config)
}

/// `DynamoDB`.
#[must_use]
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(config)
}

/// SQS.
#[must_use]
pub fn sqs(config: &SdkConfig) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(config)
}

/// SES.
#[must_use]
pub fn ses(config: &SdkConfig) -> aws_sdk_ses::Client {
    aws_sdk_ses::Client::new(config)
}

/// An error of AWS for the log, without the body of its response: that may hold an item, and so mail addresses.
pub fn explain<E, R>(error: SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(error) => {
            let error = error.err();
            format!("{}: {}", error.code().unwrap_or("unknown"), error.message().unwrap_or_default())
        }
        SdkError::ResponseError(_) => "the response cannot be read".to_owned(),
        error => DisplayErrorContext(error).to_string(),
    }
}
