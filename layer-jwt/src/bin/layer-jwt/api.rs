//! A client for the two calls of the Lambda Extensions API that an extension needs to receive events (Lambda Developer
//! Guide, "Lambda Extensions API reference").
//!
//! The crate `lambda-extension` is not used because its loop continues after SHUTDOWN, and because it depends on
//! everything that logs and telemetry need: an HTTP server, a multi-threaded runtime and a calendar library.

use std::env;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;

const IDENTIFIER: &str = "lambda-extension-identifier";

/// Why the extension cannot continue. Lambda expects it to exit promptly in that case.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("cannot read AWS_LAMBDA_RUNTIME_API (Lambda sets it for programs in /opt/extensions)")]
    NoAddress(#[source] env::VarError),
    #[error("the Extensions API cannot be called")]
    Request(#[from] reqwest::Error),
    #[error("{call} returned status {status}")]
    Status { call: &'static str, status: StatusCode },
    #[error("the response to the registration has no identifier")]
    NoIdentifier,
    #[error("received an invalid event")]
    Event(#[from] serde_json::Error),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "eventType", rename_all = "UPPERCASE")]
pub(crate) enum Event {
    Invoke,
    /// The sandbox shuts down. This process has 2 seconds to exit.
    Shutdown,
    /// An event that was not registered for.
    #[serde(other)]
    Unknown,
}

pub(crate) struct Extension {
    client: Client,
    base: String,
    identifier: String,
}

impl Extension {
    /// Registers for INVOKE and SHUTDOWN. `name` must be the file name of the extension.
    pub(crate) async fn register(name: &str) -> Result<Self, ApiError> {
        let host = env::var("AWS_LAMBDA_RUNTIME_API").map_err(ApiError::NoAddress)?;
        let base = format!("http://{host}/2020-01-01/extension");
        let client = Client::builder()
            .no_proxy()
            // The API uses plain HTTP on this host, so the start can skip loading the system's certificates.
            .tls_certs_only(std::iter::empty())
            .build()?;
        let request = client
            .post(format!("{base}/register"))
            .header("lambda-extension-name", name)
            .header("content-type", "application/json")
            .body(r#"{"events": ["INVOKE", "SHUTDOWN"]}"#);
        let response = call("register", request).await?;
        let identifier = response.headers().get(IDENTIFIER).and_then(|value| value.to_str().ok());
        let identifier = identifier.ok_or(ApiError::NoIdentifier)?.to_owned();
        Ok(Self { client, base, identifier })
    }

    /// Waits for the next event, without a timeout, because Lambda freezes this process between invocations.
    pub(crate) async fn next_event(&self) -> Result<Event, ApiError> {
        let request = self.client.get(format!("{}/event/next", self.base)).header(IDENTIFIER, &self.identifier);
        let event = call("event/next", request).await?.bytes().await?;
        Ok(serde_json::from_slice(&event)?)
    }
}

async fn call(call: &'static str, request: RequestBuilder) -> Result<Response, ApiError> {
    let response = request.send().await?;
    match response.status() {
        StatusCode::OK => Ok(response),
        status => Err(ApiError::Status { call, status }),
    }
}
