//! Fetching an issuer's keys.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use reqwest::redirect;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

use crate::error::FetchError;
use crate::issuer::Issuer;
use crate::jwk::JwkSet;
use crate::policy::{CONNECT_TIMEOUT, MAX_JWKS_BYTES, TOTAL_TIMEOUT};

/// The future that [`FetchKeys::fetch`] returns, boxed so that the trait can be used as `dyn FetchKeys`.
pub type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<JwkSet, FetchError>> + Send + 'a>>;

/// A source of the keys that issuers currently publish.
pub trait FetchKeys: Send + Sync {
    /// Fetches the keys of `issuer`. Does not cache: the caller decides when a fetch is due.
    fn fetch<'a>(&'a self, issuer: &'a Issuer) -> FetchFuture<'a>;
}

/// Fetches keys over HTTP from the issuer's JWKS URL. Redirects are not followed.
#[derive(Debug, Default)]
pub struct HttpKeys {
    /// Created on the first fetch, so that a start that finds its keys in the file does not pay for it.
    client: OnceLock<reqwest::Client>,
}

impl HttpKeys {
    /// A source that opens no connection before the first fetch.
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
            // Lambda freezes the process between invocations, and idle connections are dead when it resumes.
            .pool_max_idle_per_host(0)
            .tls_backend_preconfigured(tls().map_err(FetchError::Tls)?)
            .build()
            .map_err(FetchError::Client)?;
        Ok(self.client.get_or_init(|| client))
    }

    async fn get(&self, url: &str) -> Result<JwkSet, FetchError> {
        let mut response = self.client()?.get(url).send().await?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len().saturating_add(chunk.len()) > MAX_JWKS_BYTES {
                return Err(FetchError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(serde_json::from_slice(&body)?)
    }
}

/// Trusts Mozilla's certificate authorities as of the build. The system's list has the same content, but reading it
/// takes some milliseconds on every cold start.
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
    use crate::error::with_sources;
    use crate::issuer::Issuers;
    use crate::testing::SigningKey;

    /// Fetches from a server that sends these bytes in response to every request and then closes the connection.
    async fn fetch(response: Vec<u8>) -> Result<JwkSet, FetchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let _ = connection.read(&mut [0; 4096]).await;
                // The client may hang up in the middle of a long response.
                let _ = connection.write_all(&response).await;
            }
        });
        let issuers = json!([{"issuer": format!("http://{host}/pool"), "audiences": ["a"], "kind": "cognito"}]);
        let issuers = Issuers::from_json(&issuers.to_string()).unwrap();
        let fetched = HttpKeys::new().fetch(issuers.iter().next().unwrap()).await;
        server.abort();
        fetched
    }

    fn response(status: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
    }

    #[tokio::test]
    async fn a_set_is_fetched() {
        let set = json!({"keys": [SigningKey::es256("a").jwk()]}).to_string();
        let set = fetch(response("200 OK", &set)).await.unwrap();
        assert_eq!(set.verifying_keys().len(), 1);
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let elsewhere = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
        let fetched = fetch(elsewhere.to_vec()).await;
        assert!(matches!(fetched, Err(FetchError::Status(302))));
    }

    #[tokio::test]
    async fn an_invalid_response_is_an_error() {
        let fetched = fetch(response("503 Service Unavailable", r#"{"keys": []}"#)).await;
        assert!(matches!(fetched, Err(FetchError::Status(503))));
        let fetched = fetch(response("200 OK", "<html>")).await;
        assert!(matches!(fetched, Err(FetchError::Json(_))));
        let fetched = fetch(b"SSH-2.0\r\n".to_vec()).await;
        assert!(matches!(fetched, Err(FetchError::Request(_))));
    }

    #[tokio::test]
    async fn a_response_is_read_up_to_the_limit() {
        let set = |length: usize| format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(length - 18));
        assert!(fetch(response("200 OK", &set(MAX_JWKS_BYTES))).await.is_ok());
        let fetched = fetch(response("200 OK", &set(MAX_JWKS_BYTES + 1))).await;
        assert!(matches!(fetched, Err(FetchError::TooLong)));
        let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", set(4 * MAX_JWKS_BYTES));
        assert!(matches!(fetch(endless.into_bytes()).await, Err(FetchError::TooLong)));
    }

    #[tokio::test]
    async fn a_refused_connection_is_an_error_with_its_cause() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap();
        drop(listener);
        let issuers = json!([{"issuer": format!("http://{host}/pool"), "audiences": ["a"], "kind": "cognito"}]);
        let issuers = Issuers::from_json(&issuers.to_string()).unwrap();
        let fetched = HttpKeys::new().fetch(issuers.iter().next().unwrap()).await;
        let error = fetched.unwrap_err();
        assert!(matches!(error, FetchError::Request(_)));
        assert!(with_sources(&error).contains("Connection refused"), "{error:?}");
    }
}
