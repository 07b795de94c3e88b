//! The Lambda Extensions API (Lambda Developer Guide, "Lambda Extensions API reference"), of which an extension that
//! only listens to events needs two calls.
//!
//! The crate `lambda-extension` is not used: its loop goes on after SHUTDOWN, and it brings what logs and telemetry need
//! (an HTTP server, a threaded runtime, calendars) for two requests.

use std::env;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;

const IDENTIFIER: &str = "lambda-extension-identifier";

/// Why the extension can't go on. Lambda asks it to end promptly then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// Not started by Lambda.
    #[error("AWS_LAMBDA_RUNTIME_API is not set: this program is started by Lambda, from /opt/extensions")]
    NoAddress,
    /// No HTTP client, no connection, or one that broke off.
    #[error("{0}")]
    Request(#[from] reqwest::Error),
    /// An answer other than 200.
    #[error("{call} was answered {status}")]
    Status {
        /// What was called.
        call: &'static str,
        /// What it said.
        status: StatusCode,
    },
    /// A registration without an identifier.
    #[error("the registration was answered without an identifier")]
    NoIdentifier,
    /// An event that can't be read.
    #[error("an event can't be read: {0}")]
    Event(#[from] serde_json::Error),
}

/// What happens to the function.
#[derive(Debug, Deserialize)]
#[serde(tag = "eventType", rename_all = "UPPERCASE")]
pub(crate) enum Event {
    /// It is being called.
    Invoke,
    /// It ends, and this process has 2 s to end.
    Shutdown,
    /// Nothing that was registered for.
    #[serde(other)]
    Unknown,
}

/// A registered extension.
pub(crate) struct Extension {
    client: Client,
    base: String,
    identifier: String,
}

impl Extension {
    /// Registers for invocations and the end. `name` is the name of the extension's file.
    pub(crate) async fn register(name: &str) -> Result<Self, ApiError> {
        let host = env::var("AWS_LAMBDA_RUNTIME_API").map_err(|_| ApiError::NoAddress)?;
        let base = format!("http://{host}/2020-01-01/extension");
        let client = Client::builder()
            .no_proxy()
            // It talks to this host alone, without TLS: the start need not read the system's certificates.
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

    /// Waits for the next event, for as long as it takes: Lambda freezes this process meanwhile.
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
