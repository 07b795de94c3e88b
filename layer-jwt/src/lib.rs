//! Verifies JSON Web Tokens (RFC 7519) of the user pool and of other OpenID Connect issuers, with the keys that they
//! publish.
//!
//! A [`Verifier`] is made once, at start, from the [`Issuers`] that are trusted, and shared by all requests:
//!
//! ```no_run
//! # async fn handler(trusted_issuers: &str, authorization: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
//! let issuers = layer_jwt::Issuers::from_json(trusted_issuers)?;
//! let verifier = layer_jwt::Verifier::new(&issuers, layer_jwt::HttpKeys::new());
//!
//! let token = layer_jwt::token_from_headers(authorization, None)?;
//! let claims = verifier.verify(token).await?;
//! # Ok(())
//! # }
//! ```
//!
//! What a token must be like is in [`verify`](Verifier::verify), how long keys live in [`cache`].

pub mod cache;
mod claims;
mod clock;
mod fetch;
mod issuer;
mod jwk;
mod keys_file;
#[cfg(feature = "test-util")]
pub mod testing;
mod token;
mod verifier;

pub use claims::{Claims, TokenUse};
pub use fetch::{FetchError, FetchFuture, FetchKeys, HttpKeys};
pub use issuer::{Issuer, IssuerError, Issuers, Kind};
pub use jwk::JwkSet;
pub use keys_file::{DEFAULT_PATH, FetchedKeys, KeysFile, KeysFileError, PATH_VARIABLE};
pub use token::{MAX_TOKEN_BYTES, token_from_headers};
pub use verifier::{Refusal, Verifier, VerifyError};
