//! Where an issuer's keys come from.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::redirect;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

use crate::issuer::Issuer;
use crate::jwk::JwkSet;

/// Limits of one fetch: a set of keys is a few kilobytes, from a host that is near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_BYTES: usize = 256 * 1024;

/// The future of [`FetchKeys::fetch`].
pub type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<JwkSet, FetchError>> + Send + 'a>>;

/// Gets the keys that an issuer publishes now.
pub trait FetchKeys: Send + Sync {
    /// Gets the keys of `issuer`. Whether and how often is the caller's business.
    fn fetch<'a>(&'a self, issuer: &'a Issuer) -> FetchFuture<'a>;
}

/// Why an issuer's keys could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No HTTP client could be made.
    #[error("no HTTP client: {0}")]
    Client(String),
    /// No connection, no answer in time, or one that broke off.
    #[error("the request failed: {0}")]
    Request(#[from] reqwest::Error),
    /// An answer other than 200; a redirection too, since only the configured URL is trusted.
    #[error("the answer was {0}")]
    Status(u16),
    /// More than 256 KiB.
    #[error("the answer was longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Not a JWK set.
    #[error("the answer is not a JWK set: {0}")]
    Json(#[from] serde_json::Error),
    /// A set with no key that could verify a token.
    #[error("the set has no key that can be used")]
    NoKeys,
    /// No answer within the time that the caller had.
    #[error("no answer in time")]
    TimedOut,
}

/// Gets keys by HTTP from the issuer's JWKS URL, which alone is asked: redirections are not followed.
#[derive(Debug, Default)]
pub struct HttpKeys {
    /// Made for the first fetch: a start that finds its keys elsewhere needs none.
    client: OnceLock<reqwest::Client>,
}

impl HttpKeys {
    /// Does nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn client(&self) -> Result<&reqwest::Client, FetchError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .redirect(redirect::Policy::none())
            // A Lambda function is frozen between calls, and its connections are dead when it wakes.
            .pool_max_idle_per_host(0)
            .tls_backend_preconfigured(tls().map_err(|error| FetchError::Client(error.to_string()))?)
            .build()
            .map_err(|error| FetchError::Client(error.to_string()))?;
        Ok(self.client.get_or_init(|| client))
    }

    async fn get(&self, url: &str) -> Result<JwkSet, FetchError> {
        let mut response = self.client()?.get(url).send().await?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len().saturating_add(chunk.len()) > MAX_BYTES {
                return Err(FetchError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(serde_json::from_slice(&body)?)
    }
}

/// Trusts the authorities that browsers do, as they were when this was built. The system's list is the same, but reading
/// it takes some milliseconds, each time that a function starts.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    Ok(ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

impl FetchKeys for HttpKeys {
    fn fetch<'a>(&'a self, issuer: &'a Issuer) -> FetchFuture<'a> {
        Box::pin(self.get(issuer.jwks_url()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::issuer::Issuers;
    use crate::testing::SigningKey;

    /// Fetches from a server that answers every request with these bytes and then closes the connection.
    async fn fetch(answer: Vec<u8>) -> Result<JwkSet, FetchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let _ = connection.read(&mut [0; 4096]).await;
                // The client may hang up in the middle of a long answer.
                let _ = connection.write_all(&answer).await;
            }
        });
        let issuers = json!([{"issuer": format!("http://{host}/pool"), "audiences": ["a"], "kind": "cognito"}]);
        let issuers = Issuers::from_json(&issuers.to_string()).unwrap();
        let fetched = HttpKeys::new().fetch(issuers.iter().next().unwrap()).await;
        server.abort();
        fetched
    }

    fn answer(status: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
    }

    #[tokio::test]
    async fn a_set_is_read() {
        let set = json!({"keys": [SigningKey::es256("a").jwk()]}).to_string();
        let set = fetch(answer("200 OK", &set)).await.unwrap();
        assert_eq!(set.verifying_keys().len(), 1);
    }

    #[tokio::test]
    async fn a_redirection_is_not_followed() {
        let elsewhere = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
        let fetched = fetch(elsewhere.to_vec()).await;
        assert!(matches!(fetched, Err(FetchError::Status(302))));
    }

    #[tokio::test]
    async fn an_error_is_one() {
        let fetched = fetch(answer("503 Service Unavailable", r#"{"keys": []}"#)).await;
        assert!(matches!(fetched, Err(FetchError::Status(503))));
        let fetched = fetch(answer("200 OK", "<html>")).await;
        assert!(matches!(fetched, Err(FetchError::Json(_))));
        let fetched = fetch(b"SSH-2.0\r\n".to_vec()).await;
        assert!(matches!(fetched, Err(FetchError::Request(_))));
    }

    #[tokio::test]
    async fn an_answer_is_read_up_to_its_limit() {
        let set = |length: usize| format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(length - 18));
        assert!(fetch(answer("200 OK", &set(MAX_BYTES))).await.is_ok());
        let fetched = fetch(answer("200 OK", &set(MAX_BYTES + 1))).await;
        assert!(matches!(fetched, Err(FetchError::TooLong)));
        let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", set(4 * MAX_BYTES));
        assert!(matches!(fetch(endless.into_bytes()).await, Err(FetchError::TooLong)));
    }

    #[tokio::test]
    async fn no_server_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap();
        drop(listener);
        let issuers = json!([{"issuer": format!("http://{host}/pool"), "audiences": ["a"], "kind": "cognito"}]);
        let issuers = Issuers::from_json(&issuers.to_string()).unwrap();
        let fetched = HttpKeys::new().fetch(issuers.iter().next().unwrap()).await;
        assert!(matches!(fetched, Err(FetchError::Request(_))));
    }
}
