//! Errors of the cloud's services, sorted by what the caller can do about them.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Error codes that mean "slow down" or "somebody else is changing this" ("Error handling" and "Common errors" in the
/// API references of S3, `DynamoDB`, SQS, SES and Cognito).
const THROTTLING: [&str; 14] = [
    "ConcurrentModificationException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// What the caller of a failed operation can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The object or item does not exist.
    NotFound,
    /// The condition of a conditional write does not hold.
    Precondition,
    /// The service asks for fewer requests. Retry later.
    Throttled,
    /// Anything else: a missing permission, a broken connection, a bug.
    Other,
}

/// A call to a cloud service failed, or its response was not usable.
///
/// `Display` gives the service's code and message, never a raw response body: that may hold an item with email
/// addresses.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CloudError {
    kind: ErrorKind,
    status: Option<u16>,
    message: String,
    #[source]
    source: Option<BoxError>,
}

impl CloudError {
    /// The service gave a response that this program does not understand, or a request could not be built.
    pub fn unusable(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Other, status: None, message: message.into(), source: None }
    }

    /// An error that this program finds out itself.
    pub fn of_kind(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, ..Self::unusable(message) }
    }

    /// As [`CloudError::unusable`], with the error that caused it.
    pub fn caused(message: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..Self::unusable(message) }
    }

    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The HTTP status of the service's response; `None` without a response.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.status
    }
}

impl CloudError {
    /// An error of a service whose messages may name a user or an email address (Cognito, SES): the code alone is kept.
    pub fn without_message<E>(error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let code = error.code().map(str::to_owned);
        let error = Self::from(error);
        match code {
            Some(code) => Self { message: code, ..error },
            None => error,
        }
    }
}

impl<E> From<SdkError<E>> for CloudError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let kind = kind(error.code(), status);
        match error {
            SdkError::ServiceError(context) => {
                let error = context.into_err();
                let code = error.code().unwrap_or("unknown").to_owned();
                let message = format!("{code}: {}", error.message().unwrap_or_default());
                // The error's own text repeats code and message, so it is not kept as a source.
                Self { kind, status, message, source: None }
            }
            // Its source holds the raw response.
            SdkError::ResponseError(_) => {
                Self { kind, status, message: "unreadable response".to_owned(), source: None }
            }
            SdkError::ConstructionFailure(_) => Self { kind, status, ..Self::unusable("the request cannot be built") },
            error => Self { kind, status, message: "no response".to_owned(), source: error.into_source().ok() },
        }
    }
}

fn kind(code: Option<&str>, status: Option<u16>) -> ErrorKind {
    match (code, status) {
        (Some(code), _) if THROTTLING.contains(&code) => ErrorKind::Throttled,
        // `InvalidPart`: a part was replaced after it was listed.
        (
            Some(
                "ConditionalCheckFailedException" | "PreconditionFailed" | "ConditionalRequestConflict" | "InvalidPart",
            ),
            _,
        )
        | (_, Some(409 | 412)) => ErrorKind::Precondition,
        // A missing bucket is a wrong configuration, not a missing object.
        (Some("NoSuchBucket"), _) => ErrorKind::Other,
        (Some("NoSuchKey" | "NotFound" | "NoSuchUpload"), _) | (_, Some(404)) => ErrorKind::NotFound,
        (_, Some(429 | 503)) => ErrorKind::Throttled,
        _ => ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::{
        Client, Config,
        config::{BehaviorVersion, Credentials, Region, http::HttpRequest, retry::RetryConfig},
        operation::put_item::PutItemError,
    };
    use aws_smithy_runtime_api::client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::HttpResponse,
    };

    use super::*;
    use crate::telemetry::Chain;

    /// A table that gives a fixed response: a status and a body.
    #[derive(Debug)]
    struct Table(u16, &'static str);

    impl HttpConnector for Table {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            HttpConnectorFuture::ready(Ok(HttpResponse::new(self.0.try_into().unwrap(), self.1.into())))
        }
    }

    async fn refusal(table: Table) -> SdkError<PutItemError> {
        let connector = SharedHttpConnector::new(table);
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        Client::from_conf(config).put_item().table_name("t").send().await.unwrap_err()
    }

    #[tokio::test]
    async fn the_log_gets_no_response_body() {
        for (status, body) in [
            (
                400,
                r#"{"__type": "ConditionalCheckFailedException", "message": "no", "Item": {"a": {"S": "ann@x.org"}}}"#,
            ),
            (400, r#"{"__type": "SomethingNew", "message": "no", "email": "ann@x.org"}"#),
            (400, "ann@x.org"),
            (500, "<html>ann@x.org</html>"),
            (200, "ann@x.org"),
            (200, r#"{"Attributes": {"email": "ann@x.org"}}"#),
        ] {
            let error = refusal(Table(status, body)).await;
            assert!(format!("{error:?}").contains("ann@x.org"), "the SDK's own text has it");
            let logged = Chain(&CloudError::from(error)).to_string();
            assert!(!logged.is_empty() && !logged.contains("x.org"), "{body}: {logged}");
        }
    }

    #[test]
    fn errors_are_sorted_by_what_the_caller_can_do() {
        for (code, status, expected) in [
            (Some("SlowDown"), Some(503), ErrorKind::Throttled),
            (Some("ThrottlingException"), Some(400), ErrorKind::Throttled),
            (Some("ProvisionedThroughputExceededException"), Some(400), ErrorKind::Throttled),
            (None, Some(503), ErrorKind::Throttled),
            (Some("ConditionalCheckFailedException"), Some(400), ErrorKind::Precondition),
            (Some("PreconditionFailed"), Some(412), ErrorKind::Precondition),
            (Some("ConditionalRequestConflict"), Some(409), ErrorKind::Precondition),
            (Some("TransactionConflictException"), Some(400), ErrorKind::Throttled),
            (Some("InvalidPart"), Some(400), ErrorKind::Precondition),
            (Some("NoSuchKey"), Some(404), ErrorKind::NotFound),
            (None, Some(404), ErrorKind::NotFound),
            (Some("NoSuchBucket"), Some(404), ErrorKind::Other),
            (Some("AccessDenied"), Some(403), ErrorKind::Other),
            (None, None, ErrorKind::Other),
        ] {
            assert_eq!(kind(code, status), expected, "{code:?} {status:?}");
        }
    }
}
